"""`openjd-vs render`: run a template or a preset on this machine."""

from __future__ import annotations

import gc
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..config import ENGINE_KINDS
from . import CANCELED, FAILED
from ._console import config_option
from ._signals import StopSignals
from ._template_help import TemplateCommand

if TYPE_CHECKING:
    from openjd.sessions import PathMappingRule

    from ..attempt.guest import GuestResult
    from ..attempt.local import Rendering
    from ..attempt.outcome import AttemptResult
    from ..session.selection import Selection

_PLUGINS = "PYDANTIC_DISABLE_PLUGINS"


@click.command(cls=TemplateCommand)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "-p",
    "--parameter",
    "parameters",
    multiple=True,
    help="A parameter, Name=value; or several, as file://FILE or as a JSON object.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Output directory (./output).")
@click.option("--step", "steps", multiple=True, help="Run only this step or output, and the steps that it depends on.")
@click.option(
    "--run-dependencies/--no-run-dependencies", default=True, help="Also run what the chosen steps depend on."
)
@click.option("-tp", "--task-param", "task", multiple=True, help="Run one task: a value of it, Name=value.")
@click.option("--tasks", help="Run these tasks: a list of objects, as JSON or as file://FILE.")
@click.option("--maximum-tasks", type=click.IntRange(1), help="Run at most this many tasks of each chosen step.")
@click.option(
    "--environment",
    "--env",
    "environments",
    multiple=True,
    type=click.Path(path_type=Path),
    help="An environment template to run the job in. The first one given is entered first.",
)
@click.option("--extensions", help="The OpenJD extensions that templates may use, with commas (all).")
@click.option("--engine", type=click.Choice(ENGINE_KINDS), help="The engine that makes the exports.")
@click.option(
    "--fail-fast/--no-fail-fast",
    default=None,
    help="Stop after the first failure. Default: only for a template that makes no exports.",
)
@click.option("--path-mapping-rules", help="OpenJD path mapping rules: a file or JSON.")
@click.option("--dry-run", is_flag=True, help="Print the commands that would run, in order, and run nothing.")
@click.option("--preserve", is_flag=True, help="Keep the working directories of the sessions.")
@click.option(
    "--log-dir",
    type=click.Path(path_type=Path),
    help="Keep the journal and logs here (default: keep them only after a failure).",
)
@click.option("--json", "as_json", is_flag=True, help="Print the events as JSON lines.")
@config_option
def command(
    file: Path,
    parameters: tuple[str, ...],
    output: Path | None,
    extensions: str | None,
    environments: tuple[Path, ...],
    engine: str | None,
    fail_fast: bool | None,
    path_mapping_rules: str | None,
    dry_run: bool,
    preserve: bool,
    log_dir: Path | None,
    as_json: bool,
    config_path: Path | None,
    **selection: Any,
) -> None:
    """Run FILE, a template, a preset or the folder of a job bundle, on this machine.

    Ctrl-C cancels the run and stops the engine. A second Ctrl-C does so immediately.
    """
    from ..attempt.directory import AttemptDirectory

    with _quick_imports():
        from ..attempt.local import Request, prepare, read_path_mapping_rules, rendering_run
        from ..session.options import RunOptions
    from ..config import load_config
    from ..journal import Journal
    from ..translation.given import read_parameters
    from ._progress import display

    config = load_config(config_path)
    given = read_parameters(parameters)
    rules = read_path_mapping_rules(path_mapping_rules) if path_mapping_rules else []
    directory = AttemptDirectory((log_dir or Path(tempfile.mkdtemp(prefix="openjd-vs-"))).absolute())
    directory.sessions.mkdir(parents=True, exist_ok=True)
    keep = log_dir is not None or preserve
    signals = StopSignals("render")
    try:
        request = Request(file, given, environments, _extensions(extensions), _selection(**selection))
        made = (output or Path("output")).absolute()
        rendering = prepare(request, output=made, directory=directory, config=config, engine=engine)
        if dry_run:
            _print_commands(rendering, rules)
            return
        _announce(rendering, output)
        with display(rendering.plan, as_json=as_json) as show:
            journal = Journal(directory.journal, job_id=str(given.get("JobId", "local")), on_event=show)
            run = rendering_run(
                rendering,
                directory=directory,
                journal=journal,
                config=config,
                options=RunOptions(not rendering.is_ours if fail_fast is None else fail_fast, rules, preserve),
                on_output=_output_printer(show, as_json=as_json),
            )
            signals.bind(lambda count: run.cancel(now=count > 1))
            kept_on_success, keep = keep, True
            result = run.run()
        keep = kept_on_success or not result.succeeded
    finally:
        if not keep:
            shutil.rmtree(directory.path, ignore_errors=True)
    _report(rendering, result, directory.path if keep else None, as_json=as_json)
    if not result.succeeded:
        sys.exit(CANCELED if result.run.canceled else FAILED)


@contextmanager
def _quick_imports() -> Iterator[None]:
    """Import without garbage collection, and have pydantic not search every installed package for plugins."""
    before = os.environ.get(_PLUGINS)
    os.environ.setdefault(_PLUGINS, "__all__")
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        if before is None:
            del os.environ[_PLUGINS]


def _extensions(given: str | None) -> tuple[str, ...]:
    from ..translation.extensions import EXTENSIONS

    names = EXTENSIONS if given is None else tuple(name.strip().upper() for name in given.split(",") if name.strip())
    if unknown := [name for name in names if name not in EXTENSIONS]:
        expected = ", ".join(EXTENSIONS)
        raise click.BadParameter(
            f"unknown: {', '.join(unknown)}; expected some of {expected}", param_hint="--extensions"
        )
    return names


def _selection(
    steps: tuple[str, ...],
    run_dependencies: bool,
    task: tuple[str, ...],
    tasks: str | None,
    maximum_tasks: int | None,
) -> Selection:
    from ..session.selection import Selection
    from ..translation.given import read_tasks

    if bool(task) + (tasks is not None) + (maximum_tasks is not None) > 1:
        raise click.UsageError("--task-param, --tasks and --maximum-tasks exclude one another")
    return Selection(steps, run_dependencies, read_tasks(task, tasks), maximum_tasks)


def _output_printer(show: object, *, as_json: bool) -> Callable[[str], object]:
    """Prints the lines of actions: above a live display, on standard output, or beside the JSON lines."""
    if as_json:
        return partial(click.echo, err=True)
    above: Callable[[str], object] = getattr(show, "output", click.echo)
    return above if sys.stdout.isatty() else click.echo


def _print_commands(rendering: Rendering, rules: Sequence[PathMappingRule]) -> None:
    from ..session.dry_run import would_run

    click.echo(f"Job: {rendering.plan.job.name}")
    for title, command_line in would_run(rendering.plan, rules):
        click.echo(f"{title}\n    {command_line or '(nothing)'}")


def _announce(rendering: Rendering, output: Path | None) -> None:
    click.echo(f"Job: {rendering.plan.job.name}", err=True)
    if output is not None and not rendering.is_ours:
        click.echo("--output has no effect: the template makes no exports", err=True)


def _report(rendering: Rendering, result: AttemptResult | GuestResult, logs: Path | None, *, as_json: bool) -> None:
    from ._progress import print_failures, print_outputs

    if rendering.output is not None and not as_json:
        canceled = result.run.canceled
        print_outputs([(o.name, _state(o.fate, canceled), o.size_bytes) for o in result.outputs], rendering.output)
    print_failures(result.failures)
    if logs is not None:
        click.echo(f"journal and logs: {logs}", err=True)


def _state(fate: str, canceled: bool) -> str:
    return {"kept": "made", "missing": "canceled" if canceled else "missing"}.get(fate, fate)
