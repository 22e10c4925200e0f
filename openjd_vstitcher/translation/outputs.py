"""The outputs that a job is expected to make. Values only."""

from __future__ import annotations

from dataclasses import dataclass

from ..presets import Preset


@dataclass(frozen=True)
class ExpectedOutput:
    """An output that an export of the preset will make.

    Parameters
    ----------
    name: its file name in the output directory.
    upload: whether it is stored and registered; otherwise it is only checked.
    asset_type: the type of its asset, such as `MEDIA_RENDER`.
    instruction: the index of its export in the preset.
    """

    name: str
    upload: bool
    asset_type: str
    instruction: int


def expected_outputs(preset: Preset) -> list[ExpectedOutput]:
    """The outputs of a preset's exports."""
    return [
        ExpectedOutput(
            name=export.output_file_name, upload=export.upload, asset_type=export.asset_type, instruction=export.index
        )
        for export in preset.exports
    ]
