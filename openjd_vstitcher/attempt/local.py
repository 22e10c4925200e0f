"""Runs a template or a preset on this machine, with no queue and no storage: what `openjd-vs render` does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openjd.sessions import PathMappingRule

from ..config import Config
from ..documents import read_document
from ..errors import InvalidInput, Problem
from ..export_types import extra_exports
from ..garment import check_garment
from ..journal import Journal
from ..presets import is_preset, load_preset
from ..session.plan import Plan, make_plan
from ..storage.adapters import open_storage
from ..storage.address import local_path
from ..storage.inputs.manifest import write_manifest
from ..storage.inputs.resolve import resolve_inputs
from ..translation.check import decode
from ..translation.outputs import ExpectedOutput
from ..translation.preset import translate
from .directory import AttemptDirectory
from .run import PlanRun


@dataclass(frozen=True)
class Rendering:
    """What will be rendered: all of it is validated, and nothing has started.

    Parameters
    ----------
    outputs: the files that the steps will make in the output directory, in order.
    output_types: see `TranslatedJob`.
    """

    plan: Plan
    output: Path
    outputs: tuple[str, ...]
    output_types: Mapping[str, str | None] | None = None


def prepare(
    file: Path,
    parameters: Mapping[str, str],
    *,
    output: Path,
    directory: AttemptDirectory,
    config: Config,
    engine: str | None = None,
    steps: Sequence[str] = (),
) -> Rendering:
    """Read a template or a preset and plan it.

    Parameters
    ----------
    parameters: parameter values by name; a `GarmentFile` may be a URI, it is then resolved into a manifest.
    output: the output directory, absolute.
    directory: takes what is written for the session, such as the inputs manifest.
    steps: names of the steps to run, or of their outputs; empty for all.

    Raises
    ------
    InvalidInput: with every problem found, each at its place.
    """
    return prepare_document(
        read_document(file),
        str(file),
        parameters,
        output=output,
        directory=directory,
        config=config,
        engine=engine,
        steps=steps,
    )


def prepare_document(
    data: Any,
    source: str,
    parameters: Mapping[str, str],
    *,
    output: Path,
    directory: AttemptDirectory,
    config: Config,
    engine: str | None = None,
    steps: Sequence[str] = (),
) -> Rendering:
    """Plan a template or a preset that is already read, as `prepare` does.

    Parameters
    ----------
    source: how errors name it.
    """
    extra = extra_exports(config.engine.extra_exports)
    template = translate(load_preset(data, source, extra_exports=extra)) if is_preset(data) else data
    decoded = decode(template, source)
    known = {definition.name for definition in decoded.parameterDefinitions or []}
    values = {"OutputDir": str(output), "Engine": engine or config.engine.kind}
    values = {name: value for name, value in values.items() if name in known} | dict(parameters)
    values = _with_inputs(values, known, source, directory, config)
    whole = make_plan(decoded, values, source=source, base=Path.cwd())
    wanted = [name for step in steps for name in _steps_named(step, whole)]
    plan = make_plan(decoded, values, source=source, base=Path.cwd(), only=wanted) if steps else whole
    return Rendering(plan, Path(values.get("OutputDir", output)).absolute(), plan.output_names)


def rendering_run(
    rendering: Rendering,
    *,
    directory: AttemptDirectory,
    journal: Journal,
    config: Config,
    fail_fast: bool = False,
    path_mapping_rules: Sequence[PathMappingRule] = (),
) -> PlanRun:
    """The run of a rendering, ready to start. Its outputs stay in the output directory."""
    expected = [ExpectedOutput(name, upload=False) for name in rendering.outputs]
    return PlanRun(
        rendering.plan,
        expected,
        directory=directory,
        output=rendering.output,
        journal=journal,
        config=config,
        fail_fast=fail_fast,
        path_mapping_rules=path_mapping_rules,
        output_types=rendering.output_types,
    )


def read_path_mapping_rules(file: Path) -> list[PathMappingRule]:
    """Rules from a file in the format `pathmapping-1.0` of the OpenJD specification.

    Raises
    ------
    InvalidInput: the file is not in that format.
    """
    data = read_document(file)
    try:
        if data["version"] != "pathmapping-1.0":
            raise InvalidInput(str(file), [Problem("/version", "expected 'pathmapping-1.0'")])
        return [PathMappingRule.from_dict(rule) for rule in data["path_mapping_rules"]]
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput(str(file), [Problem("", f"no path mapping rules: {error}")]) from error


def _with_inputs(
    values: dict[str, str], known: set[str], source: str, directory: AttemptDirectory, config: Config
) -> dict[str, str]:
    """The values with a garment that is there: checked if it is a file, resolved if it is a URI."""
    if not known.issuperset({"GarmentFile", "InputsManifest"}):
        return values
    garment = values.get("GarmentFile", "")
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


def _steps_named(name: str, plan: Plan) -> list[str]:
    """The steps that make an output, where `name` is an output's; else the name itself."""
    return [step.name for step in plan.steps if (plan.export_of(step.name) or {}).get("output_file_name") == name] or [
        name
    ]
