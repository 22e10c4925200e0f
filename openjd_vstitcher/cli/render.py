"""`openjd-vs render`: run a template or a preset on this machine."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import click

from ..config import ENGINE_KINDS
from . import CANCELED, FAILED
from ._console import config_option
from ._signals import StopSignals


def _parameters(ctx: click.Context, option: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    pairs = [text.partition("=") for text in given]
    for name, equals, _ in pairs:
        if not name or not equals:
            raise click.BadParameter(f"expected Name=value, found {name!r}")
    return {name: value for name, _, value in pairs}


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("-p", "--parameter", "parameters", multiple=True, callback=_parameters, help="A parameter: Name=value.")
@click.option("-o", "--output", default="output", type=click.Path(path_type=Path), help="Output directory.")
@click.option("--step", "steps", multiple=True, help="Run only this step or output, and the steps that it depends on.")
@click.option("--engine", type=click.Choice(ENGINE_KINDS), help="The engine that makes the exports.")
@click.option("--fail-fast", is_flag=True, help="Stop after the first failed export.")
@click.option("--path-mapping-rules", type=click.Path(path_type=Path), help="A file with OpenJD path mapping rules.")
@click.option(
    "--log-dir",
    type=click.Path(path_type=Path),
    help="Keep the journal and logs here (default: keep them only after a failure).",
)
@click.option("--json", "as_json", is_flag=True, help="Print the events as JSON lines.")
@config_option
def command(
    file: Path,
    parameters: dict[str, str],
    output: Path,
    steps: tuple[str, ...],
    engine: str | None,
    fail_fast: bool,
    path_mapping_rules: Path | None,
    log_dir: Path | None,
    as_json: bool,
    config_path: Path | None,
) -> None:
    """Run FILE, a template or a preset, on this machine.

    Ctrl-C cancels the run and stops the engine. A second Ctrl-C does so immediately.
    """
    from ..attempt.directory import AttemptDirectory
    from ..attempt.local import prepare, read_path_mapping_rules, rendering_run
    from ..config import load_config
    from ..journal import Journal
    from ._progress import display, print_failures, print_outputs

    config = load_config(config_path)
    rules = read_path_mapping_rules(path_mapping_rules) if path_mapping_rules else []
    directory = AttemptDirectory((log_dir or Path(tempfile.mkdtemp(prefix="openjd-vs-"))).absolute())
    directory.sessions.mkdir(parents=True, exist_ok=True)
    keep = log_dir is not None
    signals = StopSignals("render")
    try:
        rendering = prepare(
            file,
            parameters,
            output=output.absolute(),
            directory=directory,
            config=config,
            engine=engine,
            steps=steps,
        )
        with display(rendering.plan, as_json=as_json) as show:
            journal = Journal(directory.journal, job_id=parameters.get("JobId", "local"), on_event=show)
            run = rendering_run(
                rendering,
                directory=directory,
                journal=journal,
                config=config,
                fail_fast=fail_fast,
                path_mapping_rules=rules,
            )
            signals.bind(lambda count: run.cancel(now=count > 1))
            kept_on_success, keep = keep, True
            result = run.run()
        keep = kept_on_success or not result.succeeded
    finally:
        if not keep:
            shutil.rmtree(directory.path, ignore_errors=True)
    if not as_json:
        print_outputs(
            [(o.name, _state(o.fate, result.run.canceled), o.size_bytes) for o in result.sync.outputs],
            rendering.output,
        )
    print_failures(result.failures)
    if not result.succeeded:
        click.echo(f"journal and logs: {directory.path}", err=True)
        sys.exit(CANCELED if result.run.canceled else FAILED)


def _state(fate: str, canceled: bool) -> str:
    return {"kept": "made", "missing": "canceled" if canceled else "missing"}.get(fate, fate)
