"""Reads a configuration file and checks it against the declarations in `config`. All mistakes are reported at once."""

from __future__ import annotations

import dataclasses
import os
import re
import tomllib
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, get_args, get_origin

from ..errors import ConfigError
from ..redaction import masked
from .keys import Check, Declared, Key, declared, either
from .rules import contradictions
from .tables import CONFIG_VARIABLE, Config, default_config_path

_T = TypeVar("_T")

_MOVED = {
    "storage.root": "storage.local.root",
    **{
        f"storage.{name}": f"storage.s3.{name}"
        for name in (
            "endpoint_url",
            "region",
            "profile",
            "path_style",
            "sse",
            "sse_kms_key_id",
            "storage_class",
            "tags",
            "public_acl",
            "content_disposition",
            "part_bytes",
            "bytes_in_flight",
        )
    },
    **{
        f"storage.{name}": f"inputs.{name}"
        for name in ("read_from", "bodies_prefix", "cache_dir", "cache_bytes", "allow_private_hosts")
    },
    "storage.input_url_lifetime_s": "inputs.url_lifetime_s",
}
"""Keys of earlier versions, and their place now."""

_TYPES = {str: "a string", int: "an integer", float: "a number", bool: "true or false", Path: "a path"}
_WRONG: Any = object()
"""Stands for a value that was refused."""
_DEFAULT: Any = object()
"""Stands for a value that is not in the file."""


class ReadConfig(NamedTuple):
    """A configuration, and where its values come from.

    Parameters
    ----------
    origins: by key, `file` or `environment VARIABLE`; a key that is not in it has its default.
    """

    config: Config
    origins: Mapping[str, str]


def load_config(path: Path | None = None) -> Config:
    """Read the configuration file; the defaults apply if none is named and the default one does not exist.

    Relative paths in the file are relative to the file.

    Raises
    ------
    ConfigError: the file cannot be read or is not TOML, or keys are unknown, invalid or contradict each other.
    """
    return read_config(path).config


def read_config(path: Path | None = None) -> ReadConfig:
    """As `load_config`, with the origins of the values."""
    file = path or default_config_path()
    if path is None and not os.environ.get(CONFIG_VARIABLE) and not file.exists():
        return _check({}, "environment", Path.cwd())
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{file}: cannot read the configuration: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{file}: not valid TOML: {error}") from error
    read = _check(data, str(file), file.resolve().parent)
    return read._replace(config=dataclasses.replace(read.config, source=file.resolve()))


def type_name(hint: Any) -> str:
    """A type as a phrase: `an integer`, `a list of strings`."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return type_name(_present(args))
    if origin in (list, tuple):
        return "a list"
    return "a table" if origin is dict or dataclasses.is_dataclass(hint) else _TYPES[hint]


def expectation(hint: Any, check: Check | None) -> str:
    """What a value must be, as a phrase that follows "expected"."""
    if check is None:
        return type_name(hint)
    return f"{type_name(hint)} {check.expected}" if hint in (int, float) else check.expected


def _check(data: dict[str, Any], source: str, base: Path) -> ReadConfig:
    reader = _Reader(source, base)
    config = reader.table(Config, data, "")
    for keys, message in contradictions(config):
        if reader.wrong.isdisjoint(keys):
            reader.refuse(keys[0], message)
    if reader.problems:
        raise ConfigError(*reader.problems)
    return ReadConfig(config, reader.origins)


class _Reader:
    """Turns the data of a file into dataclasses. A wrong value is reported and replaced by its default."""

    def __init__(self, source: str, base: Path) -> None:
        self.problems: list[str] = []
        self.wrong: set[str] = set()
        self.origins: dict[str, str] = {}
        self._source = source
        self._base = base

    def refuse(self, where: str, message: str) -> Any:
        self.problems.append(f"{self._source}: {where}: {message}")
        self.wrong.add(where.partition("[")[0])
        return _WRONG

    def table(self, cls: type[_T], data: Any, where: str) -> _T:
        if not isinstance(data, dict):
            self.refuse(where, f"expected a table, found {_found(data)}")
            data = {}
        prefix = f"{where}." if where else ""
        known = {item.name: item for item in declared(cls)}
        for name in data:
            if name not in known:
                self.refuse(prefix + _shown(name), _unknown(prefix, name, list(known)))
        values = {name: self._declared(item, data, prefix + name) for name, item in known.items()}
        return cls(**{name: value for name, value in values.items() if value not in (_WRONG, _DEFAULT)})

    def _declared(self, item: Declared, data: Mapping[str, Any], where: str) -> Any:
        if item.is_table:
            return self.table(item.hint, data.get(item.name, {}), where)
        key = item.key
        if key.variable and key.variable in os.environ:
            self.origins[where] = f"environment {key.variable}"
            text = _parsed(item.hint, os.environ[key.variable])
            value = self._value(item.hint, text, f"{where} (${key.variable})", key)
        elif item.name in data:
            self.origins[where] = "file"
            value = self._value(item.hint, data[item.name], where, key)
        else:
            return key.default.expanduser() if isinstance(key.default, Path) else _DEFAULT
        if value is _WRONG:
            self.wrong.add(where)
        return value

    def _value(self, hint: Any, value: Any, where: str, key: Key) -> Any:
        origin, args = get_origin(hint), get_args(hint)
        if origin in (typing.Union, types.UnionType):
            return self._value(_present(args), value, where, key)
        before = len(self.problems)
        if origin in (list, tuple):
            if not isinstance(value, list):
                return self.refuse(where, f"expected a list, found {_found(value)}")
            items = (self._value(args[0], v, f"{where}[{n}]", _inner(key)) for n, v in enumerate(value))
            converted: Any = origin(items)
        elif origin is dict:
            if not isinstance(value, dict):
                return self.refuse(where, f"expected a table, found {_found(value)}")
            converted = {n: self._value(args[1], v, f"{where}.{_shown(n)}", _inner(key)) for n, v in value.items()}
            for name in value:
                self._accepted(str, name, f"{where}.{_shown(name)}", key.names)
        elif dataclasses.is_dataclass(hint):
            converted = self.table(typing.cast(type, hint), value, where)
        else:
            converted = self._scalar(hint, value, where, key.check)
        if len(self.problems) > before:
            return _WRONG
        if converted != key.default and not self._accepted(hint, converted, where, key.check):
            return _WRONG
        return converted

    def _scalar(self, hint: Any, value: Any, where: str, check: Check | None) -> Any:
        accepted: Any = {float: (int, float), Path: str}.get(hint, hint)
        fits = isinstance(value, accepted) and (hint is bool or not isinstance(value, bool))
        if not fits or (hint is Path and not value) or (isinstance(value, str) and "\x00" in value):
            return self.refuse(where, f"expected {expectation(hint, check)}, found {_found(value)}")
        if hint is float:
            return float(value) if abs(value) < 1e300 else value
        try:
            if check is not None and check.from_file and value.startswith("./"):
                return str(self._base / value)
            return self._base / Path(value).expanduser() if hint is Path else value
        except RuntimeError as error:
            return self.refuse(where, f"expected a path, found {_found(value)} ({error})")

    def _accepted(self, hint: Any, value: Any, where: str, check: Check | None) -> bool:
        reason = ""
        try:
            if check is None or check.accepts(value):
                return True
        except (ValueError, OverflowError, RecursionError, re.error) as error:
            reason = f" ({error})"
        self.refuse(where, f"expected {expectation(hint, check)}, found {_found(value)}{reason}")
        return False


def _inner(key: Key) -> Key:
    """The declaration for the items of a list or the values of a table."""
    return Key(default=_WRONG, description=key.description, check=key.each)


def _present(args: tuple[Any, ...]) -> Any:
    return next(arg for arg in args if arg is not type(None))


def _parsed(hint: Any, text: str) -> Any:
    try:
        return hint(text) if hint in (int, float) else text
    except ValueError:
        return text


def _unknown(prefix: str, name: str, known: list[str]) -> str:
    import difflib

    moved = _MOVED.get(prefix + name)
    if moved:
        return f"moved to {moved}"
    elsewhere = [key for key in _all_keys() if key.rpartition(".")[2] == name]
    near = difflib.get_close_matches(name, known, n=1) or elsewhere
    if near:
        return f"unknown key, did you mean {either(near)}?"
    return f"unknown key, expected {either(known)}"


def _all_keys(cls: type = Config, prefix: str = "") -> list[str]:
    names: list[str] = []
    for item in declared(cls):
        names += _all_keys(item.hint, f"{prefix}{item.name}.") if item.is_table else [prefix + item.name]
    return names


def _shown(name: str) -> str:
    return name if re.fullmatch(r"[\w-]+", name) else repr(name)


def _found(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        text = repr(masked(value))
        return text if len(text) <= 120 else f"{text[:110]}…'"
    if isinstance(value, dict) or dataclasses.is_dataclass(value):
        return "an empty table" if value == {} else "a table"
    if isinstance(value, (list, tuple)):
        return "a list" if value else "an empty list"
    return str(value)[:120]
