"""Runs the plugin on the stand-in in the test process: requests as the supervisor sends them, and what comes back."""

from __future__ import annotations

import importlib
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from openjd_vstitcher.standin.bwapi import make_module
from openjd_vstitcher.standin.host import Host
from openjd_vstitcher.standin.model import Garment
from openjd_vstitcher.standin.switches import Switches

from .standin_api import TEE

PLUGIN = Path(__file__).parents[1] / "openjd_vstitcher" / "engine" / "plugin"


class Desk:
    """A plugin in a stand-in. `link` of the plugin is this object: it gets its messages.

    Parameters
    ----------
    api: the stand-in's `BwApi`; tests may replace calls in it.
    """

    def __init__(self, host: Host, api: ModuleType, source: ModuleType, folder: Path, unproven: str) -> None:
        self.host = host
        self.api = api
        self.source = source
        self.folder = folder
        self.canceled = None
        self.messages: list[dict[str, Any]] = []
        self.calls: list[str] = []
        bw = source.api.Api(api)
        modified = source._Modified(bw)
        self._kept = modified
        api.EventRegister(modified, 2, api.BW_API_EVENT_GARMENT_MODIFIED)
        self.handler = source.requests.RequestHandler(bw, self, "", unproven)

    @property
    def garment(self) -> Garment:
        """The garment that the stand-in has open."""
        return self.host.garments[self.host.current]

    def send(self, message: dict[str, Any]) -> None:
        self.messages.append(message)

    def run(self, export_type: str, name: str, *mutations: str, **fields: Any) -> dict[str, Any]:
        """Make an export, and return the plugin's last message: `done` or `failed`."""
        state = {key: fields.pop(key) for key in ("artwork", "snapshot", "colorway") if key in fields}
        path = str(fields.pop("path", TEE))
        listed = [{"mutation_type": mutation} for mutation in mutations]
        export = {"export_type": export_type, "output_file_name": name, "dpi": 4, **fields}
        work = {"request": "work", "id": 1, "export": export, "output_dir": str(self.folder)}
        self.messages.clear()
        self.handler.handle({**work, "garment": {"path": path, "mutations": listed, **state}})
        while (last := self.messages[-1])["type"] in ("wait", "process"):
            self.handler.handle({"request": "resume", "id": 1, **_ended(last)})
        return last

    def events(self) -> list[str]:
        """The names of the events of the last request."""
        return [message["event"]["event"] for message in self.messages if message["type"] == "event"]

    def reasons(self) -> list[str]:
        """Why changes of the last request were not shown to have happened."""
        events = [message["event"] for message in self.messages if message["type"] == "event"]
        return [f"{event['change']}: {event['reason']}" for event in events if event["event"] == "unproven"]

    def record(self, *names: str) -> None:
        """Record the calls of these names in `calls`."""
        for name in names:
            setattr(self.api, name, self._recorded(name, getattr(self.api, name)))

    def _recorded(self, name: str, function: Any) -> Any:
        def recorded(*arguments: Any) -> Any:
            self.calls.append(name)
            return function(*arguments)

        return recorded


def _ended(message: dict[str, Any]) -> dict[str, Any]:
    if message["type"] == "wait":
        time.sleep(message["seconds"])
        return {}
    code = subprocess.run(shlex.split(message["command"]), check=False, capture_output=True).returncode
    return {"code": code, "ending": f"exited with code {code}"}


@contextmanager
def desk(folder: Path, switches: Switches | None = None, unproven: str = "warn") -> Iterator[Desk]:
    """A plugin in a new stand-in, which makes outputs in a folder."""
    host = Host(gui=False, switches=switches if switches is not None else Switches())
    before = dict(sys.modules)
    api = sys.modules["BwApi"] = make_module(host)
    sys.path.insert(0, str(PLUGIN))
    try:
        yield Desk(host, api, importlib.import_module("src"), folder, unproven)
    finally:
        sys.path.remove(str(PLUGIN))
        for name in [name for name in sys.modules if name == "src" or name.startswith(("src.", "BwApi"))]:
            del sys.modules[name]
        sys.modules.update({name: module for name, module in before.items() if name.startswith("BwApi")})
