"""`openjd-vs outputs`: see, finish and clear away what jobs made."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ._console import config_option, configured_platform, json_option, print_json, print_table

if TYPE_CHECKING:
    from ..attempt.directory import AttemptDirectory

_directories = click.argument(
    "directories", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, file_okay=False)
)


@click.group("outputs")
def command() -> None:
    """Show, finish and clear away the outputs of job directories."""


@command.command("status")
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False))
@json_option
def status(directory: Path, as_json: bool) -> None:
    """Show how far each output of a job DIRECTORY is."""
    from ..attempt.directory import AttemptDirectory
    from ..errors import InvalidInput, Problem
    from ..outputs.ledger import Ledger

    path = AttemptDirectory(directory).ledger
    if not path.exists():
        raise InvalidInput(str(directory), [Problem("", "has no ledger of outputs")])
    ledger = Ledger(path)
    entries = ledger.entries()
    ledger.close()
    if as_json:
        print_json(entries)
        return
    rows = [(e.output.name, e.state, e.size_bytes, e.uri, e.attempts, e.error) for e in entries]
    print_table(["output", "status", "bytes", "address", "uploads", "error"], rows)


@command.command("resume")
@_directories
@click.option("--timeout", "timeout_s", type=click.FloatRange(min=0), help="Seconds to wait for each job's uploads.")
@json_option
@config_option
def resume(directories: tuple[Path, ...], timeout_s: float | None, as_json: bool, config_path: Path | None) -> None:
    """Finish the uploads of job DIRECTORIES whose process is gone. Exit code 1 when an output is still not safe."""
    from ..attempt.directory import AttemptDirectory
    from ..attempt.resume import resume as go_on
    from ..config import load_config

    config = load_config(config_path)
    with configured_platform(config_path) as platform:
        reports = {
            str(path): go_on(AttemptDirectory(path.resolve()), config, platform, timeout_s=timeout_s)
            for path in directories
        }
    if as_json:
        print_json(reports)
    else:
        rows = [
            (Path(path).name, output.name, output.fate, output.size_bytes, output.uri, output.reason)
            for path, report in reports.items()
            for output in report.outputs
        ]
        print_table(["job", "output", "status", "bytes", "address", "reason"], rows)
    if not all(report.complete for report in reports.values()):
        sys.exit(1)


@command.command("clean")
@click.option("--work-dir", type=click.Path(path_type=Path, file_okay=False), help="Where job directories are.")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@config_option
def clean(work_dir: Path | None, dry_run: bool, config_path: Path | None) -> None:
    """Remove the directories of ended jobs whose time is over. One with an output that is not delivered stays."""
    from ..attempt.retention import clean as remove
    from ..config import load_config
    from ..storage.adapters import open_storage

    config = load_config(config_path)
    folder = work_dir or config.worker.work_dir
    removals = remove(folder, config.outputs, open_storage(config), dry_run=dry_run)
    rows = [(removal.path.name, removal.size_bytes, removal.reason, removal.error) for removal in removals]
    print_table(["job", "bytes", "reason", "error"], rows)
    if any(removal.error for removal in removals):
        sys.exit(1)


@command.command("discard")
@_directories
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
def discard(directories: tuple[Path, ...], yes: bool, config_path: Path | None) -> None:
    """Remove job DIRECTORIES for good, with outputs that are not delivered, after saying what would be lost."""
    from ..attempt.directory import AttemptDirectory
    from ..attempt.retention import check_ours
    from ..attempt.retention import discard as remove
    from ..config import load_config
    from ..storage.adapters import open_storage

    storage = open_storage(load_config(config_path))
    chosen = [AttemptDirectory(path.absolute()) for path in directories]
    for directory in chosen:
        check_ours(directory)
    rows = [row for directory in chosen for row in _losses(directory)]
    print_table(["job", "output", "bytes", "reason"], rows)
    if not yes:
        click.confirm(f"Remove {len(chosen)} job directories and lose these outputs?", abort=True)
    for directory in chosen:
        remove(directory, storage)


def _losses(directory: AttemptDirectory) -> list[tuple[object, ...]]:
    """The rows that say what is lost with a directory."""
    from ..attempt.retention import lost_with
    from ..errors import StorageError

    job = directory.path.name
    try:
        lost = lost_with(directory)
    except StorageError as error:
        return [(job, "unknown", None, str(error))]
    return [(job, each.name, each.size_bytes, each.reason) for each in lost] or [(job, "none", None, "")]
