"""`keep_warm`: the next session on this machine gets the engine of the last one, if its state is unchanged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from openjd_vstitcher.lifeline import Lifeline
from tests.integration.engine_session import GARMENT, Session, events, exists, export, opened, wait_until

SCAN = export("scan.json", export_type="SCAN")


@contextmanager
def warm_session(tmp_path: Path, engine: str = "") -> Iterator[tuple[Session, Path]]:
    """A session whose engine is kept warm, and the folder that lists it; nothing runs afterwards."""
    worker = f"[worker]\nwork_dir = {str(tmp_path / 'jobs')!r}"
    folder = tmp_path / "warm"
    with opened(tmp_path, f"keep_warm = true\n{engine}\n{worker}") as session:
        session.write(garment_path=str(GARMENT))
        try:
            yield session, folder
        finally:
            session.stop()
            for listing in folder.glob("*.json"):
                psutil.Process(int(listing.stem)).terminate()
                wait_until(lambda pid=int(listing.stem): not exists(pid), "the end of the warm engine")
            assert list(folder.glob("*.json")) == []


def start(session: Session) -> dict[str, Any]:
    result = session.start()
    assert result.returncode == 0, result.stdout
    assert "vstitcher: *** " in result.stdout
    assert "stand-in" in result.stdout
    return events(result.stdout)[-1]


def test_next_session_gets_the_engine_without_a_garment(tmp_path: Path) -> None:
    with warm_session(tmp_path) as (session, folder):
        first = start(session)
        supervisor = session.connection["supervisor_pid"]
        key = session.connection["key"]
        assert not first["kept"]
        assert session.run(SCAN, mutations=[{"mutation_type": "DELETE_TRIMS"}]).returncode == 0
        assert session.stop().returncode == 0
        assert not session.connection_file.exists()
        assert [path.name for path in folder.glob("*.json")] == [f"{supervisor}.json"]
        second = Session(tmp_path / "second", session.environment)
        second.write(garment_path=str(GARMENT))
        ready = start(second)
        assert (ready["kept"], ready["start_s"]) == (True, 0.0)
        assert second.connection["supervisor_pid"] == supervisor
        assert second.connection["key"] != key
        assert list(folder.glob("*.json")) == []
        reported = events(second.run(SCAN).stdout)
        assert [event["event"] for event in reported] == ["exported"]
        assert '"Shell Button"' in (second.output / "scan.json").read_text(encoding="utf-8")
        assert second.stop().returncode == 0


def test_engine_over_a_limit_ends_with_its_session(tmp_path: Path) -> None:
    with warm_session(tmp_path, "keep_warm_jobs = 1") as (session, folder):
        start(session)
        supervisor = session.connection["supervisor_pid"]
        session.stop()
        wait_until(lambda: not exists(supervisor), "the end of the supervisor")
        assert list(folder.glob("*.json")) == []
        assert (
            "the engine is not kept warm: it has reached keep_warm_jobs (1)" in (folder / "supervisor.log").read_text()
        )


def test_session_with_other_settings_gets_another_engine(tmp_path: Path) -> None:
    with warm_session(tmp_path) as (session, _):
        start(session)
        supervisor = session.connection["supervisor_pid"]
        session.stop()
        config = Path(session.environment["OPENJD_VS_CONFIG"])
        config.write_text(config.read_text("utf-8").replace("[engine]", "[engine]\nhang_limit_s = 7"), "utf-8")
        assert not start(session)["kept"]
        assert session.connection["supervisor_pid"] != supervisor


@pytest.mark.slow
def test_dead_warm_engine_is_skipped(tmp_path: Path) -> None:
    with warm_session(tmp_path) as (session, folder):
        start(session)
        supervisor = session.connection["supervisor_pid"]
        session.stop()
        psutil.Process(supervisor).kill()
        assert not start(session)["kept"]
        assert list(folder.glob("*.json")) == []


@pytest.mark.slow
def test_session_whose_lifeline_breaks_keeps_no_engine(tmp_path: Path) -> None:
    lifeline = Lifeline()
    with warm_session(tmp_path) as (session, folder):
        session.environment["OPENJD_VS_LIFELINE"] = lifeline.address
        start(session)
        supervisor = session.connection["supervisor_pid"]
        lifeline.close()
        wait_until(lambda: not exists(supervisor), "the end of the supervisor")
        assert list(folder.glob("*.json")) == []
