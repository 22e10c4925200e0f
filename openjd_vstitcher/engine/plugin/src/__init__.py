"""The entry points of the plugin: `serve_script` for VS-CLI, and `BwApiPluginInit` with its callbacks for VStitcher."""

import json
import os
import threading

import BwApi

from .api import Api
from .link import Link
from .requests import RequestHandler

IDENTIFIER = "org.openjd.vstitcher"
CONNECTION_VARIABLE = "OPENJD_VS_CONNECTION"
EXTRAS_VARIABLE = "OPENJD_VS_EXTRA_EXPORTS"
UNPROVEN_VARIABLE = "OPENJD_VS_UNPROVEN_MUTATIONS"
API_VERSION = 0x000E0030
BUSY_RETRY_S = 0.2

# keeps the callback objects alive
_callbacks = []


class _Modified(BwApi.CallbackBase):
    """Called by VStitcher when the garment has changed, also at the end of a simulation."""

    def __init__(self, bw):
        BwApi.CallbackBase.__init__(self)
        self.bw = bw

    def Run(self, garment_id, callback_id, data_string):
        self.bw.modified += 1
        return 1


def _request_handler(link):
    bw = Api(BwApi)
    link.watch(bw)
    modified = _Modified(bw)
    _callbacks.append(modified)
    bw.EventRegister(modified, 2, BwApi.BW_API_EVENT_GARMENT_MODIFIED)
    unproven = os.environ.get(UNPROVEN_VARIABLE, "warn")
    return RequestHandler(bw, link, os.environ.get(EXTRAS_VARIABLE, ""), unproven)


def _greeting():
    application = str(BwApi.HostApplicationGet())
    api, latest = BwApi.Version()
    try:
        version = str(json.loads(application)["version"])
    except (ValueError, KeyError, TypeError):
        version = "API %s (latest: %s)" % (api, latest)
    return {"version": version, "application": application}


def serve_script():
    """Handle requests until the supervisor ends the session. Returns the exit code of the process."""
    link = Link(os.environ[CONNECTION_VARIABLE])
    handler = _request_handler(link)
    link.connect(_greeting())
    while not handler.ended:
        handler.handle(link.next())
    return 0


class _Session(BwApi.CallbackBase):
    """Called by VStitcher on its main thread after each UpdateSessionFunctionRequest_v2."""

    def __init__(self, link):
        BwApi.CallbackBase.__init__(self)
        self.link = link
        self.handler = _request_handler(link)

    def Run(self, garment_id, callback_id, data_string):
        while self.link.waiting():
            self.handler.handle(self.link.next())
            if self.handler.ended:
                BwApi.ApplicationExit()
        return 1


class _Start(BwApi.CallbackBase):
    """Called by VStitcher when it has started. Requests are accepted from then on."""

    def __init__(self, session):
        BwApi.CallbackBase.__init__(self)
        self.session = session

    def Run(self, garment_id, callback_id, data_string):
        self.session.link.connect(_greeting())
        thread = threading.Thread(target=_request_callbacks, args=(self.session.link,), name="openjd-callbacks")
        thread.daemon = True
        thread.start()
        return 1


def _request_callbacks(link):
    """Ask VStitcher for a callback on its main thread while a request waits; again if another plugin came first."""
    while True:
        link.wait_for_request()
        BwApi.UpdateSessionFunctionRequest_v2(IDENTIFIER, 0, "")
        link.wait_until_empty(BUSY_RETRY_S)


def BwApiPluginInit():
    """Called by VStitcher when it loads the plugin. Does nothing more unless a session started VStitcher."""
    BwApi.IdentifierSet(IDENTIFIER)
    BwApi.PluginNameSet("OpenJD for VStitcher")
    if CONNECTION_VARIABLE in os.environ:
        session = _Session(Link(os.environ[CONNECTION_VARIABLE]))
        start = _Start(session)
        _callbacks.extend((session, start))
        BwApi.UpdateSessionFunctionSet_v2(session)
        BwApi.EventRegister(start, 1, BwApi.BW_API_EVENT_POST_INTIALIZE)
    return API_VERSION
