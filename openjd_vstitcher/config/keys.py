"""How a configuration key is declared: its default, its description and the values it accepts."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_type_hints
from urllib.parse import urlsplit

from ..names import BUCKET_NAME
from ..redaction import is_secret

_T = TypeVar("_T")
_METADATA = "configuration key"
_HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?")
_IPV6 = re.compile(r"[0-9a-f]*:[0-9a-f:.]*:[0-9a-f.]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Check:
    """What a value must be.

    Parameters
    ----------
    expected: the phrase that follows "expected"; for numbers, what follows "a number".
    accepts: the test. If it raises an error, the value is refused with the error's text.
    from_file: whether a value that starts with `./` is a path from the directory of the configuration file.
    """

    expected: str
    accepts: Callable[[Any], bool]
    from_file: bool = False


@dataclass(frozen=True)
class Key:
    """What the declaration of a key says beside its name and type.

    Parameters
    ----------
    default: always accepted; None for a table.
    description: one line for the commented file and the reference page.
    check: on the value as a whole.
    each: on every item of a list or value of a table.
    names: on every name in a table.
    variable: the environment variable that overrides the file.
    example: a value as TOML, for a default that says nothing about the form.
    """

    default: Any
    description: str
    check: Check | None = None
    each: Check | None = None
    names: Check | None = None
    variable: str = ""
    example: str = ""


@dataclass(frozen=True)
class Declared:
    """A key or a table as its dataclass declares it."""

    name: str
    hint: Any
    key: Key

    @property
    def is_table(self) -> bool:
        """True for a table that declares its keys."""
        return dataclasses.is_dataclass(self.hint)


def key(
    default: _T,
    description: str,
    check: Check | None = None,
    *,
    each: Check | None = None,
    names: Check | None = None,
    variable: str = "",
    example: str = "",
) -> _T:
    """Declare a key of a table; the arguments are those of `Key`."""
    metadata = {_METADATA: Key(default, description, check, each, names, variable, example)}
    if isinstance(default, dict):
        return field(default_factory=lambda: copy(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def table(cls: type[_T], description: str) -> _T:
    """Declare a table."""
    return field(default_factory=cls, metadata={_METADATA: Key(None, description)})


def declared(cls: type) -> Iterator[Declared]:
    """The keys and tables that a dataclass declares, in their order."""
    hints = get_type_hints(cls)
    for item in dataclasses.fields(cls):
        if _METADATA in item.metadata:
            yield Declared(item.name, hints[item.name], item.metadata[_METADATA])


def one_of(*values: str) -> Check:
    """One of a few words."""
    return Check(either(values), values.__contains__)


def between(low: float, high: float) -> Check:
    """A number in a range, both ends included."""
    return Check(f"from {low} to {high}", lambda value: low <= value <= high)


def at_least(low: int) -> Check:
    """A number without an upper limit."""
    return Check(f"of at least {low}", lambda value: value >= low)


def matching(pattern: str, expected: str) -> Check:
    """A string that matches a regular expression from its start to its end."""
    return Check(expected, lambda value: re.fullmatch(pattern, value) is not None)


def either(words: Sequence[str]) -> str:
    """A choice as a phrase: `a, b or c`."""
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _is_s3_prefix(value: str) -> bool:
    bucket, _, name = value.removeprefix("s3://").partition("/")
    allowed = BUCKET_NAME.fullmatch(bucket) or (not bucket and not name)
    return bool(allowed) and not {".", ".."}.intersection(name.split("/")) and not _CONTROL.search(value)


def _is_path(value: str) -> bool:
    if value.startswith("file:"):
        parts = urlsplit(value)
        return parts.netloc in ("", "localhost") and parts.path.startswith("/") and ".." not in parts.path.split("/")
    path = Path(value)
    return (path.is_absolute() or value.startswith("~")) and ".." not in path.parts and "://" not in value


def _is_url(value: str) -> bool:
    parts = urlsplit(value)
    plain = (
        "@" not in parts.netloc and not parts.query and not parts.fragment and not re.search(r"[\s\x00-\x1f]", value)
    )
    return parts.scheme in ("http", "https") and bool(parts.hostname) and plain and parts.port != 0


def _is_prefix(value: str) -> bool:
    return _is_s3_prefix(value) if value.startswith("s3://") else _is_path(value)


def _is_address(value: str) -> bool:
    return value != "s3://" and _is_prefix(value)


def _is_source(value: str) -> bool:
    return _is_url(value) if value.startswith("https://") else _is_prefix(value)


def _is_host(value: str) -> bool:
    host, colon, port = value.rpartition(":")
    if colon and port.isdigit() and ":" not in host:
        return _HOST_NAME.fullmatch(host) is not None and 0 < int(port) < 65536
    return _HOST_NAME.fullmatch(value) is not None or _IPV6.fullmatch(value) is not None


def _is_variable(value: str) -> bool:
    return re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*\*?", value) is not None and not is_secret(value.rstrip("*_"), "")


NOT_EMPTY = Check("at least one entry", bool)
PLAIN = matching(r"[^\x00-\x1f\x7f]+", "non-empty text without control characters")
ARGUMENT = Check("non-empty text", bool)
ARGUMENTS = Check("a program and its arguments, none of them empty", lambda value: bool(value) and all(value))
EXPRESSION = Check("a regular expression", lambda value: bool(re.compile(value)))
URL = Check("an http(s) URL without user, password and query", _is_url)
USER = matching(r"[\w.@{}\\-]{1,64}", "the name of a user or group of this machine")
VARIABLE = Check("a name such as OCIO or STUDIO_*, without secrets", _is_variable)
HOST = Check("a host or host:port in lower case", _is_host)
ADDRESS = Check("s3://bucket/prefix, file:///path or an absolute path", _is_address)
WRITE_PREFIX = Check("s3://bucket, s3://bucket/prefix, file:///path or an absolute path", _is_prefix)
READ_PREFIX = Check(
    "s3://bucket, s3://bucket/prefix, https://host, file:///path, an absolute path or ./path",
    _is_source,
    from_file=True,
)
