"""Which steps and tasks of a job are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from openjd.model import ParameterValue, ParameterValueType, Step, StepParameterSpaceIterator, TaskParameterSet

from ..errors import InvalidInput, Problem
from ..translation.model_errors import near_name


@dataclass(frozen=True)
class Selection:
    """What to run of a job.

    Parameters
    ----------
    steps: names of steps; empty for all.
    dependencies: also run the steps that the chosen ones depend on.
    tasks: the tasks to run of each chosen step, as parameter values by name; empty for all.
    maximum_tasks: how many tasks or chunks of each chosen step to run at most; None for all.
    """

    steps: tuple[str, ...] = ()
    dependencies: bool = True
    tasks: tuple[Mapping[str, str], ...] = ()
    maximum_tasks: int | None = None


EVERYTHING = Selection()


def chosen_steps(selection: Selection, depends_on: Mapping[str, tuple[str, ...]], source: str) -> set[str]:
    """The names of the steps to run.

    Parameters
    ----------
    depends_on: for each step of the job, the steps that it depends on.
    source: how errors name the template.

    Raises
    ------
    InvalidInput: a chosen step does not exist, or tasks are chosen and it is unclear of which step.
    """
    unknown = [name for name in selection.steps if name not in depends_on]
    if unknown:
        raise InvalidInput(source, [Problem("/steps", _no_step(name, list(depends_on))) for name in unknown])
    chosen = list(selection.steps or depends_on)
    if selection.tasks and len(chosen) != 1:
        raise InvalidInput(source, [Problem("/steps", "tasks can be chosen of one step only; expected --step NAME")])
    if not selection.dependencies:
        return set(chosen)
    wanted: set[str] = set()
    while chosen:
        name = chosen.pop()
        if name not in wanted:
            wanted.add(name)
            chosen.extend(depends_on[name])
    return wanted


def chosen_tasks(
    selection: Selection, step: Step, source: str
) -> tuple[tuple[TaskParameterSet, ...] | None, int | None]:
    """The tasks to run of a step, None for all, and how many at most.

    Raises
    ------
    InvalidInput: a chosen task does not exist.
    """
    if selection.steps and step.name not in selection.steps:
        return None, None
    if not selection.tasks:
        return None, selection.maximum_tasks
    space = StepParameterSpaceIterator(space=step.parameterSpace)
    tasks, problems = [], []
    for number, values in enumerate(selection.tasks, 1):
        try:
            tasks.append(_task(values, step, space))
        except ValueError as error:
            problems.append(Problem("/steps", f"step {step.name!r} has no such task (task {number}): {error}"))
    if problems:
        raise InvalidInput(source, problems)
    return tuple(tasks), selection.maximum_tasks


def _task(values: Mapping[str, str], step: Step, space: StepParameterSpaceIterator) -> TaskParameterSet:
    if set(values) != set(space.names):
        raise ValueError(f"found values of {_listed(values)}; expected {_listed(space.names)}")
    definitions = step.parameterSpace.taskParameterDefinitions if step.parameterSpace else {}
    task = {
        name: ParameterValue(type=ParameterValueType(definitions[name].type), value=value)
        for name, value in values.items()
    }
    space.validate_containment(task)
    return task


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "no parameter"


def _no_step(name: str, known: list[str]) -> str:
    near = near_name(name, known)
    hint = f"; did you mean {near!r}?" if near else ""
    return f"no step is named {name!r}{hint}; there are {', '.join(map(repr, known))}"
