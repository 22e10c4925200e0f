"""Goes on with the outputs of a job whose process is gone."""

from __future__ import annotations

from ..config import Config
from ..errors import InvalidInput, Problem
from ..events import OutputsResumed
from ..journal import Journal
from ..outputs.ledger import Ledger, State
from ..outputs.provenance import Provenance
from ..outputs.sync import OutputSync
from ..outputs.values import Delivery, SyncReport
from ..platform.ports import AssetCatalogue
from ..storage.adapters import open_storage
from .directory import JobDirectory
from .status import read_status

_DONE = ("registered", "kept")


def is_unfinished(directory: JobDirectory) -> bool:
    """Whether outputs of a job were made that are not yet where they were to go."""
    return not _states(directory) <= {*_DONE, "expected"}


def is_safe(directory: JobDirectory) -> bool:
    """Whether every expected output of a job is where it was to go (Law 3)."""
    return _states(directory) <= set(_DONE)


def _states(directory: JobDirectory) -> set[State]:
    """The states of a job's outputs."""
    if not directory.ledger.exists():
        return set()
    ledger = Ledger(directory.ledger)
    try:
        return {entry.state for entry in ledger.entries()}
    finally:
        ledger.close()


def resume(
    directory: JobDirectory, config: Config, catalogue: AssetCatalogue, *, timeout_s: float | None = None
) -> SyncReport:
    """Deliver what an earlier process of this attempt left in its output directory.

    Raises
    ------
    InvalidInput: it is not a job directory with a ledger, or its process still runs.
    """
    if not directory.ledger.exists():
        raise InvalidInput(str(directory.path), [Problem("", "has no ledger of outputs")])
    status = read_status(directory.status)
    if status is not None and status.state != "ended" and status.process_lives():
        raise InvalidInput(str(directory.path), [Problem("", f"its job still runs (process {status.pid})")])
    request = directory.request()
    ledger = Ledger(directory.ledger)
    facts = ledger.facts()
    ledger.close()
    if "destination" not in facts:
        raise InvalidInput(str(directory.path), [Problem("", "its ledger names no destination of outputs")])
    journal = Journal(directory.journal, job_id=request.job_id, attempt=request.attempt)
    journal.append(OutputsResumed())
    try:
        delivery = Delivery.of_facts(
            facts, open_storage(config.storage), catalogue, request.claim, Provenance(directory.journal)
        )
        sync = OutputSync(
            directory.output,
            None,
            ledger=directory.ledger,
            journal=journal,
            delivery=delivery,
            config=config.outputs,
        )
        try:
            return sync.finish(timeout_s)
        finally:
            sync.stop()
    finally:
        journal.close()
