"""What platforms with leases do: a dead worker's job goes on, a running one can be canceled, events are kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from openjd_vstitcher.errors import ClaimLost
from openjd_vstitcher.events import Exported, SessionStarted, StatusChanged, Submitted, Unknown
from openjd_vstitcher.journal import Entry
from openjd_vstitcher.platform.values import Outcome

from .platforms import Subject
from .test_queue import TYPES, claim, submit

pytest_plugins = ["tests.contract.fixtures"]


def test_a_claim_has_a_lease_that_heartbeats_prolong(leased: Subject) -> None:
    job = submit(leased.platform)
    taken = claim(leased.platform, lease_s=0)
    beat = leased.platform.heartbeat(taken, lease_s=300, progress=12.5)
    assert beat.lease_expires_at is not None
    assert timedelta(seconds=240) < beat.lease_expires_at - datetime.now(UTC) < timedelta(seconds=360)
    assert leased.platform.requeue_expired() == []
    held = leased.platform.job(job.id)
    assert (held.worker, held.attempt, held.progress) == ("worker-1", 1, 12.5)


def test_a_job_whose_lease_ran_out_goes_back_into_the_queue(leased: Subject) -> None:
    job = submit(leased.platform)
    dead = claim(leased.platform, "dead", lease_s=0)
    assert leased.platform.requeue_expired() == [job.id]
    back = leased.platform.job(job.id)
    assert (back.status, back.worker, back.auto_retries, back.crashes) == ("NEW", None, 1, 1)
    assert back.status_details == "the lease of worker dead ran out in attempt 1"
    for write in (
        lambda: leased.platform.heartbeat(dead, lease_s=60),
        lambda: leased.platform.finish(dead, Outcome("COMPLETED_SUCCESS")),
        lambda: leased.platform.finish(dead, Outcome("NEW")),
        lambda: leased.platform.record(dead, []),
    ):
        with pytest.raises(ClaimLost):
            write()
    assert claim(leased.platform, "alive").attempt == 2


def test_a_job_whose_lease_ran_out_three_times_is_put_on_hold(leased: Subject) -> None:
    job = submit(leased.platform)
    for _ in range(3):
        claim(leased.platform, "dead", lease_s=0)
        assert leased.platform.requeue_expired() == [job.id]
    held = leased.platform.job(job.id)
    assert (held.status, held.crashes, held.ended_at) == ("ON_HOLD", 3, None)
    assert held.status_details is not None
    assert held.status_details.startswith("the lease of worker dead ran out in attempt 3; its process ended 3 times")
    assert held.errors == ({"stage": "worker", "message": "the lease of worker dead ran out in attempt 3"},)
    assert leased.platform.claim("alive", TYPES, lease_s=60) is None
    assert leased.platform.release(job.id).crashes == 0
    claim(leased.platform, "dead", lease_s=0)
    leased.platform.requeue_expired()
    assert leased.platform.job(job.id).status == "NEW"


GIVEN_BACK = Outcome("NEW", "given back: the lease could not be renewed in time", counted=False)
CRASH = Outcome("NEW", "the job's process was killed", crashed=True)


@pytest.mark.parametrize("outcome", [GIVEN_BACK, Outcome("COMPLETED_SUCCESS")])
def test_law_10_an_attempt_that_says_too_late_how_it_ended_did_not_crash(leased: Subject, outcome: Outcome) -> None:
    """The queue was away for longer than a lease: the attempt stopped itself, or had ended, and could not say so."""
    job = submit(leased.platform)
    first = claim(leased.platform, "cut-off", lease_s=0)
    leased.platform.requeue_expired()
    second = claim(leased.platform, "other")
    for _ in range(2):
        with pytest.raises(ClaimLost):
            leased.platform.finish(first, outcome)
        running = leased.platform.job(job.id)
        assert (running.status, running.worker, running.attempt) == ("IN_PROGRESS", "other", 2)
        assert (running.crashes, running.auto_retries) == (0, 0)
    leased.platform.finish(second, CRASH)
    assert leased.platform.job(job.id).crashes == 1


def test_law_10_a_job_that_only_outages_put_on_hold_is_released(leased: Subject) -> None:
    job = submit(leased.platform)
    taken = []
    for _ in range(3):
        taken.append(claim(leased.platform, "cut-off", lease_s=0))
        leased.platform.requeue_expired()
    assert leased.platform.job(job.id).status == "ON_HOLD"
    for crashes, late in zip((2, 1, 0), reversed(taken), strict=True):
        with pytest.raises(ClaimLost):
            leased.platform.finish(late, GIVEN_BACK)
        back = leased.platform.job(job.id)
        assert (back.status, back.crashes, back.status_details) == ("NEW", crashes, GIVEN_BACK.status_details)
    assert back.auto_retries == 0
    assert claim(leased.platform).attempt == 4


def test_law_10_what_a_late_report_changes_ends_at_what_a_person_decided(leased: Subject) -> None:
    """A crash that is confirmed counts; a job that a person put on hold stays there; a release forgets the count."""
    job = submit(leased.platform)
    first = claim(leased.platform, "cut-off", lease_s=0)
    leased.platform.requeue_expired()
    with pytest.raises(ClaimLost):
        leased.platform.finish(first, CRASH)
    assert leased.platform.job(job.id).crashes == 1
    leased.platform.hold(job.id)
    with pytest.raises(ClaimLost):
        leased.platform.finish(first, GIVEN_BACK)
    held = leased.platform.job(job.id)
    assert (held.status, held.crashes) == ("ON_HOLD", 0)
    leased.platform.release(job.id)
    second = claim(leased.platform, "cut-off", lease_s=0)
    leased.platform.requeue_expired()
    leased.platform.hold(job.id)
    leased.platform.release(job.id)
    leased.platform.finish(claim(leased.platform), CRASH)
    with pytest.raises(ClaimLost):
        leased.platform.finish(second, GIVEN_BACK)
    assert leased.platform.job(job.id).crashes == 1


def test_a_running_job_is_canceled_by_its_worker(leased: Subject) -> None:
    job = submit(leased.platform)
    taken = claim(leased.platform)
    assert leased.platform.request_cancel(job.id).status == "IN_PROGRESS"
    assert leased.platform.request_cancel(job.id).cancel_requested
    assert leased.platform.heartbeat(taken, lease_s=60).cancel_requested
    leased.platform.finish(taken, Outcome("CANCELED", "canceled in 02 back.png"))
    ended = leased.platform.job(job.id)
    assert (ended.status, ended.status_details) == ("CANCELED", "canceled in 02 back.png")
    assert leased.platform.request_cancel(job.id).status == "CANCELED"


def test_a_job_to_be_canceled_does_not_run_again(leased: Subject) -> None:
    given_back, died = submit(leased.platform, priority=1), submit(leased.platform)
    first, _ = claim(leased.platform), claim(leased.platform, lease_s=0)
    for job in (given_back, died):
        leased.platform.request_cancel(job.id)
    leased.platform.finish(first, Outcome("NEW"))
    leased.platform.finish(first, Outcome("NEW"))
    leased.platform.requeue_expired()
    assert {leased.platform.job(job.id).status for job in (given_back, died)} == {"CANCELED"}


def test_events_are_kept_once_and_in_order(leased: Subject) -> None:
    job = submit(leased.platform)
    taken = claim(leased.platform)
    now = datetime.now(UTC).replace(microsecond=0)
    entries = [
        Entry(1, now, job.id, 1, SessionStarted(session="s")),
        Entry(2, now, job.id, 1, Exported(output="front.png", size_bytes=12, seconds=1.5)),
        Entry(3, now, job.id, 1, Unknown(name="of_another_release", fields={"a": [1]})),
    ]
    leased.platform.record(taken, entries[:1])
    leased.platform.record(taken, entries)
    leased.platform.finish(taken, Outcome("COMPLETED_SUCCESS"))
    kept = leased.platform.events(job.id)
    assert [entry for entry in kept if entry.seq] == entries
    assert Submitted(status="NEW") in [entry.event for entry in kept]
    noted = [entry.event for entry in kept if isinstance(entry.event, StatusChanged)]
    changes = [(event.from_status, event.to_status) for event in noted]
    assert changes == [("NEW", "IN_PROGRESS"), ("IN_PROGRESS", "COMPLETED_SUCCESS")]


def test_jobs_are_found_by_worker(leased: Subject) -> None:
    submit(leased.platform)
    taken = claim(leased.platform, "worker-7")
    assert [job.id for job in leased.platform.jobs(worker="worker-7")] == [taken.job.id]


def test_the_presets_job_type_is_kept(leased: Subject) -> None:
    leased.platform.put_preset({"key": "t_v0", "name": "t", "version": 0, "job_type": "TEST", "details": {}})
    assert leased.platform.preset("t_v0")["job_type"] == "TEST"
