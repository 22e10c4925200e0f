"""The state of the stand-in program: open garments, callbacks, pending requests. One per process."""

from __future__ import annotations

import importlib.util
import json
import os
import queue
import re
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__
from .codes import ApiError, Code
from .elements import CallbackBase
from .events import Event, Listeners
from .misbehave import Misbehaviour
from .switches import Switches
from .windows import show_modal
from .world import World

if TYPE_CHECKING:
    from .model import Garment
    from .raytrace import RayTrace

PLUGINS_VARIABLE = "OPENJD_VS_STANDIN_PLUGINS"
"""The folder from which `--gui` loads plugins."""

DRAPE_S = 0.5
"""How long a simulation takes."""

_LIGHTS = ("Soft box.hdr", "Ambient.hdr", "EcoShot Studio v1.hdr", "Window.hdr")


class Host:
    """The state of one stand-in process."""

    def __init__(self, gui: bool, switches: Switches | None = None) -> None:
        self.gui = gui
        self.switches = switches if switches is not None else Switches.from_environment()
        self.misbehaviour = Misbehaviour.from_environment()
        self.identifier = ""
        self.garments: dict[str, Garment] = {}
        self.current = ""
        self.opened = 0
        self.exiting = False
        self.environment = "Studio"
        self.light = _LIGHTS[0]
        self.lights: dict[str, dict[str, float]] = {name: {"exposure": 0.0, "rotation_angle": 0.0} for name in _LIGHTS}
        self.cameras: dict[str, dict[str, Any]] = {}
        self.ray_traces: dict[str, RayTrace] = {}
        self.scenes = 0
        self.world = World()
        self.listeners = Listeners(self._run)
        self._errors = threading.local()
        self._logged: tuple[str, Code] | None = None
        self._drapes: dict[str, float] = {}
        self._plugin = ""
        self._owners: dict[int, str] = {}
        self._session_functions: dict[str, CallbackBase] = {}
        self._requests: queue.Queue[tuple[str, int, str]] = queue.Queue()
        self._scratch: tempfile.TemporaryDirectory[str] | None = None

    @property
    def version(self) -> str:
        return f"stand-in {__version__}"

    @property
    def last_error(self) -> Code:
        """The code of this thread's last failure, success if there was none since."""
        return Code(getattr(self._errors, "code", Code.SUCCESS))

    def failed(self, name: str, code: Code, message: str) -> None:
        """Record that a call failed. The same failure of the same call in a row is logged once."""
        self._errors.code = code
        if self._logged != (name, code) or code != Code.NOT_FOUND:
            self.log(f"{name}: error {int(code)}: {message}")
        self._logged = (name, code)

    def succeeded(self) -> None:
        """Record that a call succeeded, which clears the last error unless errors are sticky."""
        if not self.switches.sticky:
            self._errors.code = Code.SUCCESS

    def log(self, message: str) -> None:
        """Write a line to standard error, which is the engine's log."""
        sys.stderr.write(f"standin: {message}\n")
        sys.stderr.flush()

    def scratch(self) -> Path:
        """A temporary folder that is removed when the process ends."""
        if self._scratch is None:
            self._scratch = tempfile.TemporaryDirectory(prefix="standin-", ignore_cleanup_errors=True)
        return Path(self._scratch.name)

    def garment(self, garment_id: str) -> Garment:
        """Return the open garment with this id.

        Raises
        ------
        ApiError: there is none.
        """
        try:
            return self.garments[garment_id]
        except KeyError:
            raise ApiError(Code.NO_GARMENT, f"no open garment {garment_id!r}") from None

    def modified(self, garment: Garment) -> None:
        """Mark the garment as modified and fire the event."""
        garment.modified = True
        self.listeners.fire(Event.GARMENT_MODIFIED, garment.id)

    def start_drape(self, garment: Garment) -> None:
        """Start a simulation; it ends `DRAPE_S` later, at the next call or when the main loop is idle."""
        self._drapes[garment.id] = time.monotonic() + DRAPE_S

    def finish_drapes(self) -> None:
        """End the simulations whose time has come: each makes the automatic snapshot anew."""
        for garment_id, end in list(self._drapes.items()):
            if time.monotonic() >= end and threading.current_thread() is threading.main_thread():
                del self._drapes[garment_id]
                if garment_id in self.garments:
                    self.garments[garment_id].drape()
                    self.modified(self.garments[garment_id])

    def set_session_function(self, callback: CallbackBase) -> None:
        """Set the session function of the plugin that calls; a script is known by the identifier it set."""
        owner = self._plugin or self.identifier
        self._owners[id(callback)] = owner
        self._session_functions[owner.lower()] = callback

    def request_session_function(self, identifier: str, callback_id: int, data: str) -> None:
        if identifier.lower() not in self._session_functions:
            raise ApiError(Code.NOT_FOUND, f"no session function for {identifier!r}")
        if not self._requests.empty():
            raise ApiError(Code.PENDING, "another request is pending")
        self._requests.put((identifier.lower(), callback_id, data))

    def request_exit(self) -> None:
        """End the main loop. In the GUI, ask about unsaved changes first, as VStitcher does."""
        unsaved = [g for g in self.garments.values() if g.modified]
        if unsaved and self.gui:
            answer = show_modal("VStitcher", f"Save changes to {unsaved[0].name}?", ["Save", "Don't save", "Cancel"])
            if answer == "Cancel":
                return
        self.exiting = True

    def run_pending(self, timeout_s: float = 0.0) -> None:
        """Run the requested session functions on this thread.

        Parameters
        ----------
        timeout_s: how long to wait for the first request.
        """
        while not self.exiting:
            try:
                identifier, callback_id, data = self._requests.get(timeout_s > 0, timeout_s or None)
            except queue.Empty:
                return
            self._run(self._session_functions[identifier], self.current, callback_id, data)
            timeout_s = 0.0

    def main_loop(self) -> None:
        """Run requested session functions until the program is told to exit."""
        self.listeners.fire(Event.POST_INTIALIZE, "")
        while not self.exiting:
            self.run_pending(timeout_s=0.2)
            self.finish_drapes()

    def load_plugins(self, folder: Path) -> None:
        """Load each plugin in the folder and call its `BwApiPluginInit`. A plugin that fails is logged and skipped."""
        for description in sorted(folder.glob("*/plugin.json")):
            try:
                self._load_plugin(description)
            except Exception:  # noqa: BLE001  # plugins may raise anything
                self.log(f"plugin {description.parent.name} failed\n{traceback.format_exc()}")
        self._plugin = ""

    def _load_plugin(self, description: Path) -> None:
        plugin = json.loads(description.read_text(encoding="utf-8"))
        package = description.parent / str(plugin.get("main", "src"))
        self._plugin = self.identifier = str(plugin["identifier"]).lower()
        name = re.sub(r"\W", "_", self.identifier) + "_src"
        spec = importlib.util.spec_from_file_location(
            name, package / "__init__.py", submodule_search_locations=[os.fspath(package)]
        )
        if spec is None or spec.loader is None:
            raise ImportError(f"{package} is not a Python package")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        sys.path.insert(0, os.fspath(package))
        spec.loader.exec_module(module)
        if not module.BwApiPluginInit():
            raise ImportError("BwApiPluginInit returned 0")

    def _run(self, callback: CallbackBase, garment_id: str, callback_id: int, data: str) -> None:
        before, self._plugin = self._plugin, self._owners.get(id(callback), self._plugin)
        try:
            callback.Run(garment_id, callback_id, data)
        except Exception:  # noqa: BLE001  # a failing callback does not end VStitcher either
            self.log(f"a callback failed\n{traceback.format_exc()}")
        finally:
            self._plugin = before
