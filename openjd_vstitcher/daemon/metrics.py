"""Counts what the daemon and its attempts do, for Prometheus. docs/monitoring.md lists the metrics.

Values of labels come from this project and the configuration, never from a job: a stranger's text would make series
without end.
"""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from .. import events
from ..attempt.directory import AttemptDirectory
from ..config import Config
from ..errors import InvalidInput, OpenjdVsError
from ..journal import Entry
from ..names import OUTPUT_SUFFIXES
from ..platform.ports import JobQueue
from ..platform.values import Claim, Job

_log = logging.getLogger(__name__)
_PREFIX = "openjd_vs"
_OTHER = "other"
_QUEUE_LOOK_S = 30.0
_MOST_WAITING = 1000
_SECONDS = (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1200, 3600)


class Metrics:
    """The metrics of one worker.

    Parameters
    ----------
    running: how many attempts run now; called at each scrape.
    """

    def __init__(self, config: Config, queue: JobQueue, running: Callable[[], int]) -> None:
        self._config = config
        self._types = frozenset(config.worker.job_types)
        self._started: dict[str, datetime] = {}
        self._exports: dict[str, Mapping[str, str]] = {}
        self.registry = CollectorRegistry()
        self._claims = self._counter("claims", "Jobs claimed from the queue", "type")
        self._ended = self._counter("attempts_ended", "Attempts that ended, by outcome", "type", "outcome")
        self._attempt_s = self._histogram("attempt_seconds", "How long attempts took", "type")
        self._made = self._counter("exports", "Exports, by result", "export_type", "result")
        self._export_s = self._histogram("export_seconds", "How long exports took", "export_type")
        self._stored_s = self._histogram("upload_seconds", "How long the upload of an output took")
        self._stored_bytes = self._counter("uploaded_bytes", "Bytes of outputs that are in storage and verified")
        self._retries = self._counter("upload_retries", "Deliveries of outputs that are tried again")
        self._failures = self._counter("output_failures", "Outputs that could not be delivered", "cause")
        self._engines = self._counter("engine_starts", "Engines that became ready", "engine", "kept")
        self._restarts = self._counter("engine_restarts", "Engines that were restarted within a session")
        self._crashes = self._counter("attempt_crashes", "Processes of attempts that ended without an outcome")
        self._fit = self._gauge("fit", "Whether this machine may claim jobs: 1, or 0 while it is unfit")
        self._fit.set(1)
        self._gauge("slots", "Attempts that may run at the same time").set(config.worker.slots)
        self._gauge("running", "Attempts that run now").set_function(running)
        disk = self._gauge("disk_free_bytes", "Free bytes on the disk of worker.work_dir")
        disk.set_function(lambda: _free_bytes(config.worker.work_dir))
        self.registry.register(_Queue(queue, self._types))

    def serve(self) -> Callable[[], None]:
        """Serve the metrics at `/metrics` on the configured address. Returns what ends that.

        Raises
        ------
        OpenjdVsError: the port cannot be used.
        """
        worker = self._config.worker
        try:
            server, thread = start_http_server(worker.metrics_port, worker.metrics_address, self.registry)
        except OSError as error:
            where = f"{worker.metrics_address}:{worker.metrics_port}"
            raise OpenjdVsError(f"worker.metrics_port: cannot serve metrics on {where}: {error.strerror}") from error
        return lambda: _stop(server, thread)

    def claimed(self, claim: Claim) -> None:
        """Count a claim."""
        self._claims.labels(self._type(claim.job.type)).inc()

    def crashed(self) -> None:
        """Count a process of an attempt that ended without an outcome."""
        self._crashes.inc()

    def fit(self, fit: bool) -> None:
        """Say whether this machine may claim jobs."""
        self._fit.set(fit)

    def ended(self, directory: AttemptDirectory) -> None:
        """Forget an attempt."""
        self._exports.pop(directory.path.name, None)
        self._started.pop(directory.path.name, None)

    def observe(self, directory: AttemptDirectory, entry: Entry) -> None:
        """Count an event of an attempt."""
        key = directory.path.name
        match entry.event:
            case events.JobStarted():
                self._started[key] = entry.time
            case events.JobEnded(status=status):
                job_type = self._type(_request(directory).get("type"))
                self._ended.labels(job_type, status).inc()
                if key in self._started:
                    self._attempt_s.labels(job_type).observe((entry.time - self._started[key]).total_seconds())
            case events.Exported(output=output, seconds=seconds):
                export_type = self._export_type(directory, output)
                self._made.labels(export_type, "made").inc()
                self._export_s.labels(export_type).observe(seconds)
            case events.ExportFailed(export=output):
                self._made.labels(self._export_type(directory, output or ""), "failed").inc()
            case events.OutputStored(size_bytes=size, seconds=seconds):
                self._stored_s.observe(seconds)
                self._stored_bytes.inc(size)
            case events.OutputWaiting():
                self._retries.inc()
            case events.OutputFailed(cause=cause):
                self._failures.labels(cause).inc()
            case events.EngineReady(engine=engine, kept=kept):
                self._engines.labels(engine, str(bool(kept)).lower()).inc()
            case events.EngineRestarted():
                self._restarts.inc()

    def _type(self, job_type: object) -> str:
        return str(job_type) if job_type in self._types else _OTHER

    def _export_type(self, directory: AttemptDirectory, output: str) -> str:
        key = directory.path.name
        if key not in self._exports:
            self._exports[key] = _exports_of(directory)
        return self._exports[key].get(output, _OTHER)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"{_PREFIX}_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"{_PREFIX}_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, *labels: str) -> Histogram:
        return Histogram(f"{_PREFIX}_{name}", text, labels, registry=self.registry, buckets=_SECONDS)


class _Queue(Collector):
    """How many jobs wait, and for how long: asked at a scrape, but not more often than every 30 s."""

    def __init__(self, queue: JobQueue, types: frozenset[str]) -> None:
        self._queue = queue
        self._types = types
        self._asked_s = float("-inf")
        self._waiting: list[Job] = []

    def collect(self) -> Iterable[Metric]:
        if time.monotonic() - self._asked_s >= _QUEUE_LOOK_S:
            self._asked_s = time.monotonic()
            self._waiting = self._ask()
        jobs = GaugeMetricFamily(
            f"{_PREFIX}_queue_jobs", f"Waiting jobs of this worker's types, {_MOST_WAITING} at most", labels=["type"]
        )
        oldest = GaugeMetricFamily(
            f"{_PREFIX}_queue_oldest_seconds", "How long the oldest of them waits", labels=["type"]
        )
        now = datetime.now(UTC)
        counted = Tally(job.type for job in self._waiting)
        for job_type in sorted(self._types):
            ages = [(now - job.created_at).total_seconds() for job in self._waiting if job.type == job_type]
            jobs.add_metric([job_type], counted[job_type])
            oldest.add_metric([job_type], max(ages, default=0.0))
        return (jobs, oldest)

    def _ask(self) -> list[Job]:
        try:
            return [job for job in self._queue.jobs(status="NEW", limit=_MOST_WAITING) if job.type in self._types]
        except OpenjdVsError as error:
            _log.debug("the queue's depth is not known: %s", error)
            return []


def _free_bytes(folder: Path) -> float:
    """NaN where the disk cannot be read: the other metrics must be seen all the more then."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return float("nan")


def _request(directory: AttemptDirectory) -> Mapping[str, Any]:
    try:
        return directory.request().job
    except InvalidInput:
        return {}


def _exports_of(directory: AttemptDirectory) -> dict[str, str]:
    """The known export type of each output of an attempt's preset."""
    try:
        instructions = directory.request().preset["details"]["instructions"]
        found = {each.get("output_file_name"): each.get("export_type") for each in instructions}
    except (InvalidInput, KeyError, TypeError, AttributeError):
        return {}
    return {str(name): str(kind) for name, kind in found.items() if kind in OUTPUT_SUFFIXES}


def _stop(server: WSGIServer, thread: threading.Thread) -> None:
    server.shutdown()
    server.server_close()
    thread.join(5)
