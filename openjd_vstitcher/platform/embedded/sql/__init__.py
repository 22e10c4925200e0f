"""Named SQL statements of the embedded platform, read from the files beside this module."""

from __future__ import annotations

import re
from importlib import resources

_NAME = re.compile(r"^-- (\w+) --$", re.MULTILINE)


def statements(file: str) -> dict[str, str]:
    """The statements of a file, each under the name in the line `-- name --` above it."""
    parts = _NAME.split(script(file))
    return dict(zip(parts[1::2], (part.strip() for part in parts[2::2]), strict=True))


def script(file: str) -> str:
    """The text of a file."""
    return resources.files(__name__).joinpath(file).read_text(encoding="utf-8")
