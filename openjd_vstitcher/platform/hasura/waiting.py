"""Waits for jobs to claim, and for a change of a claim that is held."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from graphql import DocumentNode

from ...errors import PlatformError
from ..values import ClaimState
from .connection import Connection
from .live_query import LiveQuery, Rows

_log = logging.getLogger(__name__)

_LEAST_LOOK_S = 1.0
_ORDER: tuple[ClaimState, ...] = ("held", "cancel_requested", "lost")


def watch_jobs(
    connection: Connection, subscription: DocumentNode, where: Mapping[str, Any], *, root: str, poll_s: float
) -> LiveQuery:
    """A watch that wakes up while there are jobs to claim.

    Parameters
    ----------
    where: which jobs can be claimed.
    root: the GraphQL name of the table of jobs.
    """
    return LiveQuery(
        connection, subscription, {"where": where}, root=root, poll_s=poll_s, subject="new jobs", wakes=bool
    )


class ClaimWatch:
    """Follows a claim from held to canceled or lost; it never goes back.

    Parameters
    ----------
    live: the job's row while the claim holds it, with `cancel_requested` where the table has it; else no row.
    look: reads the same rows, within a number of seconds, or raises `PlatformError`.
    """

    def __init__(self, live: LiveQuery, look: Callable[[float], Rows]) -> None:
        self._live = live
        self._look = look
        self._due = True
        self._known: ClaimState = "held"

    def state(self, timeout_s: float) -> ClaimState:
        """The state of the claim, as soon as it is no longer held or when the time is over."""
        deadline = time.monotonic() + timeout_s
        while True:
            if (pushed := self._live.latest) is not None:
                self._learn(pushed)
            if self._known == "held" and self._due:
                self._due = not self._asked(max(_LEAST_LOOK_S, deadline - time.monotonic()))
            if self._known != "held" or not self._live.wait(max(0.0, deadline - time.monotonic())):
                return self._known
            self._due = True

    def stop(self) -> None:
        """End the subscription."""
        self._live.stop()

    def _asked(self, limit_s: float) -> bool:
        try:
            self._learn(self._look(limit_s))
        except PlatformError as error:
            _log.info("cannot see whether the claim is still held: %s", error)
            return False
        return True

    def _learn(self, rows: Rows) -> None:
        state: ClaimState = "lost"
        if rows:
            state = "cancel_requested" if rows[0].get("cancel_requested") else "held"
        self._known = max(self._known, state, key=_ORDER.index)
