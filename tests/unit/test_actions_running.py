"""How the commands of templates end: exit codes and failure messages."""

from __future__ import annotations

import errno
import os

import pytest

from openjd_vstitcher.actions.running import run_action
from openjd_vstitcher.errors import ConfigError, EngineError, InvalidInput, Problem, StorageError


def _raising(error: Exception) -> None:
    raise error


@pytest.mark.parametrize(
    ("error", "code", "machine"),
    [
        (InvalidInput("x", [Problem("", "y")]), 2, False),
        (EngineError("x"), 1, False),
        (StorageError("x", transient=False), 1, False),
        (StorageError("x", transient=True), 75, True),
        (ConfigError("x"), 75, True),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/work/job.json"), 75, True),
        (OSError(errno.EROFS, "x"), 75, True),
        (OSError(errno.EIO, "x"), 75, True),
        (OSError(errno.EMFILE, "x"), 75, True),
    ],
)
def test_fault_of_the_machine_is_told_from_the_jobs(
    capfd: pytest.CaptureFixture[str], error: Exception, code: int, machine: bool
) -> None:
    assert run_action("staging failed", lambda: _raising(error)) == code
    text = capfd.readouterr().out
    assert text.startswith("openjd_fail: machine: staging failed: " if machine else "openjd_fail: staging failed: ")
    assert text.count("\n") == 1
    if isinstance(error, OSError) and error.filename:
        assert "/work/job.json: No space left" in text


def test_what_is_not_known_is_left_to_the_caller() -> None:
    with pytest.raises(OSError, match="x"):
        run_action("staging failed", lambda: _raising(OSError(errno.ENOENT, "x")))
