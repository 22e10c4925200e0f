"""Says what a document is and whether it is right: a preset, a job, a template or an environment template."""

from __future__ import annotations

from pathlib import Path

from ..config import Config
from ..engine.extras import extra_exports
from ..presets import load_job_details, load_preset, read_document
from ..translation import translate
from .plan import decode, decode_environment
from .render import is_preset


def check_file(file: Path, config: Config) -> str:
    """What the document is, as a phrase for a reader.

    Parameters
    ----------
    config: names the directory of further export types, if there are any.

    Raises
    ------
    InvalidInput: with everything that is wrong with it, each at its place.
    """
    data = read_document(file)
    source = str(file)
    if isinstance(data, dict) and "preset_key" in data:
        load_job_details(data, source)
        return "a valid job"
    if is_preset(data):
        preset = load_preset(data, source, extra_exports=extra_exports(config.engine.extra_exports))
        decode(translate(preset), source)
        count = len(preset.exports)
        return f"a valid preset with {count} export{'' if count == 1 else 's'}"
    if isinstance(data, dict) and str(data.get("specificationVersion")).startswith("environment"):
        decode_environment(data, source)
        return "a valid environment template"
    template = decode(data, source)
    return f"a valid job template with {len(template.steps)} steps"
