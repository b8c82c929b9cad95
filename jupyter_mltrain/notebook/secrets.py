"""Secrets among what is shipped: files that are keys, lines that detect-secrets finds. No value leaves this module.

Cells and modules are searched by all detectors. Data files hold hashes and random numbers by the million: there only
what has the form of a key counts, and in files of settings also what a name says, as in ``password: x``.
"""

from __future__ import annotations

import functools
import re
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from ..model.findings import Finding, Severity
from .harmless import Harmless

LARGEST: Final = 2**20
"""Size of the largest data file that is searched for secrets, in bytes."""
TOGETHER: Final = 16 * 2**20
"""Bytes of data files that are searched in one go: settings and small ones first. The next goes on from there."""
_HEAD: Final = 8192  # what has no NUL in there is text
_KEY_HEAD: Final = 4096
_LINES: Final = 100  # of one data file, that are looked at
_ALL_LINES: Final = 2000
_TOLD: Final = 10  # of one data file
_ALL_TOLD: Final = 100
_WHOLE: Final = 500  # characters: of longer lines, a piece
_UNSETTLED: Final = 2 * 10**9  # nanoseconds in which a file may change and look the same

_one_at_a_time: Final = threading.Lock()  # detect-secrets keeps its settings in a global
# What every detector of detect-secrets needs at least: 26 of them take their time for each line.
_WORTH_A_LOOK: Final = re.compile(
    r"[\w+/=.~-]{16}|://|-----BEGIN|key|pass|pwd|secret|contrase|token|['\"][0-9a-f]{8}", re.IGNORECASE
)

_PRIVATE_KEY: Final = (
    rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----"
    rb"|PuTTY-User-Key-File-\d"
)
_ALLOWED: Final = b"pragma: allowlist secret"
_DETECTORS: Final = (  # those whose finds have a form of their own
    "AWSKeyDetector", "AzureStorageKeyDetector", "BasicAuthDetector", "GitHubTokenDetector", "GitLabTokenDetector",
    "JwtTokenDetector", "NpmDetector", "OpenAIDetector", "PrivateKeyDetector", "PypiTokenDetector", "SendGridDetector",
    "SlackDetector", "SquareOAuthDetector", "StripeDetector",
)  # fmt: skip
# How each begins, and what follows at least: to look for a few bytes takes a hundredth of what a large pattern takes.
_FORMS: Final = {
    **dict.fromkeys((b"AKIA", b"ASIA"), rb"(?<![A-Za-z0-9])A\wIA[0-9A-Z]{16}(?![A-Za-z0-9])"),  # no protein
    **dict.fromkeys((b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_"), rb"gh\w_\w{36}"),
    **dict.fromkeys((b"glpat-", b"gldt-", b"glrt-"), rb"gl\w+-[\w-]{20}"),
    b"eyJ": rb"[\w=-]+\.[\w=-]+(?:\.[\w.+/=-]*)?",
    b"xox": rb"xox[abposr]-\d+-",
    b"hooks.slack.com": rb"hooks\.slack\.com/services/T",
    b"T3BlbkFJ": rb"T3BlbkFJ\w{20}",
    b"pypi-AgE": rb"[\w-]{70}",
    b"SG.": rb"SG\.[\w-]{22}\.[\w-]{43}",
    b"k_live_": rb"k_live_\w{24}",
    b"sq0csp-": rb"sq0csp-[\w-]{43}",
    b"AccountKey=": rb"AccountKey=[\w+/=]{86}",
    b"_authToken": rb"_authToken[ \t]*=",
    b"PRIVATE KEY": rb"PRIVATE KEY",
    b"PuTTY-User": rb"PuTTY-User-Key-File",
    b"://": rb"://[^\s:/?#\[\]@!$&'()*+,;=]+:[^\s:/?#\[\]@!$&'()*+,;=]+@",
}
_OURS: Final = {  # that detect-secrets does not know
    b"hf_": (rb"(?<!\w)hf_[A-Za-z0-9]{34}(?!\w)", "Hugging Face Token"),
    b"AIza": (rb"(?<![\w-])AIza[\w-]{35}(?![\w-])", "Google API Key"),
    b"github_pat_": (rb"(?<!\w)github_pat_\w{60}", "GitHub Token"),
}
_PLAIN: Final = "data.js"  # as all in which a password has to stand in quotes
# Files of settings, in which a name says what its value is.
_SETTINGS: Final = (
    ".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf", ".cnf", ".properties", ".tfvars", ".json", "env", ".envrc",
)  # fmt: skip
_WORDS: Final[Mapping[bytes, tuple[bytes, ...]]] = {  # those of KeywordDetector, and what stands before each
    b"password": (), b"passwd": (), b"pwd": (), b"secret": (), b"contrase": (),
    b"pass": (b"db", b"database", b"key"),
    b"key": (b"api", b"auth", b"service", b"account", b"db", b"database", b"priv", b"private", b"client"),
}  # fmt: skip
_ASSIGNED: Final = (  # but where a secret is, and values that are none
    rb"(?!\w*(?:name|file|path|ref|env|var|field|column)s?\b)\w*+[\]'\"]{0,2}+[ \t]*+(?>:=?|=)[ \t]*+"
    rb"(?!(?:null|none|true|false|yes|no|~|''|\"\")?[ \t\r,}]*(?:\#.*)?$)"
)
_TOLD_BY_NAME: Final = (  # `tokens.txt` is a vocabulary
    r"\.?(?:(?:.*[._-])?(?:secrets?|credentials?)|passw(?:or)?ds?|api[._-]?keys?"
    r"|(?:(?:access|api|auth|bearer|github|gitlab|hf|refresh)[._-])?token)"
    r"(?:(?:\.\w+)*\.(?:txt|json|ya?ml|toml|ini|cfg|conf|properties|xml))?"
)
_RULES: Final = repr((_DETECTORS, _FORMS, _OURS, _SETTINGS, _WORDS, _ASSIGNED, _PRIVATE_KEY, _TOLD_BY_NAME, LARGEST))

_HINT: Final = "Take it out and give it by reference, as an environment variable from a Secret."


def likely_secrets(pieces: Iterable[tuple[Mapping[str, Any], str]]) -> list[Finding]:
    """Return a finding for each line that looks like it holds a secret.

    Parameters
    ----------
    pieces:
        (where, source) of each cell and module. A line that ends in ``# pragma: allowlist secret`` is left alone.
    """
    places: dict[str, list[dict[str, Any]]] = {}
    for where, source in pieces:
        for number, line in enumerate(source.split("\n"), start=1):
            if _WORTH_A_LOOK.search(line):
                places.setdefault(" ".join(line.splitlines()), []).append({**where, "line": number})
    if not places:
        return []
    harmless = Harmless("detect_secrets", _WORTH_A_LOOK.pattern)
    lines = harmless.without(places)
    kinds = _kinds(_scan("\n".join(lines))) if lines else {}
    harmless.keep(line for number, line in enumerate(lines, start=1) if number not in kinds)
    return [_finding(kinds[number], place) for number in sorted(kinds) for place in places[lines[number - 1]]]


def _kinds(found: Iterable[tuple[str, int]]) -> dict[int, set[str]]:
    kinds: dict[int, set[str]] = {}
    for kind, number in found:
        kinds.setdefault(number, set()).add(kind)
    return kinds


def _scan(text: str, name: str = "notebook.py", detectors: Iterable[str] | None = None) -> list[tuple[str, int]]:
    """Return (kind of secret, line) for each finding of detect-secrets in a text.

    Parameters
    ----------
    name:
        It scans files only, and their names matter: in Python code a password has to stand in quotes.
    detectors:
        By default all but that of addresses, which are no secrets.
    """
    from detect_secrets.core.scan import scan_file
    from detect_secrets.settings import default_settings, transient_settings

    chosen = None if detectors is None else {"plugins_used": [{"name": detector} for detector in detectors]}
    with (
        tempfile.TemporaryDirectory() as folder,
        _one_at_a_time,
        default_settings() if chosen is None else transient_settings(chosen) as settings,
    ):
        settings.plugins.pop("IPPublicDetector", None)
        file = Path(folder) / name
        # Of a text whose first line is in brackets it would make an INI file, and take the others for its entries.
        file.write_text(f"-\n{text}", encoding="utf-8", errors="replace")
        return [(secret.type, secret.line_number - 1) for secret in scan_file(str(file))]


def _finding(kinds: Iterable[str], where: dict[str, Any]) -> Finding:
    return Finding(
        "likely-secret",
        Severity.WARNING,
        f"This line looks like it holds a secret ({', '.join(sorted(kinds))}); it would travel with every job.",
        _HINT,
        where,
    )


# --- data files -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Searched:
    """What was found in data files: those that are private keys, and findings of likely secrets in the others."""

    keys: frozenset[str] = frozenset()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class _Data:
    """A data file.

    Attributes
    ----------
    mark:
        Another one once the file was changed.
    settled:
        Whether that is sure: what was written a moment ago may be written again in the same tick of the clock.
    """

    name: str
    path: Path
    size: int
    mark: str
    settled: bool

    @property
    def told_by_name(self) -> bool:
        return re.fullmatch(_TOLD_BY_NAME, PurePosixPath(self.name).name, re.IGNORECASE) is not None

    @property
    def is_settings(self) -> bool:
        return self.name.casefold().endswith(_SETTINGS) or self.told_by_name

    @property
    def syntax(self) -> str:
        """The name by which detect-secrets takes it for what it is."""
        if not self.is_settings:
            return _PLAIN
        return "settings.js" if self.name.casefold().endswith(".json") else "settings.conf"


def search_data(files: Mapping[str, Path], *, modules: Collection[str] = ()) -> Searched:
    """Look for secrets in data files: path in the program -> file. What cannot be read is passed over.

    A file is a key if its first 4 KiB have the mark of a private key. Likely secrets are looked for in text: what has
    no NUL in its first 8 KiB, of at most ``LARGEST`` bytes each and ``TOGETHER`` bytes in one go. The first 100
    suspicious lines of each file are scanned, and at most 10 told. A line with ``pragma: allowlist secret`` is left
    alone. Files that were found harmless are not read again until they change.

    Parameters
    ----------
    modules:
        Names of those that are searched as modules.
    """
    data = [found for name, path in files.items() if (found := _data(name, path)) is not None]
    if not data:
        return Searched()
    harmless = Harmless("detect_secrets", _RULES)
    unknown = set(harmless.without(one.mark for one in data))
    search = _Search(modules)
    for one in sorted((one for one in data if one.mark in unknown), key=lambda one: (not one.is_settings, one.size)):
        search.look_at(one)
    findings = search.findings()
    guilty = {finding.where["file"] for finding in findings} | search.keys
    harmless.keep(one.mark for one in search.seen if one.settled and one.name not in guilty)
    return Searched(frozenset(search.keys), tuple(_fewer(findings)))


def _data(name: str, path: Path) -> _Data | None:
    """Return a file that has something in it."""
    try:
        found = path.stat()
    except OSError:
        return None
    settled = max(found.st_mtime_ns, found.st_ctime_ns) < time.time_ns() - _UNSETTLED
    mark = f"{name}\0{found.st_dev} {found.st_ino} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"
    return _Data(name, path, found.st_size, mark, settled) if found.st_size else None


class _Search:
    """One go: files are looked at, then all lines that may hold a secret are scanned at once."""

    def __init__(self, modules: Collection[str]) -> None:
        self.keys: set[str] = set()
        self.seen: list[_Data] = []
        self._modules = modules
        self._room = TOGETHER
        self._programs: list[tuple[dict[str, str], str]] = []
        self._named: list[str] = []
        self._lines: dict[str, dict[str, list[tuple[str, int]]]] = defaultdict(dict)  # syntax -> line -> places
        self._kinds: dict[tuple[str, int], set[str]] = defaultdict(set)

    def look_at(self, data: _Data) -> None:
        """Take a file for a key, note what has to be scanned in it, or leave it to the next go."""
        try:
            with data.path.open("rb") as reader:
                content = reader.read(LARGEST if data.size <= LARGEST else _HEAD)
        except OSError:
            return
        if _is_key(data.name, content):
            self.keys.add(data.name)
        elif b"\0" not in content[:_HEAD] and data.size <= LARGEST and data.name not in self._modules:
            self._room -= len(content)
            if self._room < 0 or sum(map(len, self._lines.values())) > _ALL_LINES:
                return
            self._take(data, content)
        self.seen.append(data)

    def _take(self, data: _Data, content: bytes) -> None:
        if data.name.endswith(".py"):
            self._programs.append(({"file": data.name}, content.decode("utf-8", "replace")))
            return
        if data.told_by_name and content.strip() and _ALLOWED not in content:
            self._named.append(data.name)
        lines = self._lines[data.syntax]
        for number, line, kind in _suspicious(content, data.syntax):
            if kind:
                self._kinds[data.name, number].add(kind)
            else:
                lines.setdefault(line, []).append((data.name, number))

    def findings(self) -> list[Finding]:
        """Scan the lines. What a file's name says is told where its lines say nothing."""
        for syntax, lines in self._lines.items():
            texts = list(lines)
            detectors = _DETECTORS if syntax == _PLAIN else (*_DETECTORS, "KeywordDetector")
            for kind, number in _scan("\n".join(texts), syntax, detectors) if texts else ():
                for place in lines[texts[number - 1]]:
                    self._kinds[place].add(kind)
        found = [_finding(self._kinds[file, line], {"file": file, "line": line}) for file, line in sorted(self._kinds)]
        found += likely_secrets(self._programs)
        return found + [_named(file) for file in self._named if all(one.where["file"] != file for one in found)]


def _named(file: str) -> Finding:
    message = "Its name says that this file holds a secret; it would travel with every job."
    hint = f"{_HINT} If it holds none, say so in a comment: {_ALLOWED.decode()}"
    return Finding("likely-secret", Severity.WARNING, message, hint, {"file": file, "line": 1})


def _fewer(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield the first findings of each file, and not too many of all."""
    told = Counter[str]()
    for finding in findings:
        file = finding.where["file"]
        if told[file] < _TOLD and told.total() < _ALL_TOLD:
            told[file] += 1
            yield finding


def _is_key(name: str, content: bytes) -> bool:
    """Whether a file is a private key. A program may have one's mark in it, unless it begins with that."""
    head = content[:_KEY_HEAD].replace(b"\0", b"")  # Windows writes UTF-16
    found = re.search(_PRIVATE_KEY, head)
    return found is not None and (not name.endswith(".py") or not head[: found.start()].strip())


def _suspicious(content: bytes, syntax: str) -> Iterator[tuple[int, str, str]]:
    """Yield (number, line, kind of secret if it is known) of the first lines that may hold a secret."""
    places = dict(_formed(content))
    if syntax != _PLAIN:
        places |= dict.fromkeys(_assigned(content, quoted=syntax.endswith(".js")), "")
    number, counted = 1, 0
    for at in sorted(places)[:_LINES]:
        number, counted = number + content.count(b"\n", counted, at), at
        line = _line(content, at)
        if _ALLOWED not in line:
            yield number, " ".join(line.decode("utf-8", "replace").splitlines()), places[at]


def _formed(content: bytes) -> Iterator[tuple[int, str]]:
    """Yield where something has the form of a secret, and its kind if detect-secrets does not know it."""
    for begin, (pattern, kind) in _forms().items():
        if all(byte in content for byte in begin):  # to look for a single byte takes next to nothing
            yield from ((at, kind) for at in _all(content, begin) if pattern.match(content, at))


@functools.cache
def _forms() -> dict[bytes, tuple[re.Pattern[bytes], str]]:
    formed = {begin: (re.compile(pattern), "") for begin, pattern in _FORMS.items()}
    return formed | {begin: (re.compile(pattern), kind) for begin, (pattern, kind) in _OURS.items()}


def _assigned(content: bytes, *, quoted: bool) -> Iterator[int]:
    """Yield where something is given a value, and its name says that it is a secret."""
    lower = content.lower()
    value = re.compile(_ASSIGNED + (b"['\"]" if quoted else b""), re.MULTILINE)
    for word, before in _WORDS.items():
        for at in _all(lower, word):
            if before and not lower[max(0, at - 9) : at].rstrip(b"_").endswith(before):
                continue
            if value.match(lower, at + len(word)):
                yield at


def _all(content: bytes, wanted: bytes) -> Iterator[int]:
    at = content.find(wanted)
    while at >= 0:
        yield at
        at = content.find(wanted, at + len(wanted))


def _line(content: bytes, at: int) -> bytes:
    """Return the line around a place, or a piece of it: a document in JSON may be a single one."""
    start = content.rfind(b"\n", 0, at) + 1
    end = content.find(b"\n", at)
    end = len(content) if end < 0 else end
    return content[start:end] if end - start <= _WHOLE else content[max(start, at - 100) : min(end, at + 2 * _WHOLE)]
