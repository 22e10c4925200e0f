"""Where an output comes from: the engine and the template, as the job's journal tells them."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from ..journal import JournalReader


class Provenance:
    """Reads a job's journal as far as it has come; call it for the facts.

    Parameters
    ----------
    journal: the journal's file.
    """

    def __init__(self, journal: Path) -> None:
        self._journal = JournalReader(journal)
        self._lock = threading.Lock()
        self._facts: dict[str, Any] = {}

    def __call__(self) -> dict[str, Any]:
        """`engine` (kind and version) and `template_sha256`, as far as known."""
        with self._lock:
            for event in self._journal.read():
                if event.name == "engine_ready":
                    self._facts["engine"] = {
                        "kind": event.fields.get("engine"),
                        "version": event.fields.get("version"),
                    }
                elif event.name == "job_planned":
                    self._facts["template_sha256"] = event.fields.get("template_sha256")
            return dict(self._facts)
