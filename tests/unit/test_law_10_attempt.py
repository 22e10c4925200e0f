"""Law 10 in an attempt: whose fault an end is, signs of life that mean something, and outcomes that arrive."""

from __future__ import annotations

import errno
import json
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from openjd_vstitcher.attempt import report as reporting
from openjd_vstitcher.attempt.directory import AttemptDirectory
from openjd_vstitcher.attempt.lease import LOST_EXIT_CODE
from openjd_vstitcher.attempt.outcome import (
    AttemptResult,
    crashed,
    is_machine_fault,
    outcome_of,
    outcome_of_error,
)
from openjd_vstitcher.attempt.resume import outcome_of_killed
from openjd_vstitcher.attempt.status import StatusFile, read_status
from openjd_vstitcher.config import Config, PlatformConfig
from openjd_vstitcher.errors import (
    ClaimLost,
    ConfigError,
    InvalidInput,
    PlatformError,
    Problem,
    StorageError,
)
from openjd_vstitcher.events import Failure, StepState
from openjd_vstitcher.outputs.values import Fate, OutputResult, SyncReport
from openjd_vstitcher.platform.values import Outcome
from openjd_vstitcher.session.runner import RunResult
from tests.unit.test_lease import Queue, lease_of

FRONT = {"output_file_name": "front.png"}


def result_of(
    *failures: Failure, canceled: bool = False, steps: dict[str, StepState] | None = None, **fates: Fate
) -> AttemptResult:
    """A result; `fates` are those of the outputs, by name without suffix."""
    outputs = [OutputResult(f"{name}.png", fate, reason=f"{fate} it is") for name, fate in fates.items()]
    steps = steps or {"01 front.png": "failed" if failures else "succeeded"}
    return AttemptResult(RunResult(steps, failures, canceled), SyncReport(outputs))


def ended(result: AttemptResult, stop: Any = None) -> Outcome:
    return outcome_of(result, stop=stop, hide_previous_style_assets=True)


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO, errno.ENOMEM, errno.EMFILE])
def test_what_the_machines_disk_or_memory_refuses_goes_back_uncounted_and_pauses(code: int) -> None:
    error = OSError(code, "no")
    for each in (error, caused(InvalidInput("x", [Problem("", "y")]), error), caused(ValueError("z"), error)):
        outcome = outcome_of_error(each)
        assert (outcome.status, outcome.counted, outcome.pause, outcome.crashed) == ("NEW", False, True, False)
        assert is_machine_fault({"errors": outcome.errors})


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        sqlite3.OperationalError("unable to open database file"),
        sqlite3.DatabaseError("database disk image is malformed"),
        ConfigError("c.toml: not valid TOML"),
    ],
)
def test_a_broken_ledger_or_configuration_is_the_machines_fault(error: Exception) -> None:
    outcome = outcome_of_error(error)
    assert (outcome.status, outcome.counted, outcome.pause) == ("NEW", False, True)
    assert (str(error) or "MemoryError") in str(outcome.status_details)
    assert is_machine_fault({"errors": outcome.errors})


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (InvalidInput("preset", [Problem("/a", "b")]), "preset: /a: b"),
        (StorageError("cannot look up s3://b/x: NoSuchBucket", transient=False), "NoSuchBucket"),
        (RecursionError("maximum recursion depth"), "nested too deeply"),
        (PermissionError(errno.EACCES, "denied"), "internal error: PermissionError"),
        (ZeroDivisionError("division"), "internal error: ZeroDivisionError: division"),
    ],
)
def test_what_is_wrong_with_the_job_ends_the_job_alone(error: Exception, told: str) -> None:
    outcome = outcome_of_error(error)
    assert (outcome.status, outcome.pause) == ("COMPLETED_ERRORS", False)
    assert told in str(outcome.status_details)
    assert not is_machine_fault({"errors": outcome.errors})


def test_what_cannot_be_reached_now_pauses_the_job_and_not_the_machine() -> None:
    outcome = outcome_of_error(StorageError("cannot look up s3://b/x: away", transient=True))
    assert (outcome.status, outcome.counted, outcome.pause) == ("NEW", False, True)
    assert not is_machine_fault({"errors": outcome.errors})


def test_a_job_that_nobody_may_read_ends_after_a_few_returns() -> None:
    denied = StorageError("cannot look up s3://b/x: access is denied", transient=False, credential=True)
    assert [outcome_of_error(denied, returns=returns).status for returns in (0, 4, 5)] == [
        "NEW",
        "NEW",
        "COMPLETED_ERRORS",
    ]


def test_an_engine_that_died_when_every_output_was_delivered_fails_no_job() -> None:
    died = Failure(step="01 front.png", action="run 01 front.png", message="the engine exited", parameters=FRONT)
    outcome = ended(result_of(died, front="registered"))
    assert outcome == Outcome("COMPLETED_SUCCESS", hide_previous_style_assets=True)


@pytest.mark.parametrize(
    "result",
    [
        result_of(Failure(action="run 01 front.png", message="x", parameters=FRONT), front="missing"),
        result_of(Failure(action="run 01 front.png", message="x", parameters=FRONT), front="registered", back="failed"),
        result_of(Failure(action="run pack", step="pack", message="the script failed"), front="registered"),
        result_of(Failure(action="enter VStitcher", environment="VStitcher", message="x"), front="registered"),
        result_of(Failure(action="run a", message="x", parameters=FRONT)),
        result_of(
            Failure(action="run 01 front.png", message="x", parameters=FRONT),
            front="registered",
            steps={"01 front.png": "failed", "02 notify": "skipped"},
        ),
    ],
)
def test_any_other_failure_is_told(result: AttemptResult) -> None:
    assert ended(result).status == "COMPLETED_ERRORS"
    assert not str(ended(result).status_details).startswith("0 of")


def test_an_export_that_succeeds_and_whose_upload_fails_ends_with_the_reason() -> None:
    outcome = ended(result_of(front="failed", back="registered"))
    assert outcome.status == "COMPLETED_ERRORS"
    assert outcome.status_details == "1 of 2 exports failed: front.png: failed it is"
    assert outcome.errors[0]["action"] == "deliver front.png"


@pytest.mark.parametrize(
    "failure",
    [
        Failure(environment="WorkingDirectory", action="enter", message="staging failed: disk full", exit_code=75),
        Failure(step="02 b", action="run 02 b", message="b failed in stage start: no licence", stage="start"),
        Failure(environment="VStitcher", action="enter", message="the engine failed in stage start: not installed"),
    ],
)
def test_inputs_that_do_not_fit_and_engines_that_do_not_start_are_the_machines_fault(failure: Failure) -> None:
    outcome = ended(result_of(failure, front="missing"))
    assert (outcome.status, outcome.counted, outcome.pause) == ("NEW", False, True)
    assert failure.message in str(outcome.status_details)
    assert is_machine_fault({"errors": outcome.errors})


@pytest.mark.parametrize(
    "failure",
    [
        Failure(environment="WorkingDirectory", action="enter", message="no such input", exit_code=2),
        Failure(step="a", action="run a", message="it exited", exit_code=75),
        Failure(environment="VStitcher", action="enter", message="the engine failed in stage open: not a garment"),
    ],
)
def test_bad_inputs_are_the_jobs_fault(failure: Failure) -> None:
    assert ended(result_of(failure, front="missing")).status == "COMPLETED_ERRORS"


FULL = "only 3 MiB are free on the disk of /jobs"


@pytest.mark.parametrize(
    ("result", "told"),
    [
        (
            result_of(Failure(action="run a", message="front.png failed in stage export: code 5"), front="missing"),
            "code 5",
        ),
        (result_of(front="missing"), "front.png: missing it is"),
        (result_of(front="failed"), "front.png: failed it is"),
    ],
)
def test_an_export_that_fails_on_a_full_disk_is_the_machines_fault(result: AttemptResult, told: str) -> None:
    outcome = outcome_of(result, stop=None, hide_previous_style_assets=True, full_disk=FULL)
    assert (outcome.status, outcome.counted, outcome.pause, outcome.crashed) == ("NEW", False, True, False)
    assert outcome.status_details is not None
    assert outcome.status_details.startswith(f"{FULL}: ")
    assert told in outcome.status_details
    assert is_machine_fault({"errors": outcome.errors})


def test_a_full_disk_takes_no_success_away() -> None:
    done = outcome_of(result_of(front="registered"), stop=None, hide_previous_style_assets=True, full_disk=FULL)
    assert done.status == "COMPLETED_SUCCESS"


def test_outputs_that_could_not_be_delivered_in_time_go_back_uncounted() -> None:
    outcome = ended(result_of(front="pending", back="registered"))
    assert (outcome.status, outcome.counted, outcome.pause) == ("NEW", False, True)
    assert outcome.status_details == "not delivered in time: front.png: pending it is"


@pytest.mark.parametrize(
    ("stop", "canceled", "status"),
    [
        ("canceled", True, "CANCELED"),
        ("canceled", False, "COMPLETED_ERRORS"),
        ("given back", True, "NEW"),
        ("given back", False, "NEW"),
        ("lost", False, "NEW"),
        (None, False, "COMPLETED_ERRORS"),
    ],
)
def test_only_a_cancelation_that_the_queue_asked_for_cancels(stop: Any, canceled: bool, status: str) -> None:
    """At a shutdown the signal may reach the action first: it fails, and the word to stop comes a moment later."""
    killed = Failure(action="run a", message="run a ended with exit code 143", exit_code=143)
    outcome = ended(result_of(killed, canceled=canceled, front="missing"), stop)
    assert outcome.status == status
    assert not outcome.pause


def test_a_process_that_ended_without_an_outcome_says_so_with_its_last_line() -> None:
    outcome = crashed("MemoryError")
    assert (outcome.status, outcome.crashed) == ("NEW", True)
    assert outcome.status_details == "the job's process was killed; its last line: MemoryError"


def test_the_last_line_of_a_killed_process_hides_the_configured_credential(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARMLESS", "canary-4711")
    directory = AttemptDirectory(tmp_path)
    directory.process_log.write_text("crashed with canary-4711\n", encoding="utf-8")
    outcome = outcome_of_killed(directory, Config(platform=PlatformConfig(credential_variable="HARMLESS")))
    assert (outcome.status_details or "").endswith("its last line: crashed with [redacted]")


def test_outcomes_of_another_process_keep_what_they_say_about_pauses(tmp_path: Path) -> None:
    for outcome in (crashed("x"), outcome_of_error(MemoryError())):
        told = json.loads(json.dumps(vars(outcome)))
        assert vars(Outcome.of(told)) == {**vars(outcome)}


# Signs of life


@pytest.fixture
def fast_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openjd_vstitcher.attempt.status._HEARTBEAT_S", 0.05)


def beats(path: Path, during_s: float, meanwhile: Callable[[], None] = lambda: None) -> int:
    """How many different heartbeats a status file shows within a time."""
    seen: set[datetime] = set()
    until = time.monotonic() + during_s
    while time.monotonic() < until:
        meanwhile()
        status = read_status(path)
        assert status is not None
        seen.add(status.heartbeat)
        threading.Event().wait(0.02)
    return len(seen)


@pytest.mark.usefixtures("fast_beats")
def test_a_thread_does_not_hide_that_the_work_is_stuck(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    status = StatusFile(path, job_id="7", attempt=1)
    status.alive(0.3)
    assert beats(path, 0.3) > 2
    threading.Event().wait(0.3)
    assert beats(path, 0.5) == 1
    assert beats(path, 0.5, meanwhile=lambda: status.alive(0.2)) > 2
    status.alive(60)
    assert beats(path, 0.5) > 2
    status.end({"status": "COMPLETED_SUCCESS"})
    assert beats(path, 0.5) == 1


# Telling the queue


class Picky(Queue):
    """A queue that refuses an outcome in the ways that a test says, and takes it at last."""

    def __init__(self, *answers: Exception | None) -> None:
        super().__init__()
        self.answers = list(answers)
        self.told: list[Outcome] = []

    def finish(self, claim: object, outcome: Outcome) -> None:
        self.told.append(outcome)
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer


def reported(folder: Path, queue: Picky, outcome: Outcome) -> bool:
    with lease_of(folder, queue, length_s=60) as lease:
        return reporting.report(queue, lease._claim, outcome, AttemptDirectory(folder / "7.1"), lease)  # type: ignore[arg-type]


@pytest.mark.parametrize("status", ["COMPLETED_SUCCESS", "COMPLETED_ERRORS", "NEW", "CANCELED"])
def test_a_queue_that_dislikes_the_text_gets_a_shorter_one_and_the_same_status(tmp_path: Path, status: Any) -> None:
    queue = Picky(PlatformError("value too long"))
    outcome = Outcome(
        status, "x" * 900, errors=[{"message": "m"}], hide_previous_style_assets=True, counted=False, pause=True
    )
    assert reported(tmp_path, queue, outcome)
    assert len(queue.told) == 2
    short = queue.told[1]
    assert (short.status, short.status_details, short.errors) == (status, "x" * 200, ())
    assert (short.hide_previous_style_assets, short.counted, short.pause) == (True, False, True)


def test_a_refused_credential_is_waited_for_and_the_outcome_arrives_whole(tmp_path: Path) -> None:
    refused = PlatformError("the JWT has expired (invalid-jwt)", credential=True)
    outcome = Outcome("COMPLETED_SUCCESS", "done")
    queue = Picky(refused, refused)
    assert reported(tmp_path, queue, outcome)
    assert queue.told == [outcome] * 3


def test_a_lost_claim_needs_no_outcome(tmp_path: Path) -> None:
    queue = Picky(ClaimLost("another attempt"))
    assert reported(tmp_path, queue, Outcome("COMPLETED_SUCCESS"))
    assert len(queue.told) == 1


def test_a_claim_that_the_queue_has_taken_back_is_reported_once_all_the_same(tmp_path: Path) -> None:
    """The lease expired in an outage, which counts as a crash until the queue hears of an outcome."""
    queue = Picky(ClaimLost("another attempt"))
    queue.state = "lost"
    outcome = Outcome("NEW", "given back")
    with lease_of(tmp_path, queue, length_s=60) as lease:
        stopped = threading.Event()
        lease.on_stop(lambda _: stopped.set())
        assert stopped.wait(10)
        directory = AttemptDirectory(tmp_path / "7.1")
        assert reporting.report(queue, lease._claim, outcome, directory, lease)  # type: ignore[arg-type]
    assert queue.told == [outcome]


def test_a_process_that_ended_itself_for_its_lease_did_not_crash(tmp_path: Path) -> None:
    """The queue cannot be reached, and the work does not stop in time."""
    code = (
        "import sys, time; from pathlib import Path; from openjd_vstitcher.errors import PlatformError\n"
        "from tests.unit.test_lease import Queue, lease_of\n"
        "def away(*a, **k): raise PlatformError('away', transient=True)\n"
        "queue = Queue(); queue.heartbeat = away\n"
        "with lease_of(Path(sys.argv[1]), queue, length_s=2): time.sleep(60)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False, timeout=60)
    assert done.returncode == LOST_EXIT_CODE
    outcome = outcome_of_killed(AttemptDirectory(tmp_path / "7.1"), Config())
    assert (outcome.status, outcome.crashed, outcome.counted) == ("NEW", False, False)
    assert outcome.status_details == "given back: the lease could not be renewed in time"


def test_a_queue_that_takes_nothing_leaves_the_outcome_to_a_later_process(tmp_path: Path) -> None:
    queue = Picky(*[PlatformError("no")] * 2)
    assert not reported(tmp_path, queue, Outcome("COMPLETED_SUCCESS"))
    assert not AttemptDirectory(tmp_path / "7.1").reported.exists()
