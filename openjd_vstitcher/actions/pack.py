"""Packs the frames of a turntable into the one file that the preset asks for."""

from __future__ import annotations

import shutil
import stat
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from .. import action_output
from ..errors import InvalidInput, Problem, StorageError
from ..files import whole_file
from .running import read_embedded, run_action

_CHUNK_BYTES = 1 << 20
_UNIX = 3
_SAME_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Packed:
    """A packed turntable."""

    path: Path
    frames: int
    size_bytes: int


def run_pack(run_data: str, output_directory: Path, frames: int) -> int:
    """`openjd-vs pack`: pack the frames of the export that the run data describes. Returns the exit code."""

    def pack() -> None:
        began = time.monotonic()
        name = _output_name(run_data)
        packed = pack_frames(output_directory, name, frames)
        seconds = round(time.monotonic() - began, 3)
        action_output.event({"event": "exported", "output": name, "size_bytes": packed.size_bytes, "seconds": seconds})
        action_output.progress(100)

    return run_action("packing failed", pack)


def pack_frames(output_directory: Path, name: str, frames: int) -> Packed:
    """Make `NAME` from `NAME.frames/0001.png` and so on, then remove the frames.

    The same frames make the same bytes. Repeating it after it worked is harmless.

    Raises
    ------
    InvalidInput: frames are missing, or `name` is not a plain file name.
    StorageError: the file could not be written.
    """
    if not name or name in (".", "..") or "/" in name or "\\" in name or frames < 1:
        raise InvalidInput(
            "run data", [Problem("/export/output_file_name", f"{name!r} with {frames} frames cannot be packed")]
        )
    folder, target = output_directory / f"{name}.frames", output_directory / name
    wanted = [f"{number:04}.png" for number in range(1, frames + 1)]
    if not folder.exists() and _holds(target, wanted):
        return Packed(target, frames, target.stat().st_size)
    missing = [frame for frame in wanted if not _is_frame(folder / frame)]
    if missing:
        shown = ", ".join(missing[:5]) + (", …" if len(missing) > 5 else "")
        raise InvalidInput(str(folder), [Problem("", f"{len(missing)} of {frames} frames are missing: {shown}")])
    try:
        with whole_file(target, mode=0o666) as file:
            _write(file, [folder / frame for frame in wanted])
        shutil.rmtree(folder)
        return Packed(target, frames, target.stat().st_size)
    except OSError as error:
        raise StorageError(f"cannot pack {target}: {error.strerror}", transient=False) from error


def _output_name(run_data: str) -> str:
    try:
        return str(read_embedded(run_data, "run data")["export"]["output_file_name"])
    except (KeyError, TypeError) as error:
        raise InvalidInput("run data", [Problem("/export", "expected an export with an output_file_name")]) from error


def _write(file: BinaryIO, frames: list[Path]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for frame in frames:
            entry = zipfile.ZipInfo(frame.name, _SAME_TIME)
            entry.external_attr = 0o644 << 16
            entry.create_system = _UNIX  # else the bytes depend on the system
            with frame.open("rb") as source, archive.open(entry, "w") as packed:
                shutil.copyfileobj(source, packed, _CHUNK_BYTES)


def _is_frame(path: Path) -> bool:
    try:
        found = path.lstat()
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size > 0


def _holds(target: Path, names: list[str]) -> bool:
    try:
        with zipfile.ZipFile(target) as archive:
            return archive.namelist() == names
    except (OSError, zipfile.BadZipFile):
        return False
