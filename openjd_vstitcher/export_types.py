"""Export types of one's own: modules in a directory that the configuration names, each with its JSON Schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from .errors import ConfigError

_SUFFIX = ".schema.json"


def extra_exports(directory: Path | None) -> dict[str, dict[str, Any]]:
    """The export types of a directory, each with the JSON Schema of its instruction, as `load_preset` takes them.

    `colorway_renders.py` with `colorway_renders.schema.json` beside it is the export type `COLORWAY_RENDERS`.

    Raises
    ------
    ConfigError: the directory or a schema cannot be read, or a module or schema has no counterpart.
    """
    if directory is None:
        return {}
    if not directory.is_dir():
        raise ConfigError(f"engine.extra_exports: there is no directory {directory}")
    modules = {path.stem for path in directory.glob("*.py")}
    schemas = {path.name.removesuffix(_SUFFIX): path for path in sorted(directory.glob(f"*{_SUFFIX}"))}
    for alone in sorted(modules ^ set(schemas)):
        missing = f"{alone}.py" if alone in schemas else alone + _SUFFIX
        raise ConfigError(f"engine.extra_exports: {directory / missing} is missing")
    return {name.upper(): _schema(path) for name, path in schemas.items()}


def _schema(path: Path) -> dict[str, Any]:
    try:
        schema = json.loads(path.read_text(encoding="utf-8"))
        Draft202012Validator.check_schema(schema)
    except (OSError, ValueError) as error:
        raise ConfigError(f"engine.extra_exports: cannot read {path}: {error}") from error
    except SchemaError as error:
        raise ConfigError(f"engine.extra_exports: {path} is no JSON Schema: {error.message}") from error
    if not isinstance(schema, dict):
        raise ConfigError(f"engine.extra_exports: {path} is no JSON Schema of an instruction")
    return schema
