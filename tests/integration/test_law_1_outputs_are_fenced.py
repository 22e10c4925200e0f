"""Laws 1 and 2 for bytes: an attempt that was overtaken replaces nothing, and a row never vouches for other bytes."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from openjd_vstitcher.attempt.directory import AttemptDirectory
from openjd_vstitcher.attempt.request import AttemptRequest
from openjd_vstitcher.config import load_config
from openjd_vstitcher.errors import PlatformError, StorageError
from openjd_vstitcher.journal import Journal, read_journal
from openjd_vstitcher.outputs.sync import OutputSync
from openjd_vstitcher.outputs.values import Delivery
from openjd_vstitcher.platform.adapters import open_platform
from openjd_vstitcher.platform.values import Claim, NewAsset, NewJob
from openjd_vstitcher.storage.adapters import open_storage
from openjd_vstitcher.translation.outputs import ExpectedOutput
from tests.farm import wait_until
from tests.fault_proxy import fault_proxy
from tests.outputs_bench import Bench
from tests.s3_job import BUCKET
from tests.s3_server import S3Server

_MIB = 1 << 20
_SIZES = {"small.bin": 1000, "large.bin": 11 * _MIB}


def test_asset_is_in_progress_again_before_its_object_is_written_again(tmp_path: Path) -> None:
    """Law 2: a crash between the two writes must not leave a row that vouches for other bytes."""
    bench = Bench(tmp_path, ["a.png"])
    bench.sync.start()
    bench.write("a.png", b"one")
    bench.wait_for("output_registered", "a.png")
    seen: list[tuple[str, bytes | None]] = []
    bench.catalogue.before_write = lambda: seen.append((bench.catalogue.rows()[0].status, bench.stored("a.png")))
    bench.write("a.png", b"one and two")
    bench.wait_for("output_registered", "a.png", count=2)
    bench.sync.finish(10)
    assert seen == [("UPLOADED", b"one"), ("IN_PROGRESS", b"one and two")]
    (row,) = bench.catalogue.rows()
    assert (row.status, row.details["sha256"]) == ("UPLOADED", hashlib.sha256(b"one and two").hexdigest())


def test_nothing_is_stored_while_the_claim_cannot_be_checked(tmp_path: Path) -> None:
    bench = Bench(tmp_path, ["a.png"])
    bench.catalogue.failures = [PlatformError("gateway", transient=True)] * 20
    bench.catalogue.before_write = lambda: seen.append(bench.stored("a.png"))
    seen: list[bytes | None] = []
    bench.sync.start()
    bench.write("a.png")
    assert bench.sync.finish(30).complete
    assert seen == [None] * 21 + [b"content"]


def test_attempt_that_lost_its_claim_while_it_waited_stores_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path, ["a.png"])
    bench.storage.failures = [StorageError("storage is away", transient=True)] * 10_000
    bench.sync.start()
    bench.write("a.png", b"first")
    bench.wait_for("output_waiting", "a.png")
    bench.catalogue.claim_again()
    bench.storage.failures = []
    (result,) = bench.sync.finish(10).outputs
    assert (result.fate, bench.stored("a.png")) == ("failed", None)
    assert bench.named("output_failed", "a.png")[0].fields["cause"] == "claim_lost"


@pytest.mark.parametrize("there", [None, b"of an earlier job"])
def test_attempt_that_is_overtaken_after_its_claim_was_checked_replaces_nothing(
    tmp_path: Path, there: bytes | None
) -> None:
    """The worst moment: the claim is held when it is checked, and lost before the bytes are in place."""
    bench = Bench(tmp_path, ["a.png"])
    target = bench.root / "bucket/exports/job-1/a.png"
    target.parent.mkdir(parents=True)
    if there is not None:
        target.write_bytes(there)

    def overtaken() -> None:
        bench.catalogue.before_write = lambda: None
        begin = bench.catalogue.platform.begin_asset

        def begin_and_freeze(claim: Claim, asset: NewAsset) -> str:
            asset_id = begin(claim, asset)
            bench.catalogue.platform.begin_asset = begin  # type: ignore[method-assign]
            second = bench.catalogue.claim_again()
            assert begin(second, asset) == asset_id
            target.write_bytes(b"second")
            bench.catalogue.platform.asset_uploaded(second, asset_id, {"sha256": "second"})
            return asset_id

        bench.catalogue.platform.begin_asset = begin_and_freeze  # type: ignore[method-assign]

    bench.catalogue.before_write = overtaken
    bench.sync.start()
    bench.write("a.png", b"first")
    (result,) = bench.sync.finish(10).outputs
    assert result.fate == "failed"
    assert bench.stored("a.png") == b"second"
    (row,) = bench.catalogue.rows()
    assert (row.status, row.details["sha256"]) == ("UPLOADED", "second")


def test_object_that_is_there_already_is_replaced_without_a_pause(tmp_path: Path) -> None:
    bench = Bench(tmp_path, ["a.png"])
    (bench.root / "bucket/exports/job-1").mkdir(parents=True)
    (bench.root / "bucket/exports/job-1/a.png").write_bytes(b"of an earlier job")
    bench.sync.start()
    bench.write("a.png", b"new")
    assert bench.sync.finish(10).complete
    assert bench.stored("a.png") == b"new"
    assert bench.named("output_waiting") == []


def test_upload_that_is_interrupted_leaves_the_old_object_and_is_finished_by_the_next_process(tmp_path: Path) -> None:
    bench = Bench(tmp_path, ["a.png"])
    content = os.urandom(3 << 20)
    bench.storage.before_put = lambda uri: bench.sync.hurry()
    bench.sync.start()
    bench.write("a.png", content)
    (result,) = bench.sync.finish(10).outputs
    assert (result.fate, result.reason) == ("pending", "the upload was interrupted")
    assert bench.stored("a.png") is None
    bench.storage.before_put = lambda uri: None
    assert bench.new_sync().finish(10).complete
    assert bench.stored("a.png") == content
    assert [path.name for path in (bench.root / "bucket").rglob(".*")] == []


@dataclass
class TwoAttempts:
    """A job whose first attempt loses its lease, on real storage and with real processes."""

    folder: Path
    storage: str

    def __post_init__(self) -> None:
        self.config_file = self.folder / "second.toml"
        self.configure(self.config_file, self.storage)
        self.config = load_config(self.config_file)
        self.platform = open_platform(self.config.platform)
        self.platform.put_preset({"key": "p", "name": "p", "version": 1, "details": {"instructions": []}})
        self.job_id = self.platform.submit(NewJob("TEST", "p", {})).id

    def configure(self, file: Path, storage: str) -> None:
        file.write_text(f"""
[platform]
path = "platform.sqlite"
[outputs]
retry_first_s = 0.05
retry_longest_s = 0.2
{storage}
""")

    def attempt(self, lease_s: float) -> AttemptDirectory:
        """Claim the job, and write its outputs with bytes of this attempt."""
        claim = self.platform.claim("worker", ["TEST"], lease_s=lease_s)
        assert claim is not None
        directory = AttemptDirectory(self.folder / f"{self.job_id}.{claim.attempt}")
        directory.create(AttemptRequest.of(claim, 0.0))
        for name, size in _SIZES.items():
            (directory.output / name).write_bytes(os.urandom(size))
        journal = Journal(directory.journal, job_id=self.job_id, attempt=claim.attempt)
        delivery = Delivery(open_storage(self.config), f"s3://{BUCKET}/exports/{self.job_id}", self.platform, claim)
        expected = [ExpectedOutput(name, True, "MEDIA_RENDER", n) for n, name in enumerate(_SIZES)]
        OutputSync(directory.output, expected, ledger=directory.ledger, journal=journal, delivery=delivery).stop()
        return directory

    @contextmanager
    def delivering(self, directory: AttemptDirectory, config_file: Path) -> Iterator[subprocess.Popen[str]]:
        """`openjd-vs outputs resume`: no lease ends it, so nothing but the fence keeps it from writing."""
        process = subprocess.Popen(
            [sys.executable, "-m", "openjd_vstitcher.cli", "outputs", "resume", str(directory.path)],
            env={**os.environ, "OPENJD_VS_CONFIG": str(config_file)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    def overtake(self) -> AttemptDirectory:
        """Let the lease of the first attempt run out, and deliver other bytes in a second one."""
        wait_until(lambda: self.platform.requeue_expired())
        second = self.attempt(3600.0)
        with self.delivering(second, self.config_file) as process:
            output, _ = process.communicate(timeout=60)
        assert process.returncode == 0, output
        return second

    def check(self, second: AttemptDirectory) -> None:
        """Bytes in storage, sum in the row, and file are those of the second attempt."""
        storage = open_storage(self.config)
        rows = {row.name: row for row in self.platform.assets(self.job_id)}
        assert sorted(rows) == sorted(_SIZES)
        for name, row in rows.items():
            content = (second.output / name).read_bytes()
            sha256 = hashlib.sha256(content).hexdigest()
            assert (row.status, row.details["sha256"], row.details["attempt"]) == ("UPLOADED", sha256, 2)
            assert self.read(storage.presign(row.path, expires_s=60)) == content

    def read(self, url: str) -> bytes:
        import urllib.request

        with urllib.request.urlopen(url) as answer:
            content: bytes = answer.read()
        return content


def _told(directory: AttemptDirectory, event: str) -> int:
    """How many of the outputs had an event."""
    return len({entry.fields["output"] for entry in read_journal(directory.journal) if entry.name == event})


def test_frozen_attempt_that_comes_back_replaces_nothing_in_a_directory(tmp_path: Path) -> None:
    root = f'[storage.local]\nroot = "{tmp_path.as_posix()}/root"'
    job = TwoAttempts(tmp_path, root)
    slow = tmp_path / "first.toml"
    job.configure(slow, f"[storage]\nbandwidth_limit = {2 * _MIB}\n{root}")
    first = job.attempt(lease_s=1.0)
    with job.delivering(first, slow) as process:
        wait_until(lambda: _told(first, "output_uploading") == 2)
        process.send_signal(signal.SIGSTOP)
        second = job.overtake()
        process.send_signal(signal.SIGCONT)
        output, _ = process.communicate(timeout=60)
    assert "no longer holds attempt 1" in output
    job.check(second)


@pytest.mark.usefixtures("s3_credentials")
def test_frozen_attempt_that_comes_back_replaces_nothing_in_s3(s3_server: S3Server, tmp_path: Path) -> None:
    s3_server.bucket(BUCKET)

    def storage(endpoint_url: str) -> str:
        return f"""
[storage]
kind = "s3"
write_to = ["s3://{BUCKET}/exports"]
[storage.s3]
endpoint_url = "{endpoint_url}"
region = "us-east-1"
path_style = true
part_bytes = {5 * _MIB}
[inputs]
read_from = ["s3://{BUCKET}/exports"]
"""

    job = TwoAttempts(tmp_path, storage(s3_server.endpoint_url))
    with fault_proxy(s3_server.endpoint_url, rate=1.0, seed=1, faults=("refuse",)) as proxy:
        away = tmp_path / "first.toml"
        job.configure(away, storage(proxy.endpoint_url))
        first = job.attempt(lease_s=1.0)
        with job.delivering(first, away) as process:
            wait_until(lambda: _told(first, "output_waiting") >= 2)
            process.send_signal(signal.SIGSTOP)
            second = job.overtake()
            proxy.rate = 0.0
            process.send_signal(signal.SIGCONT)
            output, _ = process.communicate(timeout=60)
    assert "no longer holds attempt 1" in output
    job.check(second)
    uploads = s3_server.client().list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
    assert [upload["Key"] for upload in uploads if job.job_id in upload["Key"]] == []
