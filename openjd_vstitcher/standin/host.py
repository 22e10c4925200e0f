"""The state of the stand-in program: open garments, callbacks, pending requests. One per process."""

from __future__ import annotations

import importlib.util
import json
import os
import queue
import re
import sys
import tempfile
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__
from .codes import ApiError, Code
from .elements import CallbackBase
from .misbehave import Misbehaviour
from .windows import show_modal

if TYPE_CHECKING:
    from .model import Garment
    from .raytrace import RayTrace

PLUGINS_VARIABLE = "OPENJD_VS_STANDIN_PLUGINS"
"""The folder from which `--gui` loads plugins."""

POST_INITIALIZE, GARMENT_OPEN, GARMENT_MODIFIED, GARMENT_SAVED = 1, 2, 3, 4


class Host:
    """The state of one stand-in process."""

    def __init__(self, gui: bool) -> None:
        self.gui = gui
        self.last_error = Code.SUCCESS
        self.misbehaviour = Misbehaviour.from_environment()
        self.identifier = ""
        self.garments: dict[str, Garment] = {}
        self.current = ""
        self.exiting = False
        self.environment = "Studio"
        self.light = "Soft box"
        self.lights: dict[str, dict[str, float]] = {
            name: {"exposure": 0.0, "rotation_angle": 0.0} for name in ("Soft box", "Window", "Overcast")
        }
        self.cameras: dict[str, dict[str, Any]] = {}
        self.ray_traces: dict[str, RayTrace] = {}
        self.scenes = 0
        self._events: dict[int, list[tuple[CallbackBase, int]]] = {}
        self._session_functions: dict[str, CallbackBase] = {}
        self._requests: queue.Queue[tuple[str, int, str]] = queue.Queue()
        self._scratch: tempfile.TemporaryDirectory[str] | None = None

    @property
    def version(self) -> str:
        return f"stand-in {__version__}"

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
        self.fire(GARMENT_MODIFIED, garment.id)

    def listen(self, event: int, callback: CallbackBase, callback_id: int) -> None:
        if event not in (POST_INITIALIZE, GARMENT_OPEN, GARMENT_MODIFIED, GARMENT_SAVED):
            raise ApiError(Code.INVALID_ARGUMENT, f"unknown event {event}")
        self._events.setdefault(event, []).append((callback, callback_id))

    def fire(self, event: int, garment_id: str) -> None:
        for callback, callback_id in list(self._events.get(event, ())):
            self._run(callback, garment_id, callback_id, "")

    def set_session_function(self, callback: CallbackBase) -> None:
        self._session_functions[self.identifier] = callback

    def request_session_function(self, identifier: str, callback_id: int, data: str) -> None:
        if identifier not in self._session_functions:
            raise ApiError(Code.NOT_FOUND, f"no session function for {identifier!r}")
        self._requests.put((identifier, callback_id, data))

    def request_exit(self) -> None:
        """End the main loop. In the GUI, ask about unsaved changes first, as VStitcher does."""
        unsaved = [g for g in self.garments.values() if g.modified]
        if unsaved and self.gui:
            show_modal("VStitcher", f"Save changes to {unsaved[0].name}?", ["Save", "Don't save", "Cancel"])
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
        self.fire(POST_INITIALIZE, "")
        while not self.exiting:
            self.run_pending(timeout_s=0.2)

    def load_plugins(self, folder: Path) -> None:
        """Load each plugin in the folder and call its `BwApiPluginInit`. A plugin that fails is logged and skipped."""
        for description in sorted(folder.glob("*/plugin.json")):
            try:
                self._load_plugin(description)
            except Exception:  # noqa: BLE001  # plugins may raise anything
                self.log(f"plugin {description.parent.name} failed\n{traceback.format_exc()}")

    def _load_plugin(self, description: Path) -> None:
        plugin = json.loads(description.read_text(encoding="utf-8"))
        package = description.parent / str(plugin.get("main", "src"))
        self.identifier = str(plugin["identifier"])
        name = re.sub(r"\W", "_", self.identifier) + "_src"
        spec = importlib.util.spec_from_file_location(
            name, package / "__init__.py", submodule_search_locations=[os.fspath(package)]
        )
        if spec is None or spec.loader is None:
            raise ImportError(f"{package} is not a Python package")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        if not module.BwApiPluginInit():
            raise ImportError("BwApiPluginInit returned 0")

    def _run(self, callback: CallbackBase, garment_id: str, callback_id: int, data: str) -> None:
        try:
            callback.Run(garment_id, callback_id, data)
        except Exception:  # noqa: BLE001  # a failing callback does not end VStitcher either
            self.log(f"a callback failed\n{traceback.format_exc()}")
