"""API keys in a file that holds only their hashes. It is read again when it has changed.

The keys are in a file of the server, not on the platform: whoever may write the platform's tables, such as every
worker, must not be able to make a key. Several servers share the keys by sharing the file's directory.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

from ..errors import InvalidInput, NotFound, Problem
from ..files import make_directory_for_owner, write_json

SCOPES = ("read", "submit", "steer", "presets", "runner")
"""What a key may allow: to read; to submit jobs; to cancel, retry, hold, release, reprioritise and delete jobs; to
write presets; to claim and run jobs."""

KEYS_FILE = "keys.json"
"""The name of the file in the server's directory."""

_PREFIX = "ovs"


@dataclass(frozen=True)
class ApiKey:
    """A key without its secret.

    Parameters
    ----------
    id: its public part.
    expires_at: None if it never expires.
    sha256: the hash of its secret. The secret has 256 random bits, so a fast hash cannot be reversed.
    """

    id: str
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    sha256: str

    def has_expired(self, now: datetime) -> bool:
        """Whether it is too late to use it."""
        return self.expires_at is not None and now >= self.expires_at


class KeyFile:
    """The keys of a server.

    Parameters
    ----------
    path: the file; it need not exist. Only its owner can read it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_as: tuple[int, int, int] | None = None
        self._keys: Mapping[str, ApiKey] = {}

    def create(self, name: str, scopes: Collection[str], expires_at: datetime | None) -> tuple[ApiKey, str]:
        """Make a key. Returns it with its text, which is stored nowhere.

        Raises
        ------
        InvalidInput: a scope is unknown, or there is none.
        OSError: the file cannot be written.
        """
        unknown = [scope for scope in scopes if scope not in SCOPES]
        if unknown or not scopes:
            found = f"found {', '.join(unknown)}" if unknown else "found none"
            raise InvalidInput("API key", [Problem("/scopes", f"{found}; expected some of {', '.join(SCOPES)}")])
        secret = secrets.token_urlsafe(32)
        ordered = tuple(scope for scope in SCOPES if scope in scopes)
        key = ApiKey(secrets.token_hex(6), name, ordered, _now(), expires_at, _hash(secret))
        with self._changing() as keys:
            keys[key.id] = key
        return key, f"{_PREFIX}_{key.id}_{secret}"

    def revoke(self, key_id: str) -> ApiKey:
        """Remove a key: requests with it are refused from now on.

        Raises
        ------
        NotFound: there is no such key.
        OSError: the file cannot be written.
        """
        with self._changing() as keys:
            if key_id not in keys:
                raise NotFound(f"there is no key {key_id}")
            return keys.pop(key_id)

    def all(self) -> Sequence[ApiKey]:
        """All keys, the oldest first; expired ones too.

        Raises
        ------
        InvalidInput: the file is not a file of keys.
        OSError: it cannot be read.
        """
        self._read()
        return sorted(self._keys.values(), key=lambda key: key.created_at)

    def key_of(self, text: str) -> ApiKey | None:
        """The key with this text; None if there is none, or if it has expired."""
        prefix, _, rest = text.partition("_")
        key_id, _, secret = rest.partition("_")
        self._read()
        key = self._keys.get(key_id)
        right = hmac.compare_digest(_hash(secret), key.sha256 if key else "")
        return key if key and right and prefix == _PREFIX and not key.has_expired(_now()) else None

    @contextmanager
    def _changing(self) -> Iterator[dict[str, ApiKey]]:
        """The keys, to change; they are written if the block ends without an error. Other processes wait."""
        make_directory_for_owner(self._path.parent, exist_ok=True)
        with FileLock(self._path.with_name(f"{self._path.name}.lock")):
            self._read()
            keys = dict(self._keys)
            yield keys
            write_json(self._path, {"keys": [_as_json(key) for key in keys.values()]})

    def _read(self) -> None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self._keys, self._read_as = {}, None
            return
        seen = (found.st_mtime_ns, found.st_size, found.st_ino)
        if seen != self._read_as:
            self._keys, self._read_as = _parsed(self._path), seen


def _as_json(key: ApiKey) -> dict[str, Any]:
    expires_at = key.expires_at and key.expires_at.isoformat()
    return {**vars(key), "created_at": key.created_at.isoformat(), "expires_at": expires_at}


def _parsed(path: Path) -> dict[str, ApiKey]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["keys"]
        return {row["id"]: _key(row) for row in rows}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(str(path), [Problem("", f"is not a file of API keys: {error}")]) from error


def _key(row: Mapping[str, Any]) -> ApiKey:
    expires_at = row["expires_at"] and datetime.fromisoformat(row["expires_at"])
    created_at = datetime.fromisoformat(row["created_at"])
    return ApiKey(row["id"], row["name"], tuple(row["scopes"]), created_at, expires_at, row["sha256"])


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _now() -> datetime:
    return datetime.now(UTC)
