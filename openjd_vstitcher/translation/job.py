"""What translations of jobs take and return. Values only."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .outputs import ExpectedOutput
from .text import Template

if TYPE_CHECKING:
    from .handler import HandlerFacts
    from .scripts import ScriptFacts

Row = Mapping[str, Any]


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
    handler, script: look up what this machine has by name; they raise `InvalidInput` for an unknown one.
    output_types: the configured asset types of other files, by patterns of their names.
    destination: where outputs go if the job's definition does not say, "" if nowhere.
    """

    output_dir: str
    inputs_manifest: str
    engine: str
    extra_exports: Mapping[str, Mapping[str, Any]]
    asset_types: Collection[str] | None
    handler: Callable[[str], HandlerFacts]
    script: Callable[[str], ScriptFacts]
    output_types: Mapping[str, str] = field(default_factory=dict)
    destination: str = ""


@dataclass(frozen=True)
class TranslatedJob:
    """A job as everything after the translation sees it.

    Parameters
    ----------
    template, parameters: what `openjd.sessions` runs.
    outputs: the files that it is expected to make.
    inputs: what names its inputs, see `resolve_inputs`.
    destination: what names the place of its outputs, see `destination_prefix`; None if it has none.
    style_id, body_id: what its assets belong to.
    hides_previous_style_assets: whether older assets of the style stop being public facing when it succeeds.
    output_types: asset types of further outputs by patterns of their names, see `output_named`; None if any other file
        is unexpected. Such a job can also leave a result.
    files: addresses of input files by the parameters that name them, where `inputs` names none.
    continues: whether a retry can leave out the steps that succeeded, see `JobQueue.retry`.
    """

    template: Template
    parameters: Mapping[str, str]
    outputs: tuple[ExpectedOutput, ...]
    inputs: Mapping[str, Any]
    destination: Mapping[str, Any] | None
    style_id: str | None = None
    body_id: str | None = None
    hides_previous_style_assets: bool = False
    output_types: Mapping[str, str | None] | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    continues: bool = False
