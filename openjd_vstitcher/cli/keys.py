"""`openjd-vs keys`: API keys of the HTTP API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ._console import config_option, json_option, print_json, print_table

if TYPE_CHECKING:
    from ..api.key_file import ApiKey, KeyFile

_DEFAULT_DAYS = 90


@click.group()
def command() -> None:
    """Make, list and revoke API keys."""


@command.command("create")
@click.argument("name")
@click.option(
    "--scope", "scopes", multiple=True, metavar="SCOPE", help="What it may do; may be repeated. Default: read."
)
@click.option("--days", type=click.FloatRange(0, min_open=True), default=_DEFAULT_DAYS, show_default=True)
@click.option("--no-expiry", is_flag=True, help="Let it be valid until it is revoked.")
@config_option
@json_option
def create(
    name: str, scopes: tuple[str, ...], days: float, no_expiry: bool, config_path: Path | None, as_json: bool
) -> None:
    """Make a key and print it. It is shown this once: only its hash is kept.

    Scopes: read, submit, steer (cancel, retry, hold, release, priority, delete), presets, runner.
    """
    expires_at = None if no_expiry else datetime.now(UTC) + timedelta(days=days)
    key, text = _file(config_path).create(name, scopes or ("read",), expires_at)
    if as_json:
        print_json({**_shown(key), "key": text})
    else:
        click.echo(text)


@command.command("list")
@config_option
@json_option
def list_keys(config_path: Path | None, as_json: bool) -> None:
    """List the keys, without their secrets."""
    keys = [_shown(key) for key in _file(config_path).all()]
    if as_json:
        print_json(keys)
    else:
        print_table(("key", "name", "scopes", "created", "expires"), [list(key.values()) for key in keys])


@command.command("revoke")
@click.argument("key_id")
@config_option
def revoke(key_id: str, config_path: Path | None) -> None:
    """Revoke the key with this id. Servers refuse it from now on."""
    key = _file(config_path).revoke(key_id)
    click.echo(f"revoked {key.id} ({key.name})")


def _file(config_path: Path | None) -> KeyFile:
    from ..api.key_file import KEYS_FILE, KeyFile
    from ..config import load_config

    return KeyFile(load_config(config_path).server.state_dir / KEYS_FILE)


def _shown(key: ApiKey) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": ", ".join(key.scopes),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
    }
