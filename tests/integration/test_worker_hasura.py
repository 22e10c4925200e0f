"""The whole way of a job on Hasura: claimed there, assets registered there, and the server away in between."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from openjd_vstitcher.attempt.lock import is_held
from openjd_vstitcher.events import ActionEnded, ActionStatus, Event
from openjd_vstitcher.journal import read_journal
from tests.contract.platforms import Deployment, token
from tests.farm import Farm, wait_until
from tests.integration.faulty_proxy import faulty_proxy

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
lease_s = {lease_s}
poll_s = 1
[engine]
kind = "standin"
"""


class Site(Farm):
    """A worker's machine, and the Hasura that it works for."""

    def __init__(self, folder: Path, deployment: Deployment) -> None:
        self.deployment = deployment
        super().__init__(folder, self._text(deployment.config.endpoint))

    def connect(self, endpoint: str, lease_s: float = 8) -> None:
        """Write the configuration that daemons and attempts read."""
        self.configure(self._text(endpoint, lease_s))

    def _text(self, endpoint: str, lease_s: float = 8) -> str:
        return CONFIG.format(endpoint=endpoint, credential=self.deployment.config.credential_file, lease_s=lease_s)

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
    made.close()


def test_a_job_of_hasura_runs_and_ends_there(site: Site) -> None:
    job_id = site.submit()
    site.work()
    site.assert_well_ended(job_id)


def slow_once(site: Site, monkeypatch: pytest.MonkeyPatch, seconds: float) -> Path:
    """The next tech pack takes a while; the file that says that it began."""
    flag = site.folder / "begun"
    rule = {"what": "slow", "seconds": seconds, "in": "GarmentTechpackExport", "once": str(flag)}
    monkeypatch.setenv("OPENJD_VS_STANDIN_MISBEHAVE", json.dumps(rule))
    return flag


def extended_only(site: Site) -> None:
    if "legacy" in site.platform.describe():
        pytest.skip("today's tables have no lease: nobody takes over")


@pytest.mark.slow
@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_an_attempt_needs_no_daemon_for_five_leases(site: Site, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    extended_only(site)
    site.connect(site.deployment.config.endpoint, lease_s=2)
    flag = slow_once(site, monkeypatch, 14)
    job_id = site.submit()
    daemon = site.daemon()
    wait_until(flag.exists)
    daemon.send_signal(signal.SIGKILL if how == "killed" else signal.SIGSTOP)
    ended = time.monotonic() + 10
    while time.monotonic() < ended:
        assert site.platform.requeue_expired() == []
        assert site.platform.claim("other", site.config.worker.job_types, lease_s=60) is None
        threading.Event().wait(0.5)
    wait_until(site.directory(job_id).reported.exists)
    site.assert_well_ended(job_id)
    assert site.platform.job(job_id).attempt == 1
    daemon.kill()
    daemon.communicate()


@pytest.mark.slow
def test_an_attempt_that_outlives_its_daemon_reads_a_rotated_credential(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    extended_only(site)
    credential = site.folder / "token"
    credential.write_text(token(valid_s=20, worker_id="w"))
    file = site.folder / "c.toml"
    named = str(site.deployment.config.credential_file)
    file.write_text(file.read_text().replace(named, str(credential)).replace("[storage", 'auth = "jwt"\n[storage', 1))
    flag = slow_once(site, monkeypatch, 22)
    job_id = site.submit()
    daemon = site.daemon()
    wait_until(flag.exists)
    daemon.kill()
    daemon.communicate()
    credential.write_text(token(worker_id="w"))
    wait_until(site.directory(job_id).reported.exists)
    site.assert_well_ended(job_id)
    assert site.platform.job(job_id).attempt == 1


@pytest.mark.slow
def test_an_attempt_cut_off_from_hasura_ends_before_its_lease_does(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    extended_only(site)
    flag = slow_once(site, monkeypatch, 60)
    job_id = site.submit()
    port = urlsplit(site.deployment.config.endpoint).port
    assert port is not None
    with faulty_proxy(port) as proxy:
        site.connect(proxy.endpoint, lease_s=4)
        daemon = site.daemon()
        wait_until(flag.exists)
        proxy.fail()
        wait_until(lambda: not is_held(site.directory(job_id)))
        ended = datetime.now(UTC)
        lease_expires_at = site.platform.job(job_id).lease_expires_at
        assert lease_expires_at is not None
        assert ended < lease_expires_at
        assert site.platform.requeue_expired() == []
        proxy.status = None
        wait_until(lambda: site.platform.job(job_id).status == "COMPLETED_SUCCESS", 90)
        assert site.platform.job(job_id).attempt == 2
        daemon.terminate()
        daemon.communicate()


def test_cancel_is_heard_and_ended_within_two_seconds(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.connect(site.deployment.config.endpoint, lease_s=60)
    flag = slow_once(site, monkeypatch, 60)
    job_id = site.submit()
    worker = threading.Thread(target=site.work)
    worker.start()
    wait_until(flag.exists)
    asked = datetime.now(UTC)
    site.platform.request_cancel(job_id)
    worker.join(60)
    entries = read_journal(site.directory(job_id).journal)
    canceled = [e.time for e in entries if _is_sign_of_cancel(e.event)]
    assert (canceled[0] - asked).total_seconds() < 2
    assert site.platform.job(job_id).status in ("CANCELED", "COMPLETED_ERRORS")
    assert "canceled" in (site.platform.job(job_id).status_details or "")


def _is_sign_of_cancel(event: Event) -> bool:
    """An action that was notified says so; on today's tables the claim is lost, and the action ends at once."""
    if isinstance(event, ActionStatus):
        return "cancel" in event.status
    return isinstance(event, ActionEnded) and event.state == "canceled"


@pytest.mark.slow
def test_a_server_that_is_away_in_the_middle_of_a_job_costs_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.connect(site.deployment.config.endpoint, lease_s=60)
    begun = slow_once(site, monkeypatch, 3)
    job_id = site.submit()
    worker = threading.Thread(target=site.work)
    worker.start()
    wait_until(begun.exists)
    site.deployment.server.kill()
    threading.Event().wait(5.0)
    site.deployment.server.start()
    worker.join(60)
    assert not worker.is_alive()
    site.assert_well_ended(job_id)
    of_journal = [event.seq for event in site.platform.events(job_id) if event.seq > 0]
    assert len(set(of_journal)) == len(of_journal)
