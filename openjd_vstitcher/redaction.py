"""Finds credentials in environment variables and in text, and takes them out."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

_SECRET_NAME = re.compile(
    r"^AWS_(?!DEFAULT_REGION$|REGION$)|SECRET|TOKEN|PASSW|PASSPHRASE|CREDENTIAL|PRIVATE|API_?KEY|ACCESS_?KEY"
    r"|AUTH|COOKIE|SIGNATURE|^PG|DATABASE_URL|_DSN$|_KEY$|^HASURA_|JWT|BEARER",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(
    r"://[^/\s:@]*:[^/\s@]+@|-----BEGIN [A-Z ]*PRIVATE KEY|^Bearer |^eyJ[\w-]+\.[\w-]+\.", re.IGNORECASE
)
_SIGNED_QUERY = re.compile(r"((?:X-Amz-(?:Signature|Credential|Security-Token)|Signature|sig|token)=)[^&\s\"']+", re.I)

_USER_INFORMATION = re.compile(r"(://)[^/\s@]+@")


def is_secret(name: str, value: str) -> bool:
    """Whether an environment variable may hold a credential, going by its name and its value."""
    return bool(_SECRET_NAME.search(name) or _SECRET_VALUE.search(value))


def masked(value: str) -> str:
    """A value of the configuration without credentials: user and password of URLs, signatures, keys and tokens."""
    plain = _SIGNED_QUERY.sub(r"\1[redacted]", _USER_INFORMATION.sub(r"\1[redacted]@", value))
    return "[redacted]" if is_secret("", plain) else plain


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
