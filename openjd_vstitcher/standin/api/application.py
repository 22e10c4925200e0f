"""Calls about the program itself: version, events, menus, session functions, exit."""

from __future__ import annotations

import json

from ..calls import call
from ..codes import ApiError, Code
from ..elements import CallbackBase
from ..host import Host


@call
def version(host: Host) -> str:
    """The program's version."""
    return host.version


@call
def identifier_set(host: Host, identifier: str) -> int:
    """Set the identifier of the calling plugin."""
    host.identifier = identifier
    return 1


@call
def identifier_get(host: Host) -> str:
    return host.identifier


@call
def plugin_name_set(host: Host, name: str) -> int:
    """Set the name of the calling plugin; the stand-in does not use it."""
    return 1


@call
def host_application_get(host: Host) -> str:
    """JSON with `name`, `version` and `standin`."""
    return json.dumps({"name": "VStitcher", "version": host.version, "standin": True})


@call
def application_exit(host: Host) -> int:
    """Exit after this callback or script; in the GUI, ask about unsaved changes first."""
    host.request_exit()
    return 1


@call
def get_last_error(host: Host) -> int:
    """The code of the last call, 0 for success."""
    return int(host.last_error)


@call
def event_register(host: Host, callback: CallbackBase, callback_id: int, event: int) -> int:
    """Run a callback at every event of this kind."""
    host.listen(event, callback, callback_id)
    return 1


@call
def menu_function_add(host: Host, name: str, callback: CallbackBase, callback_id: int) -> int:
    """Add a menu entry; the stand-in has no menu."""
    if not name:
        raise ApiError(Code.INVALID_ARGUMENT, "a menu entry needs a name")
    return 1


@call
def menu_function_reload_add(host: Host) -> int:
    """Add the menu entry that reloads plugins; the stand-in has no menu."""
    return 1


@call
def update_session_function_set_v2(host: Host, callback: CallbackBase) -> int:
    """Set the callback that runs on the main thread when this plugin requests it."""
    host.set_session_function(callback)
    return 1


@call
def update_session_function_request_v2(host: Host, identifier: str, callback_id: int, data: str) -> int:
    """Request, from any thread, that the session function run on the main thread."""
    host.request_session_function(identifier, callback_id, data)
    return 1
