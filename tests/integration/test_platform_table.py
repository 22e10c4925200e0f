"""Deployments whose table of jobs is `dxa.flow_node_run`, and schemas that lack what is needed."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from openjd_vstitcher.errors import PlatformError
from openjd_vstitcher.platform.adapters import open_platform
from openjd_vstitcher.platform.hasura.platform import HasuraPlatform
from openjd_vstitcher.platform.values import NewAsset, NewJob, Outcome
from tests.contract.platforms import JOB_TABLE, Deployment, shaped

pytest_plugins = ["tests.contract.fixtures"]

RENAMED: dict[str, Any] = {
    "tables": {r"\A": "CREATE SCHEMA dxa;", r"\bplatform\.job(?![_.\w])": JOB_TABLE},
    "metadata": {r"schema: platform(, |\n\s*)name: job(}|$)": r"schema: dxa\1name: flow_node_run\2"},
    "job_table": JOB_TABLE,
}


@pytest.mark.parametrize("extend", [True, False])
def test_the_way_of_a_job_in_a_table_of_another_name(postgres_server: str, tmp_path: Path, extend: bool) -> None:
    with shaped(postgres_server, tmp_path, extend=extend, **RENAMED) as deployment:
        platform = open_platform(deployment.config)
        platform.put_preset({"key": "k", "name": "k", "version": 0, "details": {}})
        job = platform.submit(NewJob("TEST", "k", {}))
        assert platform.wait_for_jobs(["TEST"], timeout_s=4)
        claim = platform.claim("worker-1", ["TEST"], lease_s=60)
        assert claim is not None
        platform.heartbeat(claim, lease_s=60)
        asset = platform.begin_asset(claim, NewAsset("a.png", "MEDIA_RENDER", "s3://b/a.png", True))
        assert platform.claim_state(claim, timeout_s=0) == "held"
        platform.asset_uploaded(claim, asset, {"size_bytes": 1})
        platform.finish(claim, Outcome("COMPLETED_SUCCESS"))
        assert platform.retry(job.id).status == "NEW"
        assert [a.status for a in platform.assets(job.id)] == ["UPLOADED"]
        assert ("legacy" in platform.describe()) is not extend
        platform.close()


def test_a_schema_without_the_table_of_jobs_is_refused(extended_deployment: Deployment) -> None:
    with pytest.raises(PlatformError, match="no dxa_flow_node_run, or the role may not see it"):
        open_platform(dataclasses.replace(extended_deployment.config, job_table="dxa.flow_node_run"))


def test_what_a_role_lacks_is_said(extended_deployment: Deployment) -> None:
    platform = open_platform(dataclasses.replace(extended_deployment.config, role="viewer"))
    assert "not for this role: insert_platform_job_one" in platform.describe()
    assert "platform_claim_job" in platform.describe()
    platform.close()


def test_asset_types_that_the_role_may_not_see_are_unknown(extended_deployment: Deployment) -> None:
    platform = HasuraPlatform(extended_deployment.config)
    assert "MEDIA_RENDER" in (platform.asset_types() or ())
    platform.found = dataclasses.replace(platform.found, asset_types=False)
    assert platform.asset_types() is None
    platform.close()


def test_a_wrong_secret_is_refused(extended_deployment: Deployment, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("not the secret")
    with pytest.raises(PlatformError, match="access-denied") as refused:
        open_platform(dataclasses.replace(extended_deployment.config, credential_file=wrong))
    assert not refused.value.transient
