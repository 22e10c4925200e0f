"""Which job directories may go (Law 3), and removing them. It touches no directory that is not one of ours."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ..config import OutputsConfig
from ..errors import StorageError
from ..outputs.ledger import Ledger
from ..storage.ports import Storage
from .directory import AttemptDirectory
from .lock import DirectoryBusy, hold, is_held
from .resume import is_safe
from .status import StatusUnreadable, read_status


@dataclass(frozen=True)
class EndedJob:
    """The directory of an attempt whose process is gone.

    Parameters
    ----------
    safe: whether every expected output is where it was to go, and the queue knows how the attempt ended.
    ended_at: when its process last wrote, UTC.
    reported: whether the queue knows how it ended.
    """

    path: Path
    safe: bool
    ended_at: datetime
    size_bytes: int
    reported: bool = True


@dataclass(frozen=True)
class Removal:
    """A directory that was removed, and why, or that could not be."""

    job: EndedJob
    reason: str
    error: str | None = None


def ended_jobs(work_dir: Path) -> list[EndedJob]:
    """The directories of attempts that no process runs any more, the oldest first."""
    return sorted(_ended(work_dir), key=lambda job: job.ended_at)


def removable(jobs: list[EndedJob], config: OutputsConfig, now: datetime) -> list[tuple[EndedJob, str]]:
    """Which of them may go now, each with the reason. Pure.

    A directory with an output that is not safe goes only when its retention has run out, by days or by bytes.
    """
    chosen = []
    for job in jobs:
        limit = timedelta(days=config.keep_done_days if job.safe else config.keep_failed_days)
        if now - job.ended_at >= limit:
            chosen.append((job, "all outputs are safe" if job.safe else "its retention has run out"))
    left = [job for job in jobs if job.reported and all(job is not gone for gone, _ in chosen)]
    too_much = sum(job.size_bytes for job in left) - config.keep_bytes if config.keep_bytes else 0
    for job in sorted(left, key=lambda job: (not job.safe, job.ended_at)):
        if too_much <= 0:
            break
        chosen.append((job, "ended jobs take more bytes than outputs.keep_bytes"))
        too_much -= job.size_bytes
    return chosen


def clean(work_dir: Path, config: OutputsConfig, storage: Storage, now: datetime | None = None) -> list[Removal]:
    """Remove the job directories that may go, and what their unfinished uploads left in storage."""
    chosen = removable(ended_jobs(work_dir), config, now or datetime.now(UTC))
    return [_remove(job, reason, storage) for job, reason in chosen]


def _remove(job: EndedJob, reason: str, storage: Storage) -> Removal:
    directory = AttemptDirectory(job.path)
    try:
        with hold(directory):
            if not job.safe:
                _abandon(directory, storage)
            for path in job.path.iterdir():
                if path != directory.lock:
                    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        shutil.rmtree(job.path)
    except (OSError, StorageError, DirectoryBusy) as error:
        return Removal(job, reason, str(error))
    return Removal(job, reason)


def _abandon(directory: AttemptDirectory, storage: Storage) -> None:
    if not directory.ledger.exists():
        return
    ledger = Ledger(directory.ledger)
    try:
        for entry in ledger.entries():
            if entry.uri is not None and entry.upload_id is not None:
                storage.abandon(entry.uri, entry.upload_id)
    finally:
        ledger.close()


def _ended(work_dir: Path) -> Iterator[EndedJob]:
    if not work_dir.is_dir():
        return
    for path in work_dir.iterdir():
        directory = AttemptDirectory(path)
        if path.is_symlink() or not directory.request_file.is_file():
            continue
        try:
            status = read_status(directory.status)
        except StatusUnreadable:
            continue
        if is_held(directory):
            continue
        touched = datetime.fromtimestamp(directory.request_file.stat().st_mtime, UTC)
        ended_at = status.heartbeat if status is not None else touched
        safe = directory.reported.exists() and is_safe(directory)
        yield EndedJob(path, safe, ended_at, _size(path), directory.reported.exists())


def _size(path: Path) -> int:
    return sum(file.lstat().st_size for file in path.rglob("*") if not file.is_symlink() and file.is_file())
