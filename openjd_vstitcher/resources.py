"""Finds the data files that ship with the package: `templates/`, `schemas/`, `examples/`."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def resource(relative: str) -> Path:
    """The path of a shipped file or folder, such as `schemas/job_preset.schema.json`.

    In a wheel these folders lie inside the package, in a checkout beside it.
    """
    shipped = _PACKAGE / relative
    return shipped if shipped.exists() else _PACKAGE.parent / relative
