"""`python -m openjd_vstitcher.standin SCRIPT` runs a script like VS-CLI; `--gui` runs plugins like VStitcher."""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

from .bwapi import install
from .host import PLUGINS_VARIABLE, Host

_USAGE = "usage: python -m openjd_vstitcher.standin SCRIPT [ARGS…]\n       python -m openjd_vstitcher.standin --gui\n"


def main(arguments: Sequence[str]) -> int:
    """Run a script or the main loop, and return the exit code."""
    if not arguments or arguments[0] in ("-h", "--help"):
        sys.stderr.write(_USAGE)
        return 0 if arguments else 2
    gui = arguments[0] == "--gui"
    host = Host(gui)
    install(host)
    host.misbehaviour.at_start()
    if gui:
        host.load_plugins(Path(os.environ.get(PLUGINS_VARIABLE, "plugins")))
        host.main_loop()
        return 0
    script = Path(arguments[0])
    if not script.is_file():
        host.log(f"{script}: no such script")
        return 2
    sys.argv = [str(script), *arguments[1:]]
    sys.path.insert(0, str(script.resolve().parent))
    runpy.run_path(str(script), run_name="__main__")
    host.run_pending()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
