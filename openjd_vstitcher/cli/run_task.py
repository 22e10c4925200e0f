"""`openjd-vs run-task`: run one task of any kind without a queue."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import BAD_INPUT, CANCELED, ERROR, FAILED
from ._console import config_option

if TYPE_CHECKING:
    from ..attempt.guest import GuestResult
    from ..attempt.outcome import AttemptResult
    from ..attempt.task_status import TaskStatus


@click.command("run-task")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the events as JSON lines.")
@config_option
def command(file: Path, as_json: bool, config_path: Path | None) -> None:
    """Run the task in FILE: a handler, scripts, a preset or a template.

    In the current directory it writes result.json (what the task returned), output.log (what it printed), status.json
    (its states with their times, outputs, failures and the exit code), and its files under output/.
    """
    from ..attempt.task_status import TaskStatus
    from ..config import load_config
    from ..documents import read_document
    from ..errors import InvalidInput, OpenjdVsError
    from ._task import run_task

    config = load_config(config_path)
    here = Path.cwd()
    (here / "result.json").unlink(missing_ok=True)
    status = TaskStatus(here / "status.json")
    try:
        result = run_task(
            read_document(file),
            str(file),
            base=file.absolute().parent,
            output=here / "output",
            config=config,
            as_json=as_json,
            log=here / "output.log",
            on_start=status.started,
        )
    except OpenjdVsError as error:
        code = BAD_INPUT if isinstance(error, InvalidInput) else ERROR
        status.ended("COMPLETED_ERRORS", code, failures=[{"message": str(error)}])
        raise
    sys.exit(_end(status, result, here / "result.json"))


def _end(status: TaskStatus, result: AttemptResult | GuestResult, result_file: Path) -> int:
    """Write what came of the task; returns the exit code."""
    if result.returned is not None:
        result_file.write_text(json.dumps(result.returned, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    outputs = [
        {"name": o.name, "state": "made" if o.fate == "kept" else o.fate, "size_bytes": o.size_bytes}
        for o in result.outputs
    ]
    failures = [failure.as_json() for failure in result.failures]
    if result.succeeded:
        status.ended("COMPLETED_SUCCESS", 0, outputs=outputs)
        return 0
    code = CANCELED if result.run.canceled else FAILED
    status.ended("CANCELED" if result.run.canceled else "COMPLETED_ERRORS", code, outputs=outputs, failures=failures)
    return code
