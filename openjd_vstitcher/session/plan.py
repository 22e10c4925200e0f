"""Plans which steps of a template run, and in which order. Starts nothing."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from openjd.model import (
    DecodeValidationError,
    EnvironmentTemplate,
    Job,
    JobParameterValues,
    JobTemplate,
    RevisionExtensions,
    Step,
    StepDependencyGraph,
    SymbolTable,
    TaskParameterSet,
    create_job_with_symbol_tables,
    preprocess_job_parameters,
)
from openjd.model.v2023_09 import Environment

from ..errors import InvalidInput
from ..translation.model_errors import value_problems
from .paths import paths
from .selection import EVERYTHING, Selection, chosen_steps, chosen_tasks
from .tasks import task_count


@dataclass(frozen=True)
class PlannedStep:
    """A step that will run.

    Parameters
    ----------
    step: the step of the created job.
    depends_on: names of the steps that must succeed before it.
    symbols: what the expressions of the step can refer to, as the model resolved it when it created the job.
    tasks: the tasks to run; None for all.
    maximum_tasks: how many tasks or chunks to run at most; None for all.
    """

    step: Step
    depends_on: tuple[str, ...]
    symbols: Any = None
    tasks: tuple[TaskParameterSet, ...] | None = None
    maximum_tasks: int | None = None

    @property
    def name(self) -> str:
        """The name of the step."""
        return self.step.name

    @property
    def task_count(self) -> int:
        """The number of tasks. Chunks of a fixed size count as one, adaptive chunks as the tasks in them."""
        return task_count(self.step.parameterSpace, self.tasks, self.maximum_tasks)


@dataclass(frozen=True)
class Plan:
    """A job that is ready to run.

    Parameters
    ----------
    steps: in an order in which each step follows the steps that it depends on.
    environments: entered in this order by each session: the external ones, then those of the job.
    extensions: the OpenJD extensions that the template and the external environments declare.
    """

    job: Job
    values: JobParameterValues
    steps: tuple[PlannedStep, ...]
    environments: tuple[Environment, ...]
    extensions: RevisionExtensions

    def without(self, steps: Collection[str]) -> Plan:
        """The plan without some of its steps; those that depend on them count as ready."""
        return replace(self, steps=tuple(planned for planned in self.steps if planned.name not in steps))

    @property
    def output_names(self) -> tuple[str, ...]:
        """The file names of the exports in the run data of the steps, in order."""
        found = (_export_of(planned.step) for planned in self.steps)
        return tuple(dict.fromkeys(e["output_file_name"] for e in found if e))

    def export_of(self, step_name: str) -> Mapping[str, Any] | None:
        """The export that a step makes, from its run data; None if it makes none."""
        return next((_export_of(planned.step) for planned in self.steps if planned.name == step_name), None)


def make_plan(
    template: JobTemplate,
    given: Mapping[str, Any],
    *,
    source: str,
    base: Path,
    template_dir: Path | None = None,
    environments: Sequence[EnvironmentTemplate] = (),
    selection: Selection = EVERYTHING,
) -> Plan:
    """Create the job of a template and order its steps.

    Parameters
    ----------
    given: parameter values, as text, or as JSON data for the types of the EXPR extension.
    source: how errors name the template.
    base: the directory that relative paths in `given` are relative to.
    template_dir: the directory that default paths are relative to, and must not leave; None for `base`.
    environments: environments from outside the job, in the order in which they are entered.

    Raises
    ------
    InvalidInput: a parameter is unknown, missing or invalid, or a selected step or task does not exist.
    """
    folder = template_dir or base
    outside = list(environments) or None
    templates: list[JobTemplate | EnvironmentTemplate] = [template, *environments]
    defined = [definition for each in templates for definition in each.parameterDefinitions or []]
    try:
        values = preprocess_job_parameters(
            job_template=template,
            job_parameter_values={**given, **paths(defined, given, base=base, folder=folder)},
            job_template_dir=folder,
            current_working_dir=base,
            environment_templates=outside,
        )
        created = create_job_with_symbol_tables(
            job_template=template, job_parameter_values=values, environment_templates=outside
        )
        job = created.job
    except (DecodeValidationError, ValueError) as error:
        raise InvalidInput(source, value_problems(error, [each.name for each in defined])) from error
    graph = StepDependencyGraph(job=job)
    depends_on = {
        step.name: tuple(edge.origin.step.name for edge in graph.step_node(stepname=step.name).in_edges)
        for step in job.steps
    }
    wanted = chosen_steps(selection, depends_on, source)
    planned = []
    for step in graph.topo_sorted():
        if step.name in wanted:
            needs = tuple(name for name in depends_on[step.name] if name in wanted)
            tasks, most = chosen_tasks(selection, step, source)
            planned.append(PlannedStep(step, needs, created.step_symbol_tables.get(step.name), tasks, most))
    entered = [*(each.environment for each in environments), *(job.jobEnvironments or [])]
    return Plan(job, values, tuple(planned), tuple(entered), _extensions(templates))


def _extensions(templates: Sequence[JobTemplate | EnvironmentTemplate]) -> RevisionExtensions:
    declared = [name for each in templates for name in each.extensions or []]
    return RevisionExtensions(spec_rev=templates[0].revision, supported_extensions=list(dict.fromkeys(declared)))


def _export_of(step: Step) -> dict[str, Any] | None:
    script = step.script
    for file in (script.embeddedFiles or []) if script is not None else []:
        if '"export"' not in str(file.data):
            continue
        try:
            export = json.loads(file.data.resolve(symtab=SymbolTable()))["export"]
        except (ValueError, KeyError, TypeError):
            continue
        if isinstance(export, dict) and isinstance(export.get("output_file_name"), str):
            return export
    return None
