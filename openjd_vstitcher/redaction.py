"""Finds credentials in environment variables and in text, and takes them out."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

_HIDDEN = "[redacted]"
_LEAST_CHARACTERS = 6
"""Shorter values are too common to search for."""

_SECRET_NAME = re.compile(
    r"^AWS_(?!DEFAULT_REGION$|REGION$)|SECRET|TOKEN|PASSW|PASSPHRASE|CREDENTIAL|PRIVATE|API_?KEY|ACCESS_?KEY"
    r"|AUTH|COOKIE|SIGNATURE|^PG|DATABASE_URL|_DSN$|_KEY$|^HASURA_|JWT|BEARER"
    r"|(?:^|_)(?:PASS|PWD|PAT|WEBHOOK(?:_URL)?|CONNECTION_?STRING|CONN_?STR)$",
    re.IGNORECASE,
)
_HARMLESS_NAMES = ("PWD", "OLDPWD", "XAUTHORITY")
_SECRET_VALUE = re.compile(
    r"://[^/\s:@]*:[^/\s@]+@|-----BEGIN [A-Z ]*PRIVATE KEY|^Bearer |^eyJ[\w-]+\.[\w-]+\.", re.IGNORECASE
)
_USER_INFORMATION = re.compile(r"(://)[^/\s@\"']+@")
_NAME = (
    "(?:pass(?:word|wd|phrase)?|pwd|secret|token|credential|signature|api[_-]?key|access[_-]?key(?:[_-]?id)?"
    "|account[_-]?key|authorization)"
)
_QUOTE = r"\\*[\"']"
"""A quotation mark; inside JSON it comes with a backslash."""
_VALUE = rf"(?!{re.escape(_HIDDEN)}|Bearer\b|Basic\b)[^\s&\"',;\\]+"
_PATTERNS = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S), _HIDDEN),
    (re.compile(r"(://)[^/\s@:\"']{0,128}:[^\s@\"']{1,256}@"), rf"\1{_HIDDEN}@"),
    (re.compile(r"(?<![\w/.+-])[\w.+-]{1,128}:[^\s/@:\"']{1,256}@(?=\w)"), f"{_HIDDEN}@"),
    (re.compile(r"\b(Bearer\s+|Authorization[\"']?:\s*[\"']?Basic\s+)[\w.~+/=-]{6,}", re.I), rf"\1{_HIDDEN}"),
    (re.compile(r"\beyJ[\w-]{5,}\.[\w-]+\.[\w-]*"), _HIDDEN),
    (re.compile(r"\b(?:(?:AKIA|ASIA)[A-Z0-9]{16}|gh[pousr]_\w{20,}|xox[abprs]-[\w-]{10,})\b"), _HIDDEN),
    (re.compile(r"(hooks\.slack\.com/services/)[\w/]+", re.I), rf"\1{_HIDDEN}"),
    (re.compile(rf"({_NAME}(?:(?:{_QUOTE})?\s*=|{_QUOTE}\s*:)\s*(?:{_QUOTE})?){_VALUE}", re.I), rf"\1{_HIDDEN}"),
    (re.compile(rf"((?:password|passwd|api[_-]?key|admin-secret|authorization):\s*){_VALUE}", re.I), rf"\1{_HIDDEN}"),
    (re.compile(rf"((?<!\w)(?:key|sig)=){_VALUE}", re.I), rf"\1{_HIDDEN}"),
)


def is_secret(name: str, value: str) -> bool:
    """Whether an environment variable may hold a credential, going by its name and its value."""
    named = name not in _HARMLESS_NAMES and _SECRET_NAME.search(name)
    return bool(named or _SECRET_VALUE.search(value))


def secrets_in(environment: Mapping[str, str], also: Collection[str] = ()) -> dict[str, str]:
    """The variables of an environment that may hold a credential.

    Parameters
    ----------
    also: the names of further ones that do, whatever they are named.
    """
    return {name: value for name, value in environment.items() if name in also or is_secret(name, value)}


def masked(value: str) -> str:
    """A value of the configuration without credentials: user and password of URLs, signatures, keys and tokens."""
    plain = without_credentials(_USER_INFORMATION.sub(rf"\1{_HIDDEN}@", value))
    return _HIDDEN if is_secret("", plain) else plain


def without_credentials(text: str) -> str:
    """The text without what looks like a credential by its form or by the name in front of it."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


_MOST_REMEMBERED = 16
_remembered: tuple[str, ...] = ()


def remember(secret: str) -> None:
    """Have every `Redaction` of this process hide a credential that was read from a file or a command.

    Only the last 16 are kept: a process that runs for weeks reads many that have expired.
    """
    global _remembered
    if len(secret) >= _LEAST_CHARACTERS and secret not in _remembered:
        _remembered = (*_remembered, secret)[-_MOST_REMEMBERED:]


class Redaction:
    """Takes credentials out of text: those of this process, and what looks like one.

    Parameters
    ----------
    environment: where the secrets stand; values of under 6 characters are too common to search for.
    also: further variables that hold credentials, whatever they are named.
    """

    def __init__(self, environment: Mapping[str, str], also: Collection[str] = ()) -> None:
        self._values = {v for v in secrets_in(environment, also).values() if len(v) >= _LEAST_CHARACTERS}
        self._known: tuple[str, ...] | None = None
        self._secrets: re.Pattern[str] | None = None

    def __call__(self, text: str) -> str:
        if self._known is not _remembered:
            self._known = _remembered
            ordered = sorted({*self._values, *self._known}, key=len, reverse=True)
            self._secrets = re.compile("|".join(map(re.escape, ordered))) if ordered else None
        if self._secrets is not None:
            text = self._secrets.sub(_HIDDEN, text)
        return without_credentials(text)

    def json(self, value: Any) -> Any:
        """JSON data with every string without credentials."""
        if isinstance(value, str):
            return self(value)
        if isinstance(value, Mapping):
            return {key: self.json(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.json(item) for item in value]
        return value
