"""A plan as data and as a diagram, for the person who writes its template."""

from __future__ import annotations

from typing import Any

from openjd.model import StepParameterSpaceIterator

from .plan import Plan, PlannedStep


def summary_of(plan: Plan) -> dict[str, Any]:
    """The job as JSON data: its name, parameter values, environments and steps in their order."""
    return {
        "name": str(plan.job.name),
        "extensions": sorted(plan.extensions.extensions),
        "parameters": {name: value.value for name, value in plan.values.items()},
        "environments": [environment.name for environment in plan.environments],
        "steps": [_step(planned) for planned in plan.steps],
        "tasks": sum(planned.task_count for planned in plan.steps),
    }


def mermaid(plan: Plan) -> str:
    """The steps and their dependencies as a Mermaid flowchart; each box has the name and the number of tasks."""
    ids = {planned.name: f"s{number}" for number, planned in enumerate(plan.steps, 1)}
    lines = ["flowchart LR"]
    lines += [f'    {ids[each.name]}["{_label(each)}"]' for each in plan.steps]
    lines += [f"    {ids[name]} --> {ids[each.name]}" for each in plan.steps for name in each.depends_on]
    return "\n".join(lines)


def _step(planned: PlannedStep) -> dict[str, Any]:
    return {
        "name": planned.name,
        "tasks": planned.task_count,
        "task_parameters": sorted(StepParameterSpaceIterator(space=planned.step.parameterSpace).names),
        "environments": [environment.name for environment in planned.step.stepEnvironments or []],
        "depends_on": list(planned.depends_on),
    }


def _label(planned: PlannedStep) -> str:
    count = planned.task_count
    # `#quot;` and the like are Mermaid's own form of the entities of HTML.
    name = planned.name.replace("#", "#35;").replace('"', "#quot;").replace("<", "#lt;")
    return name if count == 1 else f"{name}<br>{count} tasks"
