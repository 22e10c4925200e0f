"""Reads the Hasura adapter's credential, and again when it expires or is refused. It is never logged."""

from __future__ import annotations

import base64
import binascii
import json
import os
import subprocess
import threading
import time
from collections.abc import Mapping

from ...config import PlatformConfig
from ...errors import ConfigError, PlatformError
from ...redaction import remember

_COMMAND_LIMIT_S = 30.0
_RENEW_BEFORE_S = 30.0


class Credential:
    """The headers that authenticate a request. Safe to use from several threads.

    Parameters
    ----------
    config: names the kind of credential, where it comes from, and the role.

    Raises
    ------
    ConfigError: no source is named.
    """

    def __init__(self, config: PlatformConfig) -> None:
        if not (config.credential_file or config.credential_variable or config.credential_command):
            raise ConfigError(
                "platform: expected credential_file, credential_variable or credential_command, found none of them"
            )
        self._config = config
        self._lock = threading.Lock()
        self._value = ""
        self._expires_at = 0.0

    def headers(self, *, worker: str | None = None) -> Mapping[str, str]:
        """The headers of one request.

        Parameters
        ----------
        worker: the worker that the request acts for; a JWT names it itself.

        Raises
        ------
        PlatformError: the credential cannot be read.
        """
        role = {"X-Hasura-Role": self._config.role} if self._config.role else {}
        value = self._current()
        if self._config.auth == "jwt":
            return {"Authorization": f"Bearer {value}", **role}
        named = {"X-Hasura-Worker-Id": worker} if worker else {}
        return {"X-Hasura-Admin-Secret": value, **role, **named}

    def forget(self) -> None:
        """Read the credential again before the next request: the last one was refused."""
        with self._lock:
            self._value = ""

    def _current(self) -> str:
        with self._lock:
            if not self._value or time.time() > self._expires_at - _RENEW_BEFORE_S:
                self._value = self._fetch()
                remember(self._value)
                self._expires_at = _expiry(self._value) if self._config.auth == "jwt" else float("inf")
            return self._value

    def _fetch(self) -> str:
        config = self._config
        if config.credential_file:
            return _from_file(config)
        if config.credential_variable:
            value = os.environ.get(config.credential_variable, "").strip()
            missing = f"the environment variable {config.credential_variable} is not set"
        else:
            value, missing = _from_command(config), f"the command {config.credential_command[0]} printed nothing"
        if not value:
            raise PlatformError(f"no credential for the platform: {missing}")
        return value


def _from_file(config: PlatformConfig) -> str:
    file = config.credential_file
    assert file is not None
    try:
        value = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise PlatformError(f"no credential for the platform: cannot read {file}: {error}") from error
    if not value:
        raise PlatformError(f"no credential for the platform: {file} is empty")
    return value


def _from_command(config: PlatformConfig) -> str:
    try:
        done = subprocess.run(
            config.credential_command, capture_output=True, text=True, timeout=_COMMAND_LIMIT_S, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        name = config.credential_command[0]
        reason = f"exit code {error.returncode}" if isinstance(error, subprocess.CalledProcessError) else str(error)
        raise PlatformError(f"no credential for the platform: {name} failed: {reason}", transient=True) from error
    return done.stdout.strip()


def _expiry(jwt: str) -> float:
    """When a JWT expires, in seconds since the epoch; infinity if it does not say."""
    try:
        part = jwt.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        return float(claims["exp"])
    except (IndexError, KeyError, TypeError, ValueError, binascii.Error):
        return float("inf")
