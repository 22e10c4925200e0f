"""Calls BwApi and checks its error code: a failed call raises an exception that names the call."""


class Failure(Exception):
    """A request failed.

    message: the cause, without a capital letter or full stop. engine_error: the engine's own error, if there is one.
    """

    def __init__(self, message, engine_error=None):
        Exception.__init__(self, message)
        self.message = message
        self.engine_error = engine_error


class Unproven(Failure):
    """A change was tried, but reading back does not show it. `engine.unproven_mutations` says what happens then."""


class Canceled(Exception):
    """The request was canceled."""


class Api(object):
    """Has every function of BwApi as a method. Must be used on the main thread.

    `calls` counts the calls and `current` is the name of the running one. The supervisor detects hangs by them.
    `modified` counts the times that the engine reported a changed garment.
    """

    def __init__(self, module):
        self.module = module
        self.calls = 0
        self.current = None
        self.modified = 0
        self._stale = None

    def has(self, name):
        """True if this engine's API has a function of that name."""
        return hasattr(self.module, name)

    def __getattr__(self, name):
        function = getattr(self.module, name)

        def call(*arguments):
            self.calls += 1
            self.current = name
            try:
                if self._has_news():
                    self._settle()
                result = function(*arguments)
                if self._has_news():
                    code = self.module.GetLastError()
                    self._settle()
                    shown = ", ".join(_short(argument) for argument in arguments)
                    raise Failure("%s(%s) failed" % (name, shown), "%s returned error %s" % (name, code))
            finally:
                self.current = None
                self.calls += 1
            return result

        return call

    def _has_news(self):
        return self.module.GetLastError() not in (self.module.BW_API_ERROR_SUCCESS, self._stale)

    def _settle(self):
        """After a failure of this plugin or another: find out which code GetLastError has when a call succeeds.

        The documentation does not say whether a good call resets the code. If `Version` does not, a call that is sure
        to fail sets it to a code that the calls of this plugin do not give: any other code is a new failure.
        """
        self.module.Version()
        self._stale = None
        if self.module.GetLastError() != self.module.BW_API_ERROR_SUCCESS:
            self.module.GarmentColorwayIds("")
            self._stale = self.module.GetLastError()


def existing(answer, gap=32, most=10000):
    """Pairs of (id, answer(id)) for the ids of a kind of object that no documented call lists.

    Ids are tried from 1 until `gap` of them in a row have failed or have an empty answer, or `most` were tried. That
    they are small integers is unverified.
    """
    found, missed = [], 0
    for number in range(1, most + 1):
        try:
            answered = answer(number)
        except Failure:
            answered = None
        if answered in (None, ""):
            missed += 1
            if missed == gap:
                break
        else:
            found.append((number, answered))
            missed = 0
    return found


def _short(value):
    text = repr(value)
    return text if len(text) <= 160 else text[:157] + "..."
