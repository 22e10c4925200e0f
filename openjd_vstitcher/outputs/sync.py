"""Delivers each expected output as soon as it is complete, and the remaining ones at the end of the session."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ..config import OutputsConfig
from ..errors import ClaimLost, StorageError
from ..events import OutputFailed, OutputFault, OutputSeen, OutputsUnexpected, OutputUnexpected
from ..journal import Journal
from ..names import same_file_key
from ..translation.outputs import ExpectedOutput
from .files import EmptyOutput, NotSettled, OutputDirectory
from .ledger import Entry, Ledger
from .upload import Upload
from .values import Delivery, Fate, OutputResult, SyncReport
from .watch import Watch

_SMALL_BYTES = 16 << 20
_UNEXPECTED_NAMED = 100
_SWEEPS = 3
_ALIVE_S = 1.0
_log = logging.getLogger(__name__)


class OutputSync:
    """Watches an output directory and delivers the expected outputs of a job.

    Parameters
    ----------
    directory: where the engine writes. It is created if it does not exist.
    expected: the outputs of the job; None to continue with those in the ledger.
    ledger: the file of the ledger. It is continued if it exists.
    delivery: where outputs go; None if they stay in the directory (they are checked and `kept`).
    adopt: returns the output that a file of another name is, None if it is none. It is asked at the end, when nothing
        writes files any more. None: there are no such outputs.
    """

    def __init__(
        self,
        directory: Path,
        expected: Sequence[ExpectedOutput] | None,
        *,
        ledger: Path,
        journal: Journal,
        delivery: Delivery | None = None,
        config: OutputsConfig | None = None,
        adopt: Callable[[str], ExpectedOutput | None] | None = None,
    ) -> None:
        config = config or OutputsConfig()
        self._config = config
        self._journal = journal
        self._adopt = adopt
        self._directory = OutputDirectory(directory)
        self._ledger = Ledger(ledger, expected)
        if delivery is not None:
            self._ledger.note(delivery.as_facts())
        self._expected = {entry.output.name: entry.output for entry in self._ledger.entries()}
        self._by_folded = {same_file_key(name): name for name in self._expected}
        self._hurry = threading.Event()
        self._claim_lost = threading.Event()
        self._upload = Upload(self._directory, self._ledger, journal, delivery, config, self._hurry)
        self._watch = Watch(
            self._directory.path,
            on_seen=self._seen,
            on_settled=self._settled,
            settle_s=config.settle_s,
            mode=config.watch,
        )
        self._small = ThreadPoolExecutor(config.parallel_uploads, "upload-small")
        self._large = ThreadPoolExecutor(config.parallel_uploads, "upload-large")
        self._idle = threading.Condition()
        self._active: set[str] = set()
        self._again: set[str] = set()
        self._unexpected: set[str] = set()
        self._unsettled: set[str] = set()

    def start(self) -> None:
        """Start to watch and deliver, including files that exist already."""
        self._watch.start()
        for name in self._directory.names():
            self._watch.changed(name)

    def finish(self, timeout_s: float | None = None, *, alive: Callable[[], None] = lambda: None) -> SyncReport:
        """Deliver the remaining outputs and stop. Call it when nothing writes outputs any more.

        Parameters
        ----------
        timeout_s: how long to wait. Outputs that are not delivered by then are `pending` and can be resumed.
        alive: called about once a second meanwhile.
        """
        limit = self._config.finish_limit_s if timeout_s is None else timeout_s
        deadline = time.monotonic() + limit
        self._watch.stop()
        self._wait_idle(deadline, alive)
        for _ in range(_SWEEPS):
            self._unsettled.clear()
            self._sweep()
            self._wait_idle(deadline, alive)
            if not self._unsettled or self._hurry.wait(min(self._config.settle_s, deadline - time.monotonic())):
                break
        self._stop_uploads()
        report = self._report()
        self.stop()
        return report

    def hurry(self) -> None:
        """Stop waiting and retrying. Outputs that are not delivered then are `pending` and can be resumed."""
        self._hurry.set()
        with self._idle:
            self._idle.notify_all()

    def stop(self) -> None:
        """Stop now, waiting only for running transfers. The ledger keeps the rest. May be called repeatedly."""
        self._watch.stop()
        self._stop_uploads()
        self._ledger.close()
        self._directory.close()

    def _stop_uploads(self) -> None:
        self._hurry.set()
        self._small.shutdown(cancel_futures=True)
        self._large.shutdown(cancel_futures=True)
        if self._claim_lost.is_set():
            self._claim_lost.clear()
            self._upload.abandon()

    def _seen(self, name: str) -> None:
        output = self._expected_as(name)
        try:
            if output is None:
                if self._adopt is None:
                    self._count_unexpected(name)
            elif self._ledger.entry(output.name).state == "expected":
                self._ledger.record(output.name, "seen")
                self._journal.append(OutputSeen(output=output.name))
        except (StorageError, OSError) as error:
            _log.warning("cannot record that %s appeared: %s", name, error)

    def _settled(self, name: str) -> None:
        output = self._expected_as(name)
        if output is not None:
            self._submit(output)

    def _expected_as(self, name: str) -> ExpectedOutput | None:
        """The expected output with a name, compared as the file system compares names."""
        if name in self._expected:
            return self._expected[name]
        near = self._by_folded.get(same_file_key(name))
        if near is None:
            return None
        there, same = self._directory.look(name), self._directory.look(near)
        is_same = there is not None and same is not None and os.path.samestat(there, same)
        return self._expected[near] if is_same else None

    def _count_unexpected(self, name: str) -> None:
        if _is_temporary(name) or name in self._unexpected:
            return
        self._unexpected.add(name)
        if len(self._unexpected) <= _UNEXPECTED_NAMED:
            self._journal.append(OutputUnexpected(output=name, count=len(self._unexpected)))

    def _submit(self, output: ExpectedOutput) -> None:
        with self._idle:
            if output.name in self._active:
                self._again.add(output.name)
                return
            self._active.add(output.name)
        pool = self._large if self._is_large(output) else self._small
        pool.submit(self._work, output)

    def _is_large(self, output: ExpectedOutput) -> bool:
        try:
            found = self._directory.look(output.name)
        except OSError:
            return False
        return found is not None and found.st_size > _SMALL_BYTES

    def _work(self, output: ExpectedOutput) -> None:
        try:
            self._attempt(output)
        except ClaimLost:
            self._claim_lost.set()
            self._hurry.set()
        except Exception:  # noqa: BLE001  # the pool would drop it silently
            _log.exception("cannot deliver output %s", output.name)
        finally:
            with self._idle:
                self._active.discard(output.name)
                again = output.name in self._again
                self._again.discard(output.name)
                self._idle.notify_all()
        if again and not self._hurry.is_set():
            self._submit(output)

    def _attempt(self, output: ExpectedOutput) -> None:
        try:
            self._upload.deliver(output)
        except FileNotFoundError:
            _log.debug("output %s disappeared before it was delivered", output.name)
        except NotSettled as error:
            self._ledger.record(output.name, "seen", error=str(error))
            if not isinstance(error, EmptyOutput):
                self._unsettled.add(output.name)
            self._watch.changed(output.name)
        except (StorageError, OSError) as error:
            _log.warning("cannot record the state of output %s, trying again: %s", output.name, error)
            self._unsettled.add(output.name)
            self._watch.changed(output.name)

    def _wait_idle(self, deadline: float, alive: Callable[[], None]) -> None:
        with self._idle:
            while self._active or self._again:
                left_s = deadline - time.monotonic()
                if left_s <= 0 or self._hurry.is_set():
                    return
                alive()
                self._idle.wait(min(left_s, _ALIVE_S))

    def _sweep(self) -> None:
        for name in self._directory.names():
            if self._expected_as(name) is None and not self._adopted(name):
                self._count_unexpected(name)
        for output in self._expected.values():
            if self._directory.look(output.name) is not None:
                self._seen(output.name)
                self._submit(output)

    def _adopted(self, name: str) -> bool:
        output = self._adopt(name) if self._adopt is not None else None
        if output is None:
            return False
        self._ledger.add(output)
        self._expected[name] = output
        self._by_folded[same_file_key(name)] = name
        self._unexpected.discard(name)
        return True

    def _report(self) -> SyncReport:
        entries = self._ledger.entries()
        results = [self._result(entry) for entry in entries]
        if self._unexpected:
            self._journal.append(OutputsUnexpected(count=len(self._unexpected)))
        for entry, result in zip(entries, results, strict=True):
            if result.fate == "missing" or (result.fate == "failed" and entry.state != "failed"):
                fault = self._never_whole(entry)
                self._journal.append(OutputFailed(output=result.name, cause=fault, reason=result.reason or fault))
        return SyncReport(results)

    def _never_whole(self, entry: Entry) -> OutputFault:
        found = self._directory.look(entry.output.name)
        if found is None:
            return "missing"
        return "empty" if found.st_size == 0 else "unfinished"

    def _result(self, entry: Entry) -> OutputResult:
        fate, reason = self._fate(entry)
        return OutputResult(
            name=entry.output.name,
            fate=fate,
            size_bytes=entry.size_bytes,
            uri=entry.uri,
            reason=reason,
        )

    def _fate(self, entry: Entry) -> tuple[Fate, str | None]:
        if entry.state in ("registered", "kept"):
            return ("registered" if entry.state == "registered" else "kept"), None
        if entry.state == "failed":
            return "failed", entry.error
        if self._directory.look(entry.output.name) is None:
            return "missing", "the file was not made"
        if entry.state in ("expected", "seen") and entry.error:
            return "failed", entry.error
        return "pending", entry.error or "its upload has not finished"


def _is_temporary(name: str) -> bool:
    """Whether a name is a temporary file of the plugin, or the folder with the frames of a turntable."""
    return (name.startswith(".") and ".part" in name) or name.endswith(".frames")
