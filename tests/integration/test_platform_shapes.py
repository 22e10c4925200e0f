"""Deployments whose tables, settings or Hasura differ from the common ones: a job goes its whole way on each."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path
from typing import Any

import pytest

from openjd_vstitcher.platform.adapters import open_platform
from openjd_vstitcher.platform.hasura.platform import HasuraPlatform
from openjd_vstitcher.platform.values import NewAsset, NewJob, Outcome
from tests.contract.platforms import Deployment, shaped

pytest_plugins = ["tests.contract.fixtures"]

NO_ZONE = {"tables": {"timestamptz": "timestamp"}}
NATIVE_STATUS = {
    "tables": {r"status text REFERENCES platform\.job_status": "status platform.state"}
    | {
        r"^CREATE TABLE platform\.job \(": "CREATE TYPE platform.state AS ENUM ('NEW', 'ACKNOWLEDGED', 'IN_PROGRESS',"
        " 'COMPLETED_SUCCESS', 'COMPLETED_ERRORS', 'ON_HOLD');\nCREATE TABLE platform.job ("
    }
}
NO_PRESET_KEY = {
    "tables": {r"preset_key text REFERENCES platform\.job_preset": "preset_key text"},
    "metadata": {r"^ *object_relationships:\n *- name: preset\n.*\n.*preset_key\n": ""},
}
OWN_WORKER = {"sql": "CREATE TABLE platform.worker (name text)"}
CLOSED = {"closed_to": "admin"}
NO_OWN_ASSET_IDS = {
    "tables": {
        r"(CREATE TABLE \"create\".asset \(\n  id uuid PRIMARY KEY DEFAULT gen_random_uuid\(\))": (
            r"CREATE FUNCTION public.is_ours(id uuid) RETURNS bool LANGUAGE sql IMMUTABLE AS"
            r" $$ SELECT id::text LIKE '________-____-4%' $$;\n\1 CHECK (public.is_ours(id))"
        )
    }
}
TEXT_NUMBERS = {"stringify_numeric_types": True}

SHAPES = [
    pytest.param(extend, shape, id=f"{'extended' if extend else 'legacy'}-{name}")
    for extend, name, shape in [
        (False, "no zone", NO_ZONE),
        (False, "no own asset ids", NO_OWN_ASSET_IDS),
        (True, "no zone", NO_ZONE),
        (False, "native status", NATIVE_STATUS),
        (False, "no preset key", NO_PRESET_KEY),
        (True, "no preset key", NO_PRESET_KEY),
        (True, "own worker", OWN_WORKER),
        (False, "no introspection", CLOSED),
        (True, "no introspection", CLOSED),
        (False, "numbers as text", TEXT_NUMBERS),
        (True, "numbers as text", TEXT_NUMBERS),
    ]
]


def go_the_whole_way(deployment: Deployment, *, extended: bool) -> None:
    platform = open_platform(deployment.config)
    platform.put_preset({"key": "k", "name": "k", "version": 0, "details": {"instructions": []}})
    job = platform.submit(NewJob("TEST", "k", {"style_id": "style-1"}))
    assert platform.wait_for_jobs(["TEST"], timeout_s=4)
    claim = platform.claim("worker-1", ["TEST"], lease_s=60)
    assert claim is not None
    assert claim.preset["key"] == "k"
    platform.heartbeat(claim, lease_s=60, progress=12.5)
    assert platform.job(job.id).progress == (12.5 if extended else None)
    asset = platform.begin_asset(claim, NewAsset("a.png", "MEDIA_RENDER", "s3://b/a.png", True, style_id="style-1"))
    platform.asset_uploaded(claim, asset, {"size_bytes": 1})
    assert platform.claim_state(claim, timeout_s=0) == "held"
    platform.finish(claim, Outcome("COMPLETED_SUCCESS", hide_previous_style_assets=True))
    ended = platform.job(job.id)
    assert ended.status == "COMPLETED_SUCCESS"
    assert ended.created_at is not None
    assert ended.started_at is not None
    assert ended.ended_at is not None
    assert ended.created_at <= ended.started_at <= ended.ended_at
    assert [a.status for a in platform.assets(job.id)] == ["UPLOADED"]
    assert "MEDIA_RENDER" in (platform.asset_types() or ())
    assert platform.retry(job.id).status == "NEW"
    assert platform.request_cancel(job.id).status in ("CANCELED", "COMPLETED_ERRORS")
    platform.close()


@pytest.mark.parametrize(("extend", "shape"), SHAPES)
def test_the_way_of_a_job_in_another_shape(
    postgres_server: str, tmp_path: Path, extend: bool, shape: dict[str, Any]
) -> None:
    with shaped(postgres_server, tmp_path, extend=extend, **shape) as deployment:
        go_the_whole_way(deployment, extended=extend)


def test_what_a_role_lacks_is_not_guessed_where_it_may_not_introspect(postgres_server: str, tmp_path: Path) -> None:
    with shaped(postgres_server, tmp_path, extend=True, closed_to="worker") as deployment:
        platform = HasuraPlatform(dataclasses.replace(deployment.config, role="worker"))
        assert "extended; what this role lacks is not known" in platform.describe()
        assert platform.found.hidden == ("requestor_id",)
        platform.close()


def test_an_old_hasura_is_named_when_the_platform_is_opened(
    postgres_server: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with shaped(postgres_server, tmp_path, extend=False, say_version="v2.8.1") as deployment:
        open_platform(deployment.config).close()
    assert "Hasura v2.8.1 is older than 2.10, the oldest version that is supported" in caplog.text
