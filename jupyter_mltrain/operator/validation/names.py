"""Names, label keys and label values (``k8s.io/apimachinery``: ``util/validation``, ``api/validate/content``).

Each rule takes a text and returns what is wrong with it, in the API server's words; nothing if it is right.
"""

from __future__ import annotations

import re

_LABEL_1123 = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL_1123}(\.{_LABEL_1123})*"
_LABEL_1035 = "[a-z]([-a-z0-9]*[a-z0-9])?"
_KEY = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_VALUE = f"({_KEY})?"
_ALPHANUMERIC = "alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"


def dns_1123_subdomain(text: str) -> list[str]:
    """Check the name of most objects, such as ``example.com``."""
    rule = (
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
        "and end with an alphanumeric character"
    )
    return _length(text, 253, "characters") + _pattern(text, rule, _SUBDOMAIN, "example.com")


def dns_1123_label(text: str) -> list[str]:
    """Check the name of a namespace or a container, such as ``my-name``."""
    wrong = _length(text, 63, "characters")
    if not re.fullmatch(_LABEL_1123, text) and re.fullmatch(_SUBDOMAIN, text):
        return [*wrong, "must not contain dots"]
    rule = (
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
        "with an alphanumeric character"
    )
    return wrong + _pattern(text, rule, _LABEL_1123, "my-name", "123-abc")


def dns_1035_label(text: str) -> list[str]:
    """Check the name of a service, such as ``my-name``: it begins with a letter."""
    rule = (
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
        "character, and end with an alphanumeric character"
    )
    return _length(text, 63, "characters") + _pattern(text, rule, _LABEL_1035, "my-name", "abc-123")


def label_key(text: str) -> list[str]:
    """Check a label's or annotation's key, such as ``example.com/name``."""
    rule, examples = f"must consist of {_ALPHANUMERIC}", ("MyName", "my.name", "123-abc")
    *prefix, name = text.split("/")
    if len(prefix) > 1:
        (wrong,) = _pattern("", rule, _KEY, *examples)
        return [f"a valid label key {wrong} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"]
    wrong_prefix = [line for part in prefix for line in (dns_1123_subdomain(part) if part else ["must be non-empty"])]
    wrong_name = _length(name, 63, "bytes") if name else ["must be non-empty"]
    wrong_name += _pattern(name, rule, _KEY, *examples)
    return [f"prefix part {line}" for line in wrong_prefix] + [f"name part {line}" for line in wrong_name]


def label_value(text: str) -> list[str]:
    """Check a label's value."""
    rule = f"a valid label must be an empty string or consist of {_ALPHANUMERIC}"
    return _length(text, 63, "bytes") + _pattern(text, rule, _VALUE, "MyValue", "my_value", "12345")


def env_name(text: str) -> list[str]:
    """Check the name of an environment variable."""
    rule = "a valid environment variable name must consist only of printable ASCII characters other than '='"
    return [] if text.isascii() and text.isprintable() and "=" not in text else [rule]


def config_key(text: str) -> list[str]:
    """Check a key of a config map or secret, such as ``key.name``."""
    rule = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
    wrong = _length(text, 253, "characters") + _pattern(
        text, rule, "[-._a-zA-Z0-9]+", "key.name", "KEY_NAME", "key-name"
    )
    if text == ".":
        return [*wrong, "must not be '.'"]
    return [*wrong, *(["must not start with '..'"] if text.startswith("..") else [])]


def port_name(text: str) -> list[str]:
    """Check the name of a container's port, such as ``http``."""
    rules = {
        "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)": re.fullmatch("[-a-z0-9]+", text),
        "must contain at least one letter (a-z)": re.search("[a-z]", text),
        "must not contain consecutive hyphens": "--" not in text,
        "must not begin or end with a hyphen": not text.startswith("-") and not text.endswith("-"),
    }
    return _length(text, 15, "characters") + [rule for rule, kept in rules.items() if not kept]


def _length(text: str, limit: int, unit: str) -> list[str]:
    return [f"must be no more than {limit} {unit}"] if len(text.encode("utf-8", "replace")) > limit else []


def _pattern(text: str, rule: str, pattern: str, *examples: str) -> list[str]:
    if re.fullmatch(pattern, text):
        return []
    listed = " or ".join(f"'{example}', " for example in examples)
    return [f"{rule} (e.g. {listed}regex used for validation is '{pattern}')"]
