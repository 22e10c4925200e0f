"""What the HTTP API needs of every platform: pages of jobs, search, priority, deletion and changes."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from openjd_vstitcher import events
from openjd_vstitcher.errors import InvalidInput, NotFound, PlatformError
from openjd_vstitcher.journal import Entry
from openjd_vstitcher.platform.ports import Platform
from openjd_vstitcher.platform.values import Changes, Job, NewAsset, NewJob, Outcome

from .platforms import Subject

pytest_plugins = ["tests.contract.fixtures"]


def submit(platform: Platform, **values: Any) -> Job:
    return platform.submit(NewJob(**{"type": "TEST", "preset_key": "preset_v0", "details": {}, **values}))


def changes_until(platform: Platform, cursor: str, done: Any) -> list[Changes]:
    """The answers since a cursor until `done` accepts them."""
    answers: list[Changes] = []
    for _ in range(60):
        answers.append(platform.changes(cursor, timeout_s=0.5))
        cursor = answers[-1].cursor
        if done(answers):
            return answers
    raise AssertionError(f"not among the changes: {answers}")


def test_pages_of_jobs_hold_each_job_once(subject: Subject) -> None:
    submitted = [submit(subject.platform).id for _ in range(7)]
    seen: list[str] = []
    place = None
    while page := subject.platform.jobs(after=place, limit=3):
        seen += [job.id for job in page]
        place = page[-1].created_at, page[-1].id
    assert seen == submitted[::-1]


@pytest.mark.parametrize("text", ["PRESET_v", "style-9", "needs a 100% fit"])
def test_a_search_finds_presets_styles_and_reasons(subject: Subject, text: str) -> None:
    wanted = submit(subject.platform, details={"style_id": "style-9"})
    claim = subject.platform.claim("worker-1", ["TEST"], lease_s=60)
    assert claim is not None
    subject.platform.finish(claim, Outcome("COMPLETED_ERRORS", "it needs a 100% fit_"))
    subject.platform.put_preset({"key": "other_v0", "name": "other", "details": {"instructions": []}})
    submit(subject.platform, preset_key="other_v0")
    assert [job.id for job in subject.platform.jobs(search=text)] == [wanted.id]
    assert [job.id for job in subject.platform.jobs(search=wanted.id)] == [wanted.id]
    assert subject.platform.jobs(search="100x fit") == []


def test_a_higher_priority_is_claimed_first(subject: Subject) -> None:
    _, second = submit(subject.platform), submit(subject.platform)
    assert subject.platform.set_priority(second.id, 5).priority == 5
    claim = subject.platform.claim("worker-1", ["TEST"], lease_s=60)
    assert claim is not None
    assert claim.job.id == second.id
    with pytest.raises(NotFound):
        subject.platform.set_priority("3b2f0f5e-0000-4000-8000-000000000000", 1)


def test_one_job_is_claimed_by_its_id_while_it_waits(subject: Subject) -> None:
    platform = subject.platform
    first, second = submit(platform), submit(platform)
    claim = platform.claim("worker-1", ["TEST"], lease_s=60, job_id=second.id)
    assert claim is not None
    assert (claim.job.id, claim.attempt, claim.job.status) == (second.id, 1, "IN_PROGRESS")
    for job_id, types in ((second.id, ["TEST"]), (first.id, ["BRAND_ONBOARDING"]), ("no-uuid", ["TEST"])):
        assert platform.claim("worker-2", types, lease_s=60, job_id=job_id) is None
    platform.heartbeat(claim, lease_s=60)
    platform.finish(claim, Outcome("COMPLETED_SUCCESS"))
    assert [platform.job(job.id).status for job in (first, second)] == ["NEW", "COMPLETED_SUCCESS"]


def test_a_deleted_job_is_gone_with_its_assets(subject: Subject) -> None:
    platform, job = subject.platform, submit(subject.platform)
    claim = platform.claim("worker-1", ["TEST"], lease_s=60)
    assert claim is not None
    platform.begin_asset(claim, NewAsset("a.png", "MEDIA_RENDER", "s3://b/a.png", False))
    with pytest.raises(PlatformError, match="IN_PROGRESS"):
        platform.delete(job.id)
    assert platform.assets(job.id)
    platform.finish(claim, Outcome("COMPLETED_SUCCESS"))
    platform.delete(job.id)
    assert platform.assets(job.id) == []
    for call in (platform.job, platform.delete):
        with pytest.raises(NotFound):
            call(job.id)


def test_a_preset_is_deleted_unless_a_job_names_it(subject: Subject) -> None:
    job = submit(subject.platform)
    with pytest.raises(PlatformError):
        subject.platform.delete_preset("preset_v0")
    subject.platform.delete(job.id)
    subject.platform.delete_preset("preset_v0")
    for call in (subject.platform.preset, subject.platform.delete_preset):
        with pytest.raises(NotFound):
            call("preset_v0")


def test_changes_since_a_cursor_are_the_jobs_and_events_after_it(subject: Subject) -> None:
    submit(subject.platform)
    cursor = subject.platform.changes(None, timeout_s=0).cursor
    other = subject.open()
    changed = submit(other)
    claim = other.claim("worker-1", ["TEST"], lease_s=60)
    assert claim is not None
    staged = events.Staged(what="garment", name="tee.bw", size_bytes=3, sha256="0" * 64)
    other.record(claim, [Entry(1, claim.job.created_at, claim.job.id, claim.attempt, staged)])

    def told(answers: list[Changes]) -> bool:
        jobs = {job.id: job for answer in answers for job in answer.jobs}
        names = [entry.name for answer in answers for entry in answer.events]
        news = {"submitted", "status_changed", "staged"} <= set(names) or subject.kind == "legacy"
        return news and changed.id in jobs and jobs[claim.job.id].status == "IN_PROGRESS"

    answers = changes_until(subject.platform, cursor, told)
    assert answers[-1].cursor != cursor


def test_a_wait_for_changes_ends_with_the_change(subject: Subject) -> None:
    submit(subject.platform)
    cursor = subject.platform.changes(None, timeout_s=0).cursor
    assert subject.platform.changes(cursor, timeout_s=0.1).cursor == cursor
    answers: list[Changes] = []
    waiting = threading.Thread(target=lambda: answers.append(subject.platform.changes(cursor, timeout_s=60)))
    waiting.start()
    job = submit(subject.open())
    waiting.join(30)
    assert job.id in [changed.id for changed in answers[0].jobs]


def test_more_changes_than_one_answer_holds_come_in_parts(leased: Subject) -> None:
    cursor = leased.platform.changes(None, timeout_s=0).cursor
    ids = {submit(leased.platform).id for _ in range(320)}
    answers = changes_until(
        leased.platform, cursor, lambda answers: ids <= {job.id for answer in answers for job in answer.jobs}
    )
    assert len(answers) > 1 or leased.kind != "embedded"


def test_a_deleted_job_is_among_the_changes(leased: Subject) -> None:
    if leased.kind != "embedded":
        pytest.skip("Hasura does not tell")
    job = submit(leased.platform)
    cursor = leased.platform.changes(None, timeout_s=0).cursor
    leased.platform.delete(job.id)
    assert leased.platform.changes(cursor, timeout_s=5).deleted == [job.id]


@pytest.mark.parametrize("cursor", ["", "x", "99999999999999", "2026-01-01/x", "-1", "2026-01-01T00:00:00+00:00/1/2"])
def test_a_cursor_of_another_platform_is_refused(subject: Subject, cursor: str) -> None:
    with pytest.raises(InvalidInput, match="cursor"):
        subject.platform.changes(cursor, timeout_s=0)
