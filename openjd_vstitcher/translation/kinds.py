"""How a job becomes a template, by its kind. Everything after this module is the same for every kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..errors import InvalidInput
from ..presets import check_asset_types, load_job_details, load_preset
from .environments import parameter_values
from .handler import of_handler
from .job import JobContext, Row, TranslatedJob
from .outputs import expected_outputs
from .preset import translate
from .scripts import of_scripts


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
    details = preset.get("details")
    named = details if isinstance(details, Mapping) else {}
    return next((kind for kind in ("handler", "scripts") if kind in named), "preset")


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


KINDS: dict[str, Callable[[Row, Row, JobContext], TranslatedJob]] = {
    "preset": _of_preset,
    "handler": of_handler,
    "scripts": of_scripts,
}
"""Each kind of job with its translation."""
