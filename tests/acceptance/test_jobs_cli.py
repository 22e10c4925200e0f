"""The queue on the command line: the same commands on the embedded platform and on Hasura."""

from __future__ import annotations

import hashlib
import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from openjd_vstitcher.cli import main
from openjd_vstitcher.config import load_config
from openjd_vstitcher.platform.adapters import open_platform
from openjd_vstitcher.platform.ports import Platform
from openjd_vstitcher.platform.values import Claim, NewAsset, Outcome
from openjd_vstitcher.resources import resource
from openjd_vstitcher.submission import Request, submit
from tests.contract.platforms import Deployment

pytest_plugins = ["tests.contract.fixtures"]

PRESET = str(resource("examples/presets/onboarding_v0.json"))
DETAILS = str(resource("examples/jobs/onboarding.json"))
INPUTS = ("body-files/bodies/3d_body_files/tk_6129/TK-6129-V10-3D_BODY.bw", "artworks/stripes.png")
TYPES = ("BRAND_ONBOARDING", "TEST")

Call = Callable[..., Result]


@pytest.fixture(params=["embedded", "extended"])
def config(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A configuration file, its platform empty, its storage with the inputs of the sample job."""
    file = tmp_path / "config.toml"
    for address in INPUTS:
        (tmp_path / "storage" / address).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "storage" / address).write_bytes(b"1")
    text = '[worker]\nwork_dir = "jobs"\n[storage.local]\nroot = "storage"\n[platform]\n'
    if request.param == "embedded":
        text += 'path = "platform.sqlite"\n'
    else:
        deployment: Deployment = request.getfixturevalue("extended_deployment")
        deployment.clear()
        of = deployment.config
        text += f'kind = "hasura"\nendpoint = "{of.endpoint}"\ncredential_file = "{of.credential_file}"\n'
    file.write_text(text)
    return file


@pytest.fixture
def call(config: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    monkeypatch.setenv("OPENJD_VS_CONFIG", str(config))

    def invoke(*args: str, code: int = 0) -> Result:
        result = CliRunner().invoke(main, args)
        assert result.exit_code == code, result.output
        return result

    return invoke


@pytest.fixture
def platform(config: Path) -> Iterator[Platform]:
    platform = open_platform(load_config(config).platform)
    yield platform
    platform.close()


def submitted(call: Call, *more: str) -> str:
    return call("submit", PRESET, "--details", DETAILS, *more).stdout.strip()


def claimed(platform: Platform) -> Claim:
    claim = platform.claim("worker-1", TYPES, lease_s=60)
    assert claim is not None
    return claim


def read(call: Call, *args: str) -> Any:
    return json.loads(call(*args, "--json").stdout)


def test_a_job_is_submitted_listed_and_shown(call: Call) -> None:
    job_id = submitted(call, "--priority", "3")
    held = submitted(call, "--type", "TEST", "--hold")
    table = call("jobs", "list").stdout.splitlines()
    assert table[0].split()[:5] == ["job", "status", "%", "age", "preset"]
    assert [line.split()[:2] for line in table[1:]] == [[held[:8], "ON_HOLD"], [job_id[:8], "NEW"]]
    assert call("jobs", "list", "--wide").stdout.splitlines()[2].startswith(f"{job_id}  NEW")
    chosen = call("jobs", "list", "-o", "type,priority").stdout.splitlines()
    assert [line.split() for line in chosen] == [["type", "priority"], ["TEST", "0"], ["BRAND_ONBOARDING", "3"]]
    assert "no column is named 'stat'; there are job, status," in call("jobs", "list", "-o", "stat", code=2).stderr
    (job,) = read(call, "jobs", "list", "--status", "new", "--preset", "onboarding_v0")
    assert (job["id"], job["priority"], job["details"]["style_id"]) == (job_id, 3, "style-0042")
    assert read(call, "jobs", "list", "--type", "TEST")[0]["id"] == held
    assert read(call, "jobs", "list", "--worker", "nobody") == []
    assert "details.style_id: style-0042" in call("jobs", "show", job_id).stdout


def test_a_job_that_cannot_be_read_is_listed_and_shown_as_such(
    call: Call, config: Path, request: pytest.FixtureRequest
) -> None:
    job_id, other = submitted(call), submitted(call)
    change = f"SET details = '{'[' * 600}{']' * 600}' WHERE id = '{job_id}'"
    if "sqlite" in config.read_text():
        with closing(sqlite3.connect(config.with_name("platform.sqlite"))) as db, db:
            db.execute(f"UPDATE job {change}")
    else:
        request.getfixturevalue("extended_deployment").execute(f"UPDATE platform.job {change}")
    lines = {line.split()[0]: line for line in call("jobs", "list", "--wide").stdout.splitlines()[1:]}
    assert "unreadable: is nested too deeply; expected at most 64 levels (at /details" in lines[job_id]
    assert "unreadable" not in lines[other]
    assert {job["id"] for job in read(call, "jobs", "list")} == {job_id, other}
    assert "nested too deeply" in call("jobs", "show", job_id).stdout
    call("jobs", "cancel", job_id)
    assert read(call, "jobs", "show", job_id)["job"]["status"] == "CANCELED"


def test_a_short_id_is_enough_everywhere(call: Call) -> None:
    job_id = submitted(call)
    short = job_id[:8]
    assert job_id in call("jobs", "show", short).stdout
    assert read(call, "jobs", "events", short)[0]["job_id"] == job_id
    assert call("jobs", "hold", short).stdout == f"{job_id}  ON_HOLD\n"
    assert read(call, "jobs", "assets", short) == []
    assert job_id in call("jobs", "logs", short, code=1).stderr
    assert "CANCELED" in call("jobs", "cancel", short).stdout
    assert job_id in call("jobs", "watch", short).stdout


def test_a_cancel_that_is_pending_shows_in_the_list(call: Call, platform: Platform) -> None:
    submitted(call)
    claim = claimed(platform)
    platform.heartbeat(claim, lease_s=60, progress=12.5, status_details="01 turntable.zip frames: 3 of 24")
    row = call("jobs", "list").stdout.splitlines()[1]
    assert row.split()[1:3] == ["IN_PROGRESS", "12"]
    assert "01 turntable.zip frames: 3 of 24" in row
    call("jobs", "cancel", claim.job.id[:8])
    assert call("jobs", "list").stdout.splitlines()[1].split()[1] == "CANCELING"


def test_submit_says_the_queue_the_place_in_it_and_who_works_on_it(call: Call, platform: Platform) -> None:
    said = call("submit", PRESET, "--details", DETAILS).stderr
    assert f"queue: {platform.describe()}" in said
    assert "number 1 of 1 waiting BRAND_ONBOARDING jobs; no worker has run a BRAND_ONBOARDING job" in said
    claim = claimed(platform)
    urgent = call("submit", PRESET, "--details", DETAILS, "--priority", "5").stderr
    assert "number 1 of 1 waiting BRAND_ONBOARDING jobs; worker-1 runs BRAND_ONBOARDING jobs now" in urgent
    platform.finish(claim, Outcome("COMPLETED_SUCCESS"))
    last = call("submit", PRESET, "--details", DETAILS).stderr
    assert "number 2 of 2 waiting BRAND_ONBOARDING jobs; worker-1 ran the last BRAND_ONBOARDING job" in last


def test_submit_refuses_inputs_that_no_worker_could_read(call: Call, config: Path) -> None:
    (config.parent / "storage" / INPUTS[1]).unlink()
    missing = call("submit", PRESET, "--details", DETAILS, code=2).stderr
    assert f"/artwork_file_path: s3://{INPUTS[1]} does not exist" in missing
    garment = config.parent / "tee.bw"
    garment.write_bytes(b"1")
    refused = call("submit", PRESET, "--garment", str(garment), code=2).stderr
    assert "is not among the addresses that inputs.read_from allows" in refused
    assert read(call, "jobs", "list") == []
    assert read(call, "presets", "list") == []


def test_a_jobs_way_shows_in_its_assets_and_events(call: Call, platform: Platform) -> None:
    job_id = submitted(call)
    claim = claimed(platform)
    asset = platform.begin_asset(claim, NewAsset("front.png", "MEDIA_RENDER", "s3://b/front.png", True))
    platform.asset_uploaded(claim, asset, {"size_bytes": 4711})
    error = {"export": "render.png", "stage": "export", "message": "no licence"}
    platform.finish(claim, Outcome("COMPLETED_ERRORS", "render.png: no licence", errors=[error]))
    row = call("jobs", "assets", job_id).stdout.splitlines()[1].split()
    assert row == ["front.png", "MEDIA_RENDER", "UPLOADED", "4711", "yes", "s3://b/front.png"]
    assert read(call, "jobs", "assets", job_id)[0]["details"]["size_bytes"] == 4711
    shown = call("jobs", "show", job_id).stdout
    assert "error: " in shown
    assert "export render.png" in shown
    assert "front.png" in shown
    assert read(call, "jobs", "show", job_id)["job"]["errors"] == [error]
    names = [event["event"] for event in read(call, "jobs", "events", job_id)]
    assert names == ["submitted", "status_changed", "status_changed"]
    assert "IN_PROGRESS → COMPLETED_ERRORS" in call("jobs", "events", job_id).stdout


def test_jobs_are_held_released_canceled_and_retried(call: Call) -> None:
    first, second = submitted(call), submitted(call)
    assert call("jobs", "hold", first, second).stdout.splitlines() == [f"{first}  ON_HOLD", f"{second}  ON_HOLD"]
    assert [job["status"] for job in read(call, "jobs", "release", first, second)] == ["NEW", "NEW"]
    assert call("jobs", "cancel", first).stdout.startswith(f"{first}  CANCELED")
    assert call("jobs", "retry", first).stdout == f"{first}  NEW\n"
    refused = call("jobs", "retry", second, code=1)
    assert "it is NEW" in refused.stderr


def test_the_logs_of_a_job_that_ran_here_are_printed(call: Call, platform: Platform, config: Path) -> None:
    job_id = submitted(call)
    assert "this machine has no session.log" in call("jobs", "logs", job_id, code=1).stderr
    platform.finish(claimed(platform), Outcome("NEW"))
    claimed(platform)
    for attempt in (1, 2):
        directory = config.parent / "jobs" / f"{job_id}.{attempt}"
        directory.mkdir(parents=True)
        (directory / "session.log").write_text(f"log of {attempt}\n")
        (directory / "journal.jsonl").write_text('{"seq": 1}\n')
    assert call("jobs", "logs", job_id).stdout == "log of 2\n"
    assert call("jobs", "logs", job_id, "--attempt", "1").stdout == "log of 1\n"
    assert call("jobs", "logs", job_id, "--journal").stdout == '{"seq": 1}\n'


def test_watching_a_job_ends_with_it(call: Call, platform: Platform) -> None:
    job_id = submitted(call)
    platform.finish(claimed(platform), Outcome("COMPLETED_SUCCESS"))
    assert "COMPLETED_SUCCESS" in call("jobs", "watch", job_id).stdout


@pytest.mark.parametrize(
    ("outcome", "code"),
    [(Outcome("COMPLETED_SUCCESS"), 0), (Outcome("COMPLETED_ERRORS", "no licence"), 3), (Outcome("CANCELED"), 130)],
)
def test_submit_waits_and_tells_the_outcome(config: Path, platform: Platform, outcome: Outcome, code: int) -> None:
    command = [str(Path(sys.executable).with_name("openjd-vs")), "submit", PRESET, "--details", DETAILS, "--wait"]
    waiting = subprocess.Popen([*command, "--config", str(config)], stdout=subprocess.PIPE, text=True)
    assert waiting.stdout is not None
    first = waiting.stdout.readline()
    claim = claimed(platform)
    assert first.startswith(f"{claim.job.id}  NEW")
    platform.finish(claim, outcome)
    rest, _ = waiting.communicate(timeout=30)
    assert outcome.status in rest.splitlines()[-1]
    assert waiting.returncode == code


def test_ctrl_c_leaves_a_waiting_submit_and_the_job_goes_on(config: Path, platform: Platform) -> None:
    command = [str(Path(sys.executable).with_name("openjd-vs")), "submit", PRESET, "--details", DETAILS, "--wait"]
    waiting = subprocess.Popen(
        [*command, "--config", str(config)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert waiting.stdout is not None
    job_id = waiting.stdout.readline().split()[0]
    waiting.send_signal(signal.SIGINT)
    _, errors = waiting.communicate(timeout=30)
    assert waiting.returncode == 130
    assert f"the job goes on; `openjd-vs jobs watch {job_id[:8]}` follows it" in errors
    assert platform.job(job_id).status == "NEW"


def test_presets_are_put_listed_and_shown(call: Call) -> None:
    files = [str(resource(f"examples/presets/{name}.json")) for name in ("techpack_v0", "dxf_v0")]
    assert call("presets", "put", *files).stdout.split() == ["techpack_v0", "dxf_v0"]
    lines = call("presets", "list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["key", "dxf_v0", "techpack_v0"]
    shown = json.loads(call("presets", "show", "dxf_v0").stdout)
    put = json.loads(Path(files[1]).read_text())
    assert {key: shown[key] for key in ("key", "name", "job_type", "details")} == {
        key: put[key] for key in ("key", "name", "job_type", "details")
    }
    assert {preset["key"] for preset in read(call, "presets", "list")} == {"dxf_v0", "techpack_v0"}


def test_nothing_is_put_if_one_preset_is_not_valid(call: Call, tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text('{"key": "k", "details": {"instructions": [{"type": "EXPORT", "export_type": "NO"}]}}')
    assert "/details/instructions/0/export_type" in call("presets", "put", PRESET, str(bad), code=2).stderr
    assert read(call, "presets", "list") == []


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (("submit", "no_such_v0", "--details", DETAILS), 1, "there is no preset no_such_v0"),
        (("submit", PRESET), 2, "/input_file_uri: is missing"),
        (("submit", PRESET, "--details", PRESET), 2, "/input_file_uri: is missing"),
        (("jobs", "show", "3b2f0f5e-0000-4000-8000-000000000000"), 1, "there is no job 3b2f0f5e"),
        (("jobs", "cancel", "no-uuid"), 1, "there is no job no-uuid"),
        (("jobs", "list", "--status", "LOST"), 2, "--status"),
        (("presets", "show", "no_such_v0"), 1, "there is no preset no_such_v0"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(call: Call, args: tuple[str, ...], code: int, message: str) -> None:
    result = call(*args, code=code)
    assert message in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize("filters", [("--worker", "worker-1"), ("--status", "CANCELED")])
def test_what_the_tables_do_not_record_is_no_filter(
    request: pytest.FixtureRequest, tmp_path: Path, filters: tuple[str, str]
) -> None:
    of = request.getfixturevalue("legacy_deployment").config
    file = tmp_path / "config.toml"
    file.write_text(
        f'[platform]\nkind = "hasura"\nendpoint = "{of.endpoint}"\ncredential_file = "{of.credential_file}"\n'
    )
    result = CliRunner().invoke(main, ["jobs", "list", *filters, "--config", str(file)])
    assert result.exit_code == 2
    assert f"list of jobs: /{filters[0].removeprefix('--')}: today's tables" in result.stderr
    assert result.stdout == ""


def test_the_platform_says_what_it_is(call: Call, config: Path) -> None:
    said = call("platform", "status").stdout
    assert said.startswith("embedded, in " if "sqlite" in config.read_text() else "Hasura at http")
    assert "legacy" not in said


def test_a_database_is_migrated_and_asked_for_its_state(call: Call, postgres_url: str) -> None:
    before = read(call, "platform", "status", "--database-url", postgres_url)
    assert {migration["applied_at"] for migration in before} == {None}
    done = call("platform", "migrate", "--database-url", postgres_url).stdout.splitlines()
    assert [line.split()[0] for line in done] == ["up"] * len(before)
    assert call("platform", "migrate", "--database-url", postgres_url).stdout == "nothing to do\n"
    assert None not in [m["applied_at"] for m in read(call, "platform", "status", "--database-url", postgres_url)]
    first = str(before[0]["version"])
    down = call("platform", "migrate", "--database-url", postgres_url, "--to", first).stdout.splitlines()
    assert [line.split()[0] for line in down] == ["down"] * (len(before) - 1)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "role"), [("extended", "worker"), ("legacy", "")])
def test_the_daemon_runs_a_job_from_hasura(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, role: str
) -> None:
    deployment: Deployment = request.getfixturevalue(f"{kind}_deployment")
    deployment.clear()
    of = deployment.config
    file = tmp_path / "config.toml"
    file.write_text(
        '[worker]\nwork_dir = "jobs"\n[storage.local]\nroot = "storage"\n'
        f'[inputs]\nread_from = ["{resource("examples").as_uri()}"]\n[engine]\nstandin_max_pixels = 4000\n'
        f'[platform]\nkind = "hasura"\nendpoint = "{of.endpoint}"\ncredential_file = "{of.credential_file}"\n'
        f'role = "{role}"\n'
    )
    platform = open_platform(of)
    asked = Request(PRESET, details_path=None, garment=resource("examples/garments/tee.bw"))
    job = submit(platform, asked)
    command = [str(Path(sys.executable).with_name("openjd-vs")), "daemon", "--once", "--config", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    ended, assets = platform.job(job.id), platform.assets(job.id)
    assert (ended.status, ended.status_details) == ("COMPLETED_SUCCESS", None)
    names = {i["output_file_name"] for i in json.loads(Path(PRESET).read_text())["details"]["instructions"]}
    assert {asset.name for asset in assets if asset.status == "UPLOADED"} == names
    for asset in assets:
        stored = tmp_path / "storage" / asset.path.removeprefix("s3://")
        assert hashlib.sha256(stored.read_bytes()).hexdigest() == asset.details["sha256"]
    platform.close()
