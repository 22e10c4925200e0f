"""Events of the outputs and logs of an attempt, on their way to storage."""

from __future__ import annotations

from typing import Literal

from .base import Count, Event, Position, Seconds

OutputFault = Literal["missing", "empty", "unfinished", "refused", "unreadable", "storage", "platform", "claim_lost"]
"""Why an output could not be delivered.

`missing`: no such file was made. `empty`: the file has no content. `unfinished`: it was still being written at the end
of the session. `refused`: it is not a regular file. `unreadable`: it could not be read. `storage`, `platform`: the
upload or the registration was rejected. `claim_lost`: another attempt owns the job.
"""


class OutputSeen(Event, frozen=True, kw_only=True):
    """An expected output appeared in the output directory."""

    output: str


class OutputSettled(Event, frozen=True, kw_only=True):
    """An output is complete."""

    output: str
    size_bytes: Count
    sha256: str


class OutputUploading(Event, frozen=True, kw_only=True):
    """The upload of an output began."""

    output: str
    uri: str
    size_bytes: Count | None
    attempt_of_upload: Position


class OutputProgress(Event, frozen=True, kw_only=True):
    """Part of an output was sent."""

    output: str
    sent_bytes: Count
    size_bytes: Count | None


class OutputStored(Event, frozen=True, kw_only=True):
    """An output is in storage, and verified."""

    output: str
    uri: str
    size_bytes: Count
    sha256: str | None
    seconds: Seconds


class OutputRegistered(Event, frozen=True, kw_only=True):
    """An output is an asset of the catalogue."""

    output: str
    asset_id: str


class OutputUnregistered(Event, frozen=True, kw_only=True):
    """An output is stored and has no asset: the platform does not have its type."""

    output: str
    uri: str


class OutputWaiting(Event, frozen=True, kw_only=True):
    """The delivery of an output failed and is retried after a pause."""

    output: str
    reason: str
    wait_s: Seconds


class OutputFailed(Event, frozen=True, kw_only=True):
    """An output could not be delivered."""

    output: str
    cause: OutputFault
    reason: str


class OutputUnexpected(Event, frozen=True, kw_only=True):
    """A file appeared in the output directory that is not an expected output."""

    output: str
    count: Position


class OutputsUnexpected(Event, frozen=True, kw_only=True):
    """The number of files in the output directory that are not expected outputs."""

    count: Position


class OutputsResumed(Event, frozen=True, kw_only=True):
    """Another process continued the delivery of the outputs."""


class LogsStored(Event, frozen=True, kw_only=True):
    """The logs of the attempt are in storage: the URI of each, by its name."""

    logs: dict[str, str]


class LogWaiting(Event, frozen=True, kw_only=True):
    """Storing a log failed and is retried after a pause."""

    log: str
    reason: str
    wait_s: Seconds


class LogFailed(Event, frozen=True, kw_only=True):
    """A log could not be stored."""

    log: str
    reason: str
