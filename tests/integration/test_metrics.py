"""The metrics of the daemon: what they count over a real job, and that documents name only those that exist."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import socket
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from openjd_vstitcher import events
from openjd_vstitcher.daemon.metrics import Metrics
from openjd_vstitcher.daemon.worker import Worker
from openjd_vstitcher.errors import OpenjdVsError
from openjd_vstitcher.journal import Entry
from tests.farm import Farm, farm, scan

__all__ = ["farm", "scan"]

DOCS = Path(__file__).resolve().parents[2] / "docs"
_NAME = re.compile(r"\bopenjd_vs_[a-z_]+")
_JOB_TYPE = "DXA_EXPORT_ASSET_BUNDLE"


def metrics_of(farm: Farm, port: int = 0) -> Metrics:
    worker = dataclasses.replace(farm.config.worker, metrics_port=port)
    return Metrics(dataclasses.replace(farm.config, worker=worker), farm.platform, lambda: 2)


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(f"openjd_vs_{name}", labels)


def test_a_disk_that_cannot_be_read_hides_no_other_metric(farm: Farm) -> None:
    assert not farm.config.worker.work_dir.exists()
    registry = metrics_of(farm).registry
    assert math.isnan(value(registry, "disk_free_bytes") or 0)
    assert value(registry, "slots") == 1


def entry(event: events.Event) -> Entry:
    return Entry(1, datetime.now(UTC), "job", 1, event)


def test_a_job_is_counted_from_its_claim_to_its_outcome(farm: Farm, scan: Callable[[], str]) -> None:
    scan()
    waiting = scan()
    farm.platform.hold(waiting)
    metrics = metrics_of(farm)
    worker = Worker(farm.config, farm.platform)
    worker.metrics = metrics
    worker.run(once=True)
    registry = metrics.registry
    assert value(registry, "claims_total", type=_JOB_TYPE) == 1
    assert value(registry, "attempts_ended_total", type=_JOB_TYPE, outcome="COMPLETED_SUCCESS") == 1
    assert value(registry, "attempt_seconds_count", type=_JOB_TYPE) == 1
    assert value(registry, "exports_total", export_type="SCAN", result="made") == 1
    assert (value(registry, "export_seconds_sum", export_type="SCAN") or 0) > 0
    assert value(registry, "engine_starts_total", engine="standin", kept="false") == 1
    stored = sum(file.stat().st_size for file in farm.config.storage.local.root.rglob("scan.json"))
    assert value(registry, "uploaded_bytes_total") == stored
    assert value(registry, "attempt_crashes_total") == 0
    assert value(registry, "fit") == 1


def test_waiting_jobs_and_their_age_are_told(farm: Farm, scan: Callable[[], str]) -> None:
    scan()
    scan()
    registry = metrics_of(farm).registry
    assert value(registry, "queue_jobs", type=_JOB_TYPE) == 2
    assert value(registry, "queue_jobs", type="TEST") == 0
    assert (value(registry, "queue_oldest_seconds", type=_JOB_TYPE) or 0) > 0


def test_text_of_strangers_makes_no_series(farm: Farm) -> None:
    metrics = metrics_of(farm)
    directory = farm.directory("none")
    for number in range(50):
        metrics.observe(directory, entry(events.Exported(output=f"{number}.png", size_bytes=1, seconds=1)))
    assert value(metrics.registry, "exports_total", export_type="other", result="made") == 50


def test_they_are_served_on_the_port_of_the_configuration_until_the_end(farm: Farm) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    metrics = metrics_of(farm, port)
    stop = metrics.serve()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    assert "openjd_vs_running 2.0" in text
    with pytest.raises(OpenjdVsError, match=rf"worker.metrics_port: cannot serve metrics on 127.0.0.1:{port}"):
        metrics.serve()
    stop()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))


def test_documents_name_every_metric_and_no_other(farm: Farm) -> None:
    registry = metrics_of(farm).registry
    families = {family.name for family in registry.collect()}
    there = families | {f"{name}_total" for name in families} | {f"{name}_bucket" for name in families}
    named = {file.name: set(_NAME.findall(file.read_text(encoding="utf-8"))) for file in DOCS.glob("monitor*/*")}
    named["monitoring.md"] = set(_NAME.findall((DOCS / "monitoring.md").read_text(encoding="utf-8")))
    assert set(named) == {"monitoring.md", "dashboard.json", "alerts.yaml"}
    for file, names in named.items():
        assert names <= there, file
    told = {name.removesuffix("_total") for name in named["monitoring.md"]}
    assert told == families
    json.loads((DOCS / "monitoring" / "dashboard.json").read_text(encoding="utf-8"))
