"""SIGHUP: the daemon reads its configuration again; a broken one changes nothing."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.farm import CONFIG, Farm, farm, scan, wait_until

__all__ = ["farm", "scan"]

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="a signal of POSIX")
LOG = '[log]\nfile = "daemon.log"\nformat = "json"\n'


class Daemon:
    """A daemon whose log can be asked."""

    def __init__(self, farm: Farm) -> None:
        self._log = farm.folder / "daemon.log"
        command = [sys.executable, "-m", "openjd_vstitcher.cli", "daemon", "--config", str(farm.folder / "c.toml")]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def says(self, text: str) -> bool:
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        return any(text in json.loads(line)["message"] for line in lines)

    def reload(self) -> None:
        self.process.send_signal(signal.SIGHUP)


@contextmanager
def running(farm: Farm) -> Iterator[Daemon]:
    daemon = Daemon(farm)
    try:
        wait_until((farm.config.worker.work_dir / "daemon.lock").exists)
        yield daemon
        daemon.process.terminate()
        assert daemon.process.wait(60) == 0
    finally:
        daemon.process.kill()


def test_a_changed_configuration_is_taken_over(farm: Farm, scan: Callable[[], str]) -> None:
    """The daemon claims only another type at first; after the reload it claims the waiting job."""
    quiet = CONFIG.replace("[engine]", 'job_types = ["TEST"]\npoll_s = 0.5\n[engine]') + LOG
    farm.configure(quiet)
    job_id = scan()
    with running(farm) as daemon:
        farm.configure(quiet.replace('["TEST"]', '["DXA_EXPORT_ASSET_BUNDLE"]'))
        daemon.reload()
        wait_until(lambda: farm.status(job_id) == "COMPLETED_SUCCESS", 90)
        assert daemon.says("the configuration was read again")


def test_a_broken_configuration_keeps_the_old_one_and_says_so(farm: Farm) -> None:
    farm.configure(CONFIG + LOG)
    with running(farm) as daemon:
        (farm.folder / "c.toml").write_text("[worker\n")
        daemon.reload()
        wait_until(lambda: daemon.says("the configuration stays as it was"))
        farm.configure(CONFIG + LOG)


def test_what_needs_a_restart_is_said(farm: Farm, tmp_path: Path) -> None:
    farm.configure(CONFIG + LOG)
    with running(farm) as daemon:
        (tmp_path / "c.toml").write_text(CONFIG.replace('"jobs"', '"elsewhere"') + LOG)
        daemon.reload()
        wait_until(lambda: daemon.says("needs a restart of the daemon"))
        assert not (tmp_path / "elsewhere").exists()
