"""Runs a template or a preset on this machine, with no queue and no storage: what `openjd-vs render` does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openjd.model import EnvironmentTemplate, JobTemplate
from openjd.sessions import PathMappingRule

from ..config import Config
from ..documents import read_document
from ..errors import InvalidInput, Problem
from ..export_types import extra_exports
from ..journal import Journal
from ..session.options import NO_OPTIONS, RunOptions
from ..session.plan import Plan, make_plan
from ..session.selection import EVERYTHING, Selection
from ..translation.advice import run_data_problems
from ..translation.check import decode, decode_environment
from ..translation.extensions import EXTENSIONS
from ..translation.given import document_in
from ..translation.source import TemplateSource, read_source
from .directory import AttemptDirectory

if TYPE_CHECKING:
    from .guest import GuestRun
    from .run import PlanRun


@dataclass(frozen=True)
class Rendering:
    """What will be rendered: all of it is validated, and nothing has started.

    Parameters
    ----------
    output: the output directory; None for a template that has nothing to do with VStitcher.
    outputs: the files that the steps will make in the output directory, in order.
    output_types: see `TranslatedJob`.
    """

    plan: Plan
    output: Path | None
    outputs: tuple[str, ...]
    output_types: Mapping[str, str | None] | None = None

    @property
    def is_ours(self) -> bool:
        """Whether the template is one for VStitcher."""
        return self.output is not None


@dataclass(frozen=True)
class Request:
    """What a person asks for.

    Parameters
    ----------
    file: a template, a preset, or the folder of a job bundle.
    parameters: parameter values by name.
    environments: the files of external environment templates, in the order in which they are entered.
    extensions: the names of the OpenJD extensions that the templates may use.
    selection: what to run; a step may also be named by its output.
    """

    file: Path
    parameters: Mapping[str, Any] = field(default_factory=dict)
    environments: tuple[Path, ...] = ()
    extensions: tuple[str, ...] = EXTENSIONS
    selection: Selection = EVERYTHING


@dataclass(frozen=True)
class _Templates:
    """What a request names, checked: a template, and those of the environments that its job runs in."""

    source: TemplateSource
    job: JobTemplate
    environments: Sequence[EnvironmentTemplate]

    @property
    def parameters(self) -> set[str]:
        """The names of the parameters."""
        templates: list[JobTemplate | EnvironmentTemplate] = [self.job, *self.environments]
        return {definition.name for each in templates for definition in each.parameterDefinitions or []}

    def plan(self, given: Mapping[str, Any], selection: Selection) -> Plan:
        """The plan of the job with these parameter values."""

        def planned(selection: Selection) -> Plan:
            return make_plan(
                self.job,
                given,
                source=self.source.name,
                base=Path.cwd(),
                template_dir=self.source.folder,
                environments=self.environments,
                selection=selection,
            )

        return planned(_by_output(selection, planned) if self.source.is_ours else selection)


def plan_request(request: Request, config: Config) -> Plan:
    """The plan of the template that is asked for, with the parameter values as they are given.

    Raises
    ------
    InvalidInput: with every problem found, each at its place.
    """
    templates = _read(request, config)
    return templates.plan({**templates.source.parameters, **request.parameters}, request.selection)


def _read(request: Request, config: Config) -> _Templates:
    source = read_source(request.file, config)
    template = decode(source.template, source.name, request.extensions)
    if problems := run_data_problems(source.template, extra_exports(config.engine.extra_exports)):
        raise InvalidInput(source.name, problems)
    outside = [decode_environment(read_document(path), str(path), request.extensions) for path in request.environments]
    return _Templates(source, template, outside)


def prepare(
    request: Request, *, output: Path, directory: AttemptDirectory, config: Config, engine: str | None = None
) -> Rendering:
    """Read and plan what is to be rendered.

    A template that runs none of our commands is a guest: no parameter is set for it, and nothing is made for it. For
    others, a `GarmentFile` may be a URI: it is resolved into a manifest.

    Parameters
    ----------
    output: the output directory, absolute.
    directory: takes what is written for the session, such as the inputs manifest.

    Raises
    ------
    InvalidInput: with every problem found, each at its place.
    """
    templates = _read(request, config)
    given = {**templates.source.parameters, **request.parameters}
    made = None
    if templates.source.is_ours:
        known = templates.parameters
        ours = {"OutputDir": str(output), "Engine": engine or config.engine.kind}
        given = {name: value for name, value in ours.items() if name in known} | given
        made = Path(given.get("OutputDir", output)).absolute()
        given = _with_inputs(given, known, str(request.file), directory, config)
    plan = templates.plan(given, request.selection)
    return Rendering(plan, made, plan.output_names)


def rendering_run(
    rendering: Rendering,
    *,
    directory: AttemptDirectory,
    journal: Journal,
    config: Config,
    options: RunOptions = NO_OPTIONS,
    on_output: Callable[[str], object] = lambda line: None,
) -> PlanRun | GuestRun:
    """The run of a rendering, ready to start. Its outputs stay in the output directory.

    Parameters
    ----------
    on_output: called with each line that the template's own actions print.
    """
    if rendering.output is None:
        from .guest import GuestRun

        return GuestRun(
            rendering.plan,
            directory=directory,
            journal=journal,
            config=config,
            options=options,
            on_output=on_output,
        )
    from ..translation.outputs import ExpectedOutput
    from .run import PlanRun

    return PlanRun(
        rendering.plan,
        [ExpectedOutput(name, upload=False) for name in rendering.outputs],
        directory=directory,
        output=rendering.output,
        journal=journal,
        config=config,
        options=options,
        on_output=on_output,
        output_types=rendering.output_types,
    )


def read_path_mapping_rules(given: str) -> list[PathMappingRule]:
    """Rules in the format `pathmapping-1.0` of the OpenJD specification.

    Parameters
    ----------
    given: the name of a JSON or YAML file, with or without `file://`, or the rules themselves as JSON.

    Raises
    ------
    InvalidInput: they are not in that format.
    """
    text = given.strip()
    inline = text.startswith("{")
    source = "--path-mapping-rules" if inline else text.removeprefix("file://")
    data = document_in(text, source) if inline else read_document(Path(source).expanduser())
    try:
        if data["version"] != "pathmapping-1.0":
            raise InvalidInput(source, [Problem("/version", "expected 'pathmapping-1.0'")])
        return [PathMappingRule.from_dict(rule) for rule in data["path_mapping_rules"]]
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput(source, [Problem("", f"no path mapping rules: {error}")]) from error


def _with_inputs(
    values: dict[str, Any], known: set[str], source: str, directory: AttemptDirectory, config: Config
) -> dict[str, Any]:
    """The values with a garment that is there: checked if it is a file, resolved if it is a URI."""
    if not known.issuperset({"GarmentFile", "InputsManifest"}):
        return values
    from ..garment import check_garment
    from ..storage.adapters import open_storage
    from ..storage.address import local_path
    from ..storage.inputs.manifest import write_manifest
    from ..storage.inputs.resolve import resolve_inputs

    garment = str(values.get("GarmentFile", ""))
    if garment.startswith("file:"):
        garment = str(local_path(garment))
    if not garment and not values.get("InputsManifest"):
        expected = "give -p GarmentFile=FILE or -p InputsManifest=FILE"
        raise InvalidInput(source, [Problem("/parameterDefinitions/GarmentFile", f"no garment: {expected}")])
    if "://" in garment:
        details = {"input_file_uri": garment}
        write_manifest(directory.inputs, resolve_inputs(details, open_storage(config), config.inputs, own_urls=True))
        return {**values, "GarmentFile": "", "InputsManifest": str(directory.inputs)}
    if garment:
        check_garment(Path(garment))
        return {**values, "GarmentFile": garment}
    return values


def _by_output(selection: Selection, planned: Callable[[Selection], Plan]) -> Selection:
    """The selection with the names of steps instead of those of their outputs."""
    if not selection.steps:
        return selection
    whole = planned(EVERYTHING)
    makes = {step.name: (whole.export_of(step.name) or {}).get("output_file_name") for step in whole.steps}
    steps = [[name for name, output in makes.items() if output == wanted] or [wanted] for wanted in selection.steps]
    return replace(selection, steps=tuple(name for names in steps for name in names))
