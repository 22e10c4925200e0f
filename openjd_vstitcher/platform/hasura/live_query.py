"""Watches a live query: by subscription with slow polling beside it, or by polling where websockets are refused."""

from __future__ import annotations

import asyncio
import logging
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from gql.transport.exceptions import TransportError, TransportQueryError
from graphql import DocumentNode
from websockets.exceptions import WebSocketException

from ...errors import PlatformError
from ...retry import Backoff
from .connection import Connection
from .transports import refuses_credential

_log = logging.getLogger(__name__)

_SAFETY = 6
"""How many times slower the polling under a live subscription is."""
_RECONNECTS = Backoff(first_s=0.5, longest_s=60.0)

Rows = Sequence[Mapping[str, Any]]


class LiveQuery:
    """A live query, watched from the moment it is made until `stop` or until the connection is closed.

    It does not poll by itself: `wait` returns when it is time for its caller to look.

    Parameters
    ----------
    subscription, variables: the live query.
    root: the name of the result's field, which holds a list of rows.
    poll_s: the interval of polling without a subscription, in seconds.
    subject: what is watched, for the log, such as "new jobs".
    wakes: whether a result wakes up `wait`; without it, every result does.
    """

    def __init__(
        self,
        connection: Connection,
        subscription: DocumentNode,
        variables: Mapping[str, Any],
        *,
        root: str,
        poll_s: float,
        subject: str,
        wakes: Callable[[Rows], bool] = lambda _: True,
    ) -> None:
        self._connection = connection
        self._subscription = subscription
        self._variables = variables
        self._root = root
        self._poll_s = poll_s
        self._subject = subject
        self._wakes = wakes
        self._pushed = threading.Event()
        self._latest: Rows | None = None
        self._looked_at = time.monotonic()
        self._listening: Future[None] = connection.start(self._listen())

    @property
    def latest(self) -> Rows | None:
        """The newest result, or None while there is no live subscription."""
        return self._latest

    def wait(self, timeout_s: float) -> bool:
        """True if a result arrived or it is time to look; False if neither happened in time."""
        deadline = time.monotonic() + timeout_s
        while True:
            pace_s = self._poll_s * (1 if self._latest is None else _SAFETY) * random.uniform(0.9, 1.1)  # noqa: S311
            until = min(deadline, self._looked_at + pace_s)
            if self._pushed.wait(max(0.0, until - time.monotonic())):
                self._pushed.clear()
                return self._looked()
            if until < deadline:
                return self._looked()
            if time.monotonic() >= deadline:
                return False

    def stop(self) -> None:
        """End the subscription."""
        self._listening.cancel()

    def _looked(self) -> bool:
        self._looked_at = time.monotonic()
        return True

    async def _listen(self) -> None:
        pauses = iter(_RECONNECTS)
        while True:
            try:
                async for result in self._connection.subscribe(self._subscription, self._variables):
                    if self._latest is None:
                        _log.info("watching %s by subscription", self._subject)
                    self._latest, pauses = result[self._root], iter(_RECONNECTS)
                    if self._wakes(result[self._root]):
                        self._pushed.set()
            except (TransportError, WebSocketException, OSError, TimeoutError, PlatformError) as error:
                self._note(error)
            finally:
                if self._latest is not None:
                    self._latest = None
                    self._pushed.set()
            await asyncio.sleep(next(pauses))

    def _note(self, error: Exception) -> None:
        if isinstance(error, TransportQueryError) or refuses_credential(error):
            self._connection.forget_credential()
        reason = " ".join(str(error.__cause__ or error).split())[:300] or type(error).__name__
        _log.info("no subscription, looking for %s every %g s: %s", self._subject, self._poll_s, reason)
