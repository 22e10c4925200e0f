"""The watcher of the HTTP API, on a platform that answers what the test wants."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, cast

from openjd_vstitcher.api.watcher import StreamEnded, Subscription, Watcher
from openjd_vstitcher.errors import PlatformError
from openjd_vstitcher.events import CancelRequested
from openjd_vstitcher.journal import Entry
from openjd_vstitcher.platform.ports import Platform
from openjd_vstitcher.platform.values import Changes, Job

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def job(job_id: str, priority: int = 0) -> Job:
    return Job(job_id, "TEST", "p", {}, "NEW", priority, NOW, NOW)


def event(job_id: str) -> Entry:
    return Entry(0, NOW, job_id, 1, CancelRequested())


class Scripted:
    """A platform that gives these answers, one after the other, and then says that nothing changes."""

    def __init__(self, *answers: Changes | Exception) -> None:
        self._answers: Iterator[Changes | Exception] = iter(answers)
        self.asked: list[str | None] = []

    def changes(self, after: str | None, *, timeout_s: float) -> Changes:
        self.asked.append(after)
        if after is None:
            return Changes("0")
        answer = next(self._answers, None)
        if isinstance(answer, Exception):
            raise answer
        if answer is None:
            time.sleep(0.01)
        return answer or Changes(after)


def told(platform: Scripted, last: str, *streams: str | None) -> list[list[tuple[str, str]]]:
    """Kind and job of each message that the streams get, up to the one about the job `last`."""

    async def follow(stream: Subscription) -> list[tuple[str, str]]:
        seen: list[tuple[str, str]] = []
        with suppress(StreamEnded):
            while not seen or seen[-1][1] != last:
                batch = await stream.next(30)
                seen += [(message.kind, message.job_id) for message in (batch.messages if batch else ())]
        return seen

    async def run() -> list[list[tuple[str, str]]]:
        watcher = Watcher(cast(Platform, platform), most=10)
        contexts = [watcher.subscribe(stream) for stream in streams]
        opened = [context.__enter__() for context in contexts]
        watcher.start(asyncio.get_running_loop())
        seen = await asyncio.gather(*map(follow, opened))
        for context in contexts:
            context.__exit__(None, None, None)
        watcher.stop()
        await asyncio.to_thread(watcher.join)
        return seen

    return asyncio.run(run())


def test_what_a_platform_returns_twice_is_told_once() -> None:
    twice: Sequence[Any] = (
        Changes("1", jobs=[job("a")], events=[event("a")]),
        Changes("2", jobs=[job("a")], events=[event("a")]),
        Changes("3", jobs=[job("a", priority=5)]),
        Changes("4", jobs=[job("z")]),
    )
    (seen,) = told(Scripted(*twice), "z", None)
    assert seen == [("event", "a"), ("job", "a"), ("job", "a"), ("job", "z")]


def test_each_stream_gets_its_own_job_and_one_question_serves_all() -> None:
    platform = Scripted(Changes("1", jobs=[job("a"), job("b")]))
    everything, *own = told(platform, "b", None, "b", "b")
    assert everything == [("job", "a"), ("job", "b")]
    assert own == [[("job", "b")]] * 2
    assert platform.asked.count("0") == 1


def test_a_platform_that_fails_for_a_while_is_asked_again_from_the_same_place() -> None:
    platform = Scripted(
        Changes("1", jobs=[job("a")]), PlatformError("down", transient=True), Changes("2", jobs=[job("z")])
    )
    (seen,) = told(platform, "z", None)
    assert seen == [("job", "a"), ("job", "z")]
    assert platform.asked[:4] == [None, "0", "1", "1"]
