"""Uploads the logs of an attempt, so that a failure can be examined without access to the machine."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from pathlib import Path

from ..errors import PlatformError, StorageError
from ..events import LogFailed, LogsStored, LogWaiting
from ..journal import Journal
from ..retry import retrying, set_after
from ..storage.address import join
from ..storage.ports import Storage
from ..storage.values import PutOptions

_WAIT_S = 60.0


def store_logs(files: Mapping[str, Path], prefix: str, *, storage: Storage, journal: Journal) -> dict[str, str]:
    """Upload log files. Call it when nothing writes to them any more.

    Parameters
    ----------
    files: each log by the name that it gets in storage. Missing and empty files are skipped.
    prefix: the URI under which they are stored; it contains the job id and the attempt.

    Returns the URI of each stored log. A log that cannot be stored within a minute is reported to the journal only:
    logs never change the outcome of a job.
    """
    stored = {}
    with set_after(_WAIT_S) as timed_out:
        for name, path in files.items():
            if path.is_file() and path.stat().st_size > 0:
                uri = _store(path, join(prefix, name), storage, journal, timed_out)
                if uri is not None:
                    stored[name] = uri
    journal.append(LogsStored(logs=stored))
    return stored


def _store(path: Path, uri: str, storage: Storage, journal: Journal, timed_out: threading.Event) -> str | None:
    def put() -> str:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            options = PutOptions("text/plain; charset=utf-8", {"sha256": sha256})
            return storage.put(file, uri, sha256=sha256, options=options).uri

    def on_wait(error: Exception, wait_s: float) -> None:
        journal.append(LogWaiting(log=path.name, reason=str(error), wait_s=round(wait_s, 2)))

    try:
        return retrying(put, stop=timed_out, first_s=1.0, longest_s=10.0, on_wait=on_wait)
    except (StorageError, PlatformError, OSError) as error:
        journal.append(LogFailed(log=path.name, reason=str(error)))
        return None
