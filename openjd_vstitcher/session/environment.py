"""What the actions of a session inherit: no secret, our commands on the path, and the lifeline."""

from __future__ import annotations

import logging
import os
import re
import socket
import sysconfig
import threading
from collections.abc import Collection, Mapping
from pathlib import Path

from ..config import CONFIG_VARIABLE

LIFELINE_VARIABLE = "OPENJD_VS_LIFELINE"
ENGINE_LOG_VARIABLE = "OPENJD_VS_ENGINE_LOG"

_SECRET_NAME = re.compile(
    r"^AWS_(?!DEFAULT_REGION$|REGION$)|SECRET|TOKEN|PASSW|PASSPHRASE|CREDENTIAL|PRIVATE|API_?KEY|ACCESS_?KEY"
    r"|AUTH|COOKIE|SIGNATURE|^PG|DATABASE_URL|_DSN$|_KEY$|^HASURA_|JWT|BEARER",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(
    r"://[^/\s:@]*:[^/\s@]+@|-----BEGIN [A-Z ]*PRIVATE KEY|^Bearer |^eyJ[\w-]+\.[\w-]+\.", re.IGNORECASE
)
_SIGNED_QUERY = re.compile(r"((?:X-Amz-(?:Signature|Credential|Security-Token)|Signature|sig|token)=)[^&\s\"']+", re.I)


def is_secret(name: str, value: str) -> bool:
    """Whether an environment variable may hold a credential, going by its name and its value."""
    return bool(_SECRET_NAME.search(name) or _SECRET_VALUE.search(value))


def session_environment(
    inherited: Mapping[str, str],
    *,
    lifeline: str,
    engine_log: Path,
    config: Path | None,
    secrets: Collection[str] = (),
) -> dict[str, str | None]:
    """The changes to the inherited environment with which actions run; None takes a variable out.

    Parameters
    ----------
    inherited: the environment of this process.
    lifeline: the address (`host:port`) of this process's `Lifeline`.
    engine_log: where the engine's output goes.
    config: the configuration file that the engine bridge shall read.
    secrets: further variables that hold credentials, whatever they are named.
    """
    changes: dict[str, str | None] = {
        name: None for name, value in inherited.items() if name in secrets or is_secret(name, value)
    }
    changes["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), inherited.get("PATH", os.defpath)])
    changes[LIFELINE_VARIABLE] = lifeline
    changes[ENGINE_LOG_VARIABLE] = str(engine_log)
    if config is not None:
        changes[CONFIG_VARIABLE] = str(config)
    return changes


class Redaction:
    """Takes the values of secret environment variables, and signatures in URLs, out of text.

    Parameters
    ----------
    environment: where the secrets stand; values of under 6 characters are too common to search for.
    also: further variables that hold credentials, whatever they are named.
    """

    def __init__(self, environment: Mapping[str, str], also: Collection[str] = ()) -> None:
        values = {v for name, v in environment.items() if (name in also or is_secret(name, v)) and len(v) >= 6}
        ordered = sorted(values, key=len, reverse=True)
        self._secrets = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def __call__(self, text: str) -> str:
        if self._secrets is not None:
            text = self._secrets.sub("[redacted]", text)
        return _SIGNED_QUERY.sub(r"\1[redacted]", text)


class Lifeline:
    """Connections that this process holds open; who is at the other end learns of its end, however it comes.

    The engine's supervisor connects to `address` and stops the engine when the connection closes.
    """

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._held: list[socket.socket] = []
        host, port = self._listener.getsockname()
        self.address = f"{host}:{port}"
        threading.Thread(target=self._accept, name="lifeline", daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._held.append(connection)

    def close(self) -> None:
        """Let go of every connection."""
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            logging.getLogger(__name__).debug("the lifeline was not connected")
        self._listener.close()
        for connection in self._held:
            connection.close()
