"""`openjd-vs serve`: the HTTP API."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import click

from . import ERROR
from ._console import config_option
from ._service import begin


@click.command()
@click.option("--host", help="Address to listen on. Default: server.host.")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port; 0 for any free one. Default: server.port.")
@config_option
def command(host: str | None, port: int | None, config_path: Path | None) -> None:
    """Serve the HTTP API until told to stop.

    It prints its URL when it listens. Needs the extra openjd-vstitcher[server].
    """
    config = begin(config_path)
    server = config.server
    server = dataclasses.replace(
        server, host=server.host if host is None else host, port=server.port if port is None else port
    )
    config = dataclasses.replace(config, server=server)
    try:
        from ..api.server import serve
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{error.name} is missing: pip install 'openjd-vstitcher[server]'") from error
    if not serve(config, on_ready=lambda url: click.echo(f"serving on {url}")):
        sys.exit(ERROR)
