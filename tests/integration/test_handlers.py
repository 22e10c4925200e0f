"""Jobs for Python handlers: through the daemon on the embedded queue, and on a desk."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from openjd_vstitcher.attempt.status import read_status
from openjd_vstitcher.events import ActionProgress, ActionStatus, OutputUnexpected, OutputUnregistered, Staged
from openjd_vstitcher.journal import read_journal
from openjd_vstitcher.platform.values import Job, NewJob
from tests.farm import CONFIG, Farm, farm, wait_until

__all__ = ["farm"]

HANDLER = '''
"""A handler that does what its parameter says."""
import os, subprocess, sys, time
from pathlib import Path


class Act:
    """Does something."""

    parameters = {"type": "object", "properties": {"how": {}, "file": {"type": "string"}}, "required": ["how"]}
    inputs = ("file",)

    def execute(self, input_params, heartbeat_callback):
        self.file = input_params.get("file")
        return getattr(self, input_params["how"])(heartbeat_callback)

    def reads(self, heartbeat):
        return {"name": Path(self.file).name, "head": Path(self.file).read_bytes()[:4].decode("latin-1")}

    def value(self, heartbeat):
        raise ValueError("the moon is not made of cheese")

    def fails(self, heartbeat):
        Path("half.csv").write_text("1,2")
        return {}["nothing is here"]

    def quits(self, heartbeat):
        raise SystemExit(0)

    def returns_a_set(self, heartbeat):
        return {"numbers": {1, 2}}

    def prints(self, heartbeat):
        os.write(1, b"openjd_fail: from native code\\n")
        subprocess.run([sys.executable, "-c", "print('openjd_progress: 77')"], check=True)
        print("openjd_status: from Python")
        return {"console_output": "last words", "secret_key": os.environ.get("AWS_SECRET_ACCESS_KEY", "none")}

    def writes(self, heartbeat):
        for name in ("page.html", "picture.png", "table.csv", "movie.mp4", "tee.bw", "noted.xyz", ".hidden"):
            Path(name).write_text(name)
        heartbeat(progress_current=1, progress_total=4, console_output="wrote\\nthem all")
        return {"files": 6}

    def sleeps(self, heartbeat):
        heartbeat(console_output=f"process {os.getpid()}")
        try:
            time.sleep(100)
        finally:
            Path("cleaned").touch()

    def never_ends(self, heartbeat):
        heartbeat(console_output=f"process {os.getpid()}")
        while True:
            try:
                time.sleep(100)
            except BaseException:
                pass
'''
JOBS = '[jobs]\nhandlers = ["handlers"]\n[jobs.asset_types]\n"*.xyz" = "SKETCH"\n'


def handlers_farm(farm: Farm) -> Farm:
    (farm.folder / "handlers").mkdir()
    (farm.folder / "handlers" / "act.py").write_text(HANDLER)
    farm.configure(CONFIG + JOBS)
    for key, details in {
        "act": {"handler": "act", "remote_destination": "s3://style-assets/acts/"},
        "hello": {"handler": "hello_world", "parameters": {"processing_time": 1.5}},
        "nowhere": {"handler": "act"},
        "unknown": {"handler": "hello_wrold", "remote_destination": "s3://style-assets/"},
    }.items():
        farm.platform.put_preset({"key": key, "version": 1, "job_type": "TEST", "details": details})
    return farm


def submit(farm: Farm, key: str, *, timeout_s: int = 60, **parameters: Any) -> str:
    details = {"parameters": parameters, "timeout_s": timeout_s}
    return farm.platform.submit(NewJob("TEST", key, details)).id


class Ran:
    """Jobs that a daemon has run, by name."""

    def __init__(self, farm: Farm, ids: dict[str, str]) -> None:
        self.farm = farm
        self.ids = ids

    def job(self, name: str) -> Job:
        return self.farm.job(self.ids[name])

    def events(self, name: str) -> list[Any]:
        return [entry.event for entry in read_journal(self.farm.directory(self.ids[name]).journal)]

    def log(self, name: str) -> str:
        return self.farm.directory(self.ids[name]).session_log.read_text()

    def errors(self, name: str) -> tuple[str, str]:
        """The message of the job, and the last lines of its first error."""
        job = self.job(name)
        assert job.status == "COMPLETED_ERRORS"
        return job.status_details or "", "\n".join(job.errors[0].get("last_lines", ()))


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_SECRET_ACCESS_KEY", "do-not-tell")
        farm = handlers_farm(Farm(tmp_path_factory.mktemp("handlers")))
        acts = ("value", "fails", "quits", "returns_a_set", "prints", "writes")
        ids = {how: submit(farm, "act", how=how) for how in acts}
        ids |= {
            "hello": submit(farm, "hello", name="Ann"),
            "out of range": submit(farm, "hello", processing_time=301),
            "nowhere": submit(farm, "nowhere", how="writes"),
            "unknown": submit(farm, "unknown"),
            "reads": submit(farm, "act", how="reads", file="s3://body-files/tee.bw"),
            "reads a secret": submit(farm, "act", how="reads", file="/etc/passwd"),
            "reads nothing": submit(farm, "act", how="reads", file="s3://body-files/none.bw"),
            "slow": submit(farm, "act", how="sleeps", timeout_s=1),
        }
        farm.work(slots=3)
        yield Ran(farm, ids)
        farm.platform.close()


pytestmark = pytest.mark.timeout(300)


def test_the_returned_dict_is_the_result_of_the_job(ran: Ran) -> None:
    job = ran.job("hello")
    assert (job.status, job.status_details) == ("COMPLETED_SUCCESS", None)
    assert job.result == {"message": "Hello, Ann!", "processing_time": 1.5}
    assert "Hello, Ann!" in ran.log("hello")
    assert ran.farm.directory(job.id).result.exists()


def test_an_input_file_is_staged_and_named_by_its_local_path(ran: Ran) -> None:
    garment = ran.farm.config.storage.local.root / "body-files" / "tee.bw"
    head = garment.read_bytes()[:4].decode("latin-1")
    assert ran.job("reads").result == {"name": "tee.bw", "head": head}
    assert [event.name for event in ran.events("reads") if isinstance(event, Staged)] == ["tee.bw"]


def test_heartbeats_become_progress_and_status(ran: Ran) -> None:
    events = ran.events("hello")
    assert any(20 < event.progress < 100 for event in events if isinstance(event, ActionProgress))
    assert ActionStatus(status="working for 1 of 1.5 s") in events
    assert ActionStatus(status="them all") in ran.events("writes")
    assert ActionProgress(progress=25) in ran.events("writes")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("out of range", "/parameters/processing_time: found 301; expected 0 to 300"),
        ("nowhere", "/details/remote_destination: is missing, and jobs.destination too"),
        ("reads a secret", "/parameters/file: '/etc/passwd' is not among the addresses"),
        ("reads nothing", "/parameters/file: s3://body-files/none.bw does not exist"),
        (
            "unknown",
            "/details/handler: unknown handler 'hello_wrold'; expected one of act, hello_world, nwb_raster_plot",
        ),
    ],
)
def test_bad_input_is_refused_before_anything_starts(ran: Ran, name: str, message: str) -> None:
    assert message in ran.errors(name)[0]
    assert not any(type(event).__name__ == "SessionStarted" for event in ran.events(name))


def test_a_value_error_is_bad_input(ran: Ran) -> None:
    message, lines = ran.errors("value")
    assert message == "a step failed: Invalid parameters: the moon is not made of cheese"
    assert "Traceback" not in lines
    assert ran.job("value").errors[0]["exit_code"] == 2


def test_another_exception_is_an_error_with_its_traceback(ran: Ran) -> None:
    message, lines = ran.errors("fails")
    assert "handler act failed: KeyError: 'nothing is here'" in message
    assert 'return {}["nothing is here"]' in lines


def test_what_a_failed_handler_wrote_is_kept(ran: Ran) -> None:
    assert [a.name for a in ran.farm.platform.assets(ran.ids["fails"]) if a.status == "UPLOADED"] == ["half.csv"]


def test_a_handler_that_exits_has_failed(ran: Ran) -> None:
    assert "SystemExit" in ran.errors("quits")[0]


def test_a_result_that_json_cannot_hold_is_an_error(ran: Ran) -> None:
    assert "execute returned what JSON cannot hold" in ran.errors("returns_a_set")[0]
    assert ran.job("returns_a_set").result is None


def test_nothing_that_a_handler_prints_becomes_a_protocol_line(ran: Ran) -> None:
    assert ran.job("prints").status == "COMPLETED_SUCCESS"
    log = ran.log("prints")
    for line in ("openjd_fail: from native code", "openjd_progress: 77", "openjd_status: from Python"):
        assert f"vstitcher: {line}" in log
    assert ActionProgress(progress=77) not in ran.events("prints")


def test_console_output_is_printed_and_taken_out_of_the_result(ran: Ran) -> None:
    assert "vstitcher: last words" in ran.log("prints")
    assert ran.job("prints").result == {"secret_key": "none"}


def test_files_become_assets_with_the_types_of_their_names(ran: Ran) -> None:
    assets = {asset.name: asset.type for asset in ran.farm.platform.assets(ran.ids["writes"])}
    assert assets == {
        "page.html": "DOCUMENT",
        "picture.png": "MEDIA_RENDER",
        "table.csv": "DATA",
        "movie.mp4": "VIDEO",
        "tee.bw": "VSTITCHER_FILE",
    }
    assert all(asset.status == "UPLOADED" for asset in ran.farm.platform.assets(ran.ids["writes"]))


def test_a_file_of_a_type_that_the_platform_lacks_is_stored_without_an_asset(ran: Ran) -> None:
    stored = ran.farm.config.storage.local.root / "style-assets" / "acts" / ran.ids["writes"] / "noted.xyz"
    assert stored.read_text() == "noted.xyz"
    uri = f"s3://style-assets/acts/{ran.ids['writes']}/noted.xyz"
    assert OutputUnregistered(output="noted.xyz", uri=uri) in ran.events("writes")
    assert [event.output for event in ran.events("writes") if isinstance(event, OutputUnexpected)] == [".hidden"]


def test_a_handler_that_takes_too_long_is_stopped(ran: Ran) -> None:
    message, _ = ran.errors("slow")
    assert "run act timed out after" in message


@pytest.mark.parametrize(("how", "cleans_up"), [("sleeps", True), ("never_ends", False)])
def test_a_canceled_handler_is_gone_within_two_seconds(farm: Farm, how: str, cleans_up: bool) -> None:
    handlers_farm(farm)
    job_id = submit(farm, "act", how=how)

    def process() -> psutil.Process | None:
        status = read_status(farm.directory(job_id).status)
        return psutil.Process(int(status.message.split()[1])) if status and "process" in status.message else None

    with farm.working():
        wait_until(process)
        running = process()
        assert running is not None
        began = time.monotonic()
        farm.platform.request_cancel(job_id)
        running.wait(30)
        took_s = time.monotonic() - began
        wait_until(lambda: farm.status(job_id) == "CANCELED")
    assert (farm.directory(job_id).output / "cleaned").exists() == cleans_up
    assert took_s < 2 + min(10.0, 4 * _load())


def _load() -> float:
    """Extra seconds for a machine that does more than this test: how much more work waits than it has CPUs."""
    return max(0.0, psutil.getloadavg()[0] / (psutil.cpu_count() or 1) - 1)


def test_a_module_that_cannot_be_imported_is_the_machines_fault(farm: Farm) -> None:
    handlers_farm(farm)
    (farm.folder / "handlers" / "act.py").write_text("import no_such_module")
    job_id = submit(farm, "act", how="writes")
    with farm.working():
        wait_until(lambda: farm.job(job_id).returns)
    job = farm.job(job_id)
    assert "handler act" in (job.status_details or "")
    assert "No module named 'no_such_module'" in (job.status_details or "")
    assert job.auto_retries == 0


def test_the_names_of_handlers_are_unique(tmp_path: Path) -> None:
    from openjd_vstitcher.errors import ConfigError
    from openjd_vstitcher.handlers.discovery import sources

    (tmp_path / "hello_world.py").write_text(HANDLER)
    with pytest.raises(ConfigError, match="two handlers are named hello_world"):
        sources([tmp_path])
    with pytest.raises(ConfigError, match="there is no directory"):
        sources([tmp_path / "none"])
    assert dataclasses.is_dataclass(sources([])["hello_world"])
