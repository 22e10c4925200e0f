"""Finds out which tables and operations the endpoint offers to the role."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from graphql import DocumentNode

from ...errors import PlatformError
from .connection import Connection
from .queries import requests

_ADDED = (
    *("attempt", "worker", "lease_expires_at", "progress", "cancel_requested", "errors"),
    *("not_before", "returns", "crashes"),
)
_ASSET_TYPES = "create_asset_type"


@dataclass(frozen=True)
class Found:
    """What the endpoint offers to the role.

    Parameters
    ----------
    kind: `extended`, or `legacy`: today's columns only, claims by compare-and-set, no leases.
    missing: root fields that a worker or a submitter needs and the role does not have.
    hidden: columns of the job that the role may not read.
    assets_know_job: whether assets have the relation `job`.
    asset_types: whether the table of asset types can be read.
    """

    kind: Literal["extended", "legacy"]
    missing: tuple[str, ...]
    hidden: tuple[str, ...]
    assets_know_job: bool
    asset_types: bool

    def __str__(self) -> str:
        text = "extended" if self.kind == "extended" else "legacy: today's columns only, no leases"
        return f"{text}; not for this role: {', '.join(self.missing)}" if self.missing else text


def look(connection: Connection, job_root: str) -> Found:
    """Read the schema.

    Parameters
    ----------
    job_root: the GraphQL name of the table of jobs.

    Raises
    ------
    PlatformError: the endpoint cannot be reached, or has no table of jobs that the role may see.
    """
    answer = connection.execute(requests("introspection.graphql", job_root=job_root)["Introspection"])
    if answer["job"] is None:
        raise PlatformError(f"the platform has no {job_root}, or the role may not see it")
    columns = {field["name"] for field in answer["job"]["fields"]}
    kind: Literal["extended", "legacy"] = "extended" if columns.issuperset(_ADDED) else "legacy"
    schema = answer["__schema"]
    fields = [*schema["queryType"]["fields"], *(schema["mutationType"] or {"fields": ()})["fields"]]
    there = {field["name"] for field in fields}
    needed = _roots(requests(f"{kind}.graphql", job_root=job_root)) - {_ASSET_TYPES}
    return Found(
        kind,
        missing=tuple(sorted(needed - there)),
        hidden=() if "requestor_id" in columns else ("requestor_id",),
        assets_know_job=any(field["name"] == "job" for field in (answer["asset"] or {"fields": ()})["fields"]),
        asset_types=_ASSET_TYPES in there,
    )


def _roots(documents: Mapping[str, DocumentNode]) -> set[str]:
    """The root fields that the operations use."""
    operations = [
        d for document in documents.values() for d in document.definitions if d.kind == "operation_definition"
    ]
    return {field.name.value for operation in operations for field in operation.selection_set.selections}  # type: ignore[attr-defined]  # operations hold fields only
