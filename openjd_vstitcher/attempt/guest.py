"""Runs a template that has nothing to do with VStitcher, as `openjd run` would: no outputs to watch, no engine."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .. import events
from ..config import Config
from ..events import Failure
from ..journal import Journal
from ..redaction import Redaction
from ..session.log import SessionLog
from ..session.options import RunOptions
from ..session.plan import Plan
from ..session.runner import RunResult, SessionRunner

if TYPE_CHECKING:
    from ..outputs.values import OutputResult
    from .directory import AttemptDirectory


@dataclass(frozen=True)
class GuestResult:
    """What came of a run. Such a template makes no outputs and returns nothing; its exit codes say all."""

    run: RunResult
    outputs: tuple[OutputResult, ...] = ()
    returned: None = None

    @property
    def succeeded(self) -> bool:
        """Whether every step succeeded and every environment was exited."""
        return self.run.succeeded

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Why it did not succeed."""
        return self.run.failures


class GuestRun:
    """Runs the plan of such a template, with the environment variables of this process as they are.

    Parameters
    ----------
    directory: takes the logs and the sessions.
    on_output: see `SessionLog`.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        directory: AttemptDirectory,
        journal: Journal,
        config: Config,
        options: RunOptions,
        on_output: Callable[[str], object],
    ) -> None:
        self._journal = journal
        redact = Redaction(os.environ, also=config.secret_variables)
        self._log = SessionLog(directory.session_log, redact=redact, on_fact=lambda fact: None, on_output=on_output)
        self._runner = SessionRunner(
            plan,
            journal=journal,
            log=self._log,
            directory=directory.sessions,
            environment={},
            options=options,
            exits_must_succeed=True,
        )

    def cancel(self, *, now: bool = False) -> None:
        """See `SessionRunner.cancel`."""
        self._runner.cancel(now=now)

    def run(self) -> GuestResult:
        """Run to the end."""
        try:
            result = self._runner.run()
            self._journal.append(events.RunEnded(steps=dict(result.steps), canceled=result.canceled))
            return GuestResult(result)
        finally:
            self._log.close()
