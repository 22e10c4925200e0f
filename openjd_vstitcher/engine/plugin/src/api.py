"""Calls BwApi and checks its error code: a failed call raises an exception that names the call."""


class Failure(Exception):
    """A request failed.

    message: the cause, without a capital letter or full stop. engine_error: the engine's own error, if there is one.
    """

    def __init__(self, message, engine_error=None):
        Exception.__init__(self, message)
        self.message = message
        self.engine_error = engine_error


class Canceled(Exception):
    """The request was canceled."""


class Api(object):
    """Has every function of BwApi as a method. Must be used on the main thread.

    `calls` counts the calls and `current` is the name of the running one. The supervisor detects hangs by them.
    """

    def __init__(self, module):
        self.module = module
        self.calls = 0
        self.current = None

    def has(self, name):
        """True if this engine's API has a function of that name."""
        return hasattr(self.module, name)

    def __getattr__(self, name):
        function = getattr(self.module, name)

        def call(*arguments):
            self.calls += 1
            self.current = name
            try:
                result = function(*arguments)
                code = self.module.GetLastError()
            finally:
                self.current = None
                self.calls += 1
            if code != self.module.BW_API_ERROR_SUCCESS:
                shown = ", ".join(_short(argument) for argument in arguments)
                raise Failure("%s(%s) failed" % (name, shown), "%s returned error %s" % (name, code))
            return result

        return call


def _short(value):
    text = repr(value)
    return text if len(text) <= 160 else text[:157] + "..."
