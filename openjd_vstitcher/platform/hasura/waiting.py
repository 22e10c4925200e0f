"""Learns of new jobs: by subscription, with slow polling under it; by polling alone where there are no websockets."""

from __future__ import annotations

import asyncio
import logging
import random
import threading
import time
from collections.abc import Mapping
from typing import Any

from gql.transport.exceptions import TransportError, TransportQueryError
from graphql import DocumentNode
from websockets.exceptions import WebSocketException

from ...errors import PlatformError
from .connection import Connection

_log = logging.getLogger(__name__)

_SAFETY = 6
"""How many times slower the polling under a subscription is."""
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 60.0


class JobsWatch:
    """Watches for claimable jobs from the moment it is made, until the connection is closed.

    Parameters
    ----------
    subscription, variables: a live query whose result is not empty while there is a job to claim.
    root: the name of the result's field.
    poll_s: the pace of polling without a subscription.
    """

    def __init__(
        self,
        connection: Connection,
        subscription: DocumentNode,
        variables: Mapping[str, Any],
        *,
        root: str,
        poll_s: float,
    ) -> None:
        self._connection = connection
        self._subscription = subscription
        self._variables = variables
        self._root = root
        self._poll_s = poll_s
        self._pushed = threading.Event()
        self._live = False
        self._polled_at = time.monotonic()
        connection.start(self._listen())

    def wait(self, timeout_s: float) -> bool:
        """True when a job was announced or it is time to look; False when neither came in time."""
        deadline = time.monotonic() + timeout_s
        while True:
            pace_s = self._poll_s * (_SAFETY if self._live else 1) * random.uniform(0.9, 1.1)  # noqa: S311
            until = min(deadline, self._polled_at + pace_s)
            if self._pushed.wait(max(0.0, until - time.monotonic())):
                self._pushed.clear()
                return self._looked()
            if until < deadline:
                return self._looked()
            if time.monotonic() >= deadline:
                return False

    def _looked(self) -> bool:
        self._polled_at = time.monotonic()
        return True

    async def _listen(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                async for result in self._connection.subscribe(self._subscription, self._variables):
                    if not self._live:
                        _log.info("new jobs arrive by subscription")
                    self._live, pause_s = True, _FIRST_PAUSE_S
                    if result[self._root]:
                        self._pushed.set()
            except (TransportError, WebSocketException, OSError, TimeoutError, PlatformError) as error:
                self._note(error)
            finally:
                if self._live:
                    self._live = False
                    self._pushed.set()
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    def _note(self, error: Exception) -> None:
        if isinstance(error, TransportQueryError) or "jwt" in str(error).lower():
            self._connection.forget_credential()
        reason = " ".join(str(error.__cause__ or error).split())[:300] or type(error).__name__
        _log.info("no subscription, looking for jobs every %g s: %s", self._poll_s, reason)
