"""A runner over HTTP alone, and the verbs of the replaced tools."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from openjd_vstitcher.api.platform_calls import CALLS
from openjd_vstitcher.platform.ports import Platform
from openjd_vstitcher.platform.values import Claim, NewJob, Outcome
from tests.api_server import ApiServer, platform, server

__all__ = ["platform", "server"]

DETAILS = {"input_file_uri": "/a.bw"}
RUNNER = {"X-Runner-ID": "desk-7"}


@pytest.fixture
def api(server: ApiServer) -> Iterator[httpx.Client]:
    with server.client(headers=RUNNER) as client:
        yield client


def submit(platform: Platform, **values: Any) -> str:
    return platform.submit(NewJob(**{"type": "TEST", "preset_key": "onboarding_v0", "details": DETAILS, **values})).id


def claim(api: httpx.Client, job_id: str, **body: Any) -> Any:
    answer = api.post(f"/api/runner/jobs/{job_id}/claim", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_runner_finds_claims_and_completes_a_job(api: httpx.Client, platform: Platform) -> None:
    registered = api.post("/api/runner/register", json={"name": "desk-7", "capabilities": {"types": ["TEST"]}}).json()
    assert registered["runner_id"] == "desk-7"
    assert api.post("/api/runner/verify").json()["valid"] is True
    late, early = submit(platform), submit(platform, priority=5)
    submit(platform, type="BRAND_ONBOARDING")
    found = api.get("/api/runner/jobs/available?types[]=TEST").json()["jobs"]
    assert [job["id"] for job in found] == [early, late]
    held = claim(api, late, lease_s=30)
    assert (held["attempt"], held["job"]["details"], held["job"]["preset"]["key"]) == (1, DETAILS, "onboarding_v0")
    beat = {"attempt": 1, "progress_current": 1, "progress_total": 4, "console_output": "one\ntwo\n"}
    told = api.post(f"/api/runner/jobs/{late}/heartbeat", json=beat).json()
    assert (told["cancel_requested"], told["attempt"]) == (False, 1)
    assert told["lease_expires_at"]
    job = platform.job(late)
    assert (job.progress, job.status_details, job.worker) == (25.0, "two", "desk-7")
    body = {"attempt": 1, "output_data": {"message": "hello"}, "console_output": "done"}
    assert api.post(f"/api/runner/jobs/{late}/complete", json=body).json()["status"] == "COMPLETED_SUCCESS"
    said = [entry.fields["status"] for entry in platform.events(late) if entry.name == "action_status"]
    assert said == ["one\ntwo\n", "done"]


def test_a_failure_keeps_its_reason_and_a_canceled_job_is_canceled(api: httpx.Client, platform: Platform) -> None:
    for cancel, status in ((False, "COMPLETED_ERRORS"), (True, "CANCELED")):
        job_id = submit(platform)
        claim(api, job_id)
        if cancel:
            platform.request_cancel(job_id)
            assert api.post(f"/api/runner/jobs/{job_id}/heartbeat", json={}).json()["cancel_requested"] is True
        ended = api.post(f"/api/runner/jobs/{job_id}/error", json={"error_message": "no licence"}).json()
        assert (ended["status"], ended["status_details"]) == (status, "no licence")


def test_a_lost_claim_writes_nothing_more(api: httpx.Client, platform: Platform) -> None:
    job_id = submit(platform)
    claim(api, job_id)
    jobs = f"/api/runner/jobs/{job_id}"
    assert api.post(f"{jobs}/claim", headers={"X-Runner-ID": "desk-8"}).status_code == 409
    held = platform.job(job_id)
    assert api.post(f"{jobs}/heartbeat", json={}, headers={"X-Runner-ID": "desk-8"}).status_code == 409
    taken = claim_again(platform, job_id)
    for verb, body in (("heartbeat", {}), ("complete", {}), ("error", {"error_message": "late"})):
        for headers in (RUNNER, {"X-Runner-ID": "desk-8"}):
            answer = api.post(f"{jobs}/{verb}", json={**body, "attempt": held.attempt}, headers=headers)
            assert (answer.status_code, "no longer holds" in answer.text) == (409, True), answer.text
    assert platform.job(job_id).attempt == taken
    assert platform.job(job_id).status == "IN_PROGRESS"


def claim_again(platform: Platform, job_id: str) -> int:
    """Give a job back and claim it for the same runner; its attempt then."""
    job = platform.job(job_id)
    platform.finish(Claim(job, {}, job.attempt, "desk-7", None), Outcome("NEW"))
    taken = platform.claim("desk-7", ["TEST"], lease_s=60, job_id=job_id)
    assert taken is not None
    return taken.attempt


def test_a_runner_must_say_who_it_is(api: httpx.Client) -> None:
    del api.headers["X-Runner-ID"]
    answer = api.get("/api/runner/jobs/available?types[]=TEST")
    assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (422, "x-runner-id")


def test_the_old_verbs_add_list_get_and_execute(api: httpx.Client, platform: Platform) -> None:
    body = {"preset_key": "onboarding_v0", "details": DETAILS, "type": "TEST", "priority": 2}
    added = api.post("/add-job", json=body)
    assert (added.status_code, added.json()["status"]) == (201, "NEW")
    job_id = added.json()["job_id"]
    assert job_id in [job["job_id"] for job in api.get("/list-jobs?status=NEW").json()["jobs"]]
    got = api.get(f"/get-job/{job_id}").json()
    assert (got["priority"], got["details"], got["assets"]) == (2, DETAILS, [])
    platform.request_cancel(job_id)
    assert api.post("/execute-job?timeout_s=0", json=body).status_code == 202

    def work() -> None:
        while True:
            if platform.wait_for_jobs(["BRAND_ONBOARDING"], timeout_s=30):
                held = platform.claim("worker-1", ["BRAND_ONBOARDING"], lease_s=60)
                if held is not None:
                    platform.finish(held, Outcome("COMPLETED_SUCCESS"))
                    return

    worker = threading.Thread(target=work)
    worker.start()
    done = api.post("/execute-job", json={**body, "type": "BRAND_ONBOARDING"})
    worker.join()
    assert (done.status_code, done.json()["status"]) == (200, "COMPLETED_SUCCESS")
    assert api.post("/add-job", json={"preset_key": "onboarding_v0"}).status_code == 422


@pytest.mark.parametrize("name", sorted(CALLS))
def test_a_call_of_the_platform_with_bad_arguments_is_refused(api: httpx.Client, platform: Platform, name: str) -> None:
    held = {"job_id": "x", "attempt": 1, "worker": "desk-7"}
    entry = {"seq": "1", "time": "x", "job_id": 5, "attempt": None}
    for body in (
        {"job_id": 5, "key": 5, "job_types": 5, "timeout_s": "x", "preset": 5, "job": 5, "held": 5, "limit": "x"},
        {"worker": "desk-7", "held": held, "entries": [{}], "outcome": {}, "asset": {}, "preset": {}, "job": {}},
        {"worker": "desk-7", "held": held, "entries": [entry], "outcome": {"status": 5}, "timeout_s": 0, "lease_s": 1},
        {"worker": "other", "held": held, "preset": {"key": 5, "details": []}, "status": 5, "after": "x", "limit": -1},
    ):
        answer = api.post(f"/api/platform/{name}", json=body)
        assert answer.status_code in (200, 403, 404, 409, 422), answer.text
