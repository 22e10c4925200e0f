"""Custom export types: modules in a directory that the configuration names, each with its JSON Schema."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from .errors import ConfigError
from .presets import ASSET_TYPE_KEY
from .validation import schema_fault

_SUFFIX = ".schema.json"
_ASSET_TYPE = re.compile("[A-Z][A-Z0-9_]*")


def extra_exports(directory: Path | None) -> dict[str, dict[str, Any]]:
    """The export types of a directory, each with the JSON Schema of its instruction, as `load_preset` takes them.

    `colorway_renders.py` with `colorway_renders.schema.json` beside it is the export type `COLORWAY_RENDERS`. A
    schema may name the asset type of the output as `x-asset-type`; without it, the asset type is the export type.

    Raises
    ------
    ConfigError: the directory or a schema cannot be read, a schema is not valid, or a module or schema is missing.
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
    except (OSError, ValueError) as error:
        raise ConfigError(f"engine.extra_exports: cannot read {path}: {error}") from error
    if fault := schema_fault(schema):
        raise ConfigError(f"engine.extra_exports: {path} is not a valid JSON Schema: {fault}")
    if not isinstance(schema, dict):
        raise ConfigError(f"engine.extra_exports: {path} is not a JSON Schema of an instruction")
    asset_type = schema.get(ASSET_TYPE_KEY)
    if ASSET_TYPE_KEY in schema and not (isinstance(asset_type, str) and _ASSET_TYPE.fullmatch(asset_type)):
        raise ConfigError(
            f"engine.extra_exports: {path}: {ASSET_TYPE_KEY}: found {asset_type!r}; "
            "expected an asset type such as MEDIA_RENDER"
        )
    return schema
