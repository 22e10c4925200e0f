"""Says what a plan would run: each action in order, with its command line. Starts nothing."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence

from openjd.model.v2023_09 import Action as CommandLine
from openjd.model.v2023_09 import Environment
from openjd.sessions import PathMappingRule

from .actions import EnterEnvironment, ExitEnvironment, RunTask
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
        yield str(entered), _command(_script_action(entered.environment, "onEnter"), symbols)
    for planned in plan.steps:
        yield from _step(planned, symbols)
    for entered in reversed(job):
        yield str(ExitEnvironment(entered)), _command(_script_action(entered.environment, "onExit"), symbols)


def _step(planned: PlannedStep, symbols: Symbols) -> Iterator[tuple[str, str]]:
    own = [EnterEnvironment(each, each.name, planned) for each in planned.step.stepEnvironments or []]
    for entered in own:
        yield str(entered), _command(_script_action(entered.environment, "onEnter"), symbols)
    if planned.step.script is not None:
        action = planned.step.script.actions.onRun
        space = planned.step.parameterSpace
        for number, task in run_in_turn(space, planned.tasks, planned.maximum_tasks, now_s=lambda: 0.0):
            of_task = {
                f"Task.{kind}.{name}": str(v.value) for name, v in task.items() for kind in ("Param", "RawParam")
            }
            yield str(RunTask(planned, task, number)), _command(action, {**symbols, **of_task})
    for entered in reversed(own):
        yield str(ExitEnvironment(entered)), _command(_script_action(entered.environment, "onExit"), symbols)


def _script_action(environment: Environment, name: str) -> CommandLine | None:
    return getattr(environment.script.actions, name) if environment.script is not None else None


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


def _command(action: CommandLine | None, symbols: Symbols) -> str:
    if action is None:
        return ""
    words = [str(action.command), *(str(word) for word in action.args or [])]
    return shlex.join(_NAME.sub(lambda match: symbols.get(match[1], match[0]), word) for word in words)
