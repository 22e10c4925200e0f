"""What a job is expected to make, where it goes, and what became of it. Values only."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ..platform.ports import AssetCatalogue
from ..platform.values import Claim
from ..storage.ports import Storage

Fate = Literal["registered", "stored", "kept", "pending", "failed", "missing"]
"""What became of an output. `kept` stays on disk on purpose; `pending` is on its way and can be resumed."""


@dataclass(frozen=True)
class Delivery:
    """Where a job's outputs are stored and registered.

    Parameters
    ----------
    storage: takes the bytes.
    destination: the address under which each output is stored by its name.
    catalogue, claim: take the assets; both None where there is no platform.
    style_id, body_id: what the assets belong to. With a style they are public facing.
    metadata: small facts kept with each object.
    provenance: gives what an asset's details tell of its origin, asked for when it is registered.
    """

    storage: Storage
    destination: str
    catalogue: AssetCatalogue | None = None
    claim: Claim | None = None
    style_id: str | None = None
    body_id: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    provenance: Callable[[], Mapping[str, Any]] = dict

    def as_facts(self) -> dict[str, str]:
        """What a later process needs to go on: everything but the ports and the claim."""
        registers = "yes" if self.catalogue is not None and self.claim is not None else "no"
        kept = {"style_id": self.style_id, "body_id": self.body_id, "metadata": dict(self.metadata)}
        return {"destination": self.destination, "registers": registers, "delivery": json.dumps(kept)}

    @classmethod
    def of_facts(
        cls,
        facts: Mapping[str, str],
        storage: Storage,
        catalogue: AssetCatalogue,
        claim: Claim,
        provenance: Callable[[], Mapping[str, Any]],
    ) -> Delivery | None:
        """The delivery that an earlier process began; None when its outputs were to stay where they are."""
        if "destination" not in facts:
            return None
        registers = facts["registers"] == "yes"
        return cls(
            storage,
            facts["destination"],
            catalogue if registers else None,
            claim if registers else None,
            provenance=provenance,
            **json.loads(facts["delivery"]),
        )


@dataclass(frozen=True)
class OutputResult:
    """What became of one expected output. `reason` says why when it is not safe."""

    name: str
    fate: Fate
    size_bytes: int | None = None
    sha256: str | None = None
    uri: str | None = None
    asset_id: str | None = None
    reason: str | None = None
    instruction: int = 0

    @property
    def safe(self) -> bool:
        """Whether nothing is lost when the working directory goes (Law 3), or nothing was asked for."""
        return self.fate in ("registered", "stored", "kept")


@dataclass(frozen=True)
class SyncReport:
    """What became of all outputs of a job.

    Parameters
    ----------
    outputs: one result for each expected output, in the order of the preset.
    unexpected: how many other files were in the output directory.
    claim_lost: whether another attempt took the job, so that this one may write no more.
    """

    outputs: Sequence[OutputResult]
    unexpected: int = 0
    claim_lost: bool = False

    @property
    def complete(self) -> bool:
        """Whether every expected output is safe."""
        return all(output.safe for output in self.outputs)

    @property
    def unsafe(self) -> Sequence[OutputResult]:
        """The outputs that are missing, failed, or still on their way."""
        return [output for output in self.outputs if not output.safe]
