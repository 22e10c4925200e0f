"""The outputs that a job is expected to make. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..presets import Preset


@dataclass(frozen=True)
class ExpectedOutput:
    """An output that a job is expected to make.

    Parameters
    ----------
    name: its file name in the output directory.
    upload: whether it is stored. Otherwise it is only checked.
    asset_type: the type of its asset, such as `MEDIA_RENDER`. Without one, it is stored and not registered.
    instruction: the index of its export in the preset, None where there is no preset.
    """

    name: str
    upload: bool
    asset_type: str | None = None
    instruction: int | None = None


RESULT_FILE = "result.json"
"""The file in the output directory that holds the result of a job."""

DEFAULT_TYPES = {
    **dict.fromkeys(("*.png", "*.jpg", "*.jpeg", "*.webp", "*.svg", "*.exr"), "MEDIA_RENDER"),
    **dict.fromkeys(("*.glb", "*.gltf", "*.obj", "*.fbx", "*.usdz"), "MEDIA_3D_SCENE"),
    **dict.fromkeys(("*.mp4", "*.mov", "*.webm", "*.mkv"), "VIDEO"),
    **dict.fromkeys(("*.pdf", "*.html", "*.md", "*.txt", "*.docx", "*.pptx"), "DOCUMENT"),
    **dict.fromkeys(("*.bw", "*.vsgx", "*.vsp"), "VSTITCHER_FILE"),
    "*": "DATA",
}
"""Asset types of the files of handlers and scripts, by patterns of their names. The first match counts."""


def output_named(name: str, types: Mapping[str, str | None]) -> ExpectedOutput | None:
    """The output that a file is, None if it is none.

    Parameters
    ----------
    types: asset types by patterns of file names, in lower case; the first match counts.
    """
    if name == RESULT_FILE or name.startswith("."):
        return None
    for pattern, asset_type in types.items():
        if fnmatchcase(name.lower(), pattern.lower()):
            return ExpectedOutput(name, upload=True, asset_type=asset_type)
    return None


def expected_outputs(preset: Preset) -> list[ExpectedOutput]:
    """The outputs of a preset's exports."""
    return [
        ExpectedOutput(
            name=export.output_file_name, upload=export.upload, asset_type=export.asset_type, instruction=export.index
        )
        for export in preset.exports
    ]
