"""Resolves the inputs that a job names into manifest entries, with credentials that the session will not have."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ...errors import InvalidInput, Problem
from ...names import same_file_key
from ..address import file_name, is_https, is_s3, join, local_path
from ..ports import Storage
from ..values import StoredObject
from .manifest import InputEntry, Role

if TYPE_CHECKING:
    from ...config import InputsConfig

_GARMENT_SUFFIX = ".bw"
_FORBIDDEN = re.compile(r'[\\:*?"<>|\x00-\x1f\x7f]')


def resolve_inputs(details: Mapping[str, Any], storage: Storage, config: InputsConfig) -> list[InputEntry]:
    """The inputs of a job, each pinned to its current bytes, with URLs that need no credentials.

    Parameters
    ----------
    details: the job's details, as in `schemas/job_details.schema.json`.

    Raises
    ------
    InvalidInput: no garment is named, or an input does not exist or is not allowed; with the pointer into the details.
    StorageError: the storage could not be reached.
    """
    return [_garment(details, storage, config), *_artwork(details, storage, config)]


def _garment(details: Mapping[str, Any], storage: Storage, config: InputsConfig) -> InputEntry:
    uri = details.get("input_file_uri")
    if uri:
        name = plain_name(file_name(uri).replace(" ", ""))
        return _entry("garment", name, uri, "/input_file_uri", storage, config)
    code = details.get("body_code")
    if not code:
        raise _invalid("", "names no garment: expected input_file_uri or body_code")
    folder = join(config.bodies_prefix, str(code).lower().replace("-", "_"))
    storage.check_source(folder)
    garments = [
        (time, found) for found, time in storage.list(folder + "/") if found.uri.lower().endswith(_GARMENT_SUFFIX)
    ]
    if not garments:
        raise _invalid("/body_code", f"no {_GARMENT_SUFFIX} file under {folder}/")
    _, newest = max(garments, key=lambda item: (item[0], item[1].uri))
    return _pinned("garment", plain_name(file_name(newest.uri).replace(" ", "")), newest, storage, config)


def _artwork(details: Mapping[str, Any], storage: Storage, config: InputsConfig) -> Iterator[InputEntry]:
    for key in ("artwork_file_path", "remote_artwork_file_path"):
        if details.get(key):
            yield _entry("artwork", plain_name(file_name(details[key])), details[key], f"/{key}", storage, config)
            break
    bundle = details.get("remote_artwork_bundle_dir_path")
    if bundle:
        yield from _bundle(bundle, storage, config)
    yield from _replacements(details.get("artwork_replacements") or (), storage, config)


def _bundle(prefix: str, storage: Storage, config: InputsConfig) -> Iterator[InputEntry]:
    pointer = "/remote_artwork_bundle_dir_path"
    if is_https(prefix):
        raise _invalid(pointer, "a directory cannot be read over https")
    folder = prefix.rstrip("/") + "/"
    _allowed(folder, pointer, storage)
    found = [item for item, _ in storage.list(folder)]
    if not found:
        raise _invalid(pointer, f"no files under {folder}")
    taken: set[str] = set()
    for item in found:
        relative = item.uri.removeprefix(folder) if is_s3(folder) else _relative(item.uri, folder)
        yield _pinned("artwork_bundle", unique_name(plain_name(relative), taken), item, storage, config)


def _relative(uri: str, folder: str) -> str:
    return local_path(uri).relative_to(local_path(folder)).as_posix()


def _replacements(items: Any, storage: Storage, config: InputsConfig) -> Iterator[InputEntry]:
    names: dict[str, str] = {}
    taken: set[str] = set()
    for number, item in enumerate(items):
        uri = item["remote_file_path"]
        if uri in names:
            continue
        names[uri] = unique_name(plain_name(file_name(uri)), taken)
        pointer = f"/artwork_replacements/{number}/remote_file_path"
        yield _entry("artwork_replacement", names[uri], uri, pointer, storage, config)


def plain_name(name: str) -> str:
    """A name that is valid on every file system, as close to the object's as possible. `/` still separates folders."""
    parts = [_FORBIDDEN.sub("_", part).rstrip(" .") or "_" for part in name.split("/") if part]
    return "/".join(parts)


def unique_name(name: str, taken: set[str]) -> str:
    """The name, or a similar one that no file system confuses with a name given before.

    Parameters
    ----------
    taken: the keys (`same_file_key`) of the names given before; the key of this one is added.
    """
    stem, suffix = posixpath.splitext(name)
    candidate, number = name, 1
    while (key := same_file_key(candidate)) in taken:
        number += 1
        candidate = f"{stem}-{number}{suffix}"
    taken.add(key)
    return candidate


def _entry(role: Role, name: str, uri: str, pointer: str, storage: Storage, config: InputsConfig) -> InputEntry:
    if not name:
        raise _invalid(pointer, f"{uri!r} has no file name")
    _allowed(uri, pointer, storage)
    if is_https(uri):
        return InputEntry(role, name, uri, source_uri=uri.partition("?")[0])
    found = storage.stat(uri)
    if found is None:
        raise _invalid(pointer, f"{uri} does not exist")
    return _pinned(role, name, found, storage, config)


def _allowed(uri: str, pointer: str, storage: Storage) -> None:
    try:
        storage.check_source(uri)
    except InvalidInput as error:
        raise _invalid(pointer, "; ".join(problem.message for problem in error.problems)) from error


def _pinned(role: Role, name: str, found: StoredObject, storage: Storage, config: InputsConfig) -> InputEntry:
    url = storage.presign(found.uri, expires_s=config.url_lifetime_s, version=found.version)
    headers = {"If-Match": found.version} if found.version.startswith('"') else {}
    return InputEntry(role, name, url, found.uri, found.sha256, found.size_bytes, found.version, headers)


def _invalid(pointer: str, message: str) -> InvalidInput:
    return InvalidInput("job details", [Problem(pointer, message)])
