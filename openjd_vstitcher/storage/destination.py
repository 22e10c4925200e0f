"""Where an output goes: `remote_destination`, a subfolder, the output's name. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import InvalidInput, Problem
from .address import join

SUBFOLDERS = ("JOB_ID", "STYLE_ID", "NONE")
"""What `remote_destination_subfolder_type` can be."""


def destination_prefix(preset: Mapping[str, Any], *, job_id: str, style_id: str | None) -> str:
    """The address under which all outputs of a job are stored, without a trailing slash.

    Parameters
    ----------
    preset: the details of a preset, with `remote_destination` and `remote_destination_subfolder_type`.
    style_id: the job's style, if it has one.

    Raises
    ------
    InvalidInput: no destination, an unknown kind of subfolder, or no style where one is needed.
    """
    prefix = preset.get("remote_destination")
    kind = preset.get("remote_destination_subfolder_type") or "JOB_ID"
    if not isinstance(prefix, str) or not prefix:
        raise InvalidInput("preset", [Problem("/remote_destination", "expected an address, found none")])
    if kind not in SUBFOLDERS:
        expected = f"expected one of {', '.join(SUBFOLDERS)}, found {kind!r}"
        raise InvalidInput("preset", [Problem("/remote_destination_subfolder_type", expected)])
    if kind == "NONE":
        return prefix.rstrip("/") or prefix
    folder = job_id if kind == "JOB_ID" else style_id
    if not folder:
        raise InvalidInput("job details", [Problem("/style_id", "the preset stores by style, but the job has none")])
    if "/" in folder or "\\" in folder:
        raise InvalidInput("job details", [Problem("/style_id", f"{folder!r} is not a single folder name")])
    return join(prefix, folder)
