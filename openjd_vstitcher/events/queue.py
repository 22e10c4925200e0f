"""Events of a job that the platform records itself."""

from __future__ import annotations

from typing import Literal

from msgspec import field

from .base import Event

JobStatus = Literal[
    "NEW", "ACKNOWLEDGED", "IN_PROGRESS", "COMPLETED_SUCCESS", "COMPLETED_ERRORS", "ON_HOLD", "CANCELED"
]


class Submitted(Event, frozen=True, kw_only=True):
    """The job was put into the queue."""

    status: JobStatus


class StatusChanged(Event, frozen=True, kw_only=True):
    """The status of the job changed."""

    from_status: JobStatus = field(name="from")
    to_status: JobStatus = field(name="to")
    worker: str | None = None
    status_details: str | None = None


class CancelRequested(Event, frozen=True, kw_only=True):
    """Somebody asked for the job to be canceled."""
