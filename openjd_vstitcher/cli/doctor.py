"""`openjd-vs doctor`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from . import ERROR
from ._console import config_option, json_option, print_json

_MARKS = {
    "ok": ("ok", "green"),
    "note": ("note", "cyan"),
    "warning": ("warning", "yellow"),
    "failed": ("FAILED", "red"),
}


@click.command()
@click.argument("checks", nargs=-1)
@click.option("--garment", type=click.Path(path_type=Path), help="The .bw file for the export that is tried.")
@click.option("--fix", is_flag=True, help="Mend what can be mended without a decision.")
@json_option
@config_option
def command(checks: tuple[str, ...], garment: Path | None, fix: bool, as_json: bool, config_path: Path | None) -> None:
    """Check whether this machine can run jobs, and say how to mend what keeps it from it.

    CHECKS are the checks to make, such as `platform outputs`; all of them if none is named.

    It reads the configuration, reaches the platform and the storage (where it writes one small object), starts the
    engine and makes one export. It claims no job. Run it as the user that runs the daemon. Exit code 1 if a check
    failed.
    """
    from ..doctor import examine

    found = []
    for finding in examine(config_path, only=checks, garment=garment, fix=fix):
        found.append(finding)
        if not as_json:
            mark, colour = _MARKS[finding.state]
            click.echo(f"{click.style(f'{mark:>7}', fg=colour)}  {finding.check}: {finding.what}")
            if finding.mend:
                click.echo(f"{'':>9}-> {finding.mend}" + (" (--fix does it)" if finding.fix else ""))
    failed = sum(finding.state == "failed" for finding in found)
    if as_json:
        print_json([{name: value for name, value in vars(f).items() if name != "fix"} for f in found])
    elif failed:
        click.echo(f"{failed} {'check' if failed == 1 else 'checks'} failed")
    else:
        click.echo("this machine can run jobs")
    sys.exit(ERROR if failed else 0)
