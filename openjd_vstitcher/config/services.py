"""The tables of the programs that run for long: the log of the daemon, and the HTTP API."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .keys import HOST, at_least, between, key, one_of

_DAY_S = 86_400


@dataclass(frozen=True)
class LogConfig:
    """`[log]`."""

    file: Path | None = key(
        None,
        "A file for the daemon's log, beside standard error; a new one begins at max_bytes.",
        example='"/var/log/openjd-vs/daemon.log"',
    )
    format: str = key(
        "text",
        "Lines for people, or one JSON object a line with time, level, message, job and attempt.",
        one_of("text", "json"),
    )
    max_bytes: int = key(10 << 20, "The size at which the file becomes FILE.1 and a new one begins.", at_least(1 << 16))
    keep_files: int = key(5, "How many of those earlier files are kept.", between(1, 1000))


@dataclass(frozen=True)
class ServerConfig:
    """`[server]`."""

    host: str = key("127.0.0.1", "The address that `openjd-vs serve` listens on.", HOST)
    port: int = key(8642, "The port; 0: any free one.", between(0, 65_535))
    auth: str = key(
        "auto",
        "Whether requests need an API key. auto: they do, except requests from this machine to a loopback host.",
        one_of("auto", "keys", "none"),
    )
    state_dir: Path = key(
        Path("~/.local/share/openjd-vstitcher/server"),
        "Where the hashes of API keys and the key that signs links are kept. Several servers may share it.",
    )
    max_body_bytes: int = key(4 << 20, "The largest body that a request may have.", between(1024, 1 << 30))
    max_page: int = key(500, "The most entries of a page.", between(1, 10_000))
    requests_per_second: float = key(
        50.0,
        "How many requests per second one caller may make over ten seconds; 0: no limit. Callers are told apart by "
        "their key, or by their address.",
        between(0, 1_000_000),
    )
    max_streams: int = key(1000, "How many event streams and followed logs may be open.", between(1, 100_000))
    link_s: int = key(300, "How long the link to an asset is valid.", between(1, _DAY_S))
