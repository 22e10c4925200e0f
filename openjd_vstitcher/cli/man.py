"""`openjd-vs man`: the manual page of all commands."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

from .. import __version__
from . import main
from ._examples import EXAMPLES


@click.command()
def command() -> None:
    """Print the manual page, for `man`.

    \b
    openjd-vs man > ~/.local/share/man/man1/openjd-vs.1
    """
    click.echo("\n".join(manual()))


def manual() -> Iterator[str]:
    """The lines of the page, in the macros of man(7)."""
    root = click.Context(main, info_name="openjd-vs", show_default=True)
    yield f'.TH OPENJD-VS 1 "" "openjd-vstitcher {__version__}" "User Commands"'
    yield from (".SH NAME", "openjd\\-vs \\- run VStitcher jobs as Open Job Description templates")
    yield from (".SH SYNOPSIS", ".B openjd\\-vs", ".I COMMAND", "[OPTIONS] [ARGUMENTS]")
    yield from (".SH DESCRIPTION", *_text(main.help or ""))
    yield ".SH COMMANDS"
    for name in main.list_commands(root):
        found = main.get_command(root, name)
        if found is not None:
            yield from _command(found, root, name)


def _command(command: click.Command, parent: click.Context, name: str) -> Iterator[str]:
    context = click.Context(command, parent=parent, info_name=name)
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            if found is not None:
                yield from _command(found, context, below)
        return
    path = context.command_path
    yield f".SS {_escaped(path)} {_escaped(' '.join(command.collect_usage_pieces(context)))}"
    yield from _text(command.help or "")
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record and record[1]:
            yield from (".TP", f".B {_escaped(record[0])}", _escaped(record[1]))
    for example in EXAMPLES.get(path.removeprefix("openjd-vs "), ()):
        yield from (".IP", _escaped(f"openjd-vs {example}"))


def _text(text: str) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n", text.strip().replace("\b\n", "\b")):
        whole = paragraph.startswith("\b")
        lines = paragraph.lstrip("\b").splitlines()
        yield ".PP"
        if whole:
            yield from (".nf", *(_escaped(line) for line in lines), ".fi")
        else:
            yield from (_escaped(line.strip()) for line in lines)


def _escaped(text: str) -> str:
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{text}" if text.startswith((".", "'")) else text
