"""The module `BwApi`: exactly what `schemas/bwapi.json` lists. docs/standin.md says what each call gives."""

from __future__ import annotations

import json
import sys
from types import ModuleType

from ..resources import resource
from . import api
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
    """A module `BwApi` that drives this host."""
    surface = json.loads(resource("schemas/bwapi.json").read_text(encoding="utf-8"))
    module = ModuleType("BwApi", f"The stand-in's BwApi ({len(api.__all__)} groups of calls); see docs/standin.md.")
    for name in surface["classes"]:
        setattr(module, name, _CLASSES[name])
    for name in surface["constants"]:
        setattr(module, name, _CONSTANTS[name])
    for name, parameters in surface["functions"].items():
        setattr(module, name, bind(host, name, parameters))
    return module


def install(host: Host) -> None:
    """Make `import BwApi` give this host's module."""
    sys.modules["BwApi"] = make_module(host)
