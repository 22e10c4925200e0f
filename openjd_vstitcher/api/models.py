"""The bodies of requests and answers, for validation and for the OpenAPI document."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema
from pydantic.alias_generators import to_camel

from ..platform.values import AssetStatus, JobStatus

Text = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Priority = Annotated[int, Field(ge=-1_000_000, le=1_000_000)]
Object = dict[str, Any]


def _preset(value: Any) -> Any:
    if isinstance(value, dict) or (isinstance(value, str) and 0 < len(value) <= 200):
        return value
    raise ValueError("expected the key of a preset, or a whole preset")


_PRESET_SCHEMA = {"anyOf": [{"type": "string", "minLength": 1, "maxLength": 200}, {"type": "object"}]}
PresetOrKey = Annotated[Any, PlainValidator(_preset), WithJsonSchema(_PRESET_SCHEMA)]


class _Body(BaseModel):
    """A body of a request: what it does not know is refused, so that a misspelt field is not lost."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True, strict=True)


class _Answer(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class NewTask(_Body):
    """A job to submit."""

    preset: PresetOrKey = Field(
        description="The key of a preset, or a whole preset, which is stored first.", examples=["onboarding_v0"]
    )
    details: Object = Field(
        default_factory=dict,
        description="The inputs of the job: schemas/job_details.schema.json.",
        examples=[{"style_id": "style-0042", "input_file_uri": "s3://garments/tee.bw"}],
    )
    type: Text | None = Field(None, description="The job type; without it, the preset's.", examples=["TEST"])
    priority: Priority = Field(0, description="Jobs of a higher priority are claimed first.")
    hold: bool = Field(False, description="Submit it on hold: it waits until it is released.")
    requestor_id: Text | None = None


class TaskChange(_Body):
    """What can be changed of a job."""

    priority: Priority


class TaskCreated(_Answer):
    """The job that was submitted."""

    task_id: str = Field(examples=["0190f1f0-7a3c-4c5e-9a1f-2f6a3f1d9b10"])
    state: JobStatus = Field(examples=["NEW"])


class Task(TaskCreated):
    """A job."""

    type: str
    preset_key: str
    details: Object
    priority: int
    progress: float | None = Field(description="Of the running attempt, in percent.")
    status_details: str | None
    errors: list[Object]
    result: Object | None = Field(description="What the job returned, such as a handler's dict.")
    attempt: int
    worker: str | None
    cancel_requested: bool
    requestor_id: str | None
    auto_retries: int
    returns: int
    crashes: int
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    not_before: datetime | None
    lease_expires_at: datetime | None


class TaskPage(_Answer):
    """A page of jobs, the newest first."""

    tasks: list[Task]
    next: str | None = Field(description="The cursor of the next page; null on the last one.")


class AssetRow(_Answer):
    """An output of a job."""

    asset_id: str
    name: str
    type: str
    status: AssetStatus
    path: str = Field(description="Where it is stored.")
    is_public_facing: bool
    style_id: str | None
    body_id: str | None
    content_type: str | None
    size_bytes: int | None
    sha256: str | None
    details: Object
    url: str | None = Field(description="Where this server serves it; null while it is not complete.")
    link: str | None = Field(description="The same with a signature: valid for a few minutes, without an API key.")


class Assets(_Answer):
    """The outputs of a job, by name."""

    assets: list[AssetRow]


class Events(_Answer):
    """What happened to a job, oldest first. Each event is as in schemas/event.schema.json."""

    events: list[Object]


class PresetRow(BaseModel):
    """A preset, as in a preset file."""

    key: str
    name: str
    version: int
    description: str | None
    job_type: str | None
    details: Object


class Presets(_Answer):
    """All presets, by key."""

    presets: list[PresetRow]


class Document(BaseModel):
    """A whole preset: schemas/job_preset.schema.json."""

    model_config = ConfigDict(extra="allow", strict=True)

    key: Text
    details: Object


class CheckResult(_Answer):
    """Whether a preset can be used."""

    valid: bool
    exports: int = Field(description="How many exports it makes.")
    outputs: list[str] = Field(description="The files that it makes.")


class Status(_Answer):
    """The state of this server."""

    status: str
    platform: str | None = None
    version: str


class ProblemPlace(BaseModel):
    """One thing that is wrong with a request."""

    detail: str
    pointer: str | None = Field(None, description="JSON pointer (RFC 6901) into the body.")
    parameter: str | None = Field(None, description="The query parameter or header.")


class ProblemDetails(BaseModel):
    """An error (RFC 9457)."""

    type: str = Field(examples=["urn:openjd-vstitcher:problem:invalid-input"])
    title: str
    status: int
    detail: str
    errors: list[ProblemPlace] = Field(default_factory=list)
