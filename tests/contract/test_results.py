"""What platforms do with the result of a job, and with what a retry does not run again."""

from __future__ import annotations

import dataclasses
from contextlib import closing
from pathlib import Path

import pytest

from openjd_vstitcher.errors import ClaimLost, PlatformError
from openjd_vstitcher.platform.adapters import open_platform
from openjd_vstitcher.platform.values import Outcome

from .platforms import Subject, shaped
from .test_queue import claim, submit

pytest_plugins = ["tests.contract.fixtures"]

RESULT = {"message": "héllo\n", "nested": {"numbers": [1, 2.5, None, True]}}
DONE = {"template_sha256": "ab" * 32, "steps": ["01 first", "02 second"]}


def test_a_result_is_stored_with_the_outcome_and_gone_with_a_retry(subject: Subject) -> None:
    platform = subject.platform
    job = submit(platform)
    outcome = Outcome("COMPLETED_SUCCESS", result=RESULT)
    taken = claim(platform)
    for _ in range(2):
        platform.finish(taken, outcome)
    ended = platform.job(job.id)
    assert ended.status == "COMPLETED_SUCCESS"
    if subject.kind == "legacy":
        assert ended.result is None
        assert "the result is in the attempt's journal" in (ended.status_details or "")
    else:
        assert (ended.result, ended.status_details) == (RESULT, None)
    assert platform.retry(job.id).result is None
    assert claim(platform).job.result is None


def test_a_result_of_a_lost_claim_is_not_stored(leased: Subject) -> None:
    job = submit(leased.platform)
    dead = claim(leased.platform, "dead", lease_s=0)
    leased.platform.requeue_expired()
    taken = claim(leased.platform)
    with pytest.raises(ClaimLost):
        leased.platform.finish(dead, Outcome("COMPLETED_SUCCESS", result={"by": "dead"}))
    leased.platform.finish(taken, Outcome("COMPLETED_ERRORS", "half of it", result={"by": "taken"}))
    assert (leased.platform.job(job.id).result, leased.platform.job(job.id).status) == (
        {"by": "taken"},
        "COMPLETED_ERRORS",
    )


def test_what_is_done_is_kept_for_the_next_claim_until_a_plain_retry(leased: Subject) -> None:
    platform = leased.platform
    job = submit(platform)
    platform.finish(claim(platform), Outcome("COMPLETED_ERRORS"))
    assert platform.retry(job.id, done=DONE).done == DONE
    taken = claim(platform)
    assert taken.job.done == DONE
    platform.finish(taken, Outcome("NEW", counted=False))
    again = claim(platform)
    assert again.job.done == DONE
    platform.finish(again, Outcome("COMPLETED_ERRORS"))
    assert platform.retry(job.id).done is None


def test_todays_tables_refuse_to_keep_what_is_done(subject: Subject) -> None:
    if subject.kind != "legacy":
        return
    job = submit(subject.platform)
    subject.platform.finish(claim(subject.platform), Outcome("COMPLETED_ERRORS"))
    with pytest.raises(PlatformError, match="no column for what succeeded"):
        subject.platform.retry(job.id, done=DONE)


def test_an_extended_platform_without_the_columns_of_results_keeps_its_leases(
    postgres_server: str, tmp_path: Path
) -> None:
    hidden = {r"^ +- (result|done)\n": ""}
    with shaped(postgres_server, tmp_path, extend=True, metadata=hidden) as deployment:
        with closing(open_platform(deployment.config)) as admin:
            admin.put_preset({"key": "preset_v0", "details": {"instructions": []}})
            job = submit(admin)
        config = dataclasses.replace(deployment.config, role="worker")
        with closing(open_platform(config)) as platform:
            taken = claim(platform)
            assert taken.lease_expires_at is not None
            platform.finish(taken, Outcome("COMPLETED_SUCCESS", result=RESULT))
            ended = platform.job(job.id)
    assert (ended.status, ended.result) == ("COMPLETED_SUCCESS", None)
    assert "the result is in the attempt's journal" in (ended.status_details or "")
