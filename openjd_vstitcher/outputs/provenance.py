"""The origin of an output: the engine and the template, from the journal of the job."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from ..events import EngineReady, JobPlanned
from ..journal import JournalReader


class Provenance:
    """Reads the journal of a job as far as it has been written. Call it to get the details.

    Parameters
    ----------
    journal: the file.
    """

    def __init__(self, journal: Path) -> None:
        self._journal = JournalReader(journal)
        self._lock = threading.Lock()
        self._facts: dict[str, Any] = {}

    def __call__(self) -> dict[str, Any]:
        """`engine` (kind and version) and `template_sha256`, if known."""
        with self._lock:
            for entry in self._journal.read():
                match entry.event:
                    case EngineReady(engine=kind, version=version):
                        self._facts["engine"] = {"kind": kind, "version": version}
                    case JobPlanned(template_sha256=digest):
                        self._facts["template_sha256"] = digest
            return dict(self._facts)
