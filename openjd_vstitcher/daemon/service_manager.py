"""Tells systemd that the daemon is ready, alive, and stopping; does nothing where another service manager started it.

The protocol is that of sd_notify(3): datagrams of lines to the socket named in `NOTIFY_SOCKET`.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Mapping

_log = logging.getLogger(__name__)


class ServiceManager:
    """The service manager of this process.

    Parameters
    ----------
    environment: as systemd sets it: `NOTIFY_SOCKET`, and `WATCHDOG_USEC` where it watches over signs of life.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        limit_us = environment.get("WATCHDOG_USEC", "")
        self._every_s = int(limit_us) / 1e6 / 3 if limit_us.isdecimal() else None
        self._alive_s = float("-inf")

    def ready(self) -> None:
        """Say that the daemon has begun to work."""
        self._send("READY=1")

    def alive(self) -> None:
        """Give a sign of life, if one is due. Call it from the loop that does the work: a thread would hide a hang."""
        if self._every_s is not None and time.monotonic() - self._alive_s >= self._every_s:
            self._alive_s = time.monotonic()
            self._send("WATCHDOG=1")

    def stopping(self, why: str) -> None:
        """Say that the daemon is about to end."""
        self._send(f"STOPPING=1\nSTATUS={why}")

    def status(self, text: str) -> None:
        """Show a line in `systemctl status`."""
        self._send(f"STATUS={text}")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.sendto(message.encode(), address)
        except OSError as error:
            _log.debug("the service manager was not told: %s", error)
