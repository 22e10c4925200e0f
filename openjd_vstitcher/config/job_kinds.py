"""The table `[jobs]`: where handlers and scripts come from, and where their files go."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .keys import ADDRESS, PLAIN, URL, key, matching

_ASSET_TYPE = matching(r"[A-Z][A-Z0-9_]*", "an asset type such as DATA")


@dataclass(frozen=True)
class JobsConfig:
    """`[jobs]`."""

    handlers: tuple[Path, ...] = key(
        (),
        "Directories of job handlers, besides those of installed packages. See docs/handlers.md.",
        example='["handlers"]',
    )
    scripts: tuple[Path, ...] = key(
        (), "The only directories that jobs may run scripts from. See docs/handlers.md.", example='["scripts"]'
    )
    destination: str = key(
        "",
        "Where the files of a handler or script are stored, under the job's id, if the job's definition has no "
        "remote_destination.",
        ADDRESS,
        example='"s3://style-assets/jobs/"',
    )
    figure_server: str = key(
        "",
        "The figpack server that nwb_raster_plot uploads its page to; empty: nowhere.",
        URL,
        example='"https://figpack-api.figpack.org"',
    )
    figure_server_key_file: Path | None = key(
        None,
        "The file that holds the API key of the figure server. The user that runs the jobs must be able to read it.",
        example='"/etc/openjd-vs/figpack-key"',
    )
    asset_types: dict[str, str] = key(
        {},
        "Asset types of the files of handlers and scripts, by patterns of their names. The first match counts, before "
        "the built-in ones. A file whose type the platform does not have is stored without an asset.",
        each=_ASSET_TYPE,
        names=PLAIN,
        example='"*.csv" = "DOCUMENT"',
    )
