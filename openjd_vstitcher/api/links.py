"""Short-lived links to assets, signed by the server, so that a browser can show an asset without an API key."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import time
from pathlib import Path
from urllib.parse import quote, urlencode

from ..files import make_directory_for_owner, write_whole

_KEY_BYTES = 32


class Links:
    """Signs and checks links. Servers that share the key's file accept one another's links.

    Parameters
    ----------
    key_file: holds the key; made if it is missing. Only its owner can read it.
    lifetime_s: how long a link is valid.
    """

    def __init__(self, key_file: Path, lifetime_s: int) -> None:
        self._key = _key(key_file)
        self._lifetime_s = lifetime_s

    def sign(self, job_id: str, name: str) -> str:
        """The path and query of a link to a job's asset."""
        expires = int(time.time()) + self._lifetime_s
        query = urlencode({"expires": expires, "signature": self._signature(job_id, name, expires)})
        return f"{asset_path(job_id, name)}?{query}"

    def is_valid(self, job_id: str, name: str, expires: int, signature: str) -> bool:
        """Whether a link was signed by this server and has not expired."""
        right = hmac.compare_digest(self._signature(job_id, name, expires).encode(), signature.encode())
        return right and time.time() < expires

    def _signature(self, job_id: str, name: str, expires: int) -> str:
        text = "\n".join([quote(job_id, safe=""), quote(name, safe=""), str(expires)])
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()


def asset_path(job_id: str, name: str) -> str:
    """The path of a job's asset in the API."""
    return f"/v1/tasks/{quote(job_id, safe='')}/assets/{quote(name, safe='')}"


def _key(file: Path) -> bytes:
    try:
        return bytes.fromhex(file.read_text(encoding="ascii"))
    except FileNotFoundError:
        make_directory_for_owner(file.parent, exist_ok=True)
    made = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    write_whole(made, secrets.token_hex(_KEY_BYTES))
    try:
        os.link(made, file)
    except OSError:
        if not file.exists():
            write_whole(file, made.read_text(encoding="ascii"))
    finally:
        made.unlink()
    return bytes.fromhex(file.read_text(encoding="ascii"))
