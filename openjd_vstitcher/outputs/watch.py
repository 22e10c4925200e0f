"""Reports which files in the output directory appeared and settled. It does not read them."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from watchdog.events import (
    FileClosedEvent,
    FileCreatedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)

_NETWORK_FILE_SYSTEMS = {"nfs", "nfs4", "cifs", "smb2", "smb3", "smbfs", "afpfs", "fuse.sshfs", "9p", "webdav"}
_STOP_LIMIT_S = 2.0
"""On Windows watchdog waits for ever if it is stopped just before it asks for the next events."""
_log = logging.getLogger(__name__)
_EVENTS: list[type[FileSystemEvent]] = [FileClosedEvent, FileCreatedEvent, FileModifiedEvent, FileMovedEvent]


class Watch:
    """Watches one directory without its subdirectories.

    Parameters
    ----------
    on_seen: called with the name of a file that appeared or changed.
    on_settled: called with the name of a file that was closed, moved into place, or not changed for `settle_s` seconds.
    mode: `auto`, `events` or `polling`. `auto` polls on network drives.

    Both callbacks may be called several times for a name, from threads of the watch.
    """

    def __init__(
        self,
        directory: Path,
        *,
        on_seen: Callable[[str], None],
        on_settled: Callable[[str], None],
        settle_s: float,
        mode: str = "auto",
    ) -> None:
        self._directory = directory
        self._on_seen = on_seen
        self._on_settled = on_settled
        self._settle_s = settle_s
        self._polling = mode == "polling" or (mode == "auto" and is_network_drive(directory))
        self._observer: Any = None
        self._unsettled: dict[str, tuple[tuple[int, int], float]] = {}
        self._changed = threading.Condition()
        self._stopped = False
        self._settler = threading.Thread(target=self._settle, name="settle", daemon=True)

    def start(self) -> None:
        """Start to watch. Files that are in the directory already are not reported."""
        try:
            self._observer = self._watching(self._polling)
        except OSError as error:
            _log.warning("cannot get file system events for %s, polling instead: %s", self._directory, error)
            self._observer = self._watching(polling=True)
        self._settler.start()

    def stop(self) -> None:
        """Stop the watch. No callback is called after this returns."""
        if self._observer is None:
            return
        with self._changed:
            self._stopped = True
            self._changed.notify()
        ending = threading.Thread(target=_end, args=(self._observer,), name="end-watch", daemon=True)
        ending.start()
        ending.join(_STOP_LIMIT_S)
        self._settler.join()
        self._observer = None

    def moved_or_closed(self, name: str) -> None:
        """Handle a file that was closed, or moved into place."""
        with self._changed:
            if self._stopped:
                return
            self._unsettled.pop(name, None)
        self._on_seen(name)
        self._on_settled(name)

    def changed(self, name: str) -> None:
        """Handle a file that appeared or grew."""
        state = _state(self._directory / name)
        if state is None:
            return
        with self._changed:
            if self._stopped:
                return
            self._unsettled[name] = (state, time.monotonic())
            self._changed.notify()
        self._on_seen(name)

    def _watching(self, polling: bool) -> Any:
        observer = _observer(polling)
        observer.schedule(_Handler(self), str(self._directory), recursive=False, event_filter=_EVENTS)
        _start(observer)
        return observer

    def _settle(self) -> None:
        while True:
            with self._changed:
                if self._stopped:
                    return
                now = time.monotonic()
                due = [name for name, (_, since) in self._unsettled.items() if now - since >= self._settle_s]
                if not due:
                    first = min((since for _, since in self._unsettled.values()), default=None)
                    self._changed.wait(None if first is None else first + self._settle_s - now)
                    continue
                settled = [name for name in due if self._unchanged(name, now)]
            for name in settled:
                self._on_settled(name)

    def _unchanged(self, name: str, now: float) -> bool:
        state = _state(self._directory / name)
        if state is not None and state != self._unsettled[name][0]:
            self._unsettled[name] = (state, now)
            return False
        del self._unsettled[name]
        return state is not None


class _Handler(FileSystemEventHandler):  # type: ignore[misc]  # watchdog is not followed by mypy
    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.is_directory:
            return
        if event.event_type == "moved":
            self._watch.moved_or_closed(_name(event.dest_path))
        elif event.event_type == "closed":
            self._watch.moved_or_closed(_name(event.src_path))
        elif event.event_type == "created" or not _REPORTS_CLOSE:
            self._watch.changed(_name(event.src_path))


_REPORTS_CLOSE = sys.platform == "linux"


def _is_relevant(record: logging.LogRecord) -> bool:
    """Leave out the message of watchdog about being stopped while it waits."""
    return "called when the thread is inactive" not in record.getMessage()


logging.getLogger("watchdog.observers.inotify").addFilter(_is_relevant)


def is_network_drive(path: Path) -> bool:
    """Whether a path is on a drive that does not report changes made by other machines."""
    if str(path).startswith(("\\\\", "//")):
        return True
    if sys.platform == "win32":
        import ctypes

        drive_remote = 4
        return bool(ctypes.windll.kernel32.GetDriveTypeW(path.drive + "\\") == drive_remote)
    import psutil

    best = ""
    kind = ""
    for partition in psutil.disk_partitions(all=True):
        if path.is_relative_to(partition.mountpoint) and len(partition.mountpoint) >= len(best):
            best, kind = partition.mountpoint, partition.fstype
    return kind in _NETWORK_FILE_SYSTEMS


def _start(observer: Any) -> None:
    """Start it from a daemon thread: its own threads are daemons then, so none can keep the process from exiting."""
    errors: list[OSError] = []

    def start() -> None:
        try:
            observer.start()
        except OSError as error:
            errors.append(error)

    thread = threading.Thread(target=start, name="start-watch", daemon=True)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]


def _end(observer: Any) -> None:
    observer.stop()
    observer.join()


def _observer(polling: bool) -> Any:
    if polling:
        from watchdog.observers.polling import PollingObserver

        return PollingObserver(timeout=1.0)
    from watchdog.observers import Observer

    return Observer()


def _name(path: str | bytes) -> str:
    return os.path.basename(os.fsdecode(path))  # noqa: PTH119  (a name, which need not be a valid path)


def _state(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except (OSError, ValueError):
        return None
    return found.st_size, found.st_mtime_ns
