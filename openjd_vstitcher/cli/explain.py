"""`openjd-vs explain`: what a field of an export or a mutation means."""

from __future__ import annotations

import click


@click.command()
@click.argument("name")
def command(name: str) -> None:
    """Explain NAME: an export or mutation type, or a field of one, such as MEDIA_RENDER.dpi."""
    from ..translation.explain import explain

    click.echo(explain(name))
