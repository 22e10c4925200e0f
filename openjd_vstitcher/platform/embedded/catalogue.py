"""The catalogue of assets in the embedded platform's database."""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ...errors import NotFound
from ..storable import storable
from ..values import Asset, Claim, NewAsset
from . import rows
from .database import Database
from .fencing import check_held


class Catalogue:
    """Assets of jobs; every write is fenced by its claim."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def begin_asset(self, claim: Claim, asset: NewAsset) -> str:
        """Register an asset as `IN_PROGRESS`, or make the job's asset of this name `IN_PROGRESS` again."""
        with self._db.transaction():
            check_held(self._db, claim)
            self._db.run(
                "begin_asset",
                id=str(uuid.uuid4()),
                job_id=claim.job.id,
                name=asset.name,
                type=asset.type,
                path=asset.path,
                is_public_facing=asset.is_public_facing,
                style_id=asset.style_id,
                body_id=asset.body_id,
                details=rows.json_text({**asset.details, "attempt": claim.attempt}),
                now=rows.now(),
            )
            (row,) = self._db.run("asset_of_name", job_id=claim.job.id, name=asset.name)
        return str(row["id"])

    def asset_uploaded(self, claim: Claim, asset_id: str, details: Mapping[str, Any]) -> None:
        """Mark an asset as `UPLOADED` and merge the details into its own."""
        with self._db.transaction():
            check_held(self._db, claim)
            row = self._db.one("asset", asset_id=asset_id, job_id=claim.job.id)
            if row is None:
                raise NotFound(f"job {claim.job.id} has no asset {asset_id}")
            before = json.loads(row["details"])
            merged = {**before, **storable(details)}
            if row["status"] != "UPLOADED" or merged != before:
                self._db.run("asset_uploaded", asset_id=asset_id, details=json.dumps(merged), now=rows.now())

    def assets(self, job_id: str) -> Sequence[Asset]:
        """The assets of a job, by name."""
        return [rows.asset(row) for row in self._db.rows("assets", job_id=job_id)]

    def asset_types(self) -> Collection[str]:
        """The types that an asset may have."""
        return {row["value"] for row in self._db.rows("asset_types")}
