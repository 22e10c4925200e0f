"""Every event of a job, with its fields and their types. `schemas/event.schema.json` is generated from here.

The journal keeps events, `sentences` describes them for people.
"""

from __future__ import annotations

import logging
from typing import Any

import msgspec

from .attempt import (
    ActionEnded,
    ActionKind,
    ActionProgress,
    ActionStarted,
    ActionState,
    ActionStatus,
    ActionWarning,
    Failure,
    JobEnded,
    JobPlanned,
    JobStarted,
    Outcome,
    OutcomeStatus,
    RunEnded,
    SessionEnded,
    SessionStarted,
    StepEnded,
    StepStarted,
    StepState,
)
from .base import (
    Event,
    Unknown,
    fields_of,
    name_of,
)
from .facts import (
    ArtworkApplied,
    EngineReady,
    EngineRestarted,
    Exported,
    ExportFailed,
    Fact,
    GarmentReopened,
    Limited,
    MutationApplied,
    ScriptFailed,
    ScriptSucceeded,
    Staged,
    Unchanged,
    Unproven,
    fact,
)
from .outputs import (
    LogFailed,
    LogsStored,
    LogWaiting,
    OutputFailed,
    OutputFault,
    OutputProgress,
    OutputRegistered,
    OutputSeen,
    OutputSettled,
    OutputsResumed,
    OutputStored,
    OutputsUnexpected,
    OutputUnexpected,
    OutputUnregistered,
    OutputUploading,
    OutputWaiting,
)
from .queue import (
    CancelRequested,
    JobStatus,
    StatusChanged,
    Submitted,
)

__all__ = [
    "EVENTS",
    "ActionEnded",
    "ActionKind",
    "ActionProgress",
    "ActionStarted",
    "ActionState",
    "ActionStatus",
    "ActionWarning",
    "ArtworkApplied",
    "CancelRequested",
    "EngineReady",
    "EngineRestarted",
    "Event",
    "ExportFailed",
    "Exported",
    "Fact",
    "Failure",
    "GarmentReopened",
    "JobEnded",
    "JobPlanned",
    "JobStarted",
    "JobStatus",
    "Limited",
    "LogFailed",
    "LogWaiting",
    "LogsStored",
    "MutationApplied",
    "Outcome",
    "OutcomeStatus",
    "OutputFailed",
    "OutputFault",
    "OutputProgress",
    "OutputRegistered",
    "OutputSeen",
    "OutputSettled",
    "OutputStored",
    "OutputUnexpected",
    "OutputUnregistered",
    "OutputUploading",
    "OutputWaiting",
    "OutputsResumed",
    "OutputsUnexpected",
    "RunEnded",
    "ScriptFailed",
    "ScriptSucceeded",
    "SessionEnded",
    "SessionStarted",
    "Staged",
    "StatusChanged",
    "StepEnded",
    "StepStarted",
    "StepState",
    "Submitted",
    "Unchanged",
    "Unknown",
    "Unproven",
    "event_of",
    "fact",
    "fields_of",
    "name_of",
]

_log = logging.getLogger(__name__)


def _kinds(base: type[Event]) -> list[type[Event]]:
    derived = base.__subclasses__()
    return [kind for child in derived for kind in _kinds(child)] if derived else [base]


EVENTS: dict[str, type[Event]] = {
    str(kind.__struct_config__.tag): kind for kind in _kinds(Event) if kind is not Unknown
}
"""The events that this release knows, by name."""


def event_of(name: str, fields: dict[str, Any]) -> Event:
    """The event with a name and JSON fields. It is `Unknown` where this release does not know it."""
    kind = EVENTS.get(name)
    if kind is not None:
        try:
            return msgspec.convert({**fields, "event": name}, kind)
        except msgspec.ValidationError as error:
            _log.debug("unknown form of the event %s: %s", name, error)
    return Unknown(name=name, fields=fields)
