"""The events of `BwApi`, and who listens to them."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

from .elements import CallbackBase

Run = Callable[[CallbackBase, str, int, str], None]


class Event(IntEnum):
    """Events. 0 and 6 were seen as bare numbers in a plugin; the other numbers are the stand-in's own."""

    POST_INTIALIZE = 0
    GARMENT_OPEN = 1
    GARMENT_NEW = 2
    GARMENT_SAVED = 3
    GARMENT_CLOSED = 4
    GARMENT_MODIFIED = 6
    HTML_LOAD = 20
    HTML_CLOSE = 21
    HTML_MSG = 22
    HTML_UNCAUGHT_EXCEPTION = 23
    ASSET_LIB_INITIALIZE = 30
    ASSET_LIB_DOWNLOAD_ASSET = 31
    ASSET_LIB_OPEN_EXTERNAL_LINK = 32
    ASSET_LIB_REFRESH = 33


class Listeners:
    """The callbacks of each event, also of single windows and libraries."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._callbacks: dict[tuple[int, str], list[tuple[CallbackBase, int]]] = {}
        self._firing: set[tuple[int, str]] = set()

    def add(self, event: int, callback: CallbackBase, callback_id: int, of: str = "") -> int:
        """Call back at every event of this kind; ValueError if there is no such event.

        Returns
        -------
        The number of the registration.
        """
        self._callbacks.setdefault((Event(event), of), []).append((callback, callback_id))
        return sum(len(listed) for listed in self._callbacks.values())

    def fire(self, event: Event, garment_id: str, data: str = "", of: str = "") -> None:
        """Run the callbacks of an event. An event that a callback causes again is not reported again."""
        key = (int(event), of)
        if key in self._firing:
            return
        self._firing.add(key)
        try:
            for callback, callback_id in list(self._callbacks.get(key, ())):
                self._run(callback, garment_id, callback_id, data)
        finally:
            self._firing.discard(key)
