"""Reads what a person names as a template: a template, a preset, or the folder of a job bundle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..config import Config
from ..documents import read_document
from ..errors import InvalidInput, Problem
from ..export_types import extra_exports
from ..presets import is_preset, load_preset
from .commands import actions, is_ours
from .preset import translate

_BUNDLE_TEMPLATES = ("template.yaml", "template.yml", "template.json")
_BUNDLE_PARAMETERS = ("parameter_values.yaml", "parameter_values.yml", "parameter_values.json")
_OF_A_FARM = ":"
"""In the name of a bundle's parameter: it is for the farm, such as `deadline:priority`."""


@dataclass(frozen=True)
class TemplateSource:
    """A template as data, not checked yet.

    Parameters
    ----------
    file: the file that it is in, or the preset that it is made from.
    parameters: the values that a job bundle gives.
    """

    file: Path
    template: Any
    from_preset: bool = False
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """The absolute folder of the file."""
        return self.file.absolute().parent

    @property
    def name(self) -> str:
        """How errors name it. Pointers into the template of a preset do not fit the preset's file."""
        return f"template of {self.file}" if self.from_preset else str(self.file)

    @property
    def is_ours(self) -> bool:
        """Whether some action of it runs one of our commands. If none does, it has nothing to do with VStitcher."""
        return any(is_ours(action.get("command")) for _, action in actions(self.template))


def read_source(path: Path, config: Config) -> TemplateSource:
    """Read a template, a preset, or a folder with a `template.yaml` and perhaps `parameter_values.yaml`.

    Parameters
    ----------
    config: names the directory of further export types, if there are any.

    Raises
    ------
    InvalidInput: it cannot be read, or the preset is not valid.
    """
    if path.is_dir():
        return _read_bundle(path)
    data = read_document(path)
    if is_preset(data):
        preset = load_preset(data, str(path), extra_exports=extra_exports(config.engine.extra_exports))
        return TemplateSource(path, translate(preset), from_preset=True)
    return TemplateSource(path, data)


def _read_bundle(folder: Path) -> TemplateSource:
    template = _first_of(folder, _BUNDLE_TEMPLATES)
    if template is None:
        raise InvalidInput(str(folder), [Problem("", "is a folder without a template.yaml or template.json")])
    values = _first_of(folder, _BUNDLE_PARAMETERS)
    return TemplateSource(template, read_document(template), parameters=_bundle_values(values) if values else {})


def _first_of(folder: Path, names: tuple[str, ...]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _bundle_values(file: Path) -> dict[str, Any]:
    data = read_document(file)
    listed = data.get("parameterValues") if isinstance(data, dict) else None
    if not isinstance(listed, list):
        raise InvalidInput(str(file), [Problem("/parameterValues", "is missing; expected a list of names and values")])
    wrong = [n for n, each in enumerate(listed) if not (isinstance(each, dict) and {"name", "value"} <= set(each))]
    if wrong:
        problems = [Problem(f"/parameterValues/{n}", "expected an object with name and value") for n in wrong]
        raise InvalidInput(str(file), problems)
    return {each["name"]: each["value"] for each in listed if _OF_A_FARM not in str(each["name"])}
