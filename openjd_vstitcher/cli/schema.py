"""`openjd-vs schema`: JSON Schemas of what people write."""

from __future__ import annotations

import json

import click

_SHIPPED = {"preset": "job_preset", "job": "job_details", "event": "event"}


@click.command()
@click.argument("kind", type=click.Choice(["template", "environment", *_SHIPPED]), default="template")
def command(kind: str) -> None:
    """Print the JSON Schema of a job template, an environment template, a preset, job details or an event.

    Editors complete and check YAML and JSON files with it.
    """
    from ..translation.check import model_schema
    from ..validation import shipped_schema

    schema = shipped_schema(_SHIPPED[kind]) if kind in _SHIPPED else model_schema(kind)
    click.echo(json.dumps(schema, indent=2, ensure_ascii=False))
