"""What a tag meant at the first look."""

from pathlib import Path

from jupyter_mltrain.image.cache import Cache
from jupyter_mltrain.image.oci import Platform
from jupyter_mltrain.image.pins import Pins

AMD, ARM = Platform("amd64"), Platform("arm64")
ONE, TWO = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"


def test_nobody_has_looked(tmp_path: Path) -> None:
    assert Pins(Cache(tmp_path)).find("r.example/a:1", AMD) == ""


def test_it_is_kept_for_a_name_and_a_platform(tmp_path: Path) -> None:
    assert Pins(Cache(tmp_path)).put("r.example/a:1", AMD, ONE) == ""
    pins = Pins(Cache(tmp_path))
    assert pins.find("r.example/a:1", AMD) == ONE
    assert pins.find("r.example/a:1", ARM) == ""
    assert pins.find("r.example/a:2", AMD) == ""


def test_another_one_tells_what_it_replaces(tmp_path: Path) -> None:
    pins = Pins(Cache(tmp_path))
    pins.put("r.example/a:1", AMD, ONE)
    assert pins.put("r.example/a:1", AMD, ONE) == ""
    assert pins.put("r.example/a:1", AMD, TWO) == ONE
    assert pins.find("r.example/a:1", AMD) == TWO


def test_what_is_no_digest_counts_for_nothing(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put_document("pins", "r.example/a:1 linux/amd64", b"\xffsha256:")
    assert Pins(cache).find("r.example/a:1", AMD) == ""
