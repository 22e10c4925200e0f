"""Finds handlers by name: entry points of installed packages, and modules in configured directories."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import ConfigError, InvalidInput, Problem
from ..translation.handler import DEFAULT_TIMEOUT_S, HandlerFacts
from ..validation import schema_fault

ENTRY_POINTS = "openjd_vstitcher.handlers"
"""The group of entry points that installed packages declare their handlers in."""


@dataclass(frozen=True)
class Source:
    """Where a handler comes from. Its code is not imported yet.

    Parameters
    ----------
    place: the package or the file.
    """

    name: str
    place: str
    _load: Callable[[], Any]

    def load(self) -> type[Any]:
        """The class of the handler, see `Handler`.

        Raises
        ------
        ConfigError: it cannot be imported, or is not a handler.
        """
        try:
            found = self._load()
        except (Exception, SystemExit) as error:
            raise ConfigError(f"handler {self.name} ({self.place}): {type(error).__name__}: {error}") from error
        if not callable(getattr(found, "execute", None)):
            raise ConfigError(f"handler {self.name} ({self.place}): expected a class with execute and parameters")
        return found  # type: ignore[no-any-return]  # checked above

    def facts(self) -> HandlerFacts:
        """What a translation must know of the handler.

        Raises
        ------
        ConfigError: it cannot be imported, or an attribute of it cannot be used.
        """
        found = self.load()
        facts = HandlerFacts(
            name=self.name,
            parameters=getattr(found, "parameters", None) or {},
            description=" ".join((found.__doc__ or "").split("\n\n")[0].split()),
            outputs=getattr(found, "outputs", None),
            inputs=tuple(getattr(found, "inputs", ())),
            timeout_s=getattr(found, "timeout_s", DEFAULT_TIMEOUT_S),
        )
        if reason := _unusable(facts):
            raise ConfigError(f"handler {self.name} ({self.place}): {reason}")
        return facts


def sources(directories: Sequence[Path]) -> dict[str, Source]:
    """All handlers, by name.

    Parameters
    ----------
    directories: a module `greet.py` in one of them has the handler `greet`. Names that start with `_` are not handlers.

    Raises
    ------
    ConfigError: a directory does not exist, or two handlers have the same name.
    """
    found = [_installed(point) for point in entry_points(group=ENTRY_POINTS)]
    for directory in directories:
        if not directory.is_dir():
            raise ConfigError(f"jobs.handlers: there is no directory {directory}")
        found += [_of_file(file) for file in sorted(directory.glob("[!_]*.py")) if file.stem.isidentifier()]
    by_name: dict[str, Source] = {}
    for source in found:
        earlier = by_name.setdefault(source.name, source)
        if earlier.place != source.place:
            raise ConfigError(f"jobs.handlers: two handlers are named {source.name}: {earlier.place}, {source.place}")
    return dict(sorted(by_name.items()))


def find(name: str, directories: Sequence[Path]) -> Source:
    """A handler by its name.

    Raises
    ------
    InvalidInput: this machine has no such handler.
    ConfigError: see `sources`.
    """
    known = sources(directories)
    if name not in known:
        raise InvalidInput("handler", [Problem("", f"unknown handler {name!r}; expected one of {', '.join(known)}")])
    return known[name]


def _installed(point: EntryPoint) -> Source:
    package = point.dist.name if point.dist is not None else "installed"
    return Source(point.name, f"{package}: {point.value}", point.load)


def _of_file(file: Path) -> Source:
    def load() -> Any:
        module = _module(file)
        classes = [
            value
            for value in vars(module).values()
            if isinstance(value, type) and value.__module__ == module.__name__ and hasattr(value, "execute")
        ]
        if len(classes) != 1:
            raise TypeError(f"expected one class with execute, found {len(classes)}")
        return classes[0]

    return Source(file.stem, str(file), load)


def _module(file: Path) -> ModuleType:
    name = f"openjd_vstitcher_handler_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _unusable(facts: HandlerFacts) -> str:
    """What is wrong with the attributes of a handler's class, "" if nothing."""
    if fault := schema_fault(facts.parameters):
        return f"parameters is not a JSON Schema: {fault}"
    if not isinstance(facts.parameters, dict):
        return "parameters is not a JSON Schema of an object"
    if isinstance(facts.timeout_s, bool) or not isinstance(facts.timeout_s, int) or facts.timeout_s < 1:
        return f"timeout_s: expected a positive number of seconds, found {facts.timeout_s!r}"
    if facts.outputs is not None and not all(
        isinstance(text, str) and text for pair in facts.outputs.items() for text in pair
    ):
        return "outputs: expected asset types by patterns of file names"
    unknown = [name for name in facts.inputs if name not in facts.parameters.get("properties", {})]
    return f"inputs: {unknown[0]!r} is not a property of parameters" if unknown else ""
