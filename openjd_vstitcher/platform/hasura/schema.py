"""Finds out which tables and operations the endpoint offers to the role: by introspection, else by trying."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from graphql import DocumentNode, parse

from ...errors import PlatformError
from .connection import Connection
from .queries import requests
from .refusal import RequestRefused

_ADDED = (
    *("attempt", "worker", "lease_expires_at", "progress", "cancel_requested", "errors"),
    *("not_before", "returns", "crashes"),
)
RESULTS = ("result", "done")
"""Columns that a later migration adds: without them the platform is extended, and keeps no results."""
_ASSET_TYPES = "create_asset_type"
_OLDEST = (2, 10)

Kind = Literal["extended", "legacy"]


@dataclass(frozen=True)
class Found:
    """What the endpoint offers to the role.

    Parameters
    ----------
    kind: `extended`, or `legacy`: today's columns only, claims by compare-and-set, no leases.
    missing: root fields that a worker or a submitter needs and the role does not have; None if that cannot be seen.
    hidden: fields of the job that the role may not read or that the metadata lacks.
    assets_know_job: whether assets have the relation `job`.
    asset_types: whether the table of asset types can be read.
    version: Hasura's own version, such as `v2.48.1`, or "" if it does not say.
    """

    kind: Kind
    missing: tuple[str, ...] | None
    hidden: tuple[str, ...]
    assets_know_job: bool
    asset_types: bool
    version: str = ""

    def __str__(self) -> str:
        parts = ["extended" if self.kind == "extended" else "legacy: today's columns only, no leases"]
        if self.missing is None:
            parts.append("what this role lacks is not known, because it may not introspect the schema")
        elif self.missing:
            parts.append(f"not for this role: {', '.join(self.missing)}")
        if is_too_old(self.version):
            oldest = ".".join(map(str, _OLDEST))
            parts.append(f"Hasura {self.version} is older than {oldest}, the oldest version that is supported")
        return "; ".join(parts)


def look(connection: Connection, job_root: str) -> Found:
    """Read the schema.

    Parameters
    ----------
    job_root: the GraphQL name of the table of jobs.

    Raises
    ------
    PlatformError: the endpoint cannot be reached, or has no table of jobs that the role may see.
    """
    version = connection.version()
    try:
        return _introspected(connection, job_root, version)
    except RequestRefused as error:
        if error.code not in ("not-supported", "validation-failed"):
            raise
        return _tried(connection, job_root, version)


def is_too_old(version: str) -> bool:
    """Whether a version of Hasura is older than the oldest supported one; one that cannot be read is not."""
    found = re.match(r"v?(\d+)\.(\d+)", version)
    return found is not None and (int(found[1]), int(found[2])) < _OLDEST


def _introspected(connection: Connection, job_root: str, version: str) -> Found:
    answer = connection.execute(requests("introspection", job_root=job_root)["Introspection"])
    if answer["job"] is None:
        raise _no_jobs(job_root)
    columns = {field["name"] for field in answer["job"]["fields"]}
    kind: Kind = "extended" if columns.issuperset(_ADDED) else "legacy"
    schema = answer["__schema"]
    fields = [*schema["queryType"]["fields"], *(schema["mutationType"] or {"fields": ()})["fields"]]
    there = {field["name"] for field in fields}
    needed = _roots(requests(kind, job_root=job_root)) - {_ASSET_TYPES}
    return Found(
        kind,
        missing=tuple(sorted(needed - there)),
        hidden=_hidden(columns.__contains__),
        assets_know_job=any(field["name"] == "job" for field in (answer["asset"] or {"fields": ()})["fields"]),
        asset_types=_ASSET_TYPES in there,
        version=version,
    )


def _tried(connection: Connection, job_root: str, version: str) -> Found:
    """What queries for no rows say, where Hasura disables introspection for the role."""

    def has(root: str, *fields: str) -> bool:
        try:
            connection.execute(parse(f"{{ {root}(limit: 0) {{ {' '.join(fields)} }} }}"))
        except RequestRefused as error:
            if error.code != "validation-failed":
                raise
            return False
        return True

    if not has(job_root, "id"):
        raise _no_jobs(job_root)
    return Found(
        "extended" if has(job_root, *_ADDED) else "legacy",
        missing=None,
        hidden=_hidden(lambda name: has(job_root, f"{name} {{ key }}" if name == "preset" else name)),
        assets_know_job=has("create_asset", "job { id }"),
        asset_types=has(_ASSET_TYPES, "value"),
        version=version,
    )


def _hidden(has: Callable[[str], bool]) -> tuple[str, ...]:
    return tuple(name for name in ("requestor_id", "preset", *RESULTS) if not has(name))


def _no_jobs(job_root: str) -> PlatformError:
    return PlatformError(f"the platform has no {job_root}, or the role may not see it")


def _roots(documents: Mapping[str, DocumentNode]) -> set[str]:
    """The root fields that the operations use."""
    operations = [
        d for document in documents.values() for d in document.definitions if d.kind == "operation_definition"
    ]
    return {field.name.value for operation in operations for field in operation.selection_set.selections}  # type: ignore[attr-defined]  # operations hold fields only
