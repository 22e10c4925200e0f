"""The preset of a job that was claimed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import DocumentNode

from . import rows
from .connection import Connection


def preset_of(
    job_row: Mapping[str, Any], connection: Connection, requests: Mapping[str, DocumentNode]
) -> dict[str, Any]:
    """The preset of a job's row: by the relation `preset`, or by its key where the metadata has no such relation."""
    if "preset" in job_row:
        return rows.preset(job_row["preset"])
    answer = connection.execute(requests["Preset"], {"key": job_row["preset_key"]})
    return rows.preset(answer["platform_job_preset_by_pk"])
