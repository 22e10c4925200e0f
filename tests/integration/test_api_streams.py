"""Event streams over HTTP: one job's events, changes of everything, and what a client that connects again gets."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path

import httpx
import pytest

from openjd_vstitcher import events
from openjd_vstitcher.config import load_config
from openjd_vstitcher.journal import Entry
from openjd_vstitcher.platform.adapters import open_platform
from openjd_vstitcher.platform.ports import Platform
from openjd_vstitcher.platform.values import Claim, Job, NewJob, Outcome
from tests.api_server import PRESET, ApiServer, Frame, api, api_server, embedded_config, platform, server, stream
from tests.contract.platforms import Deployment

pytest_plugins = ["tests.contract.fixtures"]

__all__ = ["api", "platform", "server"]


def submit(platform: Platform) -> Job:
    return platform.submit(NewJob("TEST", "onboarding_v0", {"input_file_uri": "/a.bw"}))


def claimed(platform: Platform) -> Claim:
    claim = platform.claim("worker-1", ["TEST"], lease_s=60)
    assert claim is not None
    return claim


def record(platform: Platform, claim: Claim, *seqs: int) -> None:
    of = events.ActionProgress(progress=10.0)
    entries = [Entry(seq, datetime.now(UTC), claim.job.id, claim.attempt, of) for seq in seqs]
    platform.record(claim, entries)


def told(frames: list[Frame]) -> list[tuple[str, int]]:
    """Name and place of each event."""
    return [(frame.data["event"], frame.data["seq"]) for frame in frames if frame.event == "event"]


def test_a_task_is_followed_from_its_beginning_to_its_end(api: httpx.Client, platform: Platform) -> None:
    job = submit(platform)
    with stream(api, f"/v1/tasks/{job.id}/events/stream") as frames:
        first = [next(frames), next(frames)]
        assert told(first) == [("submitted", 0)]
        assert first[1].data["state"] == "NEW"
        claim = claimed(platform)
        record(platform, claim, 1, 2)
        platform.heartbeat(claim, lease_s=60, progress=50.0)
        seen = [*takewhile(lambda frame: frame.event != "job" or frame.data["progress"] != 50.0, frames)]
        record(platform, claim, 3)
        platform.finish(claim, Outcome("COMPLETED_SUCCESS"))
        seen += frames
    names = [("status_changed", 0), ("action_progress", 1), ("action_progress", 2), ("action_progress", 3)]
    assert told(seen) == [*names, ("status_changed", 0)]
    assert seen[-1].event == "end"
    assert seen[-1].data == {"state": "COMPLETED_SUCCESS"}


def test_a_client_that_connects_again_misses_nothing_and_gets_nothing_twice(
    api: httpx.Client, platform: Platform
) -> None:
    job = submit(platform)
    claim = claimed(platform)
    record(platform, claim, 1, 2)
    path = f"/v1/tasks/{job.id}/events/stream"
    with stream(api, path) as frames:
        before = [next(frames) for _ in range(3)]
    record(platform, claim, 3)
    platform.finish(claim, Outcome("COMPLETED_ERRORS", "no licence"))
    with stream(api, path, before[-1].id) as frames:
        after = list(frames)
    history = [(entry.name, entry.seq) for entry in platform.events(job.id)]
    assert sorted(told(before) + told(after)) == sorted(history)
    last = [frame.id for frame in after if frame.id][-1]
    assert api.get(path, headers={"Last-Event-ID": last}).status_code == 204


@pytest.mark.parametrize("last_id", ["x", "1-2", "1-2-x", "-1-0-0", "1" * 30 + "-1-1"])
def test_an_unknown_last_event_id_is_refused(api: httpx.Client, platform: Platform, last_id: str) -> None:
    path = f"/v1/tasks/{submit(platform).id}/events/stream"
    answer = api.get(path, headers={"Last-Event-ID": last_id})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == "Last-Event-ID"
    assert api.get("/v1/changes", headers={"Last-Event-ID": last_id}).status_code == 422


def test_changes_tell_of_new_changed_and_deleted_jobs(api: httpx.Client, platform: Platform) -> None:
    with stream(api, "/v1/changes") as frames:
        ready = next(frames)
        assert ready.event == "ready"
        assert ready.id == ready.data["cursor"]
        job = submit(platform)
        assert next(frames).data["event"] == "submitted"
        assert next(frames).data["taskId"] == job.id
        platform.request_cancel(job.id)
        canceled = next(frame for frame in frames if frame.event == "job")
        assert (canceled.data["taskId"], canceled.data["state"]) == (job.id, "CANCELED")
        platform.delete(job.id)
        assert next(frame for frame in frames if frame.event == "job_deleted").data == {"taskId": job.id}


def test_changes_continue_where_a_client_was(api: httpx.Client, platform: Platform) -> None:
    with stream(api, "/v1/changes") as frames:
        cursor = next(frames).data["cursor"]
    jobs = {submit(platform).id for _ in range(3)}
    with stream(api, f"/v1/changes?after={cursor}") as frames:
        assert next(frames).event == "ready"
        seen = [next(frames) for _ in range(6)]
        late = submit(platform)
        seen.append(next(frame for frame in frames if frame.event == "job"))
    assert [frame.data["taskId"] for frame in seen if frame.event == "job"][-1] == late.id
    assert {frame.data["taskId"] for frame in seen if frame.event == "job"} == {*jobs, late.id}
    last = [frame.id for frame in seen if frame.id][-1]
    after = submit(platform)
    with stream(api, "/v1/changes", last) as frames:
        found = next(frame for frame in frames if frame.event == "job" and frame.data["taskId"] == after.id)
        assert found.data["state"] == "NEW"


def test_a_server_that_stops_ends_its_streams_and_the_next_one_continues_them(tmp_path: Path) -> None:
    config = embedded_config(tmp_path)
    with api_server(config) as server, server.client() as api, stream(api, "/v1/changes") as frames:
        cursor = next(frames).data["cursor"]
        assert server.stop() == 0
        assert "exceeded" not in config.with_suffix(".log").read_text()
        with pytest.raises((StopIteration, httpx.RemoteProtocolError)):
            next(frames)
    platform = open_platform(load_config(config).platform)
    platform.put_preset(PRESET)
    job = submit(platform)
    platform.close()
    with api_server(config) as server, server.client() as api, stream(api, "/v1/changes", cursor) as frames:
        assert next(frame for frame in frames if frame.event == "job").data["taskId"] == job.id


@pytest.mark.slow
def test_a_change_reaches_200_open_streams(server: ApiServer, platform: Platform) -> None:
    limits = httpx.Limits(max_connections=None)
    with ExitStack() as opened:
        client = opened.enter_context(server.client(limits=limits))
        streams = [opened.enter_context(stream(client, "/v1/changes")) for _ in range(200)]
        for frames in streams:
            assert next(frames).event == "ready"
        with ThreadPoolExecutor(1) as pool:
            submitted = pool.submit(submit, platform)
            seen = [next(frame for frame in frames if frame.event == "job") for frames in streams]
        assert {frame.data["taskId"] for frame in seen} == {submitted.result().id}


def test_no_more_streams_than_allowed_are_open(tmp_path: Path) -> None:
    with api_server(embedded_config(tmp_path, "max_streams = 1\n")) as server, server.client() as api:
        with stream(api, "/v1/changes") as frames:
            next(frames)
            refused = api.get("/v1/changes")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")


@pytest.mark.slow
def test_a_task_on_hasura_is_followed_without_repetition(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    deployment: Deployment = request.getfixturevalue("extended_deployment")
    deployment.clear()
    of = deployment.config
    config = embedded_config(tmp_path)
    hasura = f'kind = "hasura"\nendpoint = "{of.endpoint}"\ncredential_file = "{of.credential_file}"'
    config.write_text(config.read_text().replace('path = "platform.sqlite"', hasura))
    platform = open_platform(of)
    platform.put_preset(PRESET)
    job = submit(platform)
    with (
        api_server(config) as server,
        server.client() as api,
        stream(api, f"/v1/tasks/{job.id}/events/stream") as frames,
    ):
        seen = [next(frames), next(frames)]
        claim = claimed(platform)
        for seq in (1, 2, 3):
            record(platform, claim, seq)
            seen.append(next(frame for frame in frames if frame.event == "event" and frame.data["seq"] == seq))
        platform.finish(claim, Outcome("COMPLETED_SUCCESS"))
        rest = list(frames)
    assert rest[-1].event == "end"
    assert told(seen)[:1] + told(seen)[-3:] == [("submitted", 0), *(("action_progress", seq) for seq in (1, 2, 3))]
    assert told(rest)[-1] == ("status_changed", 0)
    assert not {seq for _, seq in told(rest)} & {1, 2, 3}
    platform.close()
