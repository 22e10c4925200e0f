"""Builds the module `BwApi` with exactly the names in `schemas/bwapi.json`. docs/standin.md describes the calls."""

from __future__ import annotations

import sys
from types import ModuleType

from . import (
    api,  # noqa: F401  # registers the calls
    elements,
    events,
)
from .calls import bind
from .codes import Code
from .contract import contracts, surface
from .host import Host

_CONSTANTS = {
    "BW_API_ERROR_SUCCESS": int(Code.SUCCESS),
    "BW_API_ERROR_NO_SNAPSHOT_AVAILABLE": int(Code.NO_SNAPSHOT_AVAILABLE),
    "BW_API_MB_OK": 0,
    "BW_API_POINT_TYPE_SHARP": 0,
    "BW_API_CLUSTER_SILHOUETTE_VIEW_FRONT": 0,
    "BW_API_CLUSTER_SILHOUETTE_LOCATION_TORSO": 0,
    **{f"BW_API_EVENT_{event.name}": int(event) for event in events.Event},
}


def make_module(host: Host) -> ModuleType:
    """Create a `BwApi` module that drives this host."""
    module = ModuleType("BwApi", "The stand-in's BwApi; see docs/standin.md.")
    for name in surface()["classes"]:
        setattr(module, name, getattr(elements, name))
    for name in surface()["constants"]:
        setattr(module, name, _CONSTANTS[name])
    for contract in contracts():
        if not (contract.newer and host.switches.old):
            setattr(module, contract.name, bind(host, contract))
    return module


def install(host: Host) -> None:
    """Make `import BwApi` return a module that drives this host."""
    sys.modules["BwApi"] = make_module(host)
