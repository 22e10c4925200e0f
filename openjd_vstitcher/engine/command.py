"""The `vstitcher-openjd` command that template steps run. Parses arguments by hand: argparse is slow to import."""

from __future__ import annotations

import sys

from .. import action_output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

USAGE = """\
usage: vstitcher-openjd daemon start --connection-file FILE --job FILE --output-dir DIR [--engine KIND]
       vstitcher-openjd daemon run   --connection-file FILE --run-data FILE --output-dir DIR
                                     [--frame N --frames N] [--colorway NAME] [--garment-snapshot NAME]
       vstitcher-openjd daemon stop  --connection-file FILE

start  start the engine KIND (auto, vs-cli, vstitcher or standin), open the garment of the job file, and return
run    make one export with the running engine
stop   stop the engine and all processes that it started

--run-data also accepts file://FILE. An option whose value is an empty string is ignored.
"""
BAD_USAGE = 2

_OPTIONS = {
    "start": (("connection-file", "job", "output-dir"), ("engine",)),
    "run": (
        ("connection-file", "run-data", "output-dir"),
        ("frame", "frames", "colorway", "garment-snapshot"),
    ),
    "stop": (("connection-file",), ()),
    "supervise": (("connection-file", "job"), ("engine",)),
}


class _BadUsage(Exception):
    pass


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns
    -------
    The exit code.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if any(given[place : place + 1] in (["-h"], ["--help"]) for place in range(3)):
        sys.stdout.write(USAGE)
        return 0
    if given[1:2] == ["supervise"]:  # its output goes to a file, not to OpenJD
        return _run(given)
    with action_output.guarded("vstitcher-openjd failed", until_exit=arguments is None):
        return _run(given)


def _run(given: list[str]) -> int:
    try:
        options = _parse(given)
    except _BadUsage as error:
        sys.stderr.write(USAGE)
        action_output.fail(f"vstitcher-openjd: {error}")
        return BAD_USAGE
    if given[1] == "run":
        from .client import run

        return run(options)
    from . import session_commands

    return getattr(session_commands, given[1])(options)  # type: ignore[no-any-return]  # each of them returns an exit code


def _parse(arguments: list[str]) -> dict[str, str]:
    if len(arguments) < 2 or arguments[0] != "daemon" or arguments[1] not in _OPTIONS:
        raise _BadUsage("expected daemon start, run or stop")
    command, rest = arguments[1], iter(arguments[2:])
    required, optional = _OPTIONS[command]
    options: dict[str, str] = {}
    for argument in rest:
        name, equals, value = argument.removeprefix("--").partition("=")
        if not argument.startswith("--") or name not in (*required, *optional):
            raise _BadUsage(f"daemon {command} does not accept {argument}")
        if not equals:
            following = next(rest, None)
            if following is None:
                raise _BadUsage(f"--{name} needs a value")
            value = following
        options[name] = value
    missing = [f"--{name}" for name in required if not options.get(name)]
    if missing:
        raise _BadUsage(f"daemon {command} needs {', '.join(missing)}")
    for name in ("frame", "frames"):
        if options.get(name) and not options[name].isdecimal():
            raise _BadUsage(f"--{name} is not a whole number: {options[name]}")
    return options
