"""Server-sent events: what happens to one job, and changes of everything."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Annotated, Any

from anyio.to_thread import run_sync as in_thread
from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import StreamingResponse

from ..journal import Entry
from ..platform.values import ENDED
from .access import needs
from .answers import encoded
from .problems import invalid_parameter
from .service import Service, Serving
from .watcher import Batch, Message, StreamEnded, Subscription, event_message, job_message, messages_of

router = APIRouter(tags=["events"], dependencies=[needs("read")])

_KEEP_ALIVE_S = 15.0
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_RETRY = b"retry: 2000\n"
_ALIVE = b": alive\n\n"
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}, "description": "A stream of events."}
}

LastEventId = Annotated[str | None, Header(alias="Last-Event-ID", max_length=200)]


@router.get("/v1/changes", responses=_STREAM, response_class=StreamingResponse)
async def changes(
    service: Serving,
    last_event_id: LastEventId = None,
    after: Annotated[str | None, Query(max_length=200, description="As Last-Event-ID, for a first connection.")] = None,
) -> Response:
    """Follow changes of everything.

    `ready` comes first, with the cursor of this moment. Then `event` for what happens to jobs, `job` for jobs that are
    new or changed, as they are then, and `job_deleted`. With Last-Event-ID it begins with what changed since then, so
    that a client that connects again misses nothing. Some changes may come twice.
    """
    service.watcher.check_room()
    cursor = last_event_id or after
    if cursor is not None:
        await in_thread(partial(service.platform.changes, cursor, timeout_s=0))
    return StreamingResponse(_changes(service, cursor), media_type="text/event-stream", headers=_HEADERS)


@router.get(
    "/v1/tasks/{task_id}/events/stream",
    responses={**_STREAM, 204: {"description": "The job has ended, and Last-Event-ID names its last event."}},
    response_class=StreamingResponse,
)
async def task_events(task_id: str, service: Serving, last_event_id: LastEventId = None) -> Response:
    """Follow what happens to one job.

    `event` for each event of its history, from the first one or behind Last-Event-ID, `job` for each new state, and
    `end` when it has ended; the stream ends then.
    """
    service.watcher.check_room()
    place = _Place.of(last_event_id)
    job = await in_thread(service.platform.job, task_id)
    if last_event_id and job.status in ENDED:
        entries = await in_thread(service.platform.events, task_id)
        if not place.behind(entries):
            return Response(status_code=204)
    return StreamingResponse(_task(service, task_id, place), media_type="text/event-stream", headers=_HEADERS)


class _Place:
    """How far a stream of one job's events is: the events of the platform, and of attempts, each in their order."""

    def __init__(self, of_platform: int = 0, attempt: int = 0, seq: int = 0) -> None:
        self._of_platform, self._attempt, self._seq = of_platform, attempt, seq

    @classmethod
    def of(cls, last_event_id: str | None) -> _Place:
        """The place that an earlier stream named. Raises `HTTPException` if it is none."""
        if not last_event_id:
            return cls()
        parts = last_event_id.split("-")
        if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) < 10 for part in parts):
            raise invalid_parameter("Last-Event-ID", "expected the id of an event of this stream")
        return cls(*map(int, parts))

    def behind(self, entries: Sequence[Entry]) -> list[Entry]:
        """The entries of a whole history that come behind this place."""
        of_platform = [entry for entry in entries if entry.seq == 0]
        passed = {id(entry) for entry in of_platform[: self._of_platform]}
        return [entry for entry in entries if id(entry) not in passed and not self.has_passed(entry)]

    def has_passed(self, entry: Entry) -> bool:
        """Whether a recorded event was sent already."""
        return entry.seq > 0 and (entry.attempt, entry.seq) <= self._recorded

    @property
    def _recorded(self) -> tuple[int, int]:
        return self._attempt, self._seq

    def pass_by(self, entry: Entry) -> str:
        """Move behind an entry; the id of that place."""
        if entry.seq == 0:
            self._of_platform += 1
        else:
            self._attempt, self._seq = max(self._recorded, (entry.attempt, entry.seq))
        return f"{self._of_platform}-{self._attempt}-{self._seq}"


async def _changes(service: Service, cursor: str | None) -> AsyncIterator[bytes]:
    with service.watcher.subscribe() as stream:
        now = await in_thread(service.watcher.now)
        yield _RETRY + frame("ready", encoded({"cursor": now}), None if cursor else now)
        told: set[int] = set()
        while cursor is not None:
            found = await in_thread(partial(service.platform.changes, cursor, timeout_s=0))
            missed = messages_of(found)
            told |= {hash(message.data) for message in missed}
            yield _frames(missed, found.cursor)
            cursor = found.cursor if found.cursor != cursor else None
        async for batch in _batches(stream):
            yield _frames([m for m in batch.messages if hash(m.data) not in told], batch.cursor) if batch else _ALIVE


async def _task(service: Service, task_id: str, place: _Place) -> AsyncIterator[bytes]:
    platform = service.platform
    with service.watcher.subscribe(task_id) as stream:
        await in_thread(service.watcher.now)
        entries = await in_thread(partial(platform.events, task_id))
        job = await in_thread(partial(platform.job, task_id))
        told = {event_message(entry).key for entry in entries}
        yield _RETRY + _events(place, place.behind(entries)) + frame("job", job_message(job).data)
        batches = _batches(stream)
        while job.status not in ENDED:
            batch = await anext(batches, _STOPPED)
            if batch is _STOPPED:
                return
            messages = [m for m in batch.messages if m.key not in told] if batch else []
            for message in messages:
                job = message.job or job
                if message.entry is not None and not place.has_passed(message.entry):
                    yield _events(place, [message.entry])
                elif message.entry is None:
                    yield frame(message.kind, message.data)
            if any(message.kind == "job_deleted" for message in messages):
                return
            if not batch:
                yield _ALIVE
        entries = await in_thread(partial(platform.events, task_id))
        yield _events(place, place.behind(entries)) + frame("end", encoded({"state": job.status}))


_STOPPED = Batch("", ())


async def _batches(stream: Subscription) -> AsyncIterator[Batch | None]:
    """The batches of a stream until it ends; None when there was none for a while."""
    with suppress(StreamEnded):
        while True:
            yield await stream.next(_KEEP_ALIVE_S)


def _events(place: _Place, entries: Sequence[Entry]) -> bytes:
    return b"".join(frame("event", event_message(entry).data, place.pass_by(entry)) for entry in entries)


def _frames(messages: Sequence[Message], cursor: str) -> bytes:
    """Messages; only the last one says the cursor, so that a client that lost some of them gets all again."""
    frames = b"".join(frame(message.kind, message.data) for message in messages[:-1])
    last = messages[-1] if messages else None
    return frames + (frame(last.kind, last.data, cursor) if last else b"id: %s\n\n" % cursor.encode())


def frame(kind: str, data: bytes, last_id: str | None = None) -> bytes:
    """A server-sent event. The data is one line of JSON."""
    named = b"id: %s\n" % last_id.encode() if last_id else b""
    return b"%sevent: %s\ndata: %s\n\n" % (named, kind.encode(), data)
