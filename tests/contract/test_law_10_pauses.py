"""Law 10 in every queue: what goes back pauses, what crashes three times is put on hold, a poison row ends alone."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from openjd_vstitcher.errors import ClaimLost
from openjd_vstitcher.events import ActionStatus, ActionWarning, SessionStarted
from openjd_vstitcher.journal import Entry
from openjd_vstitcher.platform.embedded import rows as embedded_rows
from openjd_vstitcher.platform.hasura import pauses
from openjd_vstitcher.platform.hasura import rows as hasura_rows
from openjd_vstitcher.platform.ports import Platform
from openjd_vstitcher.platform.values import NewAsset, Outcome, pause_s

from .platforms import Subject
from .test_queue import TYPES, claim, submit

pytest_plugins = ["tests.contract.fixtures"]

PAUSE = Outcome("NEW", "the disk is full", counted=False, pause=True)
CRASH = Outcome("NEW", "the job's process was killed", crashed=True)
DIRTY = "a\x00b\ud83dc"
CLEAN = "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c"


def finish_next(platform: Platform, outcome: Outcome) -> None:
    """Claim the next job and end it."""
    platform.finish(claim(platform), outcome)


@pytest.fixture
def end_pauses(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Subject], None]:
    """Lets every pause be over."""

    def end(subject: Subject) -> None:
        if subject.kind == "embedded":
            with closing(sqlite3.connect(tmp_path / "platform.sqlite")) as db, db:
                db.execute("UPDATE job SET not_before = NULL")
        elif subject.kind in ("extended", "http"):
            request.getfixturevalue(f"{subject.kind}_deployment").execute("UPDATE platform.job SET not_before = NULL")
        else:
            later_s = pauses.time.monotonic() - time.monotonic() + 3600
            monkeypatch.setattr(pauses, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + later_s))

    return end


def test_pauses_grow_up_to_a_quarter_of_an_hour() -> None:
    assert [pause_s(returns) for returns in range(5)] == [5, 10, 20, 40, 80]
    assert pause_s(8) == pause_s(1_000_000) == 900


def test_a_job_with_something_in_its_way_pauses_and_the_next_one_gets_its_turn(subject: Subject) -> None:
    first, second = submit(subject.platform, priority=9), submit(subject.platform)
    finish_next(subject.platform, PAUSE)
    assert subject.platform.job(first.id).status == "NEW"
    assert claim(subject.platform).job.id == second.id
    assert subject.platform.claim("worker-1", TYPES, lease_s=60) is None


def test_a_pause_is_kept_with_the_job_and_grows(leased: Subject) -> None:
    job = submit(leased.platform)
    before = datetime.now(UTC)
    finish_next(leased.platform, PAUSE)
    paused = leased.platform.job(job.id)
    assert (paused.returns, paused.crashes, paused.auto_retries) == (1, 0, 0)
    assert paused.not_before is not None
    assert timedelta(seconds=4) < paused.not_before - before < timedelta(seconds=60)
    assert leased.open().claim("worker-2", TYPES, lease_s=60) is None


def test_a_plain_return_does_not_pause(subject: Subject) -> None:
    job = submit(subject.platform)
    finish_next(subject.platform, Outcome("NEW", "given back", counted=False))
    back = subject.platform.job(job.id)
    assert (back.not_before, back.returns) == (None, 0)
    assert claim(subject.platform).job.id == job.id


def test_waiting_workers_do_not_hear_of_a_job_that_pauses(leased: Subject) -> None:
    submit(leased.platform)
    finish_next(leased.platform, PAUSE)
    assert not leased.open().wait_for_jobs(TYPES, timeout_s=1.0)


def test_a_job_is_claimed_and_announced_again_after_its_pause(leased: Subject) -> None:
    job = submit(leased.platform)
    finish_next(leased.platform, PAUSE)
    until = leased.platform.job(job.id).not_before
    assert until is not None
    other, deadline = leased.open(), time.monotonic() + 30
    while not other.wait_for_jobs(TYPES, timeout_s=1.0):
        assert time.monotonic() < deadline
    again = claim(leased.platform)
    assert again.job.started_at is not None
    assert again.job.started_at >= until
    leased.platform.finish(again, PAUSE)
    paused = leased.platform.job(job.id)
    assert paused.returns == 2
    assert paused.not_before is not None
    assert paused.not_before - datetime.now(UTC) > timedelta(seconds=8)


@pytest.mark.parametrize("how", ["retry", "release"])
def test_a_person_ends_the_pause_and_the_counts(subject: Subject, how: str) -> None:
    job = submit(subject.platform)
    finish_next(subject.platform, PAUSE)
    subject.platform.hold(job.id)
    subject.platform.release(job.id)
    finish_next(subject.platform, CRASH)
    subject.platform.hold(job.id)
    if how == "retry":
        subject.platform.release(job.id)
        finish_next(subject.platform, Outcome("COMPLETED_ERRORS", "x"))
        subject.platform.retry(job.id)
    else:
        subject.platform.release(job.id)
    fresh = subject.platform.job(job.id)
    assert (fresh.status, fresh.not_before, fresh.returns, fresh.crashes) == ("NEW", None, 0, 0)
    assert claim(subject.platform).job.id == job.id


def test_a_job_whose_process_ends_three_times_without_an_outcome_is_put_on_hold(
    subject: Subject, end_pauses: Callable[[Subject], None]
) -> None:
    job = submit(subject.platform)
    for crashes in (1, 2, 3):
        end_pauses(subject)
        taken = claim(subject.platform)
        subject.platform.finish(taken, CRASH)
        subject.platform.finish(taken, CRASH)
        told = subject.platform.job(job.id)
        assert told.status == ("NEW" if crashes < 3 else "ON_HOLD")
        assert (told.auto_retries if subject.kind == "legacy" else told.crashes) == crashes
    assert told.status_details is not None
    assert told.status_details.startswith("the job's process was killed; its process ended 3 times")
    assert f"`openjd-vs jobs release {job.id}`" in told.status_details
    assert told.ended_at is None
    assert subject.platform.claim("worker-1", TYPES, lease_s=60) is None
    assert subject.platform.release(job.id).status == "NEW"


def test_a_crash_of_a_job_that_is_to_be_canceled_cancels_it(leased: Subject) -> None:
    job = submit(leased.platform)
    taken = claim(leased.platform)
    leased.platform.request_cancel(job.id)
    leased.platform.finish(taken, CRASH)
    assert leased.platform.job(job.id).status == "CANCELED"


def test_a_late_crash_is_no_news_of_a_later_attempt(leased: Subject) -> None:
    submit(leased.platform)
    first = claim(leased.platform)
    leased.platform.finish(first, Outcome("NEW"))
    claim(leased.platform, "worker-2")
    with pytest.raises(ClaimLost):
        leased.platform.finish(first, CRASH)


def test_what_another_process_of_this_worker_gave_back_pauses_on_todays_tables(
    subject: Subject, end_pauses: Callable[[Subject], None]
) -> None:
    if subject.kind != "legacy":
        pytest.skip("the pause is kept with the job")
    job = submit(subject.platform)
    other = subject.open()
    other.finish(claim(subject.platform), PAUSE)
    assert subject.platform.claim("worker-1", TYPES, lease_s=60) is None
    end_pauses(subject)
    assert claim(subject.platform).job.id == job.id


def test_a_poison_row_ends_alone_and_the_next_job_is_claimed(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    poison, good = submit(subject.platform, priority=9), submit(subject.platform)
    _break_reading(subject.kind, monkeypatch, poison.id, RecursionError("maximum recursion depth exceeded"))
    assert claim(subject.platform).job.id == good.id
    monkeypatch.undo()
    ended = subject.platform.job(poison.id)
    assert ended.status == "COMPLETED_ERRORS"
    assert "the job's row cannot be used: maximum recursion depth" in (ended.status_details or "")
    assert ended.ended_at is not None


def test_a_machine_without_memory_ends_no_job_when_it_claims(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    job = submit(subject.platform)
    _break_reading(subject.kind, monkeypatch, job.id, MemoryError())
    with pytest.raises(MemoryError):
        subject.platform.claim("worker-1", TYPES, lease_s=60)
    monkeypatch.undo()
    assert subject.platform.job(job.id).status != "COMPLETED_ERRORS"


def test_a_job_that_names_no_preset_ends_with_that_reason(subject: Subject, request: pytest.FixtureRequest) -> None:
    if subject.kind != "legacy":
        pytest.skip("the column cannot be null")
    submit(subject.platform)
    request.getfixturevalue("legacy_deployment").execute("UPDATE platform.job SET preset_key = NULL")
    assert subject.platform.claim("worker-1", TYPES, lease_s=60) is None
    told = request.getfixturevalue("legacy_deployment").execute("SELECT status, status_details FROM platform.job")
    assert told[0][0] == "COMPLETED_ERRORS"
    assert "preset_key is null" in str(told[0][1])


@pytest.mark.parametrize("depth", [600, 990])
def test_details_nested_deeply_do_not_keep_the_next_job_from_being_claimed(
    subject: Subject, request: pytest.FixtureRequest, tmp_path: Path, depth: int
) -> None:
    """Either the job is claimed, or it ends: whatever can be read here may still be too deep elsewhere."""
    deep = submit(subject.platform, priority=9)
    good = submit(subject.platform)
    change = f"UPDATE {{}} SET details = '{'[' * depth}{']' * depth}' WHERE id = '{deep.id}'"
    if subject.kind == "embedded":
        with closing(sqlite3.connect(tmp_path / "platform.sqlite")) as db, db:
            db.execute(change.format("job"))
    else:
        request.getfixturevalue(f"{subject.kind}_deployment").execute(change.format("platform.job"))
    taken = claim(subject.platform).job.id
    assert good.id in (taken, claim(subject.platform).job.id if taken == deep.id else None)


@pytest.mark.parametrize("depth", [100, 600, 990])
def test_one_row_that_cannot_be_read_does_not_hide_the_others(
    subject: Subject, request: pytest.FixtureRequest, tmp_path: Path, depth: int
) -> None:
    platform = subject.platform
    cursor = platform.changes(None, timeout_s=0).cursor
    others = [submit(platform, details={"n": 1}), submit(platform, details={"n": 2})]
    deep = submit(platform)
    others.append(submit(platform, details={"n": 3}))
    change = f"UPDATE {{}} SET details = '{{{{\"x\": {'[' * depth}{']' * depth}}}}}' WHERE id = '{deep.id}'"
    if subject.kind == "embedded":
        with closing(sqlite3.connect(tmp_path / "platform.sqlite")) as db, db:
            db.execute(change.format("job"))
    else:
        request.getfixturevalue(f"{subject.kind}_deployment").execute(change.format("platform.job"))
    listed = platform.jobs()
    assert {job.id for job in listed} == {deep.id, *(job.id for job in others)}
    assert [job.created_at for job in listed] == sorted((job.created_at for job in listed), reverse=True)
    (unreadable,) = [job for job in listed if job.unreadable]
    assert (unreadable.id, unreadable.details, unreadable.status) == (deep.id, {}, "NEW")
    assert "nested too deeply" in str(unreadable.unreadable)
    assert sorted(job.details["n"] for job in listed if job.details) == [1, 2, 3]
    assert platform.job(deep.id) == unreadable
    changed = {job.id: job for job in platform.changes(cursor, timeout_s=0).jobs}
    assert {job.id: changed.get(job.id) for job in listed} == {job.id: job for job in listed}
    assert platform.hold(deep.id).status == "ON_HOLD"
    assert platform.release(deep.id).status == "NEW"
    platform.request_cancel(deep.id)
    assert platform.retry(deep.id).status == "NEW"
    for job in (*others, deep):
        platform.request_cancel(job.id)
    platform.retry(deep.id)
    if (taken := platform.claim("worker-1", TYPES, lease_s=60)) is not None:
        platform.finish(taken, Outcome("COMPLETED_ERRORS", "x", errors=[{"message": "too deep"}]))
    ended = platform.job(deep.id)
    assert ended.status == "COMPLETED_ERRORS"
    assert ended.unreadable
    assert bool(ended.errors) == (subject.kind != "legacy")


def test_no_text_of_a_program_can_fail_a_write(subject: Subject) -> None:
    platform = subject.platform
    job = submit(platform)
    taken = claim(platform)
    platform.heartbeat(taken, lease_s=60, progress=float("nan"), status_details=DIRTY)
    assert platform.job(job.id).status_details == CLEAN
    asset = NewAsset(DIRTY, "MEDIA_RENDER", f"s3://b/{DIRTY}", True, style_id=DIRTY, details={DIRTY: [DIRTY, 1.5]})
    asset_id = platform.begin_asset(taken, asset)
    assert platform.begin_asset(taken, asset) == asset_id
    platform.asset_uploaded(taken, asset_id, {"said": {"by": DIRTY}})
    platform.asset_uploaded(taken, asset_id, {"said": {"by": DIRTY}})
    (kept,) = platform.assets(job.id)
    assert (kept.name, kept.path, kept.style_id, kept.status) == (CLEAN, f"s3://b/{CLEAN}", CLEAN, "UPLOADED")
    assert kept.details[CLEAN] == [CLEAN, 1.5]
    assert kept.details["said"] == {"by": CLEAN}
    outcome = Outcome("COMPLETED_ERRORS", DIRTY, errors=[{"message": DIRTY, "parameters": {"x": float("inf")}}])
    platform.finish(taken, outcome)
    platform.finish(taken, outcome)
    ended = platform.job(job.id)
    assert (ended.status, ended.status_details) == ("COMPLETED_ERRORS", CLEAN)
    if subject.kind != "legacy":
        assert ended.errors[0]["message"] == CLEAN


def test_one_bad_event_does_not_lose_its_batch(leased: Subject) -> None:
    job = submit(leased.platform)
    taken = claim(leased.platform)
    now = datetime.now(UTC).replace(microsecond=0)
    entries = [
        Entry(1, now, job.id, 1, SessionStarted(session="s")),
        Entry(2, now, job.id, 1, ActionStatus(status=DIRTY)),
        Entry(3, now, job.id, 1, ActionWarning(kind="run", message="x", task={"n": float("nan"), DIRTY: DIRTY})),
    ]
    leased.platform.record(taken, entries)
    kept = [entry for entry in leased.platform.events(job.id) if entry.seq]
    assert [entry.seq for entry in kept] == [1, 2, 3]
    assert kept[1].event == ActionStatus(status=CLEAN)


def _break_reading(kind: str, monkeypatch: pytest.MonkeyPatch, job_id: str, error: Exception) -> None:
    """Let the row of a job be unreadable."""
    if kind == "http":
        pytest.skip("a server reads the rows, in its own process, through the embedded platform")
    for rows in (embedded_rows, hasura_rows):
        reads: Callable[[Any], Any] = rows.job

        def job(row: Any, reads: Callable[[Any], Any] = reads) -> Any:
            if row["id"] == job_id:
                raise error
            return reads(row)

        monkeypatch.setattr(rows, "job", job)
