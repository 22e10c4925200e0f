"""Runs one action of a session to its end: reports it to the journal, cancels it, and explains its failure."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Literal

from openjd.sessions import ActionState, ActionStatus, Session

from .. import events, failures
from ..events import Failure
from ..journal import Journal
from .actions import Action, is_ours
from .log import SessionLog
from .plan import Plan
from .protocol import ProtocolFilter

_POLL_S = 0.1


class SessionOver(Exception):
    """An action failed or was canceled. OpenJD then allows nothing more in the session but leaving its environments.

    Parameters
    ----------
    failure: None when the action was canceled.
    """

    def __init__(self, failure: Failure | None) -> None:
        self.failure = failure


class ActionRunner:
    """Runs actions one at a time. `on_status` is the callback for the session.

    Parameters
    ----------
    ignore_variables: no action changes environment variables, whatever it prints.
    alive: called several times a second while an action runs.

    Attributes
    ----------
    protocol: must filter the log of the session before the session's own filter does.
    """

    def __init__(
        self,
        plan: Plan,
        journal: Journal,
        log: SessionLog,
        *,
        ignore_variables: bool,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        self._plan = plan
        self._journal = journal
        self._log = log
        self._ignore_variables = ignore_variables
        self._alive = alive
        self.protocol = ProtocolFilter()
        self._canceled: Literal["no", "notify", "now"] = "no"
        self._done = threading.Event()
        self._last_status: ActionStatus | None = None

    @property
    def canceled(self) -> Literal["no", "notify", "now"]:
        """Whether a cancelation was requested, and how."""
        return self._canceled

    def cancel(self, *, now: bool = False) -> None:
        """Cancel the running action, and start no further one but leaving environments.

        Parameters
        ----------
        now: end it at once instead of notifying it. May follow an earlier call without.
        """
        self._canceled = "now" if now or self._canceled == "now" else "notify"

    def run(self, session: Session, action: Action, *, at_end: bool = False) -> None:
        """Run an action to its end.

        Parameters
        ----------
        at_end: the action belongs to the end of a session. It is run although the session is canceled, and only a
            cancelation that comes later, or asks for an immediate end, stops it.

        Raises
        ------
        SessionOver: the action failed or was canceled.
        """
        if self._canceled != "no" and not at_end:
            raise SessionOver(None)
        ours = is_ours(action)
        self.protocol.ignore_variables = self._ignore_variables or ours
        self._log.start_action(str(action), ours=ours)
        self._done.clear()
        self._last_status = None
        self._journal.append(events.ActionStarted(**action.fields()))
        started = time.monotonic()
        try:
            action.start(session)
        except (RuntimeError, ValueError) as error:
            status = ActionStatus(state=ActionState.FAILED, fail_message=str(error))
        else:
            status = self._wait(session, at_end=at_end)
        seconds = round(time.monotonic() - started, 3)
        failure = None
        if status.state is not ActionState.SUCCESS and (self._canceled == "no" or at_end):
            failure = self._failure(action, status, seconds)
        self._journal.append(
            events.ActionEnded(
                **action.fields(),
                state=_STATES[status.state],
                exit_code=status.exit_code,
                seconds=seconds,
                failure=failure,
            )
        )
        if status.state is not ActionState.SUCCESS:
            raise SessionOver(failure)

    def on_status(self, session_id: str, status: ActionStatus) -> None:
        """Report what the action printed about itself. The session calls this from the thread that reads its output."""
        last, self._last_status = self._last_status, status
        try:
            if status.progress is not None and (last is None or status.progress != last.progress):
                self._journal.append(events.ActionProgress(progress=status.progress))
            if status.status_message is not None and (last is None or status.status_message != last.status_message):
                self._journal.append(events.ActionStatus(status=self._log.redact(status.status_message)))
        finally:
            if status.state is not ActionState.RUNNING:
                self._done.set()

    def _wait(self, session: Session, *, at_end: bool) -> ActionStatus:
        sent: str = self._canceled if at_end else "no"
        while not self._done.wait(_POLL_S):
            self._alive()
            if self._canceled not in ("no", sent):
                sent = self._canceled
                try:
                    session.cancel_action(time_limit=timedelta(0) if sent == "now" else None)
                except RuntimeError:
                    continue
        status = session.action_status
        return status or ActionStatus(state=ActionState.FAILED, fail_message="the action ended without a status")

    def _failure(self, action: Action, status: ActionStatus, seconds: float) -> Failure:
        title, lines = str(action), self._log.last_lines()
        reported = self._log.export_failed
        if reported is not None:
            message = failures.headline(events.fields_of(reported))
            lines = reported.log_tail or lines
        elif status.fail_message:
            message = self._log.redact(status.fail_message)
        else:
            message = _explained(title, status, seconds, lines)
        return Failure(
            step=action.step,
            environment=action.fields().get("environment"),
            action=title,
            message=message,
            stage=reported.stage if reported is not None else "",
            exit_code=status.exit_code,
            parameters=dict(self._plan.export_of(action.step) or {}) if action.step else {},
            last_lines=lines,
        )


_STATES: dict[ActionState, events.ActionState] = {
    ActionState.SUCCESS: "success",
    ActionState.FAILED: "failed",
    ActionState.TIMEOUT: "timeout",
    ActionState.CANCELED: "canceled",
}


def _explained(title: str, status: ActionStatus, seconds: float, lines: Sequence[str]) -> str:
    """The reason of a failure about which the action itself said nothing."""
    if status.state is ActionState.TIMEOUT:
        return f"{title} timed out after {_duration(seconds)}"
    if status.state is ActionState.CANCELED:
        return f"{title} was canceled"
    if status.exit_code is not None:
        return f"{title} ended with exit code {status.exit_code}" + (f": {lines[-1]}" if lines else "")
    return f"{title} could not be started"


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} seconds"
