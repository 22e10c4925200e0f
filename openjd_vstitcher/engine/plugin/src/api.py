"""BwApi with its error code checked: a call that failed raises, with what was called."""


class Failure(Exception):
    """A request cannot be fulfilled.

    message: what is wrong, as a sentence part. engine_error: the engine's own error, if there is one.
    """

    def __init__(self, message, engine_error=None):
        Exception.__init__(self, message)
        self.message = message
        self.engine_error = engine_error


class Canceled(Exception):
    """The request was withdrawn."""


class Api(object):
    """Every function of BwApi, called on the main thread.

    `calls` counts them and `current` names the one that runs: they tell the supervisor that work goes on.
    """

    def __init__(self, module):
        self.module = module
        self.calls = 0
        self.current = None

    def has(self, name):
        """Whether this engine's API has a function."""
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
