"""How fast and how thrifty outputs get into storage: the sync against today's runner and against plain boto3.

Each figure is a ratio of two runs of this process against the same S3 server (SeaweedFS, started here). Goals: from
close to stored at least 30 times faster than today's runner; at least 0.9 of the throughput of plain boto3 transfers
with the same concurrency; 10,000 small outputs under 150 MB and in time that grows linearly.

Run with `python benchmarks/bench_outputs.py [latency] [throughput] [many] [--megabytes 2000]`.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from s3transfer.manager import TransferConfig, TransferManager

sys.path.insert(0, str(Path(__file__).parents[1]))
from openjd_vstitcher.config import Config, OutputsConfig
from openjd_vstitcher.journal import Entry, Journal
from openjd_vstitcher.outputs.sync import OutputSync
from openjd_vstitcher.outputs.values import Delivery
from openjd_vstitcher.platform.values import NewAsset
from openjd_vstitcher.storage.adapters import open_storage
from openjd_vstitcher.translation.outputs import ExpectedOutput
from tests.outputs_bench import claim
from tests.s3_server import ACCESS_KEY, SECRET_KEY, S3Server, running_server

BUCKET = "style-assets"
MIB = 1 << 20


class InstantCatalogue:
    """Registers assets in no time, so that only the sync and the storage are measured."""

    def begin_asset(self, claim: object, asset: NewAsset) -> str:
        return asset.name

    def asset_uploaded(self, claim: object, asset_id: str, details: object) -> None: ...


class Stored:
    """When each output was stored, by its name."""

    def __init__(self) -> None:
        self.at: dict[str, float] = {}

    def __call__(self, event: Entry) -> None:
        if event.name == "output_stored":
            self.at[event.fields["output"]] = time.perf_counter()


@contextmanager
def our_sync(config: Config, names: Sequence[str], prefix: str) -> Iterator[tuple[Path, OutputSync, Stored]]:
    """A sync on a new output directory."""
    with tempfile.TemporaryDirectory() as folder:
        directory, stored = Path(folder), Stored()
        journal = Journal(directory / "journal.jsonl", job_id="bench", on_event=stored)
        expected = [ExpectedOutput(name, True, "MEDIA_RENDER", n) for n, name in enumerate(names)]
        sync = OutputSync(
            directory / "output",
            expected,
            ledger=directory / "ledger.sqlite",
            journal=journal,
            delivery=Delivery(open_storage(config), f"s3://{BUCKET}/{prefix}", InstantCatalogue(), claim()),  # type: ignore[arg-type]  # all that a delivery needs
            config=OutputsConfig(),
        )
        yield directory / "output", sync, stored


class TodaysRunner:
    """What `PLATFORM.md` says of the runner in use: one thread that takes one file after the other.

    It looks at a file's size, waits 3 s, looks again, and uploads it when it has stopped growing.
    """

    WAIT_S = 3.0

    def __init__(self, client: Any, directory: Path, names: Sequence[str], prefix: str) -> None:
        self._client, self._directory, self._names, self._prefix = client, directory, names, prefix
        self.stored: dict[str, float] = {}
        self._thread = threading.Thread(target=self._run)

    def start(self) -> None:
        self._thread.start()

    def join(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        while len(self.stored) < len(self._names):
            for name in self._names:
                path = self._directory / name
                if name not in self.stored and path.exists() and self._stopped_growing(path):
                    self._client.upload_file(str(path), BUCKET, f"{self._prefix}/{name}")
                    self.stored[name] = time.perf_counter()

    def _stopped_growing(self, path: Path) -> bool:
        size = path.stat().st_size
        time.sleep(self.WAIT_S)
        return path.stat().st_size == size


def write_outputs(directory: Path, names: Sequence[str], size: int) -> dict[str, float]:
    """Write outputs and return when each was closed."""
    closed = {}
    for name in names:
        with (directory / name).open("wb") as file:
            file.write(os.urandom(size))
        closed[name] = time.perf_counter()
    return closed


def delays(closed: dict[str, float], stored: dict[str, float]) -> list[float]:
    return [stored[name] - closed[name] for name in closed]


def latency(server: S3Server) -> None:
    names = [f"frame{n:02}.png" for n in range(24)]
    with our_sync(server.config(), names, "ours") as (directory, sync, stored):
        sync.start()
        closed = write_outputs(directory, names, 200_000)
        assert sync.finish(60).complete
        ours = delays(closed, stored.at)
    with tempfile.TemporaryDirectory() as folder:
        runner = TodaysRunner(server.client(), Path(folder), names, "peer")
        runner.start()
        closed = write_outputs(Path(folder), names, 200_000)
        runner.join()
        peer = delays(closed, runner.stored)
    mean, last = statistics.mean(peer) / statistics.mean(ours), max(peer) / max(ours)
    print(
        f"24 files of 200 KB, close to stored: mean {statistics.mean(ours):.3f} s against "
        f"{statistics.mean(peer):.1f} s, {mean:.0f} times; "
        f"last {max(ours):.3f} s against {max(peer):.1f} s, {last:.0f} times (goal: at least 30)"
    )


def throughput(server: S3Server, megabytes: int, rounds: int = 5) -> None:
    names = [f"large{n:02}.bin" for n in range(20)]
    size = megabytes * 1_000_000 // len(names)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder)
        write_outputs(source, names, size)
        ours = lambda n: time_ours(server, source, names, f"ours{n}")  # noqa: E731  (two runs to compare)
        peer = lambda n: time_boto3(server, source, names, f"peer{n}")  # noqa: E731
        peer(0), clear(server)
        pairs = [in_turn(server, ours, peer, n) for n in range(1, rounds + 1)]
    ratio = statistics.median(b / a for a, b in pairs)
    best, best_peer = (min(column) for column in zip(*pairs, strict=True))
    print(
        f"{megabytes} MB in 20 files: {megabytes / best:.0f} MB/s against {megabytes / best_peer:.0f} MB/s "
        f"of plain boto3, median ratio {ratio:.2f} of {[round(b / a, 2) for a, b in pairs]} (goal: at least 0.90)"
    )


def in_turn(
    server: S3Server, ours: Callable[[int], float], peer: Callable[[int], float], number: int
) -> tuple[float, float]:
    """Both times of one round; every other round the peer goes first."""
    first, second = (ours, peer) if number % 2 else (peer, ours)
    times = []
    for run in (first, second):
        times.append(run(number))
        clear(server)
    return (times[0], times[1]) if number % 2 else (times[1], times[0])


def time_ours(server: S3Server, source: Path, names: Sequence[str], prefix: str) -> float:
    """Seconds from the first file in place to the last one stored, hashing and verification included."""
    with our_sync(server.config(), names, prefix) as (directory, sync, _):
        sync.start()
        began = time.perf_counter()
        for name in names:
            (source / name).rename(directory / name)
        report = sync.finish(600)
        seconds = time.perf_counter() - began
        for name in names:
            (directory / name).rename(source / name)
    assert report.complete
    return seconds


def time_boto3(server: S3Server, source: Path, names: Sequence[str], prefix: str) -> float:
    """Seconds for the same files by boto3's transfer manager with as many parts at a time."""
    config = server.config().storage.s3
    parts = config.bytes_in_flight // config.part_bytes
    manager = TransferManager(
        server.client(), TransferConfig(max_request_concurrency=parts, multipart_chunksize=config.part_bytes)
    )
    began = time.perf_counter()
    with manager:
        futures = [manager.upload(str(source / name), BUCKET, f"{prefix}/{name}") for name in names]
        for future in futures:
            future.result()
    return time.perf_counter() - began


def clear(server: S3Server) -> None:
    """Remove all objects, so that no run fills the disk of the next."""
    client = server.client()
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        for item in page.get("Contents", ()):
            client.delete_object(Bucket=BUCKET, Key=item["Key"])


def many(server: S3Server) -> None:
    figures = []
    for count in (2_500, 5_000, 10_000):
        command = [sys.executable, __file__, "--child", str(count), "--endpoint", server.endpoint_url]
        seconds, megabytes = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        figures.append((count, float(seconds), float(megabytes)))
        clear(server)
    for count, seconds, megabytes in figures:
        print(f"{count} outputs of 1 KB: {seconds:.1f} s, {1000 * seconds / count:.2f} ms each, {megabytes:.0f} MB")
    growth = (figures[-1][1] / figures[-1][0]) / (figures[0][1] / figures[0][0])
    print(f"time per output at 10,000 against 2,500: {growth:.2f} (linear: 1); memory goal: under 150 MB")


def many_child(count: int, endpoint_url: str) -> None:
    """Deliver so many small outputs, and print the seconds and the most memory in MB."""
    names = [f"small{n:05}.json" for n in range(count)]
    with our_sync(S3Server(endpoint_url).config(), names, f"many{count}") as (directory, sync, _):
        sync.start()
        began = time.perf_counter()
        write_outputs(directory, names, 1000)
        assert sync.finish(1200).complete
        seconds = time.perf_counter() - began
    print(f"{seconds:.2f} {peak_bytes() / 1e6:.1f}")


def peak_bytes() -> int:
    """The most memory that this process held. Linux's `ru_maxrss` begins with that of whoever started it."""
    if sys.platform == "linux":
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("which", nargs="*", choices=["latency", "throughput", "many", []], default=[])
    parser.add_argument("--megabytes", type=int, default=2000)
    parser.add_argument("--child", type=int)
    parser.add_argument("--endpoint")
    given = parser.parse_args()
    os.environ |= {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
    if given.child:
        many_child(given.child, given.endpoint)
        return
    with tempfile.TemporaryDirectory() as folder, running_server(Path(folder)) as server:
        server.bucket(BUCKET)
        if not given.which or "latency" in given.which:
            latency(server)
        if not given.which or "throughput" in given.which:
            throughput(server, given.megabytes)
        if not given.which or "many" in given.which:
            many(server)


if __name__ == "__main__":
    main()
