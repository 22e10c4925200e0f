"""The external ray tracer: a process that the engine asks for, to render outside of it."""

from __future__ import annotations

import asyncio
import shlex
import signal
import sys
from collections.abc import Callable, Mapping

from .engine_log import EngineLog, ProgressReader
from .processes import Process
from .requests import EngineRequest

_POLL_S = 0.25


class RayTracer:
    """A running ray tracer.

    Parameters
    ----------
    command: the command line that the engine gave.
    environment: its whole environment; nothing is inherited.
    log: where its output goes, and where its progress is read from.

    Raises
    ------
    OSError, ValueError: the command cannot be started.
    """

    def __init__(self, command: str, environment: Mapping[str, str], log: EngineLog) -> None:
        self._progress = ProgressReader(log)
        self.process = Process(command if sys.platform == "win32" else shlex.split(command), environment, log.path)

    async def wait(self, request: EngineRequest, check: Callable[[], None]) -> int:
        """Report progress to the client until the process exits, or until the request is canceled.

        Parameters
        ----------
        check: called at each look; it raises if the request must not continue.

        Returns
        -------
        The exit code; -SIGTERM if the request was canceled.
        """
        while (code := self.process.exit_code()) is None:
            if request.canceled.is_set():
                return -signal.SIGTERM
            check()
            percent = self._progress.latest()
            if percent is not None:
                request.send({"type": "progress", "value": percent})
            await asyncio.sleep(_POLL_S)
        return code
