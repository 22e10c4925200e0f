"""Makes text storable: what no platform can keep is replaced before it is written."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def storable(value: Any) -> Any:
    """A value without characters that PostgreSQL or SQLite refuse: NUL and half of a surrogate pair.

    They come from the tools of Windows, in file names and messages, and would fail every try to write the whole row.
    Numbers that are not finite become null, because JSON has none.

    Parameters
    ----------
    value: text, or data as JSON has it. Anything else is returned as it is.
    """
    if isinstance(value, str):
        return _UNSTORABLE.sub(_REPLACEMENT, value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {storable(key): storable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [storable(each) for each in value]
    return value
