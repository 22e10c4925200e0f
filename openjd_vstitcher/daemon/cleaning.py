"""Removes, now and then, the directories of ended attempts whose time is over, beside the worker's other work."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

from ..attempt.retention import Removal, clean
from ..config import Config
from ..storage.ports import Storage

_log = logging.getLogger(__name__)
_EVERY_S = 600.0


class Cleaner:
    """Runs `attempt.retention.clean` in a thread, one at a time."""

    def __init__(self, config: Config, storage: Storage) -> None:
        self._config = config
        self._storage = storage
        self._due_s = time.monotonic()
        self._thread: threading.Thread | None = None
        self._told: dict[Path, str] = {}

    def configure(self, config: Config, storage: Storage) -> None:
        """Clean as a changed configuration says, from the next round on."""
        self._config, self._storage = config, storage

    def clean_when_due(self) -> None:
        """Begin to clean if it is time and the last round has ended."""
        if time.monotonic() < self._due_s or (self._thread is not None and self._thread.is_alive()):
            return
        self._due_s = time.monotonic() + _EVERY_S
        self._thread = threading.Thread(target=self._clean, name="cleaning", daemon=True)
        self._thread.start()

    def _clean(self) -> None:
        try:
            for removal in clean(self._config.worker.work_dir, self._config.outputs, self._storage):
                self._tell(removal)
        except Exception:  # noqa: BLE001  # cleaning can wait
            _log.exception("old directories could not be removed")

    def _tell(self, removal: Removal) -> None:
        """Log a removal, and each directory that was not removed once for each reason."""
        if removal.error is None:
            _log.info("removed %s: %s", removal.path, removal.reason)
        elif self._told.get(removal.path) != removal.error:
            self._told[removal.path] = removal.error
            _log.warning("%s was not removed: %s", removal.path, removal.error)
