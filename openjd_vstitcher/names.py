"""How file systems compare file names."""

from __future__ import annotations

import unicodedata


def same_file_key(name: str) -> str:
    """A key that is equal for names which a case-folding, Unicode-normalising file system takes for one file."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
