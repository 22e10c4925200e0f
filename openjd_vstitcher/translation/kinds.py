"""How a job becomes a template, by its kind. Everything after this module is the same for every kind."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import InvalidInput
from ..presets import check_asset_types, load_job_details, load_preset
from .environments import parameter_values
from .outputs import ExpectedOutput, expected_outputs
from .preset import translate
from .text import Template


@dataclass(frozen=True)
class JobContext:
    """What a translation must know of the place where the job will run.

    Parameters
    ----------
    output_dir: absolute path of the output directory.
    inputs_manifest: absolute path of the inputs manifest.
    engine: the value of the `Engine` parameter.
    extra_exports: the custom export types of this machine, see `load_preset`.
    asset_types: the asset types that the platform knows, None where that is unknown.
    """

    output_dir: str
    inputs_manifest: str
    engine: str
    extra_exports: Mapping[str, Mapping[str, Any]]
    asset_types: Collection[str] | None


@dataclass(frozen=True)
class TranslatedJob:
    """A job as everything after the translation sees it.

    Parameters
    ----------
    template, parameters: what `openjd.sessions` runs.
    outputs: the files that it is expected to make.
    inputs: what names its inputs, see `resolve_inputs`.
    destination: what names the place of its outputs, see `destination_prefix`.
    style_id, body_id: what its assets belong to.
    hides_previous_style_assets: whether older assets of the style stop being public facing when it succeeds.
    """

    template: Template
    parameters: Mapping[str, str]
    outputs: tuple[ExpectedOutput, ...]
    inputs: Mapping[str, Any]
    destination: Mapping[str, Any]
    style_id: str | None = None
    body_id: str | None = None
    hides_previous_style_assets: bool = False


Row = Mapping[str, Any]


def translate_job(job: Row, preset: Row, context: JobContext) -> TranslatedJob:
    """Translate a job of any kind.

    Parameters
    ----------
    job: the queue's row.
    preset: the row of its preset.

    Raises
    ------
    InvalidInput: with everything that is wrong with the job or its preset, each at its place.
    """
    return KINDS[kind_of(job, preset)](job, preset, context)


def kind_of(job: Row, preset: Row) -> str:
    """The kind of a job, a key of `KINDS`."""
    return "preset"


def _of_preset(job: Row, preset_row: Row, context: JobContext) -> TranslatedJob:
    source = f"preset {preset_row.get('key')}"
    preset = load_preset(preset_row, source, extra_exports=context.extra_exports)
    if problems := check_asset_types(preset, context.asset_types):
        raise InvalidInput(source, problems)
    details = load_job_details(job["details"], "job details")
    return TranslatedJob(
        template=translate(preset),
        parameters=parameter_values(
            job_id=str(job["id"]),
            output_dir=context.output_dir,
            inputs_manifest=context.inputs_manifest,
            engine=context.engine,
        ),
        outputs=tuple(expected_outputs(preset)),
        inputs=details.raw,
        destination=preset.raw["details"],
        style_id=details.style_id,
        body_id=details.body_id,
        hides_previous_style_assets=preset.hide_previous_style_assets,
    )


KINDS: dict[str, Callable[[Row, Row, JobContext], TranslatedJob]] = {"preset": _of_preset}
"""Each kind of job with its translation."""
