"""`--help` of a command with a template: also shows the template's own parameters."""

from __future__ import annotations

from pathlib import Path

import click

_FILE = "openjd_vstitcher.template"


class TemplateCommand(click.Command):
    """A command whose help has a section about the template that is named beside `--help`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if {"-h", "--help"} & set(args):
            ctx.meta[_FILE] = next((word for word in args if not word.startswith("-") and Path(word).exists()), None)
        return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if file := ctx.meta.get(_FILE):
            rows = _parameters(Path(file))
            with formatter.section(f"Parameters of {file}"):
                formatter.write_dl(rows or [("none", "")])
        super().format_options(ctx, formatter)


def _parameters(file: Path) -> list[tuple[str, str]]:
    from ..config import load_config
    from ..translation.check import decode
    from ..translation.describe import parameter_help
    from ..translation.extensions import EXTENSIONS
    from ..translation.source import read_source

    source = read_source(file, load_config(None))
    return parameter_help(decode(source.template, source.name, EXTENSIONS).parameterDefinitions or [])
