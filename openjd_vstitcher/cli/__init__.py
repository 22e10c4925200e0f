"""`openjd-vs`. This module knows only the commands' names, so that `--help` imports none of them."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from .. import __version__, action_output
from ..errors import InvalidInput, OpenjdVsError
from ._service import COMMAND_LINE

ERROR = 1
BAD_INPUT = 2
FAILED = 3
CANCELED = 130

_COMMANDS = {
    "render": "Run a template or a preset on this machine.",
    "run-task": "Run one task of any kind on this machine.",
    "translate": "Write the OpenJD template of a preset.",
    "check": "Say what is wrong with templates and presets, and where.",
    "summary": "Show what a template would run.",
    "graph": "Draw the steps of a template as a Mermaid flowchart.",
    "diff": "Compare two templates by what they mean.",
    "explain": "Explain an export type or one of its fields.",
    "schema": "Print a JSON Schema, for editors.",
    "demo": "Run the sample presets on the sample garment.",
    "daemon": "Run jobs from the queue.",
    "serve": "Serve the HTTP API.",
    "keys": "Make and revoke keys of the HTTP API.",
    "submit": "Put a job into the queue.",
    "jobs": "List, show and steer the jobs of the queue.",
    "handlers": "List, write and try job handlers.",
    "presets": "List, show and store presets.",
    "outputs": "Show and finish the uploads of a job directory.",
    "garment": "Look into a .bw file.",
    "plugin": "Install the plugin into VStitcher.",
    "platform": "Prepare a database for the queue.",
    "config": "Write, show and check the configuration.",
    "service": "Run the daemon as a service of this system.",
    "doctor": "Check whether this machine can run jobs.",
    "completion": "Print the script that completes commands in a shell.",
    "man": "Print the manual page.",
    "stage": "Bring a session's inputs into its working directory.",
    "pack": "Pack the frames of a turntable.",
    "teardown": "Remove what a session staged.",
    "run-handler": "Execute a job handler.",
    "run-script": "Run a script.",
    "run-job": "Run the attempt of a directory (the daemon calls this).",
    "finish-job": "Deliver what a killed attempt left (the daemon calls this).",
}
_LIBRARIES = ("openjd-model", "openjd-sessions", "boto3", "gql", "psycopg", "mitsuba", "trimesh", "ezdxf", "rich")
_ACTIONS = ("stage", "pack", "teardown", "run-handler", "run-script")
"""The commands whose output OpenJD reads as a protocol."""
_INTERNAL = (*_ACTIONS, "run-job", "finish-job")
COMPLETION_VARIABLE = "_OPENJD_VS_COMPLETE"
"""Set by a shell that asks for completions."""


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        module = importlib.import_module(f".{name.replace('-', '_')}", __name__)
        command: click.Command = module.command
        from ._examples import add_examples

        add_examples(name, command)
        return command

    def main(self, args: Sequence[str] | None = None, *more: Any, **options: Any) -> Any:
        given = sys.argv[1:] if args is None else list(args)
        if given[:1] and given[0] in _ACTIONS and given[1:] not in (["--help"], ["-h"]):
            with action_output.guarded(f"{given[0]} failed", until_exit=args is None):
                return super().main(given, *more, **options)
        if args is None:
            options.setdefault("obj", COMMAND_LINE)
        if os.environ.get(COMPLETION_VARIABLE, "").startswith("powershell"):
            importlib.import_module(f"{__name__}.completion")
        return super().main(args, *more, **options)

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except InvalidInput as error:
            from ..documents import with_places

            click.echo(with_places(error), err=True)
            ctx.exit(BAD_INPUT)
        except OpenjdVsError as error:
            click.echo(f"error: {error}", err=True)
            ctx.exit(ERROR)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        shown = [(name, text) for name, text in _COMMANDS.items() if name not in _INTERNAL]
        called = [(name, _COMMANDS[name]) for name in _INTERNAL]
        with formatter.section("Commands"):
            formatter.write_dl(shown)
        with formatter.section("Called by templates and by the daemon"):
            formatter.write_dl(called)


def _print_version(ctx: click.Context, option: click.Parameter, asked: bool) -> None:
    if not asked or ctx.resilient_parsing:
        return
    import platform
    from importlib.metadata import PackageNotFoundError, version

    click.echo(f"openjd-vs {__version__}\nPython {platform.python_version()} on {platform.platform()}")
    for library in _LIBRARIES:
        try:
            click.echo(f"{library} {version(library)}")
        except PackageNotFoundError:
            click.echo(f"{library} is not installed")
    ctx.exit()


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version, and those of the libraries that do the work.",
)
def main() -> None:
    """Run VStitcher jobs as Open Job Description templates.

    Exit codes: 0 all is well, 1 an error, 2 bad input (nothing was started), 3 a job or an export failed, 130 canceled.
    """
