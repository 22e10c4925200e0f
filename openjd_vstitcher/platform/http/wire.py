"""Values of the ports as JSON, for both ends of the HTTP API."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from ...journal import Entry
from ..values import Changes, Claim, Job

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def plain(value: Any) -> Any:
    """A value of the ports as JSON data."""
    if isinstance(value, Entry):
        return {**value.as_json(), "time": value.time.isoformat()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    return value.isoformat() if isinstance(value, datetime) else value


def job(data: Any) -> Job:
    """A job."""
    found = msgspec.convert(data, Job)
    return dataclasses.replace(found, errors=tuple(found.errors))


def claim(data: Mapping[str, Any] | None) -> Claim | None:
    """A claim with its job and preset, as the answer to a request for one."""
    if data is None:
        return None
    expires_at = data["lease_expires_at"]
    lease = datetime.fromisoformat(expires_at) if expires_at else None
    return Claim(job(data["job"]), data["preset"], data["attempt"], data["worker"], lease)


def held(of: Claim) -> dict[str, Any]:
    """What a claim's writes say of it."""
    return {
        "job_id": of.job.id,
        "attempt": of.attempt,
        "worker": of.worker,
        "started_at": of.job.started_at,
        "auto_retries": of.job.auto_retries,
    }


class Held(msgspec.Struct, frozen=True):
    """A claim as the server hears of it."""

    job_id: str
    attempt: int
    worker: str
    started_at: datetime | None = None
    auto_retries: int = 0

    def claim(self) -> Claim:
        """The claim; only what identifies it is known of its job."""
        of = Job(
            id=self.job_id,
            type="",
            preset_key="",
            details={},
            status="IN_PROGRESS",
            priority=0,
            created_at=_EPOCH,
            updated_at=_EPOCH,
            started_at=self.started_at,
            auto_retries=self.auto_retries,
            attempt=self.attempt,
            worker=self.worker,
        )
        return Claim(of, {}, self.attempt, self.worker, None)


def entries(data: Sequence[Mapping[str, Any]]) -> list[Entry]:
    """Events of a journal. Raises `msgspec.ValidationError` for anything else."""
    found = map(Entry.of, data)
    return [dataclasses.replace(entry, time=entry.time.astimezone(UTC)) for entry in found]


def changes(data: Mapping[str, Any]) -> Changes:
    """What changed on the platform."""
    return Changes(data["cursor"], [job(each) for each in data["jobs"]], list(data["deleted"]), entries(data["events"]))
