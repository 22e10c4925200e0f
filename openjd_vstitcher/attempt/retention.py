"""Which job directories may go (Law 3), and removing them. It touches no directory that is not one of ours."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from .. import clock
from ..config import OutputsConfig
from ..errors import InvalidInput, OpenjdVsError, Problem, StorageError
from ..files import read_whole, write_json
from ..outputs.ledger import Entry, Ledger
from ..outputs.undelivered import Undelivered, undelivered
from ..storage.ports import Storage
from .directory import AttemptDirectory
from .lock import hold, is_held

_DAY_S = 86_400.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EndedJob:
    """The directory of an attempt whose process is gone.

    Parameters
    ----------
    undelivered: the outputs that would be lost with it.
    complete: whether every expected output is where it was to go, and the queue knows how the attempt ended.
    reported: whether the queue knows how it ended.
    seen_s: for how many seconds cleaning has known it as ended, by a clock that nobody can set.
    began: when it was made, by the wall clock; only good for an order.
    """

    path: Path
    undelivered: tuple[str, ...]
    complete: bool
    reported: bool
    seen_s: float
    began: float
    size_bytes: int


@dataclass(frozen=True)
class Removal:
    """A directory that was removed, and why; or, with an error, that was not."""

    path: Path
    size_bytes: int
    reason: str
    error: str | None = None


def ended_jobs(work_dir: Path, *, note: bool = True) -> tuple[list[EndedJob], list[Removal]]:
    """The directories of attempts that no process runs any more, and those that cannot be judged, each with its error.

    Parameters
    ----------
    note: write into each directory how long it has been ended, from which later calls go on to count.
    """
    jobs, errors = [], []
    for directory in _ours(work_dir):
        try:
            if not is_held(directory):
                jobs.append(_judged(directory, note=note))
        except Exception as error:  # noqa: BLE001  # one broken directory must not keep the others
            errors.append(Removal(directory.path, 0, "it is kept", f"it cannot be judged: {error}"))
    return jobs, errors


def removable(jobs: list[EndedJob], config: OutputsConfig) -> list[tuple[EndedJob, str]]:
    """Which of them may go now, each with the reason. Pure.

    A directory with an output that is not delivered never goes, however old or large it is.
    """
    chosen = []
    candidates = [job for job in jobs if not job.undelivered]
    for job in candidates:
        days = config.keep_done_days if job.complete else config.keep_failed_days
        if job.seen_s >= days * _DAY_S:
            chosen.append((job, "all outputs are safe" if job.complete else "it holds no output, and its time is over"))
    if not config.keep_bytes:
        return chosen
    gone = {job.path for job, _ in chosen}
    too_much = sum(job.size_bytes for job in jobs if job.path not in gone) - config.keep_bytes
    left = [job for job in candidates if job.reported and job.path not in gone]
    for job in sorted(left, key=lambda job: (not job.complete, -job.seen_s, job.began)):
        if too_much <= 0:
            break
        chosen.append((job, "ended jobs take more bytes than outputs.keep_bytes"))
        too_much -= job.size_bytes
    return chosen


def stuck(jobs: list[EndedJob], config: OutputsConfig) -> list[EndedJob]:
    """The directories whose time would be over, but for outputs that are not delivered: a person must act. Pure."""
    return [job for job in jobs if job.undelivered and job.seen_s >= config.keep_failed_days * _DAY_S]


def clean(work_dir: Path, config: OutputsConfig, storage: Storage, *, dry_run: bool = False) -> list[Removal]:
    """Remove the job directories that may go, and what their unfinished uploads left in storage.

    Returns what was removed, and what a person should look at: directories that cannot be judged or removed, and those
    that are kept beyond their time because of outputs that are not delivered.

    Parameters
    ----------
    dry_run: change nothing.
    """
    jobs, errors = ended_jobs(work_dir, note=not dry_run)
    removals = [
        Removal(job.path, job.size_bytes, reason) if dry_run else _removed(job, reason, storage)
        for job, reason in removable(jobs, config)
    ]
    kept = [
        Removal(job.path, job.size_bytes, "it is kept", f"not delivered: {', '.join(job.undelivered)}")
        for job in stuck(jobs, config)
    ]
    return removals + kept + errors


def lost_with(directory: AttemptDirectory) -> list[Undelivered]:
    """The outputs that would be lost with a directory.

    Raises
    ------
    StorageError: its ledger cannot be read.
    OSError: its files cannot be read.
    """
    return undelivered(directory.output, _entries(directory))


def discard(directory: AttemptDirectory, storage: Storage) -> None:
    """Remove a directory with all that is in it, delivered or not, and what its unfinished uploads left in storage.

    Where the ledger cannot be read it is not known which uploads those are: they stay.

    Raises
    ------
    InvalidInput: it is not a job directory.
    DirectoryBusy: a process works on it.
    StorageError: its uploads cannot be aborted now; nothing was removed.
    OSError: something could not be removed.
    """
    check_ours(directory)
    with hold(directory):
        try:
            entries = _entries(directory)
        except StorageError as error:
            _log.warning("what unfinished uploads of %s left in storage stays there: %s", directory.path, error)
            entries = None
        _abandon(entries, storage)
        _remove(directory)
    shutil.rmtree(directory.path)


def check_ours(directory: AttemptDirectory) -> None:
    """Accept only a directory that was made for an attempt, and no link to one.

    Raises
    ------
    InvalidInput: it is something else.
    """
    if not _is_ours(directory):
        raise InvalidInput(str(directory.path), [Problem("", "is not a job directory: it has no request.json")])


def _removed(job: EndedJob, reason: str, storage: Storage) -> Removal:
    directory = AttemptDirectory(job.path)
    try:
        with hold(directory):
            entries = _entries(directory)
            if undelivered(directory.output, entries):
                return Removal(job.path, job.size_bytes, reason, "an output has appeared in it")
            _abandon(entries, storage)
            _remove(directory)
        shutil.rmtree(job.path)
    except (OSError, OpenjdVsError) as error:
        return Removal(job.path, job.size_bytes, reason, str(error))
    return Removal(job.path, job.size_bytes, reason)


def _remove(directory: AttemptDirectory) -> None:
    """Remove what is in a directory, links as links; last what tells whose it is, so that cleaning can be repeated."""
    last = [directory.ledger, directory.reported, directory.request_file]
    first = [path for path in directory.path.iterdir() if path not in (*last, directory.lock)]
    for path in (*sorted(first, key=lambda path: path != directory.output), *last):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _abandon(entries: list[Entry] | None, storage: Storage) -> None:
    for entry in entries or ():
        if entry.uri is not None and entry.upload_id is not None:
            storage.abandon(entry.uri, entry.upload_id)


def _entries(directory: AttemptDirectory) -> list[Entry] | None:
    if not directory.ledger.exists():
        return None
    with closing(Ledger(directory.ledger)) as ledger:
        return ledger.entries()


def _ours(work_dir: Path) -> Iterator[AttemptDirectory]:
    for path in sorted(work_dir.iterdir()) if work_dir.is_dir() else ():
        directory = AttemptDirectory(path)
        if _is_ours(directory):
            yield directory


def _is_ours(directory: AttemptDirectory) -> bool:
    request = directory.request_file
    return not directory.path.is_symlink() and request.is_file() and not request.is_symlink()


def _judged(directory: AttemptDirectory, *, note: bool) -> EndedJob:
    entries = _entries(directory)
    reported = directory.reported.exists()
    return EndedJob(
        directory.path,
        tuple(lost.name for lost in undelivered(directory.output, entries)),
        reported and all(entry.delivered for entry in entries or ()),
        reported,
        _seen_s(directory, note=note),
        directory.request_file.lstat().st_mtime,
        _size(directory.path),
    )


def _seen_s(directory: AttemptDirectory, *, note: bool) -> float:
    """How long a directory has been seen as ended.

    The wall clock is not asked: it can jump. What is noted is the time that has passed by the machine's own clock. That
    one starts again with the machine, so the time for which the machine was off does not count. Nor does the time
    before another process worked on the directory.
    """
    now_s, seen_s, state = clock.now_s(), 0.0, _state(directory)
    try:
        noted = json.loads(read_whole(directory.ended))
        if noted["state"] == state:
            seen_s = float(noted["seen_s"]) + max(0.0, now_s - float(noted["clock_s"]))
    except (OSError, ValueError, TypeError, KeyError):
        seen_s = 0.0
    if note:
        write_json(directory.ended, {"seen_s": seen_s, "clock_s": now_s, "state": state})
    return seen_s


def _state(directory: AttemptDirectory) -> list[int]:
    """It differs after another process has worked on a directory: size and time of what such a process writes."""
    found = [path.lstat() for path in (directory.journal, directory.status) if path.exists()]
    return [value for file in found for value in (file.st_size, file.st_mtime_ns)]


def _size(path: Path) -> int:
    return sum(file.lstat().st_size for file in path.rglob("*") if not file.is_symlink() and file.is_file())
