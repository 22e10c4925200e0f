"""Jobs, assets and presets as the API shows them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..platform.values import Asset, Job
from .links import Links, asset_path


def task(job: Job) -> dict[str, Any]:
    """A job."""
    return {
        "taskId": job.id,
        "state": job.status,
        "type": job.type,
        "presetKey": job.preset_key,
        "details": job.details,
        "priority": job.priority,
        "progress": job.progress,
        "statusDetails": job.status_details,
        "errors": job.errors,
        "result": job.result,
        "attempt": job.attempt,
        "worker": job.worker,
        "cancelRequested": job.cancel_requested,
        "requestorId": job.requestor_id,
        "autoRetries": job.auto_retries,
        "returns": job.returns,
        "crashes": job.crashes,
        "createdAt": _time(job.created_at),
        "updatedAt": _time(job.updated_at),
        "startedAt": _time(job.started_at),
        "endedAt": _time(job.ended_at),
        "notBefore": _time(job.not_before),
        "leaseExpiresAt": _time(job.lease_expires_at),
    }


def asset(found: Asset, links: Links) -> dict[str, Any]:
    """An asset; one that is complete has a link that needs no API key for a while."""
    details = found.details
    is_there = found.status == "UPLOADED"
    return {
        "assetId": found.id,
        "name": found.name,
        "type": found.type,
        "status": found.status,
        "path": found.path,
        "isPublicFacing": found.is_public_facing,
        "styleId": found.style_id,
        "bodyId": found.body_id,
        "contentType": details.get("content_type"),
        "sizeBytes": details.get("size_bytes"),
        "sha256": details.get("sha256"),
        "details": details,
        "url": asset_path(found.job_id, found.name) if is_there else None,
        "link": links.sign(found.job_id, found.name) if is_there else None,
    }


def preset(row: Mapping[str, Any]) -> dict[str, Any]:
    """A preset, in the form of a preset file."""
    return {name: row.get(name) for name in ("key", "name", "version", "description", "job_type", "details")}


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None
