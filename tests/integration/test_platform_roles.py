"""What the roles of the shipped metadata may do, and what the database side refuses them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from graphql import build_client_schema, get_introspection_query, validate

from openjd_vstitcher.errors import NotFound, PlatformError
from openjd_vstitcher.platform.adapters import open_platform
from openjd_vstitcher.platform.hasura.queries import requests
from openjd_vstitcher.platform.ports import Platform
from openjd_vstitcher.platform.values import Claim, NewAsset, NewJob, Outcome
from tests.contract.__main__ import schema_text
from tests.contract.platforms import PROJECT, Deployment, token

pytest_plugins = ["tests.contract.fixtures"]

WORKER = {
    *(
        "Claim",
        "ClaimedId",
        "Heartbeat",
        "BeginAsset",
        "AssetUploaded",
        "RecordEvents",
        "Finish",
        "EndAttempt",
        "RequeueExpired",
    ),
    "Waiting",
}
SUBMITTER = {"Submit", "Cancel", "Retry", "RetryFailed", "Hold", "Release", "PutPreset"}
READING = {"Jobs", "Events", "Preset", "Presets", "Assets", "Waiting", "Held", "HeldRow", "AssetTypes"}

Opener = Callable[..., Platform]


@pytest.fixture
def open_as(extended_deployment: Deployment, tmp_path: Path) -> Iterator[Opener]:
    """Opens the platform with a JWT for one role, and puts a preset there before."""
    extended_deployment.clear()
    opened: list[Platform] = []

    def open_with_role(role: str, **claims: str) -> Platform:
        file = tmp_path / f"{role}-{len(opened)}"
        file.write_text(token(role, **claims))
        config = dataclasses.replace(extended_deployment.config, auth="jwt", credential_file=file)
        opened.append(open_platform(config))
        return opened[-1]

    admin = open_platform(extended_deployment.config)
    opened.append(admin)
    admin.put_preset({"key": "preset_v0", "name": "preset", "version": 0, "details": {}})
    yield open_with_role
    for platform in opened:
        platform.close()


def submit(platform: Platform, **values: Any) -> str:
    return platform.submit(NewJob(**{"type": "TEST", "preset_key": "preset_v0", "details": {}, **values})).id


def claim(platform: Platform, worker: str) -> Claim:
    claimed = platform.claim(worker, ["TEST"], lease_s=60)
    assert claimed is not None
    return claimed


@pytest.mark.parametrize(
    ("role", "allowed"),
    [("worker", WORKER | READING), ("submitter", SUBMITTER | READING), ("viewer", READING)],
)
def test_a_role_has_the_requests_that_it_needs_and_no_other(
    extended_deployment: Deployment, role: str, allowed: set[str]
) -> None:
    headers = {"x-hasura-role": role}
    answer = extended_deployment.server.request(get_introspection_query(), headers=headers)
    schema = build_client_schema(answer["data"])
    hidden = () if role != "worker" else ("requestor_id",)
    documents = requests("extended", without=hidden)
    assert {name for name, document in documents.items() if not validate(schema, document)} == allowed


def test_the_schema_file_is_what_the_metadata_gives(extended_deployment: Deployment) -> None:
    shipped = (PROJECT / "schema.graphql").read_text(encoding="utf-8")
    assert schema_text(extended_deployment) == shipped, "write it anew with `python -m tests.contract`"


def test_the_whole_way_of_a_job_with_each_in_its_role(open_as: Opener) -> None:
    submitter, worker = open_as("submitter", user_id="someone"), open_as("worker", worker_id="worker-1")
    job_id = submit(submitter)
    assert worker.wait_for_jobs(["TEST"], timeout_s=4)
    taken = claim(worker, "worker-1")
    worker.heartbeat(taken, lease_s=60, progress=5.0)
    asset = worker.begin_asset(taken, NewAsset("a.png", "MEDIA_RENDER", "s3://b/a.png", True))
    worker.asset_uploaded(taken, asset, {"size_bytes": 1})
    worker.record(taken, [])
    assert worker.claim_state(taken, timeout_s=0.5) == "held"
    submitter.request_cancel(job_id)
    assert worker.claim_state(taken, timeout_s=4) == "cancel_requested"
    worker.finish(taken, Outcome("COMPLETED_SUCCESS"))
    seen = open_as("viewer").job(job_id)
    assert (seen.status, seen.requestor_id, seen.worker) == ("COMPLETED_SUCCESS", "someone", "worker-1")
    assert [a.status for a in open_as("viewer").assets(job_id)] == ["UPLOADED"]
    assert len(open_as("viewer").events(job_id)) == 4


@pytest.mark.parametrize("named", [{"worker_id": "worker-2"}, {}])
def test_a_worker_acts_in_no_other_workers_name(open_as: Opener, named: dict[str, str]) -> None:
    submit(open_as("submitter", user_id="someone"))
    taken = claim(open_as("worker", worker_id="worker-1"), "worker-1")
    other = open_as("worker", **named)
    for write in (
        lambda: other.claim("worker-1", ["TEST"], lease_s=60),
        lambda: other.heartbeat(taken, lease_s=60),
        lambda: other.begin_asset(taken, NewAsset("a.png", "MEDIA_RENDER", "s3://b/a.png", True)),
        lambda: other.record(taken, []),
        lambda: other.finish(taken, Outcome("COMPLETED_ERRORS")),
    ):
        with pytest.raises(PlatformError) as refused:
            write()
        assert not refused.value.transient
    assert open_as("viewer").job(taken.job.id).status == "IN_PROGRESS"


@pytest.fixture
def other_names(extended_deployment: Deployment) -> Iterator[None]:
    """The roles `worker` and `submitter` under other names as well, as a deployment may call or inherit them."""
    kinds = {"worker": "render_node", "submitter": "designer"}
    undo = []
    for function, role in [("claim_job", "worker"), ("heartbeat_job", "worker"), ("cancel_job", "submitter")]:
        args = {"function": {"schema": "platform", "name": function}, "role": kinds[role]}
        made = extended_deployment.server.command({"type": "pg_create_function_permission", "args": args})
        assert made == {"message": "success"}
        undo.append({"type": "pg_drop_function_permission", "args": args})
    for role in kinds.values():
        for table in ("job", "job_preset"):
            permission = {"columns": "*", "filter": {}}
            args = {"table": {"schema": "platform", "name": table}, "role": role, "permission": permission}
            made = extended_deployment.server.command({"type": "pg_create_select_permission", "args": args})
            assert made == {"message": "success"}
            undo.append({"type": "pg_drop_select_permission", "args": args})
    yield
    for command in undo:
        extended_deployment.server.command(command)


@pytest.mark.usefixtures("other_names")
def test_a_renamed_or_inherited_role_acts_in_no_other_name_either(
    extended_deployment: Deployment, open_as: Opener
) -> None:
    job_id = submit(open_as("submitter", user_id="someone"))
    claim_it = """mutation { platform_claim_job(args: {worker: "worker-1", types: ["TEST"], lease_s: 60,
        request: "00000000-0000-4000-8000-000000000000"}) { id } }"""
    named = {"x-hasura-role": "render_node", "x-hasura-worker-id": "worker-2"}
    for headers in (named, {"x-hasura-role": "render_node"}):
        (error,) = extended_deployment.server.request(claim_it, headers=headers)["errors"]
        assert error["extensions"]["code"] == "permission-error"
        assert "may not act as worker-1" in error["message"]
    cancel = f'mutation {{ platform_cancel_job(args: {{job_id: "{job_id}"}}) {{ id }} }}'
    other = {"x-hasura-role": "designer", "x-hasura-user-id": "other"}
    assert extended_deployment.server.request(cancel, headers=other)["data"] == {"platform_cancel_job": []}
    taken = extended_deployment.server.request(claim_it, headers={**named, "x-hasura-worker-id": "worker-1"})
    assert taken["data"] == {"platform_claim_job": [{"id": job_id}]}


def test_a_worker_sees_what_waits_and_what_is_its_own(open_as: Opener) -> None:
    submitter = open_as("submitter", user_id="someone")
    first = submit(submitter)
    worker, other = open_as("worker", worker_id="worker-1"), open_as("worker", worker_id="worker-2")
    taken = claim(worker, "worker-1")
    worker.begin_asset(taken, NewAsset("a.png", "MEDIA_RENDER", "s3://b/a.png", True))
    second, held = submit(submitter), submit(submitter, status="ON_HOLD")
    assert {job.id for job in worker.jobs()} == {first, second}
    assert {job.id for job in other.jobs()} == {second}
    assert other.assets(first) == []
    for unseen in (first, held):
        with pytest.raises(NotFound):
            other.job(unseen)


def test_the_tables_themselves_are_closed_to_a_worker(extended_deployment: Deployment, open_as: Opener) -> None:
    submit(open_as("submitter", user_id="someone"))
    headers = {"x-hasura-role": "worker", "x-hasura-worker-id": "worker-1"}
    for query in (
        "mutation { update_platform_job(where: {}, _set: {status: COMPLETED_SUCCESS}) { affected_rows } }",
        "mutation { delete_platform_job(where: {}) { affected_rows } }",
        'mutation { insert_platform_job_one(object: {type: TEST, preset_key: "preset_v0"}) { id } }',
        'mutation { update_create_asset(where: {}, _set: {status: "UPLOADED"}) { affected_rows } }',
        'mutation { insert_platform_job_preset_one(object: {key: "x", name: "x", details: {}}) { key } }',
        'mutation { platform_cancel_job(args: {job_id: "00000000-0000-4000-8000-000000000000"}) { id } }',
        "mutation { platform_held_job(args: {}) { id } }",
        "query { platform_job { requestor_id } }",
        "query { platform_job_aggregate { aggregate { count } } }",
    ):
        answer = extended_deployment.server.request(query, headers=headers)
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["validation-failed"], query


def test_a_submitter_steers_only_its_own_jobs(open_as: Opener) -> None:
    someone, other = open_as("submitter", user_id="someone"), open_as("submitter", user_id="other")
    job_id = submit(someone)
    for what in ("request_cancel", "hold"):
        with pytest.raises(PlatformError, match="not yours"):
            getattr(other, what)(job_id)
    assert someone.hold(job_id).status == "ON_HOLD"
    with pytest.raises(PlatformError, match="not yours"):
        other.release(job_id)
    assert someone.release(job_id).status == "NEW"
    assert someone.request_cancel(job_id).status == "CANCELED"
    with pytest.raises(PlatformError, match="not yours"):
        other.retry(job_id)
    assert someone.retry(job_id).status == "NEW"


def test_a_submitter_asks_in_no_other_name_and_ends_nothing(open_as: Opener) -> None:
    someone = open_as("submitter", user_id="someone")
    with pytest.raises(PlatformError, match="requestor_id"):
        submit(someone, requestor_id="other")
    with pytest.raises(PlatformError):
        submit(someone, status="COMPLETED_SUCCESS")
    with pytest.raises(PlatformError):
        someone.claim("worker-1", ["TEST"], lease_s=60)
    assert someone.jobs() == []


def test_a_viewer_changes_nothing(open_as: Opener) -> None:
    job_id = submit(open_as("submitter", user_id="someone"))
    viewer = open_as("viewer")
    for write in (
        lambda: submit(viewer),
        lambda: viewer.request_cancel(job_id),
        lambda: viewer.claim("worker-1", ["TEST"], lease_s=60),
        lambda: viewer.put_preset({"key": "x", "details": {}}),
    ):
        with pytest.raises(PlatformError):
            write()
    assert viewer.job(job_id).status == "NEW"


def test_with_the_admin_secret_a_role_can_be_taken_on(extended_deployment: Deployment, open_as: Opener) -> None:
    submit(open_as("submitter", user_id="someone"))
    worker = open_platform(dataclasses.replace(extended_deployment.config, role="worker"))
    taken = claim(worker, "worker-1")
    worker.finish(taken, Outcome("COMPLETED_SUCCESS"))
    assert worker.job(taken.job.id).status == "COMPLETED_SUCCESS"
    worker.close()
