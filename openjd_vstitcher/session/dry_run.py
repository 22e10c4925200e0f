"""Says what a plan would run: each action in order, with its command line. Starts nothing."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence

from openjd.sessions import PathMappingRule

from .actions import Action, EnterEnvironment, ExitEnvironment, RunTask
from .plan import Plan, PlannedStep
from .tasks import run_in_turn

_NAME = re.compile(r"\{\{\s*([\w.]+)\s*\}\}")
Symbols = Mapping[str, str]


def would_run(plan: Plan, rules: Sequence[PathMappingRule] = ()) -> Iterator[tuple[str, str]]:
    """The title and the command line of each action, in order; "" for an action that runs nothing.

    Parameter values are filled in. What only a session knows, such as its working directory, stays `{{…}}`.

    Parameters
    ----------
    rules: the path mapping rules for PATH parameters.
    """
    symbols = _job_symbols(plan, rules)
    job = [EnterEnvironment(environment, environment.name) for environment in plan.environments]
    for entered in job:
        yield _told(entered, symbols)
    for planned in plan.steps:
        yield from _step(planned, symbols)
    for entered in reversed(job):
        yield _told(ExitEnvironment(entered), symbols)


def _step(planned: PlannedStep, symbols: Symbols) -> Iterator[tuple[str, str]]:
    own = [EnterEnvironment(each, each.name, planned) for each in planned.step.stepEnvironments or []]
    for entered in own:
        yield _told(entered, symbols)
    if planned.step.script is not None:
        space = planned.step.parameterSpace
        for number, task in run_in_turn(space, planned.tasks, planned.maximum_tasks, now_s=lambda: 0.0):
            of_task = {
                f"Task.{kind}.{name}": str(v.value) for name, v in task.items() for kind in ("Param", "RawParam")
            }
            yield _told(RunTask(planned, task, number), {**symbols, **of_task})
    for entered in reversed(own):
        yield _told(ExitEnvironment(entered), symbols)


def _job_symbols(plan: Plan, rules: Sequence[PathMappingRule]) -> Symbols:
    symbols = {"Job.Name": str(plan.job.name)}
    for name, value in plan.values.items():
        text = str(value.value)
        symbols[f"RawParam.{name}"] = text
        symbols[f"Param.{name}"] = _mapped(text, rules) if value.type.name == "PATH" else text
    return symbols


def _mapped(path: str, rules: Sequence[PathMappingRule]) -> str:
    for rule in sorted(rules, key=lambda rule: -len(str(rule.source_path))):
        changed, mapped = rule.apply(path=path)
        if changed:
            return mapped
    return path


def _told(action: Action, symbols: Symbols) -> tuple[str, str]:
    line = action.command_line
    words = [str(line.command), *(str(word) for word in line.args or [])] if line is not None else []
    return str(action), shlex.join(_NAME.sub(lambda match: symbols.get(match[1], match[0]), word) for word in words)
