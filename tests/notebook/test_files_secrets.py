"""Keys and logins are never shipped with data files, under whatever name; likely secrets in the others are told."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_mltrain.notebook import secrets
from jupyter_mltrain.notebook.files import Root, included
from jupyter_mltrain.notebook.snapshot import Frozen, freeze
from tests.image.building import Workshop, workshop

__all__ = ["workshop"]

Tree = Callable[[dict[str, str | bytes]], None]

PEM = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU\n-----END OPENSSH PRIVATE KEY-----\n"
AWS = "AKIAIOSFODNN7ABCDEFG"  # as AWS writes them, of nobody
PAIR = f"region: eu\naws_access_key_id: {AWS}\naws_secret_access_key: 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\n"
HF = "hf_" + "aBcDeFgHiJkLmNoPqRsTuVwXyZ01234567"


@pytest.fixture
def tree(folder: Path) -> Tree:
    def plant(files: dict[str, str | bytes]) -> None:
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)

    return plant


def names(frozen: Frozen) -> list[str]:
    return [file.path for file in frozen.program.files]


def told(frozen: Frozen) -> list[tuple[str, str, int]]:
    """Return (severity, file, line) of each likely secret."""
    found = [finding for finding in frozen.findings if finding.code == "likely-secret"]
    return [(finding.severity.value, finding.where["file"], finding.where["line"]) for finding in found]


def kept_back(frozen: Frozen) -> str:
    return " ".join(finding.message for finding in frozen.findings if finding.code == "include-kept-back")


# --- never shipped ----------------------------------------------------------------------------------------------------

BY_NAME = [
    "Server.KEY",
    "ID_RSA",
    "key.asc",
    "my.ppk",
    "client.ovpn",
    ".Env",
    ".env.Local",
    "PROD.ENV",
    ".npmrc",
    ".NPMRC",
    ".dockerconfigjson",
    ".netrc",
    "_NetRC",
    ".pypirc",
    ".git-credentials",
    "kubeconfig",
    "dev.kubeconfig",
    "credentials",
    "Credentials.json",
    "Client_Secret_42.json",
    "service-account.json",
    "application_default_credentials.json",
    "krb5.keytab",
    "AuthKey.p8",
    "passwords.kdbx",
    ".s3cfg",
    ".my.cnf",
    "deep/down/Id_Ed25519.bak",
]
FOLDERS = [".aws/credentials", ".AWS/config", ".Kube/config", ".huggingface/token", ".docker/config.json"]


@pytest.mark.parametrize("name", BY_NAME)
def test_what_is_a_secret_by_its_name_is_never_shipped(write: Any, tree: Tree, name: str) -> None:
    tree({name: "x", "data.csv": "1"})
    frozen = freeze(write("x = 1"), include=["*.csv", name])
    assert names(frozen) == ["data.csv"]
    assert name in kept_back(frozen)
    assert names(freeze(write("x = 1"), include=["**", "**/.*"])) == ["data.csv"]


@pytest.mark.parametrize("name", [*FOLDERS, ".GIT/config", ".Git/HEAD", "__PyCache__/a.pyc", "A.PYC"])
def test_neither_are_folders_of_them_and_checkouts(write: Any, tree: Tree, name: str) -> None:
    tree({name: "x", "data.csv": "1"})
    frozen = freeze(write("x = 1"), include=["*.csv", name])
    assert names(frozen) == ["data.csv"]
    assert name.partition("/")[0] in kept_back(frozen)


@pytest.mark.parametrize("name", ["monkeys.csv", "key.csv", "keys.json", "environment", "gate.asc", "id.csv", "a.pub"])
def test_names_that_only_look_alike_are_shipped(write: Any, tree: Tree, name: str) -> None:
    tree({name: "ncols 4\n"})
    frozen = freeze(write("x = 1"), include=[name])
    assert (names(frozen), frozen.findings) == ([name], ())


KEYS = {
    "openssh": PEM,
    "rsa": "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n",
    "pkcs8": "-----BEGIN PRIVATE KEY-----\nMIIE\n",
    "encrypted": "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIE\n",
    "pgp": "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQOY\n",
    "ssh2": "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nP2/56w\n",
    "putty": "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n",
    "after a certificate": "-----BEGIN CERTIFICATE-----\n" + "MIIB\n" * 600 + "-----END CERTIFICATE-----\n" + PEM,
    "of a service account": json.dumps({"type": "service_account", "private_key": PEM}),
    "of Windows": ("\ufeff" + PEM).encode("utf-16-le"),
    "large": PEM.encode() + b"\0" * (2 * secrets.LARGEST),
}


@pytest.mark.parametrize("content", KEYS.values(), ids=KEYS)
def test_a_private_key_is_never_shipped_whatever_its_name(write: Any, tree: Tree, content: str | bytes) -> None:
    tree({"deploy_key": content, "hard.csv": content, "data.csv": "1"})
    frozen = freeze(write("x = 1"), include=["*"])
    assert names(frozen) == ["data.csv"]
    (finding,) = frozen.findings
    assert (finding.code, finding.severity.value) == ("include-kept-back", "warning")
    assert "since it is a private key: deploy_key, hard.csv." in finding.message


def test_neither_is_one_by_a_hard_link(write: Any, tree: Tree, folder: Path) -> None:
    tree({"id_rsa": PEM})
    os.link(folder / "id_rsa", folder / "hard.csv")
    (folder / "soft.csv").symlink_to("hard.csv")
    frozen = freeze(write("x = 1"), include=["*.csv"])
    assert names(frozen) == []
    assert "hard.csv, soft.csv" in kept_back(frozen)


def test_public_keys_and_what_only_mentions_a_private_one_are_shipped(write: Any, tree: Tree) -> None:
    tree(
        {
            "ca.crt": "-----BEGIN CERTIFICATE-----\nMIIB\n",
            "public.asc": "-----BEGIN PGP PUBLIC KEY BLOCK-----\n",
            "keys.py": f"MARK = '{PEM[:35]}'  # pragma: allowlist secret\n",
            "notes.txt": "Put the PRIVATE KEY where nobody finds it.\n",
        }
    )
    frozen = freeze(write("x = 1"), include=["*"])
    assert (names(frozen), frozen.findings) == (["ca.crt", "keys.py", "notes.txt", "public.asc"], ())


def test_a_key_is_none_for_being_called_a_program(write: Any, tree: Tree) -> None:
    tree({"key.py": PEM})
    assert names(freeze(write("x = 1"), include=["*.py"])) == []


# --- told -------------------------------------------------------------------------------------------------------------

LIKELY = {
    "conf.yaml": (PAIR, [2, 3]),
    "conf.toml": ('[db]\nuser = "ann"\npassword = "hunter2hunter2"\n', [3]),
    "setup.cfg": ("[db]\npassword = hunter2hunter2\n", [2]),
    "app.properties": ("db.password=hunter2hunter2\n", [1]),
    "settings.json": ('{\n  "api_key": "qL9x77aBzz81"\n}\n', [2]),
    "list.json": ('[{"a": 1},\n["x"],\n{"password": "hunter2hunter2"}]\n', [3]),
    "prod.tfvars": ('db_password = "hunter2hunter2"\n', [1]),
    "a.csv": (f"id,key\n1,{AWS}\n", [2]),
    "b.tsv": ("id\tu\n1\tpostgres://ann:s3cr3tpw@host/db\n", [2]),
    "c.txt": ("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\n", [1]),
    "d.md": ("\n\n`xoxb-34532454-e039d02840a0b9379c`\n", [3]),
    "e.jsonl": ('{"t": "sk_live_ReTllpYQYfIZu2Jnf2lAPFjD"}\n', [1]),
    "f.log": (f"login with {HF}\n", [1]),
    "g.xml": (
        "<t>eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U</t>",
        [1],
    ),
    "h.ipynb": (f'{{"cells": [], "metadata": {{"x": "{AWS}"}}}}', [1]),
    "latin.ini": ("[größe]\npassword = hunter2hünter2\n".encode("latin-1"), [2]),
    "late.txt": ("x\n" * 5000 + PEM, [5001]),
    "script.py": ("import os\npassword = 'hunter2hunter2'\n", [2]),
    "secrets.yaml": ("mine:\n  deeply: hidden\n", [1]),
    "db-secrets.prod.yml": ("x: y\n", [1]),
    "token.txt": ("abcdefgh\n", [1]),
    "hf_token": ("abcdefgh\n", [1]),
    "Password.TXT": ("abcdefgh\n", [1]),
}


@pytest.mark.parametrize("name", LIKELY)
def test_a_likely_secret_in_a_data_file_is_told_with_its_line(write: Any, tree: Tree, name: str) -> None:
    content, lines = LIKELY[name]
    tree({name: content})
    frozen = freeze(write("x = 1"), include=["*"])
    assert told(frozen) == [("warning", name, line) for line in lines]
    assert names(frozen) == [name]
    words = json.dumps([finding.to_dict() for finding in frozen.findings])
    assert not any(value in words for value in ("hunter2", AWS, HF, "abcdefgh", "s3cr3t"))


NONE = {
    "vocab.json": '{"password": 14305, "secret": 12, "token": null, "api_key": null, "key": "abcdefgh"}',
    "conf.yaml": "password: ${DB}\nsecret: null\nsecretName: db-login\npassword_file: /run/db\napi_key_env: KEY\n"
    "passwords: yes\npwd: $PWD\nkey: value123\npassenger: Bob\nmax_tokens: 512\nsecret: '' # none\n",
    "allowed.yaml": "password: hunter2hunter2  # pragma: allowlist secret\n",
    "secrets.yaml": "# pragma: allowlist secret\nmine: none\n",
    "token.txt": "\n",
    "tokens.txt": "abc 1\ndef 2\n",
    "tokenizer.json": '{"bos_token": "<s>"}',
    "hashes.csv": "sha,md5\n" + "3a7bd3e2360a3d29eea436fcfb7e44c735d117c4,2b00042f7481c7b056c4b410d28f33cf\n" * 50,
    "text.csv": 'q,a\n"what is the password?","password = \'hunter2hunter2\'"\n',
    "urls.csv": "url\nhttps://example.org:8080/a@b?token=1\n",
    "protein.fasta": ">p\nMKVAKIAGHTPLIVEWQRSTNDGHLLKAKIAGHTPLIVEWQRSTND\n",
    "binary.bin": f"{AWS}\0{AWS}",
    "large.csv": f"{AWS}\n" + "1,2\n" * (secrets.LARGEST // 4),
    "run.py": "password = os.environ['PASSWORD']\n",
}


@pytest.mark.parametrize("name", NONE)
def test_what_is_no_secret_in_a_data_file(write: Any, tree: Tree, name: str) -> None:
    tree({name: NONE[name]})
    frozen = freeze(write("x = 1"), include=["*"])
    assert (names(frozen), frozen.findings) == ([name], ())


def test_a_document_on_one_line_is_searched_around_what_stands_out(write: Any, tree: Tree) -> None:
    entries = [{"id": number, "text": "the password: 'is' not here"} for number in range(5000)]
    tree({"a.json": json.dumps([*entries, {"key": AWS}]), "b.json": json.dumps([*entries, {"password": "hunter22"}])})
    assert told(freeze(write("x = 1"), include=["a.json"])) == [("warning", "a.json", 1)]
    assert told(freeze(write("x = 1"), include=["b.json"])) == [("warning", "b.json", 1)]


def test_a_file_full_of_secrets_is_told_by_its_first_lines(write: Any, tree: Tree) -> None:
    tree({"a.csv": f"{AWS}\n" * 3000, "b.yaml": PAIR})
    assert [file for _, file, _ in told(freeze(write("x = 1"), include=["*"]))] == ["a.csv"] * 10 + ["b.yaml"] * 2


def test_a_module_is_told_once_where_its_name_is_known(write: Any, tree: Tree, folder: Path) -> None:
    tree({"helper.py": "password = 'hunter2hunter2'\n"})
    root = Root(folder)
    assert len(included(root, ["*.py"], skip=folder / "train.ipynb")[1]) == 1
    assert included(root, ["*.py"], skip=folder / "train.ipynb", modules=["helper.py"])[1] == []


def test_what_cannot_be_read_is_left_to_whoever_ships_it(tmp_path: Path) -> None:
    assert secrets.search_data({"gone": tmp_path / "gone", "folder": tmp_path}) == secrets.Searched()


# --- what was searched before -----------------------------------------------------------------------------------------


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of files that were searched."""
    names: list[str] = []
    look_at = secrets._Search.look_at
    monkeypatch.setattr(secrets._Search, "look_at", lambda self, data: names.append(data.name) or look_at(self, data))
    return names


def old(path: Path, content: str, monkeypatch: pytest.MonkeyPatch, later: int = 10) -> dict[str, Path]:
    """Write a file some seconds ago."""
    path.write_text(content)
    clock = time.time_ns() + later * 10**9
    monkeypatch.setattr(secrets.time, "time_ns", lambda: clock)
    return {path.name: path}


def test_harmless_files_are_not_read_again_until_they_change(
    tmp_path: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = old(tmp_path / "a.csv", "1,2\n", monkeypatch)
    assert [secrets.search_data(files).findings for _ in range(3)] == [(), (), ()]
    assert opened == ["a.csv"]
    old(tmp_path / "a.csv", f"{AWS}\n", monkeypatch)
    assert [len(secrets.search_data(files).findings) for _ in range(2)] == [1, 1]
    old(tmp_path / "a.csv", PEM, monkeypatch)
    assert [secrets.search_data(files).keys for _ in range(2)] == [{"a.csv"}] * 2


def test_what_was_written_a_moment_ago_is_read_again(
    tmp_path: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = old(tmp_path / "a.csv", "1,2\n", monkeypatch, later=1)
    assert [secrets.search_data(files).findings for _ in range(2)] == [(), ()]
    assert opened == ["a.csv", "a.csv"]


def test_what_is_too_much_for_one_go_is_searched_in_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "TOGETHER", 3000)
    files: dict[str, Path] = {}
    for name, content in {"a.csv": "1\n" * 900, "b.csv": f"{AWS}\n" + "1\n" * 900, "key.csv": PEM * 20}.items():
        files |= old(tmp_path / name, content, monkeypatch)
    files |= old(tmp_path / "z.yaml", "a: 1\n" * 200, monkeypatch)
    first, second = secrets.search_data(files), secrets.search_data(files)
    assert (first.findings, first.keys) == ((), {"key.csv"})
    assert [finding.where for finding in second.findings] == [{"file": "b.csv", "line": 1}]


def test_the_quick_look_at_data_misses_nothing_that_the_detectors_find() -> None:
    contents = [content for content, _ in LIKELY.values() if isinstance(content, str)]
    lines = [line for content in contents for line in content.splitlines() if line.strip("x")]
    text = "\n".join(lines)
    scanned = {number for _, number in secrets._scan(text, "settings.conf", (*secrets._DETECTORS, "KeywordDetector"))}
    seen = {number for number, _, _ in secrets._suspicious(text.encode(), "settings.conf")}
    assert len(scanned) > 15
    assert scanned <= seen


# --- builds -----------------------------------------------------------------------------------------------------------


def test_a_likely_secret_in_a_data_file_stops_a_build(workshop: Workshop) -> None:
    (workshop.folder / "conf.yaml").write_text(PAIR)
    (workshop.folder / "deploy_key").write_text(PEM)
    notebook = workshop.notebook()
    plan = workshop.run(notebook, "--include", "conf.yaml", "--dry-run", "--json", code=2)
    assert json.loads(plan.stdout)["refused"] is True
    assert AWS not in plan.stdout + plan.stderr
    error = workshop.build(notebook, "--include", "conf.yaml", code=2)
    assert "conf.yaml, line 2: This line looks like it holds a secret" in error["message"]
    kept = workshop.run(notebook, "--include", "deploy_key", "--dry-run")
    assert "since it is a private key: deploy_key." in kept.stdout + kept.stderr
