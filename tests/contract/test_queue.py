"""What every platform's queue does, embedded or behind Hasura."""

from __future__ import annotations

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from openjd_vstitcher.errors import ClaimLost, InvalidInput, NotFound, PlatformError
from openjd_vstitcher.platform.job_ids import find_job
from openjd_vstitcher.platform.ports import Platform
from openjd_vstitcher.platform.values import Claim, Job, NewAsset, NewJob, Outcome

from .platforms import Subject

pytest_plugins = ["tests.contract.fixtures"]

TYPES = ("DXA_EXPORT_BODY_BUNDLE", "DXA_EXPORT_ASSET_BUNDLE", "BRAND_ONBOARDING", "TEST")
SUCCESS = Outcome("COMPLETED_SUCCESS")


def submit(platform: Platform, **values: Any) -> Job:
    return platform.submit(NewJob(**{"type": "TEST", "preset_key": "preset_v0", "details": {}, **values}))


def claim(platform: Platform, worker: str = "worker-1", lease_s: float = 60) -> Claim:
    claimed = platform.claim(worker, TYPES, lease_s=lease_s)
    assert claimed is not None
    return claimed


def test_a_submitted_job_is_what_was_asked_for(subject: Subject) -> None:
    details = {"style_id": "style-1", "nested": {"text": 'ü {{x}} \\ "', "list": [1, 2.5, None, True]}}
    before = datetime.now(UTC)
    job = submit(subject.platform, details=details, priority=7, requestor_id="someone")
    assert subject.open().job(job.id) == job
    assert (job.details, job.priority, job.requestor_id) == (details, 7, "someone")
    assert (job.status, job.started_at, job.ended_at, job.worker) == ("NEW", None, None, None)
    assert (job.auto_retries, job.returns, job.crashes, job.cancel_requested) == (0, 0, 0, False)
    assert abs((job.created_at - before).total_seconds()) < 30


def test_a_job_may_be_given_its_id(subject: Subject) -> None:
    job_id = str(uuid.uuid4())
    assert submit(subject.platform, id=job_id).id == job_id
    with pytest.raises(PlatformError):
        submit(subject.platform, id=job_id)


@pytest.mark.parametrize("wrong", [{"preset_key": "no_such_preset"}, {"type": "NO_SUCH_TYPE"}])
def test_a_job_of_an_unknown_preset_or_type_is_refused(subject: Subject, wrong: dict[str, str]) -> None:
    with pytest.raises(PlatformError) as refused:
        submit(subject.platform, **wrong)
    assert not refused.value.transient
    assert subject.platform.jobs() == []


def test_claims_go_by_type_then_priority_then_age(subject: Subject) -> None:
    platform = subject.platform
    onboarding = submit(platform, type="BRAND_ONBOARDING", priority=9)
    old_body = submit(platform, type="DXA_EXPORT_BODY_BUNDLE")
    style = submit(platform, type="DXA_EXPORT_ASSET_BUNDLE", priority=5)
    young_body = submit(platform, type="DXA_EXPORT_BODY_BUNDLE")
    urgent_body = submit(platform, type="DXA_EXPORT_BODY_BUNDLE", priority=1)
    order = [claim(platform).job.id for _ in range(5)]
    assert order == [urgent_body.id, old_body.id, young_body.id, style.id, onboarding.id]
    assert platform.claim("worker-1", TYPES, lease_s=60) is None


def test_a_job_that_was_put_aside_goes_behind_its_equals(subject: Subject) -> None:
    first, second = submit(subject.platform), submit(subject.platform)
    subject.platform.hold(first.id)
    subject.platform.release(first.id)
    assert [claim(subject.platform).job.id for _ in range(2)] == [second.id, first.id]


def test_only_waiting_jobs_of_the_asked_types_are_claimed(subject: Subject) -> None:
    platform = subject.platform
    acknowledged = submit(platform, status="ACKNOWLEDGED")
    submit(platform, status="ON_HOLD")
    submit(platform, type="BRAND_ONBOARDING")
    taken = platform.claim("worker-1", ["TEST"], lease_s=60)
    assert taken is not None
    assert taken.job.id == acknowledged.id
    assert platform.claim("worker-1", ["TEST"], lease_s=60) is None
    assert platform.claim("worker-1", [], lease_s=60) is None


def test_a_claim_holds_the_job_with_its_preset(subject: Subject) -> None:
    job = submit(subject.platform, details={"style_id": "s"})
    taken = claim(subject.platform)
    assert (taken.job.id, taken.job.status, taken.attempt, taken.worker) == (job.id, "IN_PROGRESS", 1, "worker-1")
    assert taken.job.started_at is not None
    assert taken.job.details == {"style_id": "s"}
    assert taken.preset["key"] == "preset_v0"
    assert taken.preset["details"] == {"instructions": []}
    assert subject.platform.job(job.id).status == "IN_PROGRESS"


def test_many_workers_claim_each_job_once(subject: Subject) -> None:
    jobs = {submit(subject.platform).id for _ in range(40)}
    platforms = [subject.open() for _ in range(4)]
    start = threading.Barrier(4)

    def work(index: int) -> list[str]:
        start.wait()
        taken = []
        while (found := platforms[index].claim(f"worker-{index}", TYPES, lease_s=60)) is not None:
            taken.append(found.job.id)
        return taken

    with ThreadPoolExecutor(4) as pool:
        taken = [job_id for ids in pool.map(work, range(4)) for job_id in ids]
    assert len(taken) == 40
    assert set(taken) == jobs


def test_success_ends_the_job(subject: Subject) -> None:
    job = submit(subject.platform)
    subject.platform.finish(claim(subject.platform), SUCCESS)
    ended = subject.platform.job(job.id)
    assert (ended.status, ended.status_details) == ("COMPLETED_SUCCESS", None)
    assert ended.started_at is not None
    assert ended.ended_at is not None
    assert ended.ended_at >= ended.started_at


def test_errors_keep_their_reason(subject: Subject) -> None:
    job = submit(subject.platform)
    error = {"export": "front.png", "stage": "export", "message": "no licence"}
    outcome = Outcome("COMPLETED_ERRORS", "front.png: timed out after 3600 s", errors=[error])
    subject.platform.finish(claim(subject.platform), outcome)
    ended = subject.platform.job(job.id)
    assert (ended.status, ended.status_details) == ("COMPLETED_ERRORS", "front.png: timed out after 3600 s")
    assert ended.errors == (() if subject.kind == "legacy" else (error,))


def test_repeating_an_outcome_is_harmless_and_another_is_refused(subject: Subject) -> None:
    job = submit(subject.platform)
    taken = claim(subject.platform)
    subject.platform.finish(taken, SUCCESS)
    ended = subject.platform.job(job.id)
    subject.platform.finish(taken, SUCCESS)
    assert subject.platform.job(job.id) == ended
    with pytest.raises(ClaimLost):
        subject.platform.finish(taken, Outcome("COMPLETED_ERRORS", "late"))
    assert subject.platform.job(job.id) == ended


def test_a_job_given_back_is_claimed_again_and_counted(subject: Subject) -> None:
    job = submit(subject.platform)
    subject.platform.finish(claim(subject.platform), Outcome("NEW", "gateway error", counted=False))
    back = subject.platform.job(job.id)
    assert (back.status, back.auto_retries, back.ended_at) == ("NEW", 0, None)
    subject.platform.finish(claim(subject.platform), Outcome("NEW", "gateway error"))
    assert subject.platform.job(job.id).auto_retries == 1
    assert claim(subject.platform, "worker-2").job.id == job.id


def test_an_earlier_attempt_writes_nothing_after_a_later_one_began(subject: Subject) -> None:
    platform = subject.platform
    job = submit(platform)
    first = claim(platform, "worker-1")
    asset = NewAsset("front.png", "MEDIA_RENDER", "s3://b/front.png", True)
    asset_id = platform.begin_asset(first, asset)
    platform.finish(first, Outcome("NEW"))
    second = claim(platform, "worker-2")
    late = Outcome("COMPLETED_ERRORS", "late")
    for write in (
        lambda: platform.heartbeat(first, lease_s=60),
        lambda: platform.begin_asset(first, asset),
        lambda: platform.asset_uploaded(first, asset_id, {}),
        lambda: platform.finish(first, late),
        lambda: platform.finish(first, SUCCESS),
    ):
        with pytest.raises(ClaimLost):
            write()
    assert [a.status for a in platform.assets(job.id)] == ["IN_PROGRESS"]
    assert platform.job(job.id).status == "IN_PROGRESS"
    platform.finish(second, SUCCESS)
    with pytest.raises(ClaimLost):
        platform.finish(first, late)
    assert platform.job(job.id).status == "COMPLETED_SUCCESS"


def test_a_heartbeat_of_a_held_job_is_accepted(subject: Subject) -> None:
    job = submit(subject.platform)
    taken = claim(subject.platform)
    assert not subject.platform.heartbeat(taken, lease_s=60).cancel_requested
    subject.platform.heartbeat(taken, lease_s=60, progress=40.0, status_details="02 back.png")
    assert subject.platform.job(job.id).status_details == "02 back.png"


def test_a_waiting_job_is_canceled_at_once(subject: Subject) -> None:
    job = submit(subject.platform)
    canceled = subject.platform.request_cancel(job.id)
    assert canceled.status == ("COMPLETED_ERRORS" if subject.kind == "legacy" else "CANCELED")
    assert "canceled" in (canceled.status_details or "")
    assert canceled.ended_at is not None
    assert subject.platform.claim("worker-1", TYPES, lease_s=60) is None


def test_a_held_job_waits_until_it_is_released(subject: Subject) -> None:
    job = submit(subject.platform)
    assert subject.platform.hold(job.id).status == "ON_HOLD"
    assert subject.platform.claim("worker-1", TYPES, lease_s=60) is None
    assert subject.platform.release(job.id).status == "NEW"
    assert claim(subject.platform).job.id == job.id


def test_an_ended_job_is_retried_from_the_start(subject: Subject) -> None:
    job = submit(subject.platform)
    subject.platform.finish(claim(subject.platform), Outcome("COMPLETED_ERRORS", "Failed to start"))
    again = subject.platform.retry(job.id)
    assert (again.status, again.status_details, again.started_at, again.ended_at) == ("NEW", None, None, None)
    assert claim(subject.platform).attempt == 2


@pytest.mark.parametrize("what", ["retry", "release", "hold", "request_cancel"])
def test_steering_is_refused_where_the_status_does_not_allow_it(subject: Subject, what: str) -> None:
    job = submit(subject.platform)
    if what in ("hold", "request_cancel"):
        subject.platform.finish(claim(subject.platform), SUCCESS)
    before = subject.platform.job(job.id)
    with pytest.raises(PlatformError, match=f"job {job.id}: it is {before.status}"):
        getattr(subject.platform, what)(job.id)
    assert subject.platform.job(job.id) == before


@pytest.mark.parametrize("job_id", ["3b2f0f5e-0000-4000-8000-000000000000", "no-uuid"])
@pytest.mark.parametrize("what", ["job", "retry", "release", "hold", "request_cancel", "events"])
def test_an_unknown_job_is_not_found(subject: Subject, what: str, job_id: str) -> None:
    with pytest.raises(NotFound, match=job_id):
        getattr(subject.platform, what)(job_id)


def test_jobs_are_listed_by_filter_the_newest_first(subject: Subject) -> None:
    platform = subject.platform
    platform.put_preset({"key": "other_v0", "name": "other", "version": 0, "details": {}})
    first = submit(platform)
    second = submit(platform, preset_key="other_v0")
    third = submit(platform, type="BRAND_ONBOARDING")
    platform.hold(first.id)

    def ids(**filters: Any) -> list[str]:
        return [job.id for job in platform.jobs(**filters)]

    assert ids() == [third.id, second.id, first.id]
    assert ids(limit=2) == [third.id, second.id]
    assert ids(status="ON_HOLD") == [first.id]
    assert ids(type="TEST", status="NEW") == [second.id]
    assert ids(preset_key="other_v0") == [second.id]
    if subject.kind == "legacy":
        with pytest.raises(
            InvalidInput, match=r"/status: .*no status CANCELED(?s:.*)/worker: .*do not record the worker"
        ):
            ids(worker="worker-1", status="CANCELED")
    else:
        assert ids(worker="worker-1", status="CANCELED") == []
        assert ids(worker="worker-1") == []


def test_a_job_is_found_by_any_unique_prefix_of_its_id(subject: Subject) -> None:
    platform = subject.platform
    ids = [f"3f2a{n}c1e-0000-4000-8000-0000000000{n}f" for n in (1, 2)] + ["a0000000-0000-4000-8000-000000000000"]
    for job_id in ids:
        submit(platform, id=job_id)
    assert find_job(platform, "a").id == ids[2]
    assert find_job(platform, "3F2A1").id == ids[0]
    assert find_job(platform, "3f2a2c1e-00").id == ids[1]
    assert find_job(platform, ids[1]).id == ids[1]
    with pytest.raises(
        InvalidInput, match=rf"expected one job, found ({ids[0]}|{ids[1]}) \(NEW, .*give more of the id"
    ):
        find_job(platform, "3f2a")
    for unknown in ("3f2a3", "none", "", "3f2a2c1e-0000-4000-8000-00000000002e"):
        with pytest.raises(NotFound, match=f"there is no job {unknown}"):
            find_job(platform, unknown)


def test_presets_are_stored_and_replaced(subject: Subject) -> None:
    platform = subject.platform
    preset = {"key": "a_v1", "name": "a", "version": 1, "description": "text", "details": {"instructions": [{"x": 1}]}}
    platform.put_preset(preset)
    assert preset.items() <= dict(platform.preset("a_v1")).items()
    platform.put_preset({**preset, "version": 2})
    assert platform.preset("a_v1")["version"] == 2
    assert [p["key"] for p in platform.presets()] == ["a_v1", "preset_v0"]
    with pytest.raises(NotFound, match="no_such"):
        platform.preset("no_such")


def test_a_waiting_worker_learns_of_a_new_job(subject: Subject) -> None:
    other = subject.open()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(subject.platform.wait_for_jobs, TYPES, timeout_s=4)
        submit(other)
        assert waiting.result()
    claim(subject.platform)


def test_waiting_ends_when_no_job_comes(subject: Subject) -> None:
    submit(subject.platform, type="BRAND_ONBOARDING")
    assert not subject.platform.wait_for_jobs(["TEST"], timeout_s=0.3)
