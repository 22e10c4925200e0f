"""Plans which steps of a template run, and in which order. Starts nothing."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from openjd.model import (
    DecodeValidationError,
    Job,
    JobParameterValues,
    JobTemplate,
    Step,
    StepDependencyGraph,
    StepParameterSpaceIterator,
    SymbolTable,
    create_job,
    preprocess_job_parameters,
)

from ..errors import InvalidInput, Problem
from ..translation.check import model_problems


@dataclass(frozen=True)
class PlannedStep:
    """A step that will run.

    Parameters
    ----------
    step: the step of the created job.
    depends_on: names of the steps that must succeed before it.
    """

    step: Step
    depends_on: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name of the step."""
        return self.step.name

    @property
    def task_count(self) -> int:
        """The number of tasks."""
        return len(StepParameterSpaceIterator(space=self.step.parameterSpace))


@dataclass(frozen=True)
class Plan:
    """A job that is ready to run.

    Parameters
    ----------
    steps: in an order in which each step follows the steps that it depends on.
    """

    job: Job
    values: JobParameterValues
    steps: tuple[PlannedStep, ...]

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
    template: JobTemplate, given: Mapping[str, str], *, source: str, base: Path, only: Sequence[str] = ()
) -> Plan:
    """Create the job of a template and order its steps.

    Parameters
    ----------
    given: parameter values, as text.
    source: how errors name the template.
    base: the directory that relative paths in `given` are relative to.
    only: names of the steps to run, together with their dependencies; empty for all steps.

    Raises
    ------
    InvalidInput: a parameter is unknown, missing or invalid, or a step in `only` does not exist.
    """
    try:
        values = preprocess_job_parameters(
            job_template=template,
            job_parameter_values=dict(given),
            job_template_dir=base,
            current_working_dir=base,
            allow_job_template_dir_walk_up=True,
        )
        job = create_job(job_template=template, job_parameter_values=values)
    except (DecodeValidationError, ValueError) as error:
        raise InvalidInput(source, list(model_problems(str(error)))) from error
    graph = StepDependencyGraph(job=job)
    depends_on = {
        step.name: tuple(edge.origin.step.name for edge in graph.step_node(stepname=step.name).in_edges)
        for step in job.steps
    }
    wanted = _with_dependencies(only, depends_on, source) if only else set(depends_on)
    ordered = [step for step in graph.topo_sorted() if step.name in wanted]
    return Plan(job, values, tuple(PlannedStep(step, depends_on[step.name]) for step in ordered))


def _with_dependencies(only: Sequence[str], depends_on: Mapping[str, tuple[str, ...]], source: str) -> set[str]:
    unknown = [name for name in only if name not in depends_on]
    if unknown:
        known = ", ".join(repr(name) for name in depends_on)
        raise InvalidInput(
            source, [Problem("/steps", f"no step is named {name!r}; there are {known}") for name in unknown]
        )
    wanted: set[str] = set()
    queue = list(only)
    while queue:
        name = queue.pop()
        if name not in wanted:
            wanted.add(name)
            queue.extend(depends_on[name])
    return wanted


def _export_of(step: Step) -> dict[str, Any] | None:
    script = step.script
    for file in (script.embeddedFiles or []) if script is not None else []:
        try:
            export = json.loads(file.data.resolve(symtab=SymbolTable()))["export"]
        except (ValueError, KeyError, TypeError):
            continue
        if isinstance(export, dict) and isinstance(export.get("output_file_name"), str):
            return export
    return None
