"""From a client's request to what the plugin is asked for, and what a failed one leaves behind. Talks to nobody."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import Any

from .driver import EngineFailed


def check(request: dict[str, Any]) -> None:
    """Refuse a request that names no export, or one whose output would not lie in the output directory.

    Raises
    ------
    EngineFailed: the request is refused.
    """
    if request["request"] != "run":
        return
    export, mutations = request.get("export"), request.get("mutations") or []
    name = export.get("output_file_name") if isinstance(export, dict) else None
    if not isinstance(name, str) or not isinstance(request.get("output_dir"), str):
        raise EngineFailed({"stage": "open", "message": "the run data names no export"})
    if not name or name in (".", "..") or "/" in name or "\\" in name:
        raise EngineFailed({"stage": "open", "message": f"{name!r} is no file name"})
    if not isinstance(mutations, list) or not all(isinstance(mutation, dict) for mutation in mutations):
        raise EngineFailed({"stage": "open", "message": "the mutations of the run data are no list of instructions"})


def work(job: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    """What the plugin is asked for: the garment as it shall be, and the export if there is one."""
    message: dict[str, Any] = {"request": "work", "garment": _garment(job, request)}
    if request["request"] == "run":
        message |= {"export": request["export"], "output_dir": str(Path(request["output_dir"]).absolute())}
        message |= {"frame": request.get("frame"), "frames": request.get("frames")}
    return message


def sweep(request: dict[str, Any]) -> None:
    """Remove what an export left unfinished when the engine could not do so itself."""
    output_dir, name = Path(request["output_dir"]), request["export"]["output_file_name"]
    for folder, prefix in ((output_dir, f".{name}."), (output_dir / f"{name}.frames", ".")):
        with contextlib.suppress(OSError):
            for entry in folder.iterdir():
                if entry.name.startswith(prefix) and ".part" in entry.name:
                    shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def _garment(job: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    """The state that the garment shall have; choices of the command line win over those of the instruction."""
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
