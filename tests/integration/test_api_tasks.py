"""Jobs over HTTP, against a server process on the embedded platform and on Hasura."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from openjd_vstitcher.platform.ports import Platform
from openjd_vstitcher.platform.values import Outcome
from tests.api_server import PRESET, ApiServer, api, api_server, embedded_config, platform, server, stream
from tests.contract.platforms import Deployment

pytest_plugins = ["tests.contract.fixtures"]

__all__ = ["api", "platform", "server"]

DETAILS = {"style_id": "style-0042", "input_file_uri": "s3://garments/tee.bw"}
UNKNOWN = "3b2f0f5e-0000-4000-8000-000000000000"


def submitted(api: httpx.Client, **more: Any) -> str:
    answer = api.post("/v1/tasks", json={"preset": "onboarding_v0", "details": DETAILS, "type": "TEST", **more})
    assert answer.status_code == 201, answer.text
    task_id: str = answer.json()["taskId"]
    assert answer.headers["location"] == f"/v1/tasks/{task_id}"
    return task_id


def refused(answer: httpx.Response, status: int) -> Any:
    """The problem details of a refusal."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert {"type", "title", "status", "detail"} <= set(problem)
    assert problem["status"] == status
    return problem


def pointers(answer: httpx.Response) -> list[str]:
    return [error["pointer"] for error in refused(answer, 422)["errors"]]


def test_a_submitted_task_is_the_platform_s_job(api: httpx.Client, platform: Platform) -> None:
    body = {"preset": "onboarding_v0", "details": DETAILS, "type": "TEST", "priority": 3, "hold": True}
    answer = api.post("/v1/tasks", json=body)
    assert (answer.status_code, answer.json()["state"]) == (201, "ON_HOLD")
    job = platform.job(answer.json()["taskId"])
    assert (job.details, job.priority, job.type, job.status) == (DETAILS, 3, "TEST", "ON_HOLD")
    shown = api.get(f"/v1/tasks/{job.id}").json()
    assert (shown["taskId"], shown["presetKey"], shown["details"]) == (job.id, "onboarding_v0", DETAILS)
    assert shown["createdAt"] == job.created_at.isoformat().replace("+00:00", "Z")


def test_a_whole_preset_is_stored_with_the_task(api: httpx.Client, platform: Platform) -> None:
    submitted(api, preset={**PRESET, "key": "sent_along_v0"}, type=None)
    assert platform.preset("sent_along_v0")["details"] == PRESET["details"]


@pytest.mark.parametrize(
    ("change", "places"),
    [
        ({"details": {**DETAILS, "style_id": "a/b"}}, ["/details/style_id"]),
        ({"details": {"input_file_uri": "https://h:99999/x.bw"}}, ["/details/input_file_uri"]),
        ({"details": {}}, ["/details/input_file_uri"]),
        ({"preset": "no_such_v0"}, ["/preset"]),
        ({"preset": {**PRESET, "details": {"instructions": []}}}, ["/preset/details/instructions"]),
        ({"preset": 5}, ["/preset"]),
        ({"priorty": 5}, ["/priorty"]),
        ({"priority": "high"}, ["/priority"]),
        ({"priority": 10**30}, ["/priority"]),
        ({"type": "NO_SUCH_TYPE"}, ["/type"]),
        ({"hold": "yes"}, ["/hold"]),
        ({"details": {**DETAILS, "style_id": "\ud800"}}, ["/details/style_id"]),
    ],
)
def test_bad_input_is_refused_with_its_place(
    api: httpx.Client, platform: Platform, change: dict[str, Any], places: list[str]
) -> None:
    before = len(platform.jobs(limit=1000))
    body = {"preset": "onboarding_v0", "details": DETAILS, "type": "TEST", **change}
    answer = api.post("/v1/tasks", content=json.dumps(body), headers={"Content-Type": "application/json"})
    assert pointers(answer) == places
    assert len(platform.jobs(limit=1000)) == before


@pytest.mark.parametrize(
    ("content", "status"),
    [('{"preset":', 400), ("[]", 422), ("null", 422), ("[" * 100_000, 400), ('{"preset": NaN}', 422), ("\xff", 400)],
)
def test_a_body_that_is_no_task_is_refused(api: httpx.Client, content: str, status: int) -> None:
    headers = {"Content-Type": "application/json"}
    refused(api.post("/v1/tasks", content=content.encode("latin-1"), headers=headers), status)


def test_only_json_is_read(api: httpx.Client) -> None:
    body = json.dumps({"preset": "onboarding_v0", "details": DETAILS})
    for headers in ({"Content-Type": "text/plain"}, {}):
        refused(api.post("/v1/tasks", content=body, headers=headers), 415)


def test_a_large_body_is_refused_however_it_is_sent(api: httpx.Client) -> None:
    headers = {"Content-Type": "application/json"}
    refused(api.post("/v1/tasks", content=b" " * (5 << 20), headers=headers), 413)
    chunks = (b" " * (1 << 20) for _ in range(5))
    refused(api.post("/v1/tasks", content=chunks, headers=headers), 413)
    assert api.get("/health").json()["status"] == "ok"


def test_the_same_idempotency_key_submits_one_job(api: httpx.Client, platform: Platform) -> None:
    headers = {"Idempotency-Key": "order-17"}
    body = {"preset": "onboarding_v0", "details": DETAILS, "type": "TEST"}
    first, second = (api.post("/v1/tasks", json=body, headers=headers) for _ in range(2))
    assert first.status_code == second.status_code == 201
    assert first.json()["taskId"] == second.json()["taskId"]
    other = api.post("/v1/tasks", json={**body, "type": "BRAND_ONBOARDING"}, headers=headers)
    assert refused(other, 422)["errors"][0]["parameter"] == "Idempotency-Key"
    assert api.post("/v1/tasks", json=body).json()["taskId"] != first.json()["taskId"]
    platform.request_cancel(first.json()["taskId"])
    assert api.post("/v1/tasks", json=body, headers=headers).json() == {**first.json(), "state": "CANCELED"}


def test_pages_follow_their_cursors(api: httpx.Client) -> None:
    wanted = [submitted(api, requestorId="pager") for _ in range(5)]
    seen: list[str] = []
    url: str | None = "/v1/tasks?search=pager&limit=2"
    while url is not None:
        answer = api.get(url)
        seen += [task["taskId"] for task in answer.json()["tasks"]]
        link = answer.links.get("next")
        assert (link is None) == (answer.json()["next"] is None)
        url = link["url"] if link else None
    assert seen == wanted[::-1]


def test_a_row_that_is_nested_too_deeply_does_not_hide_the_others(
    server: ApiServer, api: httpx.Client, platform: Platform
) -> None:
    deep, deeper, good = (submitted(api, requestorId="deep") for _ in range(3))
    with closing(sqlite3.connect(server.config.parent / "platform.sqlite", timeout=60)) as db, db:
        for job_id, levels in ((deep, 600), (deeper, 995)):
            db.execute(f"UPDATE job SET details = '{'[' * levels}{']' * levels}' WHERE id = '{job_id}'")
    answer = api.get("/v1/tasks?search=deep")
    assert [task["taskId"] for task in answer.json()["tasks"] if task["taskId"] != deeper] == [good, deep]
    with stream(api, f"/v1/tasks/{deep}/events/stream") as frames:
        assert next(frame for frame in frames if frame.event == "job").data["taskId"] == deep


def test_filters_narrow_the_list(api: httpx.Client) -> None:
    held, waiting = submitted(api, hold=True, requestorId="filters"), submitted(api, requestorId="filters")
    found = api.get("/v1/tasks", params={"state": "ON_HOLD", "search": "FILTERS"}).json()["tasks"]
    assert [task["taskId"] for task in found] == [held]
    assert [t["taskId"] for t in api.get("/v1/tasks", params={"search": waiting}).json()["tasks"]] == [waiting]
    assert api.get("/v1/tasks", params={"preset": "other", "search": "filters"}).json()["tasks"] == []


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=x", "limit"),
        ("state=LOST", "state"),
        ("cursor=abc", "cursor"),
        ("cursor=", "cursor"),
        ("cursor=W10", "cursor"),
        ("search=%00", "search"),
    ],
)
def test_a_bad_parameter_is_named(api: httpx.Client, query: str, name: str) -> None:
    assert refused(api.get(f"/v1/tasks?{query}"), 422)["errors"][0]["parameter"] == name


def test_a_task_is_steered(api: httpx.Client, platform: Platform) -> None:
    task = f"/v1/tasks/{submitted(api)}"
    assert api.post(f"{task}/hold").json()["state"] == "ON_HOLD"
    assert api.post(f"{task}/release").json()["state"] == "NEW"
    assert api.patch(task, json={"priority": 9}).json()["priority"] == 9
    assert api.post(f"{task}/stop").json()["state"] == "CANCELED"
    assert api.post(f"{task}/retry").json()["state"] == "NEW"
    claim = platform.claim("worker-1", ["TEST"], lease_s=60)
    assert claim is not None
    canceled = api.post(f"{task}/cancel").json()
    assert (canceled["state"], canceled["cancelRequested"]) == ("IN_PROGRESS", True)
    assert "IN_PROGRESS" in refused(api.delete(task), 409)["detail"]
    assert "IN_PROGRESS" in refused(api.post(f"{task}/retry"), 409)["detail"]
    platform.finish(claim, Outcome("CANCELED"))
    assert api.delete(task).status_code == 204
    refused(api.get(task), 404)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", f"/v1/tasks/{UNKNOWN}", 404),
        ("GET", "/v1/tasks/no-uuid", 404),
        ("DELETE", f"/v1/tasks/{UNKNOWN}", 404),
        ("POST", f"/v1/tasks/{UNKNOWN}/cancel", 404),
        ("POST", f"/v1/tasks/{UNKNOWN}/explode", 404),
        ("GET", f"/v1/tasks/{UNKNOWN}/events", 404),
        ("GET", f"/v1/tasks/{UNKNOWN}/events/stream", 404),
        ("GET", f"/v1/tasks/{UNKNOWN}/assets", 404),
        ("GET", f"/v1/tasks/{UNKNOWN}/assets/a.png", 404),
        ("GET", f"/v1/tasks/{UNKNOWN}/logs", 404),
        ("GET", "/v1/nothing", 404),
        ("PUT", "/v1/tasks", 405),
        ("GET", "/v1/presets/no_such_v0", 404),
        ("DELETE", "/v1/presets/no_such_v0", 404),
    ],
)
def test_what_is_not_there_is_said(api: httpx.Client, method: str, path: str, status: int) -> None:
    refused(api.request(method, path), status)


def test_a_method_that_a_path_lacks_is_answered_with_those_that_it_has(api: httpx.Client) -> None:
    answer = api.put("/v1/tasks")
    refused(answer, 405)
    assert answer.headers["allow"] == "GET, POST"


def test_an_unchanged_task_is_not_sent_again_and_a_changed_one_is_not_overwritten(api: httpx.Client) -> None:
    task = f"/v1/tasks/{submitted(api)}"
    tag = api.get(task).headers["etag"]
    again = api.get(task, headers={"If-None-Match": f'"other", {tag}'})
    assert (again.status_code, again.content) == (304, b"")
    changed = api.patch(task, json={"priority": 1}, headers={"If-Match": tag})
    assert (changed.status_code, changed.headers["etag"] != tag) == (200, True)
    refused(api.patch(task, json={"priority": 2}, headers={"If-Match": tag}), 412)
    refused(api.delete(task, headers={"If-Match": tag}), 412)
    assert api.get(task, headers={"If-None-Match": tag}).json()["priority"] == 1


def test_presets_are_stored_checked_translated_and_deleted(api: httpx.Client) -> None:
    preset = {**PRESET, "key": "mine_v0"}
    assert api.put("/v1/presets/mine_v0", json=preset).status_code == 201
    stored = api.get("/v1/presets/mine_v0")
    assert (stored.json()["details"], stored.json()["job_type"]) == (PRESET["details"], PRESET["job_type"])
    changed = {**preset, "version": 4}
    assert api.put("/v1/presets/mine_v0", json=changed, headers={"If-Match": stored.headers["etag"]}).status_code == 200
    refused(api.put("/v1/presets/mine_v0", json=preset, headers={"If-Match": stored.headers["etag"]}), 412)
    assert "mine_v0" in [row["key"] for row in api.get("/v1/presets").json()["presets"]]
    checked = api.post("/v1/presets/check", json=preset).json()
    assert (checked["valid"], len(checked["outputs"])) == (True, checked["exports"])
    template = api.get("/v1/presets/mine_v0/template").json()
    assert template["specificationVersion"] == "jobtemplate-2023-09"
    assert api.post("/v1/presets/translate", json=changed).json() == template
    assert api.post("/v1/templates/check", json=template).json()["steps"] == len(template["steps"])
    assert api.delete("/v1/presets/mine_v0").status_code == 204
    refused(api.get("/v1/presets/mine_v0"), 404)


def test_a_preset_that_cannot_be_used_is_not_stored(api: httpx.Client) -> None:
    bad = {"key": "bad_v0", "details": {"instructions": [{"type": "EXPORT", "export_type": "NO"}]}}
    places = ["/details/instructions/0/output_file_name", "/details/instructions/0/export_type"]
    for answer in (api.put("/v1/presets/bad_v0", json=bad), api.post("/v1/presets/check", json=bad)):
        assert set(pointers(answer)) == set(places)
    refused(api.get("/v1/presets/bad_v0"), 404)
    assert pointers(api.put("/v1/presets/other_v0", json=PRESET)) == ["/key"]
    submitted(api)
    refused(api.delete("/v1/presets/onboarding_v0"), 409)
    assert pointers(api.post("/v1/templates/check", json={"specificationVersion": "x"}))


def test_the_server_tells_its_state_and_schemas(api: httpx.Client) -> None:
    assert api.get("/health").json()["status"] == api.get("/ready").json()["status"] == "ok"
    assert api.get("/v1/platform").json()["platform"].startswith("embedded, in ")
    for name in api.get("/v1/schemas").json()["schemas"]:
        assert api.get(f"/v1/schemas/{name}").json()["$schema"]
    refused(api.get("/v1/schemas/nothing"), 404)
    document = api.get("/openapi.json").json()
    assert document["components"]["schemas"]["NewTask"]["properties"]["preset"]["examples"] == ["onboarding_v0"]


def test_no_page_of_another_origin_may_read_answers(api: httpx.Client) -> None:
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    assert not [name for name in api.get("/v1/tasks", headers=headers).headers if name.startswith("access-control")]
    refused(api.options("/v1/tasks", headers=headers), 405)


@pytest.mark.parametrize("kind", ["extended", pytest.param("legacy", marks=pytest.mark.slow)])
def test_a_task_on_hasura(request: pytest.FixtureRequest, tmp_path: Path, kind: str) -> None:
    deployment: Deployment = request.getfixturevalue(f"{kind}_deployment")
    deployment.clear()
    of = deployment.config
    config = embedded_config(tmp_path)
    hasura = f'kind = "hasura"\nendpoint = "{of.endpoint}"\ncredential_file = "{of.credential_file}"'
    config.write_text(config.read_text().replace('path = "platform.sqlite"', hasura))
    with api_server(config) as server, server.client() as api:
        assert api.put("/v1/presets/onboarding_v0", json=PRESET).status_code == 201
        headers = {"Idempotency-Key": "one"}
        body = {"preset": "onboarding_v0", "details": DETAILS, "type": "TEST"}
        ids = {api.post("/v1/tasks", json=body, headers=headers).json()["taskId"] for _ in range(2)}
        (task_id,) = ids
        assert pointers(api.post("/v1/tasks", json={**body, "type": "NO_SUCH_TYPE"})) == [""]
        assert api.patch(f"/v1/tasks/{task_id}", json={"priority": 4}).json()["priority"] == 4
        assert api.get("/v1/tasks", params={"search": "style-0042"}).json()["tasks"][0]["taskId"] == task_id
        assert api.post(f"/v1/tasks/{task_id}/cancel").json()["state"] in ("CANCELED", "COMPLETED_ERRORS")
        assert api.delete(f"/v1/tasks/{task_id}").status_code == 204
        refused(api.get(f"/v1/tasks/{task_id}"), 404)
        assert server.stop() == 0


def test_a_job_definition_is_submitted_like_a_preset_and_checked(server: ApiServer) -> None:
    definition = {"key": "greeting", "version": 1, "job_type": "TEST", "details": {"handler": "hello_world"}}
    with server.client() as api:
        created = api.post("/v1/tasks", json={"preset": definition, "details": {"parameters": {"name": "Ann"}}})
        assert created.status_code == 201, created.text
        assert api.get(created.headers["location"]).json()["result"] is None
        refused = api.post(
            "/v1/tasks", json={"preset": "greeting", "details": {"parameters": {"processing_time": 301}}}
        )
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["pointer"] == "/details/parameters/processing_time"
        older = {**definition, "version": 0, "details": {"handler": "nwb_raster_plot"}}
        assert (
            api.post("/v1/tasks", json={"preset": older, "details": {"parameters": {"nwb_file": "/a"}}}).status_code
            == 422
        )
