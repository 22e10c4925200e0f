"""The Hasura adapter through failing networks, gateways, servers and credentials, in the middle of a job."""

from __future__ import annotations

import dataclasses
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from openjd_vstitcher.config import PlatformConfig
from openjd_vstitcher.errors import PlatformError
from openjd_vstitcher.platform.adapters import open_platform
from openjd_vstitcher.platform.hasura.live_query import LiveQuery
from openjd_vstitcher.platform.hasura.platform import HasuraPlatform
from openjd_vstitcher.platform.ports import Platform
from openjd_vstitcher.platform.values import Claim, NewAsset, NewJob, Outcome
from tests.contract.platforms import JWT_KEY, Deployment, token
from tests.integration.faulty_proxy import FaultyProxy, faulty_proxy

pytest_plugins = ["tests.contract.fixtures"]

_AUDIT = """
DROP TABLE IF EXISTS public.report;
CREATE TABLE public.report (id uuid, said text);
CREATE OR REPLACE FUNCTION public.report() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO public.report VALUES (NEW.id, NEW.status); RETURN NULL; END $$;
CREATE OR REPLACE TRIGGER report AFTER INSERT OR UPDATE ON platform.job FOR EACH ROW
  WHEN (NEW.status LIKE 'COMPLETED%') EXECUTE FUNCTION public.report();
CREATE OR REPLACE TRIGGER report AFTER INSERT OR UPDATE ON "create".asset FOR EACH ROW
  WHEN (NEW.status = 'UPLOADED') EXECUTE FUNCTION public.report();
"""


@dataclasses.dataclass(frozen=True)
class Line:
    """A platform behind a proxy, and what webhooks on its tables would have been told."""

    deployment: Deployment
    proxy: FaultyProxy
    config: PlatformConfig
    platform: Platform

    def reports(self) -> list[tuple[str, str]]:
        return [(str(i), str(said)) for i, said in self.deployment.execute("SELECT id, said FROM report")]


@pytest.fixture(params=["extended", "legacy"])
def line(request: pytest.FixtureRequest) -> Iterator[Line]:
    deployment: Deployment = request.getfixturevalue(f"{request.param}_deployment")
    deployment.clear()
    deployment.execute(_AUDIT)
    with faulty_proxy(deployment.server.port) as proxy:
        config = dataclasses.replace(deployment.config, endpoint=proxy.endpoint, retry_limit_s=60.0)
        platform = open_platform(config)
        platform.put_preset({"key": "preset_v0", "name": "preset", "version": 0, "details": {}})
        yield Line(deployment, proxy, config, platform)
        platform.close()


def run_job(platform: Platform, fault: Callable[[int], None]) -> tuple[Claim, str]:
    """The whole way of a job on the platform; `fault` is called before each request with its number."""
    fault(0)
    job = platform.submit(NewJob("TEST", "preset_v0", {}))
    fault(1)
    claim = platform.claim("worker-1", ["TEST"], lease_s=120)
    assert claim is not None
    assert claim.job.id == job.id
    fault(2)
    platform.heartbeat(claim, lease_s=120, progress=10.0)
    fault(3)
    asset_id = platform.begin_asset(claim, NewAsset("front.png", "MEDIA_RENDER", "s3://b/front.png", True))
    fault(4)
    platform.asset_uploaded(claim, asset_id, {"size_bytes": 1})
    fault(5)
    platform.finish(claim, Outcome("COMPLETED_SUCCESS"))
    return claim, asset_id


def assert_ended_once(line: Line, claim: Claim, asset_id: str) -> None:
    job = line.platform.job(claim.job.id)
    assert (job.status, job.attempt) == ("COMPLETED_SUCCESS", 1)
    assert [asset.status for asset in line.platform.assets(job.id)] == ["UPLOADED"]
    assert len(line.platform.jobs()) == 1
    assert sorted(line.reports()) == sorted([(job.id, "COMPLETED_SUCCESS"), (asset_id, "UPLOADED")])


def _slow(*values: int) -> list[Any]:
    return [pytest.param(value, marks=pytest.mark.slow) for value in values]


@pytest.mark.parametrize("at", [None, *_slow(0, 1, 2, 3, 4, 5)])
def test_a_cut_connection_is_made_again(line: Line, at: int | None) -> None:
    def fault(number: int) -> None:
        if at in (None, number):
            line.proxy.cut()

    assert_ended_once(line, *run_job(line.platform, fault))


@pytest.mark.parametrize("at", [0, 1, 5, *_slow(2, 3, 4)])
def test_a_lost_answer_does_nothing_twice(line: Line, at: int) -> None:
    def fault(number: int) -> None:
        line.proxy.lose_answers(2 if number == at else 0)

    assert_ended_once(line, *run_job(line.platform, fault))


def test_law_2_an_asset_whose_answer_is_lost_is_one_row(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    line.platform.submit(NewJob("TEST", "preset_v0", {}))
    claim = line.platform.claim("worker-1", ["TEST"], lease_s=120)
    assert claim is not None
    connection = line.platform._connection  # type: ignore[attr-defined]
    sends, lost = connection._send, []

    def send(request: Any, deadline: float | None) -> Any:
        name = request.document.definitions[0].name.value
        if name in ("BeginAsset", "InsertAsset") and len(lost) < 2:
            lost.append(name)
            line.proxy.lose_answers(1)
        return sends(request, deadline)

    monkeypatch.setattr(connection, "_send", send)
    asset = NewAsset("front\x00.png", "MEDIA_RENDER", "s3://b/front.png", True)
    asset_id = line.platform.begin_asset(claim, asset)
    assert len(lost) == 2
    assert [found.id for found in line.platform.assets(claim.job.id)] == [asset_id]
    assert line.platform.begin_asset(claim, asset) == asset_id


def test_the_server_restarts(line: Line) -> None:
    def fault(number: int) -> None:
        if number in (1, 4):
            line.deployment.server.kill()
            threading.Timer(0.2, line.deployment.server.start).start()

    assert_ended_once(line, *run_job(line.platform, fault))


@pytest.mark.parametrize("seconds", [1.0, *_slow(30)])
def test_the_gateway_answers_503_for_a_while(line: Line, seconds: float) -> None:
    def fault(number: int) -> None:
        if number == 4:
            line.proxy.fail()
            threading.Timer(seconds, setattr, (line.proxy, "status", None)).start()

    began = time.monotonic()
    assert_ended_once(line, *run_job(line.platform, fault))
    assert time.monotonic() - began > seconds - 0.5


def test_a_gateway_that_stays_unavailable_is_reported_as_passing(line: Line) -> None:
    platform = open_platform(dataclasses.replace(line.config, retry_limit_s=0.5))
    line.proxy.fail()
    with pytest.raises(PlatformError, match="503") as failed:
        platform.jobs()
    assert failed.value.transient
    platform.close()


def test_a_gateway_that_refuses_the_credential_is_asked_once_more(line: Line) -> None:
    line.proxy.fail(403)
    with pytest.raises(PlatformError, match="answered 403") as failed:
        line.platform.jobs()
    assert not failed.value.transient
    assert line.proxy.refused == 2


def test_what_hasura_refuses_is_not_tried_again(line: Line) -> None:
    before = line.proxy.requests
    with pytest.raises(PlatformError) as refused:
        line.platform.submit(NewJob("NO_SUCH_TYPE", "preset_v0", {}))
    assert not refused.value.transient
    assert line.proxy.requests == before + 1


@pytest.fixture
def in_worker_role(extended_deployment: Deployment) -> Iterator[tuple[Deployment, Platform]]:
    """A platform in the role `worker`, which Hasura shows no `internal` of an error, and a job to claim."""
    extended_deployment.clear()
    admin = open_platform(extended_deployment.config)
    admin.put_preset({"key": "preset_v0", "name": "preset", "version": 0, "details": {}})
    admin.submit(NewJob("TEST", "preset_v0", {}))
    admin.close()
    platform = open_platform(dataclasses.replace(extended_deployment.config, role="worker", retry_limit_s=20.0))
    yield extended_deployment, platform
    platform.close()
    extended_deployment.execute("DROP TRIGGER IF EXISTS fault ON platform.job; DROP SEQUENCE IF EXISTS public.faults")


def make_finish_fail(deployment: Deployment, sqlstate: str, *, times: int) -> None:
    """The database refuses to end a job with `sqlstate`, and from the time after `times` on lets it."""
    deployment.execute(f"""
        CREATE SEQUENCE public.faults;
        CREATE OR REPLACE FUNCTION public.fault() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF nextval('public.faults') <= {times} THEN
            RAISE EXCEPTION 'made on purpose' USING ERRCODE = '{sqlstate}';
          END IF;
          RETURN NEW;
        END $$;
        CREATE TRIGGER fault BEFORE UPDATE ON platform.job FOR EACH ROW
          WHEN (NEW.status LIKE 'COMPLETED%') EXECUTE FUNCTION public.fault();
    """)


@pytest.mark.parametrize("sqlstate", ["40P01", "40001", "55P03", "57014", "53300", "57P01"])
def test_a_passing_fault_of_the_database_does_not_fail_a_finished_job(
    in_worker_role: tuple[Deployment, Platform], sqlstate: str
) -> None:
    deployment, platform = in_worker_role
    claim = platform.claim("worker-1", ["TEST"], lease_s=60)
    assert claim is not None
    make_finish_fail(deployment, sqlstate, times=2)
    platform.finish(claim, Outcome("COMPLETED_SUCCESS"))
    assert platform.job(claim.job.id).status == "COMPLETED_SUCCESS"


def test_a_database_fault_that_stays_is_reported_as_passing(in_worker_role: tuple[Deployment, Platform]) -> None:
    deployment, platform = in_worker_role
    claim = platform.claim("worker-1", ["TEST"], lease_s=60)
    assert claim is not None
    make_finish_fail(deployment, "40P01", times=1000)
    platform._connection._retry_limit_s = 0.5  # type: ignore[attr-defined]
    with pytest.raises(PlatformError, match="database query error") as failed:
        platform.finish(claim, Outcome("COMPLETED_SUCCESS"))
    assert failed.value.transient


def test_what_the_database_refuses_in_the_role_worker_is_final(in_worker_role: tuple[Deployment, Platform]) -> None:
    deployment, platform = in_worker_role
    claim = platform.claim("worker-1", ["TEST"], lease_s=60)
    assert claim is not None
    for sqlstate in ("23505", "23514", "22P02"):
        make_finish_fail(deployment, sqlstate, times=1)
        with pytest.raises(PlatformError, match="made on purpose") as failed:
            platform.finish(claim, Outcome("COMPLETED_SUCCESS"))
        assert not failed.value.transient
        deployment.execute("DROP TRIGGER fault ON platform.job; DROP SEQUENCE public.faults")


def test_new_jobs_are_pushed_again_after_the_websocket_was_dropped(line: Line) -> None:
    assert not line.platform.wait_for_jobs(["TEST"], timeout_s=0.3)
    assert line.proxy.websockets == 1
    line.proxy.cut()
    deadline = time.monotonic() + 10
    while line.proxy.websockets < 2 and time.monotonic() < deadline:
        line.platform.wait_for_jobs(["TEST"], timeout_s=0.2)
    assert line.proxy.websockets >= 2
    while line.platform.wait_for_jobs(["TEST"], timeout_s=0.3):
        pass
    other = open_platform(line.deployment.config)
    began = time.monotonic()
    other.submit(NewJob("TEST", "preset_v0", {}))
    assert line.platform.wait_for_jobs(["TEST"], timeout_s=4)
    assert time.monotonic() - began < 2
    other.close()


def test_jobs_are_found_by_polling_where_websockets_are_refused(line: Line) -> None:
    line.proxy.websockets_refused = True
    platform = open_platform(dataclasses.replace(line.config, poll_s=0.5))
    assert platform.wait_for_jobs(["TEST"], timeout_s=2)
    assert platform.claim("worker-1", ["TEST"], lease_s=60) is None
    platform.submit(NewJob("TEST", "preset_v0", {}))
    assert platform.wait_for_jobs(["TEST"], timeout_s=2)
    assert platform.claim("worker-1", ["TEST"], lease_s=60) is not None
    assert not platform.wait_for_jobs(["TEST"], timeout_s=0.1)
    platform.close()


def test_a_cancel_request_is_heard_after_the_websocket_was_dropped(line: Line) -> None:
    job = line.platform.submit(NewJob("TEST", "preset_v0", {}))
    claim = line.platform.claim("worker-1", ["TEST"], lease_s=60)
    assert claim is not None
    assert line.platform.claim_state(claim, timeout_s=0.5) == "held"
    assert line.proxy.websockets == 1
    line.proxy.cut()
    deadline = time.monotonic() + 10
    while line.proxy.websockets < 2 and time.monotonic() < deadline:
        assert line.platform.claim_state(claim, timeout_s=0.2) == "held"
    assert line.proxy.websockets >= 2
    line.platform.request_cancel(job.id)
    assert line.platform.claim_state(claim, timeout_s=10) in ("cancel_requested", "lost")


def test_a_cancel_request_is_heard_by_polling_where_websockets_are_refused(line: Line) -> None:
    line.proxy.websockets_refused = True
    platform = open_platform(dataclasses.replace(line.config, poll_s=0.3))
    job = platform.submit(NewJob("TEST", "preset_v0", {}))
    claim = platform.claim("worker-1", ["TEST"], lease_s=60)
    assert claim is not None
    assert platform.claim_state(claim, timeout_s=0.5) == "held"
    line.platform.request_cancel(job.id)
    assert platform.claim_state(claim, timeout_s=10) in ("cancel_requested", "lost")
    platform.close()


def test_a_platform_that_is_away_leaves_a_claim_held(line: Line) -> None:
    line.platform.submit(NewJob("TEST", "preset_v0", {}))
    claim = line.platform.claim("worker-1", ["TEST"], lease_s=60)
    assert claim is not None
    line.proxy.fail()
    began = time.monotonic()
    assert line.platform.claim_state(claim, timeout_s=0.5) == "held"
    assert time.monotonic() - began < 5


def test_a_jwt_that_expires_in_the_middle_of_a_job_is_renewed(line: Line, tmp_path: Path) -> None:
    minted = tmp_path / "minted"
    claims = {"x-hasura-allowed-roles": ["admin"], "x-hasura-default-role": "admin"}
    mint = (
        f"import jwt, time; c = {{'exp': time.time() + 3, 'https://hasura.io/jwt/claims': {claims!r}}};"
        f"t = jwt.encode(c, {JWT_KEY!r}, algorithm='HS256'); print(t); open({str(minted)!r}, 'a').write(t + '\\n')"
    )
    config = dataclasses.replace(
        line.config, auth="jwt", credential_file=None, credential_command=(sys.executable, "-c", mint)
    )
    platform = open_platform(config)

    def fault(number: int) -> None:
        if number == 4:
            first = minted.read_text().splitlines()[0]
            deadline = time.monotonic() + 20
            while "JWTExpired" not in str(answer_to(line, first)) and time.monotonic() < deadline:
                threading.Event().wait(0.05)

    assert_ended_once(line, *run_job(platform, fault))
    platform.close()
    assert "JWTExpired" in str(answer_to(line, minted.read_text().splitlines()[0]))


def answer_to(line: Line, bearer: str) -> dict[str, Any]:
    query = "{ platform_job(limit: 1) { id } }"
    return line.deployment.server.request(query, headers={"Authorization": f"Bearer {bearer}"})


def test_a_refused_jwt_is_fetched_anew_once(line: Line, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(token())
    platform = open_platform(dataclasses.replace(line.config, auth="jwt", credential_file=file))
    platform._connection._credential._value = token(key="another key, thirty-two bytes long!")  # type: ignore[attr-defined]
    assert_ended_once(line, *run_job(platform, lambda _: None))
    file.write_text(token(key="another key, thirty-two bytes long!"))
    platform._connection.forget_credential()  # type: ignore[attr-defined]
    before = line.proxy.requests
    with pytest.raises(PlatformError, match="JWT"):
        platform.jobs()
    assert line.proxy.requests == before + 2
    platform.close()


def test_a_websocket_that_is_refused_for_its_credential_reads_it_again(line: Line, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(token())
    platform = HasuraPlatform(dataclasses.replace(line.config, auth="jwt", credential_file=file))
    platform._connection._credential._value = token(key="another key, thirty-two bytes long!")
    requests = platform._requests
    live = LiveQuery(
        platform._connection, requests["Waiting"], {"where": {}}, root="platform_job", poll_s=60, subject="new jobs"
    )
    deadline = time.monotonic() + 10
    while live.latest is None and time.monotonic() < deadline:
        live.wait(0.1)
    assert live.latest is not None
    live.stop()
    platform.close()


def test_no_error_shows_the_credential(line: Line) -> None:
    line.proxy.fail()
    secret = line.config.credential_file
    assert secret is not None
    platform = line.platform
    platform._connection._retry_limit_s = 0  # type: ignore[attr-defined]
    with pytest.raises(PlatformError) as failed:
        platform.jobs()
    shown = json.dumps([str(failed.value), repr(failed.value), repr(failed.value.__cause__)])
    assert secret.read_text() not in shown
