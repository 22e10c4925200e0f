"""Requests to the engine: checks what a client asked for, and translates it to a message to the plugin."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..failures import EngineFailed
from ..names import wrong_suffix


@dataclass
class EngineRequest:
    """A request that the engine is working on.

    Parameters
    ----------
    message: the message to the plugin.
    send: called with each message for the client.
    canceled: set when the client cancels the request.
    output_dir: where its files appear, None if it makes none.
    stage: what the engine is doing for it now.
    """

    message: dict[str, Any]
    send: Callable[[dict[str, Any]], None] = lambda _message: None
    canceled: asyncio.Event = field(default_factory=asyncio.Event)
    output_dir: Path | None = None
    stage: str = "open"


def validate(request: dict[str, Any]) -> None:
    """Check that a `run` request has an export whose output stays in the output directory and says its format.

    Raises
    ------
    EngineFailed: the request is invalid.
    """
    if request["request"] != "run":
        return
    export, mutations = request.get("export"), request.get("mutations") or []
    name = export.get("output_file_name") if isinstance(export, dict) else None
    if export is None or not isinstance(name, str) or not isinstance(request.get("output_dir"), str):
        raise EngineFailed({"stage": "open", "message": "the run data has no export"})
    if not name or name in (".", "..") or "/" in name or "\\" in name:
        raise EngineFailed({"stage": "open", "message": f"not a valid file name: {name!r}"})
    if lacking := wrong_suffix(str(export.get("export_type")), name):
        raise EngineFailed({"stage": "open", "message": f"{name!r} {lacking}"})
    if not isinstance(mutations, list) or not all(isinstance(mutation, dict) for mutation in mutations):
        raise EngineFailed({"stage": "open", "message": "the mutations in the run data are not a list of instructions"})


def plugin_message(job: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    """The message to the plugin: the desired garment state, and the export if there is one.

    Parameters
    ----------
    job: the content of `job.json`.
    request: an `open` or `run` request of a client.
    """
    message: dict[str, Any] = {"request": "work", "garment": _garment(job, request)}
    if request["request"] == "run":
        message |= {"export": request["export"], "output_dir": str(Path(request["output_dir"]).absolute())}
        message |= {"frame": request.get("frame"), "frames": request.get("frames")}
    return message


def remove_partial_files(request: dict[str, Any]) -> None:
    """Remove the unfinished files of an export, for when the engine could not do so itself."""
    output_dir, name = Path(request["output_dir"]), request["export"]["output_file_name"]
    for folder, prefix in ((output_dir, f".{name}."), (output_dir / f"{name}.frames", ".")):
        with contextlib.suppress(OSError):
            for entry in folder.iterdir():
                if entry.name.startswith(prefix) and ".part" in entry.name:
                    shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def _garment(job: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    """The desired garment state; choices on the command line take precedence over those of the instruction."""
    running = request["request"] == "run"
    export = request["export"] if running else {}
    return {
        "path": job.get("garment_path"),
        "artwork": _artwork(job),
        "mutations": (request.get("mutations") or []) if running else [],
        "colorway": request.get("colorway") or export.get("colorway"),
        "snapshot": request.get("garment_snapshot") or export.get("snapshot"),
    }


def _artwork(job: dict[str, Any]) -> dict[str, Any]:
    replacements = job.get("artwork_replacements")
    if replacements is None and isinstance(job.get("details"), dict):
        replacements = job["details"].get("artwork_replacements")
    return {
        "file": job.get("local_artwork_path") or "",
        "bundle_dir": job.get("local_artwork_bundle_dir_path") or "",
        "replacements": [
            {"name": item.get("name") or "", "path": item.get("local_file_path") or ""} for item in replacements or []
        ],
    }
