"""The plugin's two ways in: VS-CLI runs a script that is its own loop, VStitcher calls BwApiPluginInit and then us."""

import os
import threading

import BwApi

from .api import Api
from .link import Link
from .work import Work

IDENTIFIER = "org.openjd.vstitcher"
CONNECTION_VARIABLE = "OPENJD_VS_CONNECTION"
EXTRAS_VARIABLE = "OPENJD_VS_EXTRA_EXPORTS"
API_VERSION = 0x000E0030
BUSY_RETRY_S = 0.2

_kept = []


def _work(link):
    bw = Api(BwApi)
    link.watch(bw)
    return Work(bw, link, os.environ.get(EXTRAS_VARIABLE, ""))


def _greeting():
    return {"version": str(BwApi.Version()), "application": str(BwApi.HostApplicationGet())}


def serve_script():
    """Work on requests until the supervisor ends the session; the process's exit code."""
    link = Link(os.environ[CONNECTION_VARIABLE])
    work = _work(link)
    link.connect(_greeting())
    while not work.ended:
        work.handle(link.next())
    return 0


class _Session(BwApi.CallbackBase):
    """Called by VStitcher on its main thread, once for each time that Run was asked for."""

    def __init__(self, link):
        BwApi.CallbackBase.__init__(self)
        self.link = link
        self.work = _work(link)

    def Run(self, garment_id, callback_id, data_string):
        while self.link.waiting():
            self.work.handle(self.link.next())
            if self.work.ended:
                BwApi.ApplicationExit()
        return 1


class _Start(BwApi.CallbackBase):
    """Called when VStitcher has started: only then are requests asked for."""

    def __init__(self, session):
        BwApi.CallbackBase.__init__(self)
        self.session = session

    def Run(self, garment_id, callback_id, data_string):
        self.session.link.connect(_greeting())
        thread = threading.Thread(target=_ask_for_turns, args=(self.session.link,), name="openjd-turns")
        thread.daemon = True
        thread.start()
        return 1


def _ask_for_turns(link):
    """Ask for the main thread whenever a request waits. VStitcher refuses while another plugin has asked: ask again."""
    while True:
        link.wait_for_request()
        BwApi.UpdateSessionFunctionRequest_v2(IDENTIFIER, 0, "")
        link.wait_until_taken(BUSY_RETRY_S)


def BwApiPluginInit():
    """Called by VStitcher when it loads the plugin. Without a session that started VStitcher it does nothing."""
    BwApi.IdentifierSet(IDENTIFIER)
    BwApi.PluginNameSet("OpenJD for VStitcher")
    if CONNECTION_VARIABLE in os.environ:
        session = _Session(Link(os.environ[CONNECTION_VARIABLE]))
        start = _Start(session)
        _kept.extend((session, start))
        BwApi.UpdateSessionFunctionSet_v2(session)
        BwApi.EventRegister(start, 1, BwApi.BW_API_EVENT_POST_INTIALIZE)
    return API_VERSION
