"""Short job ids: any unique prefix of an id stands for it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from ..errors import InvalidInput, NotFound, Problem
from .ports import JobQueue
from .values import Job

SHORT = 8
"""How many characters of an id are shown, unless more are needed."""
_NAMED = 5


def find_job(queue: JobQueue, text: str) -> Job:
    """The job with an id, or with the only id that begins with a text.

    Raises
    ------
    NotFound: there is none.
    InvalidInput: there are several; the message names them.
    """
    bounds = id_range(text)
    if bounds is None or bounds[0] == bounds[1]:
        return queue.job(text)
    found = queue.jobs(id_range=bounds, limit=_NAMED + 1)
    if not found:
        raise NotFound(f"there is no job {text}")
    if len(found) > 1:
        named = ", ".join(f"{job.id} ({job.status}, {job.preset_key})" for job in found[:_NAMED])
        more = " and more" if len(found) > _NAMED else ""
        raise InvalidInput(f"job {text}", [Problem("", f"expected one job, found {named}{more}; give more of the id")])
    return found[0]


def id_range(prefix: str) -> tuple[str, str] | None:
    """The lowest and the highest UUID that begin with a prefix; None if no UUID does."""
    digits = prefix.replace("-", "").lower()
    if not 0 < len(digits) <= 32 or not set(digits) <= set("0123456789abcdef"):
        return None
    low, high = (str(uuid.UUID(digits.ljust(32, fill))) for fill in "0f")
    return (low, high) if low.startswith(prefix.lower()) else None


def short_ids(ids: Iterable[str]) -> dict[str, str]:
    """For each id its first characters: as many for all as tell these ids apart, and at least `SHORT`."""
    known = list(dict.fromkeys(ids))
    length = SHORT
    while len({each[:length] for each in known}) < len(known):
        length += 1
    return {each: each[:length].rstrip("-") for each in known}
