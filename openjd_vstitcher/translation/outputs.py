"""The outputs that a job is expected to make. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..presets import Preset


@dataclass(frozen=True)
class ExpectedOutput:
    """An output that a job is expected to make.

    Parameters
    ----------
    name: its file name in the output directory.
    upload: whether it is stored and registered. Otherwise it is only checked.
    asset_type: the type of its asset, such as `MEDIA_RENDER`. Required for an upload.
    instruction: the index of its export in the preset, None where there is no preset.
    """

    name: str
    upload: bool
    asset_type: str | None = None
    instruction: int | None = None

    def __post_init__(self) -> None:
        if self.upload and self.asset_type is None:
            raise ValueError(f"output {self.name} is to be uploaded and has no asset type")


def expected_outputs(preset: Preset) -> list[ExpectedOutput]:
    """The outputs of a preset's exports."""
    return [
        ExpectedOutput(
            name=export.output_file_name, upload=export.upload, asset_type=export.asset_type, instruction=export.index
        )
        for export in preset.exports
    ]
