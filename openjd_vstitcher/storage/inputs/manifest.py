"""The inputs manifest: what staging fetches into a working directory, with exact versions and possibly signed URLs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ...errors import InvalidInput, Problem
from ...files import write_json
from ...names import unsafe_reason
from ...validation import schema_problems, shipped_schema

Role = Literal["garment", "artwork", "artwork_bundle", "artwork_replacement", "input"]


@dataclass(frozen=True)
class InputEntry:
    """One input of a job.

    Parameters
    ----------
    name: its file name in the working directory; in a bundle with folders, `/` between them.
    url: `https://` or `file://`, readable without further credentials. A signed URL is a secret.
    source_uri: the address that the job named, for the journal.
    sha256, size_bytes: of its bytes, if known.
    version: identifies exactly these bytes, if known.
    headers: HTTP headers to send, such as `If-Match`.
    signed_for: the `host:port` for which our storage signed the URL; it may be private. "" for every other URL.
    redirect_to: https prefixes that the URL may redirect to; None for any public host.
    """

    role: Role
    name: str
    url: str
    source_uri: str = ""
    sha256: str | None = None
    size_bytes: int | None = None
    version: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    signed_for: str = ""
    redirect_to: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Manifest:
    """The inputs of a job, and its details for `job.json`."""

    inputs: Sequence[InputEntry] = ()
    details: Mapping[str, Any] = field(default_factory=dict)


def write_manifest(path: Path, inputs: Sequence[InputEntry], details: Mapping[str, Any] | None = None) -> None:
    """Write a manifest that only its owner can read."""
    data = {"details": dict(details or {}), "inputs": [dataclasses.asdict(entry) for entry in inputs]}
    write_json(path, data)


def read_manifest(path: Path) -> Manifest:
    """Read and validate a manifest.

    Raises
    ------
    InvalidInput: it cannot be read, or is not as `schemas/inputs_manifest.schema.json` says. URLs are not repeated.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput(str(path), [Problem("", f"cannot be read: {error.strerror}")]) from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(str(path), [Problem("", f"not JSON: {error}")]) from error
    problems = schema_problems(shipped_schema("inputs_manifest"), data, hide_values=True)
    if problems := problems or list(_name_problems(data)):
        raise InvalidInput(str(path), problems)
    if isinstance(data, list):
        data = {"inputs": data}
    known = {f.name for f in dataclasses.fields(InputEntry)}
    entries = [InputEntry(**{key: value for key, value in item.items() if key in known}) for item in data["inputs"]]
    entries = [
        entry if entry.redirect_to is None else dataclasses.replace(entry, redirect_to=tuple(entry.redirect_to))
        for entry in entries
    ]
    return Manifest(entries, data.get("details", {}))


def _name_problems(data: Any) -> Iterator[Problem]:
    pointer, items = ("", data) if isinstance(data, list) else ("/inputs", data["inputs"])
    for index, item in enumerate(items):
        for part in item["name"].split("/"):
            if reason := unsafe_reason(part):
                yield Problem(f"{pointer}/{index}/name", f"{part!r} {reason}")
