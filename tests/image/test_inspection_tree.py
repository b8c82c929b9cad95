"""Layers over each other: by a simple model, and through links."""

from hypothesis import given
from hypothesis import strategies as st

from jupyter_mltrain.image.inspection.tree import File, Folder, Link, Tree, is_whiteout

NAMES = st.sampled_from(["a", "b", "c"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)


def parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]


@st.composite
def layers(draw: st.DrawFn) -> tuple[dict[str, str], set[str], set[str]]:
    """Return files with their content, whiteouts and opaque folders of a layer, as an archiver may write them."""
    files: dict[str, str] = {}
    for path in draw(st.lists(PATHS, max_size=4, unique=True)):
        if not any(above in files for above in parents(path)) and not any(path in parents(other) for other in files):
            files[path] = draw(st.sampled_from(["x", "y"]))
    return files, set(draw(st.lists(PATHS, max_size=2))), set(draw(st.lists(PATHS, max_size=1)))


def below(path: str, folder: str) -> bool:
    return path.startswith(f"{folder}/")


def model(below_it: dict[str, str], layer: tuple[dict[str, str], set[str], set[str]]) -> dict[str, str]:
    """Return the files of an image after a layer, as the specification says it."""
    files, whiteouts, opaque = layer
    kept = {
        path: content
        for path, content in below_it.items()
        if not any(path == gone or below(path, gone) for gone in whiteouts)
        and not any(below(path, folder) for folder in opaque)
        and not any(below(path, new) or below(new, path) for new in files)
    }
    return kept | files


def entries(layer: tuple[dict[str, str], set[str], set[str]]) -> list[tuple[str, str]]:
    files, whiteouts, opaque = layer
    removed = [f"{'/'.join(path.split('/')[:-1])}/.wh.{path.split('/')[-1]}".lstrip("/") for path in whiteouts]
    return [*files.items(), *((path, "") for path in removed), *((f"{path}/.wh..wh..opq", "") for path in opaque)]


@given(st.lists(layers(), max_size=4), st.randoms())
def test_as_the_specification_says_in_any_order(image: list, random: object) -> None:
    tree, expected = Tree(), {}
    for number, layer in enumerate(image, 1):
        listed = entries(layer)
        random.shuffle(listed)  # type: ignore[attr-defined]
        for path, content in listed:
            if is_whiteout(path):
                tree.take_away(path, number)
            else:
                tree.add(path, File(content=content.encode(), layer=number))
        expected = model(expected, layer)
    assert {path.lstrip("/"): file.content.decode() for path, file in tree.files()} == expected


@given(
    st.lists(st.tuples(PATHS, st.sampled_from(["a", "/b", "../c", "b/../a", "/", "..", "", "c/a"])), max_size=8), PATHS
)
def test_links_end(links: list[tuple[str, str]], path: str) -> None:
    tree = Tree()
    for where, target in links:
        tree.add(where, Link(target, 1))
    tree.add(path, File(layer=1))
    real = tree.real(path)
    assert (real is None) == (tree.find(path) is None)
    assert real is None or tree.real(real) == real


def test_a_path_goes_through_links_of_lower_layers() -> None:
    tree = Tree()
    tree.add("usr/lib/a", File(layer=1))
    tree.add("lib", Link("usr/lib", 1))
    tree.add("lib/b", File(layer=2))
    assert tree.real("/lib/b") == "/usr/lib/b"
    tree.take_away("lib/.wh.a", 3)
    assert [path for path, _ in tree.files()] == ["/usr/lib/b"]


def test_a_folder_replaces_a_link_to_one() -> None:
    tree = Tree()
    tree.add("usr/lib/a", File(layer=1))
    tree.add("lib", Link("usr/lib", 1))
    tree.add("lib", Folder(layer=2))
    assert tree.find("lib/a") is None
    assert tree.find("usr/lib/a")


def test_no_link_leads_out() -> None:
    tree = Tree()
    tree.add("etc/passwd", File(layer=1))
    tree.add("up", Link("../../../../etc", 1))
    tree.add("../../x", File(layer=1))
    assert tree.real("up/passwd") == "/etc/passwd"
    assert tree.real("x") == "/x"


def test_what_is_below_a_file_is_not_there() -> None:
    tree = Tree()
    tree.add("a", File(layer=1))
    assert tree.find("a/b") is None
    tree.add("a/b", File(layer=2))  # as a folder would have to replace it
    assert tree.real("a/b") == "/a/b"


def test_very_deep_folders() -> None:
    tree = Tree()
    deep = "/".join(["d"] * 2000)
    tree.add(deep, File(layer=1))
    assert tree.real(deep) == f"/{deep}"
    tree.take_away(".wh.d", 2)
    assert tree.files() == []
