"""Who may do what over HTTP: keys with scopes, requests from this machine, rate limits."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.api_server import COMMAND, PRESET, ApiServer, api_server, embedded_config

TASK = {"preset": "onboarding_v0", "details": {"input_file_uri": "/a.bw"}, "type": "TEST"}
NO_TASK = "/v1/tasks/3b2f0f5e-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with api_server(embedded_config(tmp_path_factory.mktemp("access"), 'auth = "keys"\n')) as server:
        yield server


def keys(server: ApiServer, *args: str) -> str:
    """What `openjd-vs keys` prints."""
    command = [str(COMMAND), "keys", *args, "--config", str(server.config)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


def with_key(server: ApiServer, text: str) -> httpx.Client:
    return server.client(headers={"Authorization": f"Bearer {text}"})


def test_nothing_but_the_state_is_told_without_a_key(server: ApiServer) -> None:
    with server.client() as api:
        assert api.get("/health").status_code == 200
        document = api.get("/openapi.json").json()
        for path, operations in document["paths"].items():
            for method in operations:
                if path not in ("/health", "/ready"):
                    place = path.replace("{task_id}", NO_TASK.rpartition("/")[2]).replace("{verb}", "cancel")
                    answer = api.request(method.upper(), place.replace("{key}", "a").replace("{name}", "a"), json={})
                    assert answer.status_code == 401, (method, path, answer.text)
                    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_key_allows_what_its_scopes_say(server: ApiServer) -> None:
    text = keys(server, "create", "farm", "--scope", "submit", "--scope", "presets")
    with with_key(server, text) as api:
        assert api.put("/v1/presets/onboarding_v0", json=PRESET).status_code == 201
        created = api.post("/v1/tasks", json=TASK)
        assert created.status_code == 201
        task = created.headers["location"]
        for answer in (api.get(task), api.post(f"{task}/cancel"), api.delete(task), api.get("/v1/changes")):
            assert answer.status_code == 403
            assert "lacks the scope" in answer.json()["detail"]
    with with_key(server, keys(server, "create", "reader")) as api:
        assert api.get(task).json()["requestorId"] == "farm"
        assert api.post("/v1/tasks", json=TASK).status_code == 403


def test_a_key_of_a_runner_is_for_that_runner(server: ApiServer) -> None:
    with with_key(server, keys(server, "create", "desk", "--scope", "runner")) as api:
        for name, status in (("desk", 200), ("desk-2", 200), ("other", 403), ("desktop", 403)):
            assert api.post("/api/runner/register", json={"name": name}).status_code == status
            assert api.post("/api/runner/verify", headers={"X-Runner-ID": name}).status_code == status
        assert api.get("/v1/tasks").status_code == 403
        assert api.post("/api/platform/describe", json={}).status_code == 200
        for call in ("submit", "request_cancel", "retry", "delete", "set_priority", "put_preset", "delete_preset"):
            assert api.post(f"/api/platform/{call}", json={}).status_code == 403
        claim = {"worker": "other", "job_types": ["TEST"], "lease_s": 5}
        assert api.post("/api/platform/claim", json=claim).status_code == 403


def test_idempotency_keys_of_two_callers_are_different(server: ApiServer) -> None:
    ids = set()
    for name in ("one", "two"):
        with with_key(server, keys(server, "create", name, "--scope", "submit", "--scope", "presets")) as api:
            api.put("/v1/presets/onboarding_v0", json=PRESET)
            ids.add(api.post("/v1/tasks", json=TASK, headers={"Idempotency-Key": "1"}).json()["taskId"])
    assert len(ids) == 2


def test_a_revoked_key_is_refused_at_once(server: ApiServer) -> None:
    text = keys(server, "create", "short", "--no-expiry")
    with with_key(server, text) as api:
        assert api.get("/v1/tasks").status_code == 200
        assert "revoked" in keys(server, "revoke", text.split("_")[1])
        assert api.get("/v1/tasks").status_code == 401
    listed = keys(server, "list")
    assert text.split("_")[2] not in listed


def test_an_expired_key_is_refused(server: ApiServer) -> None:
    text = keys(server, "create", "brief", "--days", "0.00001")
    with with_key(server, text) as api:
        deadline = time.monotonic() + 30
        while api.get("/v1/tasks").status_code != 401 and time.monotonic() < deadline:
            time.sleep(0.2)
        assert api.get("/v1/tasks").status_code == 401


def test_a_broken_file_of_keys_lets_nobody_in(tmp_path: Path) -> None:
    with api_server(embedded_config(tmp_path, 'auth = "keys"\n')) as server, with_key(server, "ovs_a_b") as api:
        (tmp_path / "server" / "keys.json").write_text("{")
        assert api.get("/v1/tasks").status_code == 503


def test_this_machine_needs_no_key_unless_a_proxy_or_a_web_page_is_between(tmp_path: Path) -> None:
    with api_server(embedded_config(tmp_path, "requests_per_second = 2\n")) as server, server.client() as api:
        assert api.get("/v1/tasks").status_code == 200
        assert api.get("/v1/tasks", headers={"Host": "localhost:80"}).status_code == 200
        for headers in ({"Host": "evil.example"}, {"X-Forwarded-For": "10.0.0.1"}, {"Forwarded": "for=10.0.0.1"}):
            assert api.get("/v1/tasks", headers=headers).status_code == 401
        assert api.get("/v1/tasks", headers={"Authorization": "Bearer ovs_a_b"}).status_code == 401
        answers = [api.get("/v1/tasks") for _ in range(60)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert refused
        assert int(refused[0].headers["retry-after"]) >= 1
        assert refused[0].headers["content-type"] == "application/problem+json"
        assert api.get("/health").status_code == 200
