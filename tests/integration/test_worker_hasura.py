"""The whole way of a job on Hasura: claimed there, assets registered there, and the server away in between."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from openjd_vstitcher.config import load_config
from openjd_vstitcher.daemon.worker import Worker
from openjd_vstitcher.platform.adapters import open_platform
from openjd_vstitcher.platform.ports import Platform
from openjd_vstitcher.platform.values import NewJob
from openjd_vstitcher.presets import read_document
from openjd_vstitcher.resources import resource
from tests.contract.platforms import Deployment

pytest_plugins = ["tests.contract.fixtures"]

CONFIG = """
[platform]
kind = "hasura"
endpoint = "{endpoint}"
credential_file = "{credential}"
retry_limit_s = 30
[storage.local]
root = "storage"
[worker]
id = "w"
work_dir = "jobs"
lease_s = 8
[engine]
kind = "standin"
"""


class Site:
    """A worker's machine, and the Hasura that it works for."""

    def __init__(self, folder: Path, deployment: Deployment) -> None:
        self.folder = folder
        self.server = deployment.server
        text = CONFIG.format(endpoint=deployment.config.endpoint, credential=deployment.config.credential_file)
        (folder / "c.toml").write_text(text)
        self.config = load_config(folder / "c.toml")
        self.platform: Platform = open_platform(self.config.platform)
        garment = self.config.storage.local.root / "body-files" / "tee.bw"
        garment.parent.mkdir(parents=True)
        shutil.copyfile(resource("examples/garments/tee.bw"), garment)
        self.platform.put_preset(read_document(resource("examples/presets/dxf_v0.json")))

    def submit(self) -> str:
        details = {"input_file_uri": "s3://body-files/tee.bw", "style_id": "s-1"}
        return self.platform.submit(NewJob("DXA_EXPORT_ASSET_BUNDLE", "dxf_v0", details)).id

    def work(self) -> None:
        Worker(self.config, self.platform).run(once=True)

    def assert_well_ended(self, job_id: str) -> None:
        job = self.platform.job(job_id)
        assert (job.status, job.status_details) == ("COMPLETED_SUCCESS", None)
        assets = self.platform.assets(job_id)
        assert [(a.name, a.status) for a in assets] == [("dxf_bundle.zip", "UPLOADED"), ("scan.json", "UPLOADED")]
        for asset in assets:
            stored = self.config.storage.local.root / asset.path.removeprefix("s3://")
            assert asset.details["size_bytes"] == stored.stat().st_size


@pytest.fixture(params=["extended", "legacy"])
def site(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("OPENJD_VS_STANDIN_MAX_PIXELS", "2000")
    deployment: Deployment = request.getfixturevalue(f"{request.param}_deployment")
    deployment.clear()
    made = Site(tmp_path, deployment)
    yield made
    made.platform.close()


def test_a_job_of_hasura_runs_and_ends_there(site: Site) -> None:
    job_id = site.submit()
    site.work()
    site.assert_well_ended(job_id)


@pytest.mark.slow
def test_a_server_that_is_away_in_the_middle_of_a_job_costs_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = site.folder / "begun"
    rule = {"what": "slow", "seconds": 3, "in": "GarmentTechpackExport", "once": str(begun)}
    monkeypatch.setenv("OPENJD_VS_STANDIN_MISBEHAVE", json.dumps(rule))
    job_id = site.submit()
    worker = threading.Thread(target=site.work)
    worker.start()
    deadline = time.monotonic() + 60
    while not begun.exists():
        assert time.monotonic() < deadline
        threading.Event().wait(0.05)
    site.server.kill()
    threading.Event().wait(5.0)
    site.server.start()
    worker.join(60)
    assert not worker.is_alive()
    site.assert_well_ended(job_id)
    of_journal = [event.seq for event in site.platform.events(job_id) if event.seq > 0]
    assert len(set(of_journal)) == len(of_journal)
