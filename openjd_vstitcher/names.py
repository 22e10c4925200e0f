"""Rules for the names of files and buckets."""

from __future__ import annotations

import re
import unicodedata

BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
"""A valid bucket name of S3."""


def same_file_key(name: str) -> str:
    """A key that is equal for names which a case-folding, Unicode-normalising file system takes for one file."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
