"""Builds the module `BwApi` with exactly the names in `schemas/bwapi.json`. docs/standin.md describes the calls."""

from __future__ import annotations

import json
import sys
from types import ModuleType

from ..resources import resource
from . import api  # noqa: F401  # registers the calls
from .calls import bind
from .codes import Code
from .elements import CallbackBase, Element, Point, StitchSide
from .host import GARMENT_MODIFIED, GARMENT_OPEN, GARMENT_SAVED, POST_INITIALIZE, Host

_CLASSES = {"CallbackBase": CallbackBase, "Element": Element, "Point": Point, "StitchSide": StitchSide}
_CONSTANTS = {
    "BW_API_ERROR_SUCCESS": int(Code.SUCCESS),
    "BW_API_EVENT_POST_INTIALIZE": POST_INITIALIZE,
    "BW_API_EVENT_GARMENT_OPEN": GARMENT_OPEN,
    "BW_API_EVENT_GARMENT_MODIFIED": GARMENT_MODIFIED,
    "BW_API_EVENT_GARMENT_SAVED": GARMENT_SAVED,
}


def make_module(host: Host) -> ModuleType:
    """Create a `BwApi` module that drives this host."""
    surface = json.loads(resource("schemas/bwapi.json").read_text(encoding="utf-8"))
    module = ModuleType("BwApi", "The stand-in's BwApi; see docs/standin.md.")
    for name in surface["classes"]:
        setattr(module, name, _CLASSES[name])
    for name in surface["constants"]:
        setattr(module, name, _CONSTANTS[name])
    for name, parameters in surface["functions"].items():
        setattr(module, name, bind(host, name, parameters))
    return module


def install(host: Host) -> None:
    """Make `import BwApi` return a module that drives this host."""
    sys.modules["BwApi"] = make_module(host)
