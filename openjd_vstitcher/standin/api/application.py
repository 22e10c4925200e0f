"""Calls about the program itself: version, events, menus, session functions, windows, exit."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from ..calls import call
from ..codes import ApiError, Code
from ..elements import CallbackBase, WndRect
from ..host import Host
from .lookup import json_object

_API_VERSION = "3.20"
_MAIN_WINDOW = {"left": 0, "top": 0, "width": 1600, "height": 900}
_MAX_PACKAGE = 256 * 2**20


@call
def version(host: Host) -> tuple[str, str]:
    """The version of the API that the plugin was made for, and the latest one."""
    return _API_VERSION, _API_VERSION


@call
def identifier_set(host: Host, identifier: str) -> None:
    """Set the identifier of the calling script. A plugin keeps the one in its `plugin.json`."""
    host.identifier = identifier


@call
def identifier_get(host: Host) -> str:
    return host.identifier


@call
def plugin_name_set(host: Host, name: str) -> None:
    """Set the name of the calling plugin; the stand-in does not use it."""


@call
def host_application_get(host: Host) -> str:
    """JSON with `name`, `version`, `window_rect` and `standin`."""
    rect = _MAIN_WINDOW
    return json.dumps({"name": "VStitcher", "version": host.version, "window_rect": rect, "standin": True})


@call
def application_exit(host: Host) -> None:
    """Exit after this callback or script; in the GUI, ask about unsaved changes first."""
    host.request_exit()


@call
def get_last_error(host: Host) -> int:
    """The code of the last failure, 0 if no call failed since the last one that succeeded."""
    return int(host.last_error)


@call
def event_register(host: Host, callback: CallbackBase, callback_id: int, event: int) -> int:
    """Run a callback at every event of this kind."""
    try:
        return host.listeners.add(event, callback, callback_id)
    except ValueError:
        raise ApiError(Code.INVALID_ARGUMENT, f"unknown event {event}") from None


@call
def menu_function_add(host: Host, name: str, callback: CallbackBase, callback_id: int) -> int:
    """Add a menu entry; the stand-in has no menu."""
    if not name:
        raise ApiError(Code.INVALID_ARGUMENT, "a menu entry needs a name")
    return host.world.number()


@call
def menu_function_reload_add(host: Host) -> None:
    """Add the menu entry that reloads plugins; the stand-in has no menu."""


@call
def update_session_function_set_v2(host: Host, callback: CallbackBase) -> None:
    """Set the callback that runs on the main thread when this plugin requests it."""
    host.set_session_function(callback)


@call
def update_session_function_request_v2(host: Host, identifier: str, callback_id: int, data: str) -> None:
    """Request, from any thread, that the session function run on the main thread."""
    host.request_session_function(identifier, callback_id, data)


@call
def wnd_message_box(host: Host, text: str, buttons: int) -> int:
    """Show a message; the stand-in writes it to its log instead."""
    host.log(f"message: {text}")
    return 1


@call
def wnd_html_create_url(host: Host, url: str, title: str, style: str, rect: WndRect) -> int:
    """Open a window with a web page; the stand-in loads nothing, and shows none."""
    json_object(style, "the style")
    window = host.world.number()
    host.world.windows[window] = url
    return window


def _window(host: Host, window: int) -> int:
    if window not in host.world.windows:
        raise ApiError(Code.NOT_FOUND, f"no window {window}")
    return window


@call
def wnd_html_event_register(host: Host, window: int, event: int, callback: CallbackBase, callback_id: int) -> None:
    """Run a callback at an event of a window; none happens in the stand-in."""
    try:
        host.listeners.add(event, callback, callback_id, of=f"window {_window(host, window)}")
    except ValueError:
        raise ApiError(Code.INVALID_ARGUMENT, f"unknown event {event}") from None


@call
def wnd_html_message_send(host: Host, window: int, message: str) -> None:
    """Send a message to the page of a window."""
    _window(host, window)


@call
def wnd_html_set_focus(host: Host, window: int) -> None:
    _window(host, window)


@call
def wnd_html_close(host: Host, window: int) -> None:
    del host.world.windows[_window(host, window)]


@call
def extract_package(host: Host, path: str, folder: str, callback: CallbackBase, callback_id: int, data: str) -> None:
    """Unpack a zip into a folder, and call back with the data and whether that worked."""
    told = json_object(data, "the data")
    try:
        with zipfile.ZipFile(path) as archive:
            valid = sum(entry.file_size for entry in archive.infolist()) <= _MAX_PACKAGE
            if valid:
                archive.extractall(Path(folder))
    except (OSError, zipfile.BadZipFile) as error:
        host.log(f"ExtractPackage: {path}: {error}")
        valid = False
    response = {"destination": folder, "valid": valid}
    callback.Run(host.current, callback_id, json.dumps({**told, "response": response}))
