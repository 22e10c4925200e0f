"""One watcher for all event streams: it asks the platform for changes and hands each to every stream."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from ..errors import PlatformError
from ..journal import Entry
from ..platform.ports import Platform
from ..platform.values import Changes, Job
from .answers import encoded
from .representations import task

_log = logging.getLogger(__name__)

_WAIT_S = 1.0
_PAUSE_S = 1.0
_START_LIMIT_S = 10.0
_MOST_WAITING = 1000
_MOST_TOLD = 20_000

Kind = Literal["job", "job_deleted", "event"]


@dataclass(frozen=True)
class Message:
    """One change, encoded once for all streams.

    Parameters
    ----------
    data: its JSON text.
    job, entry: what it was made from, for streams that choose.
    """

    kind: Kind
    job_id: str
    data: bytes
    job: Job | None = None
    entry: Entry | None = None

    @property
    def key(self) -> tuple[object, ...]:
        """Two messages with the same key are about the same thing."""
        if self.entry is None:
            return "job", self.job_id
        at = self.entry.seq or (self.entry.name, self.entry.time)
        return "event", self.job_id, self.entry.attempt, at


@dataclass(frozen=True)
class Batch:
    """Changes that were found together.

    Parameters
    ----------
    cursor: where a stream continues that has sent all of them.
    """

    cursor: str
    messages: tuple[Message, ...]


class StreamEnded(Exception):
    """A stream has nothing more to send."""


class Subscription:
    """The changes for one stream.

    Parameters
    ----------
    job_id: only changes of this job; None for all.
    """

    def __init__(self, job_id: str | None) -> None:
        self._job_id = job_id
        self._waiting: asyncio.Queue[Batch | None] = asyncio.Queue(_MOST_WAITING)
        self._ended = False

    async def next(self, timeout_s: float) -> Batch | None:
        """The next batch; None if there was none in time.

        Raises
        ------
        StreamEnded: the server stops, or the stream is too slow: its client must connect again.
        """
        if self._ended and self._waiting.empty():
            raise StreamEnded
        try:
            batch = await asyncio.wait_for(self._waiting.get(), timeout_s)
        except TimeoutError:
            return None
        if batch is None:
            raise StreamEnded
        return batch

    def put(self, batch: Batch) -> None:
        """Add a batch; a stream that has too many waiting ends."""
        messages = tuple(m for m in batch.messages if self._job_id in (None, m.job_id))
        if messages and not self._ended:
            try:
                self._waiting.put_nowait(Batch(batch.cursor, messages))
            except asyncio.QueueFull:
                self.end()

    def end(self) -> None:
        """End the stream after what is waiting."""
        self._ended = True
        if self._waiting.empty():
            self._waiting.put_nowait(None)


class Watcher:
    """Asks the platform for changes while there are streams, from a thread of its own.

    Parameters
    ----------
    most: how many streams may be open.
    """

    def __init__(self, platform: Platform, *, most: int) -> None:
        self._platform = platform
        self._most = most
        self._streams: set[Subscription] = set()
        self._lock = threading.Lock()
        self._wanted = threading.Event()
        self._closing = threading.Event()
        self._cursor: str | None = None
        self._watching = threading.Event()
        self._told: OrderedDict[tuple[object, ...], bytes] = OrderedDict()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._watch, name="watcher", daemon=True)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start watching for the streams of an event loop."""
        self._loop = loop
        self._thread.start()

    def stop(self) -> None:
        """End all streams. Called in the event loop, or from a signal handler of its thread."""
        self._closing.set()
        self._wanted.set()
        for stream in self._streams:
            stream.end()

    def join(self) -> None:
        """Wait until the watcher's thread has ended."""
        self._thread.join()

    def check_room(self) -> None:
        """Accept one more stream.

        Raises
        ------
        PlatformError: there are too many already.
        """
        if len(self._streams) >= self._most:
            raise PlatformError(f"{self._most} streams are open; no more are allowed", transient=True)

    @contextmanager
    def subscribe(self, job_id: str | None = None) -> Iterator[Subscription]:
        """The changes from now on. To be used in the event loop."""
        stream = Subscription(job_id)
        with self._lock:
            self._streams.add(stream)
        self._wanted.set()
        if self._closing.is_set():
            stream.end()
        try:
            yield stream
        finally:
            self._streams.discard(stream)

    def now(self) -> str:
        """Wait until the watcher watches; the cursor from which on it does. Only while there is a subscription.

        Raises
        ------
        PlatformError: the platform does not answer.
        """
        if self._watching.wait(_START_LIMIT_S) and self._cursor is not None:
            return self._cursor
        raise PlatformError("the platform does not say what changes", transient=True)

    def _watch(self) -> None:
        while not self._closing.is_set():
            if self._is_idle():
                self._wanted.wait()
                continue
            try:
                self._look()
            except Exception as error:  # noqa: BLE001  # streams outlive whatever the platform does
                _log.warning("cannot see what changes on the platform: %s", error)
                self._closing.wait(_PAUSE_S)

    def _is_idle(self) -> bool:
        """Whether there is no stream; then it forgets where it was."""
        with self._lock:
            if self._streams:
                return False
            self._cursor = None
            self._watching.clear()
            if not self._closing.is_set():
                self._wanted.clear()
            return True

    def _look(self) -> None:
        if self._cursor is None:
            self._cursor = self._platform.changes(None, timeout_s=0).cursor
            self._watching.set()
            return
        found = self._platform.changes(self._cursor, timeout_s=_WAIT_S)
        new = tuple(message for message in messages_of(found) if self._is_new(message))
        self._cursor = found.cursor
        if new and self._loop is not None and not self._closing.is_set():
            self._loop.call_soon_threadsafe(self._publish, Batch(found.cursor, new))

    def _is_new(self, message: Message) -> bool:
        """Whether streams have not been told already: platforms may return a change more than once."""
        if self._told.get(message.key) == message.data:
            return False
        self._told[message.key] = message.data
        self._told.move_to_end(message.key)
        if len(self._told) > _MOST_TOLD:
            self._told.popitem(last=False)
        return True

    def _publish(self, batch: Batch) -> None:
        for stream in list(self._streams):
            stream.put(batch)


def messages_of(changes: Changes) -> Sequence[Message]:
    """Changes as messages: first what happened, then the jobs as they are now."""
    return [
        *(event_message(entry) for entry in changes.events),
        *(job_message(job) for job in changes.jobs),
        *(Message("job_deleted", job_id, encoded({"taskId": job_id})) for job_id in changes.deleted),
    ]


def event_message(entry: Entry) -> Message:
    """The message about an event."""
    return Message("event", entry.job_id, encoded(entry.as_json()), entry=entry)


def job_message(job: Job) -> Message:
    """The message about a job."""
    return Message("job", job.id, encoded(task(job)), job=job)
