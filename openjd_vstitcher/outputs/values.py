"""Where the outputs of a job go, and what became of them. Values only."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ..platform.ports import Platform
from ..platform.values import Claim
from ..storage.ports import Storage

Fate = Literal["registered", "kept", "pending", "failed", "missing"]
"""What became of an output. `kept`: it is where it belongs and has no asset. `pending`: its delivery can be resumed."""


@dataclass(frozen=True)
class Delivery:
    """Where the outputs of a job are stored and registered.

    Parameters
    ----------
    destination: the URI under which each output is stored by its name.
    catalogue, claim: where the outputs become assets, and the right to write them.
    style_id, body_id: what the assets belong to. Assets of a style are public facing.
    metadata: small values stored with each object.
    provenance: returns the details about the origin of an asset. It is called when the asset is written.
    """

    storage: Storage
    destination: str
    catalogue: Platform
    claim: Claim
    style_id: str | None = None
    body_id: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    provenance: Callable[[], Mapping[str, Any]] = dict

    def as_facts(self) -> dict[str, str]:
        """What a later process needs to continue the delivery: everything but the ports and the claim."""
        values = {"style_id": self.style_id, "body_id": self.body_id, "metadata": dict(self.metadata)}
        return {"destination": self.destination, "delivery": json.dumps(values)}

    @classmethod
    def of_facts(
        cls,
        facts: Mapping[str, str],
        storage: Storage,
        catalogue: Platform,
        claim: Claim,
        provenance: Callable[[], Mapping[str, Any]],
    ) -> Delivery:
        """The delivery that an earlier process began, from its `as_facts`."""
        values = json.loads(facts["delivery"])
        return cls(storage, facts["destination"], catalogue, claim, provenance=provenance, **values)


@dataclass(frozen=True)
class OutputResult:
    """What became of an expected output. `reason` says why it is not safe."""

    name: str
    fate: Fate
    size_bytes: int | None = None
    uri: str | None = None
    reason: str | None = None

    @property
    def safe(self) -> bool:
        """Whether removing the working directory would lose nothing of this output (Law 3)."""
        return self.fate in ("registered", "kept")


@dataclass(frozen=True)
class SyncReport:
    """What became of the outputs of a job.

    Parameters
    ----------
    outputs: one result for each expected output, in the order of the preset.
    """

    outputs: Sequence[OutputResult]

    @property
    def complete(self) -> bool:
        """Whether every expected output is safe."""
        return all(output.safe for output in self.outputs)

    @property
    def unsafe(self) -> Sequence[OutputResult]:
        """The outputs that are missing, failed or pending."""
        return [output for output in self.outputs if not output.safe]
