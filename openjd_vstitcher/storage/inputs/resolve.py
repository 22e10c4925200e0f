"""Resolves the inputs that a job names into manifest entries, with credentials that the session will not have."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...errors import InvalidInput, Problem
from ...names import safe_name, same_file_key
from ..address import file_name, is_https, is_s3, join, local_path
from ..ports import Storage
from ..values import StoredObject
from .artworks import bundle_clashes, replacement_clashes
from .bodies import choose_garment
from .hosts import parse_url, refusal
from .manifest import InputEntry, Role

if TYPE_CHECKING:
    from ...config import InputsConfig

_ADDRESSES = ("input_file_uri", "artwork_file_path", "remote_artwork_file_path", "remote_artwork_bundle_dir_path")
_Listed = Sequence[tuple[StoredObject, float]]


def check_details(details: Mapping[str, Any]) -> None:
    """Check what can be known of a job's inputs without storage and configuration.

    Parameters
    ----------
    details: the job's details, valid by `schemas/job_details.schema.json`.

    Raises
    ------
    InvalidInput: a URL cannot be requested, or two artworks are for the same material; with every place.
    """
    problems = [*_url_problems(details), *replacement_clashes(details)]
    if problems:
        raise InvalidInput("job details", problems)


def resolve_inputs(
    details: Mapping[str, Any], storage: Storage, config: InputsConfig, *, own_urls: bool = False
) -> list[InputEntry]:
    """The inputs of a job, each pinned to its current bytes, with URLs that need no credentials.

    Parameters
    ----------
    details: the job's details, as in `schemas/job_details.schema.json`.
    own_urls: True if the user of this machine named the URLs: https needs no prefix in `inputs.read_from` then.

    Raises
    ------
    InvalidInput: no garment is named, or an input does not exist, is too large or is not allowed; with the pointer
        into the details.
    StorageError: the storage could not be reached.
    """
    check_details(details)
    sources = _Sources(storage, config, own_urls)
    entries = [_garment(details, sources), *_artwork(details, sources)]
    _check_total(entries, config)
    return entries


def _check_total(entries: Iterable[InputEntry], config: InputsConfig) -> None:
    total = sum(entry.size_bytes or 0 for entry in entries)
    if total > config.max_total_bytes:
        raise _invalid("", f"its inputs have {total} bytes; inputs.max_total_bytes allows {config.max_total_bytes}")


def resolve_files(
    files: Mapping[str, str], storage: Storage, config: InputsConfig, *, own_urls: bool = False
) -> dict[str, InputEntry]:
    """The input files that the parameters of a job name, by parameter, each pinned to its current bytes.

    Parameters
    ----------
    files: addresses by parameter.
    own_urls: see `resolve_inputs`.

    Raises
    ------
    InvalidInput, StorageError: see `resolve_inputs`; with the pointer into the details.
    """
    sources, taken = _Sources(storage, config, own_urls), set[str]()
    entries = {}
    for parameter, uri in files.items():
        name = unique_name(plain_name(file_name(uri)), taken)
        entries[parameter] = sources.entry("input", name, uri, f"/parameters/{parameter}")
    _check_total(entries.values(), config)
    return entries


@dataclass(frozen=True)
class _Sources:
    """Where inputs may come from."""

    storage: Storage
    config: InputsConfig
    own_urls: bool

    def entry(self, role: Role, name: str, uri: str, pointer: str) -> InputEntry:
        if not name:
            raise _invalid(pointer, f"{uri!r} has no file name")
        if is_https(uri):
            return self._url(role, name, uri, pointer)
        self.allow(uri, pointer)
        found = self.storage.stat(uri)
        if found is None:
            raise _invalid(pointer, f"{uri} does not exist, or is not a file")
        return self.pinned(role, name, found, pointer)

    def allow(self, uri: str, pointer: str) -> None:
        try:
            self.storage.check_source(uri)
        except InvalidInput as error:
            raise _invalid(pointer, "; ".join(problem.message for problem in error.problems)) from error

    def list(self, folder: str, pointer: str) -> _Listed:
        self.allow(folder, pointer)
        most = self.config.max_objects
        found = self.storage.list(folder, most=most + 1)
        if len(found) > most:
            raise _invalid(pointer, f"more than {most} files are under {folder}; inputs.max_objects allows {most}")
        return found

    def pinned(self, role: Role, name: str, found: StoredObject, pointer: str) -> InputEntry:
        self.allow(found.uri, pointer)
        if found.size_bytes > self.config.max_bytes:
            allowed = f"inputs.max_bytes allows {self.config.max_bytes}"
            raise _invalid(pointer, f"{found.uri} has {found.size_bytes} bytes; {allowed}")
        url = self.storage.presign(found.uri, expires_s=self.config.url_lifetime_s, version=found.version)
        headers = {"If-Match": found.version} if found.version.startswith('"') else {}
        signed_for = parse_url(url).netloc if is_https(url) else ""
        return InputEntry(
            role, name, url, found.uri, found.sha256, found.size_bytes, found.version, headers, signed_for, ()
        )

    def _url(self, role: Role, name: str, url: str, pointer: str) -> InputEntry:
        shown, address = url.partition("?")[0], parse_url(url)
        if reason := refusal(address, self.config.allow_private_hosts):
            raise _invalid(pointer, f"{shown} {reason}")
        if self.own_urls:
            return InputEntry(role, name, url, source_uri=shown)
        if not address.is_under(self.config.read_from):
            raise _invalid(pointer, f"{shown} is not among the addresses that inputs.read_from allows")
        prefixes = tuple(prefix for prefix in self.config.read_from if is_https(prefix))
        return InputEntry(role, name, url, source_uri=shown, redirect_to=prefixes)


def _garment(details: Mapping[str, Any], sources: _Sources) -> InputEntry:
    uri = details.get("input_file_uri")
    if uri:
        name = plain_name(file_name(uri).replace(" ", ""))
        return sources.entry("garment", name, uri, "/input_file_uri")
    code = details.get("body_code")
    if not code:
        raise _invalid("", "names no garment: expected input_file_uri or body_code")
    folder = join(sources.config.bodies_prefix, str(code).lower().replace("-", "_"))
    listed = sources.list(folder + "/", "/body_code")
    chosen = choose_garment(listed, folder, str(code), details.get("body_version"))
    return sources.pinned("garment", plain_name(file_name(chosen.uri).replace(" ", "")), chosen, "/body_code")


def _artwork(details: Mapping[str, Any], sources: _Sources) -> Iterator[InputEntry]:
    for key in ("artwork_file_path", "remote_artwork_file_path"):
        if details.get(key):
            yield sources.entry("artwork", plain_name(file_name(details[key])), details[key], f"/{key}")
            break
    bundle = details.get("remote_artwork_bundle_dir_path")
    if bundle:
        yield from _bundle(bundle, sources)
    yield from _replacements(details.get("artwork_replacements") or (), sources)


def _bundle(prefix: str, sources: _Sources) -> Iterator[InputEntry]:
    pointer = "/remote_artwork_bundle_dir_path"
    if is_https(prefix):
        raise _invalid(pointer, "a directory cannot be read over https")
    folder = prefix.rstrip("/") + "/"
    listed = sources.list(folder, pointer)
    if not listed:
        raise _invalid(pointer, f"no files under {folder}")
    found = [(plain_name(_relative(item.uri, folder)), item) for item, _ in listed]
    if problems := list(bundle_clashes([(name, item.uri) for name, item in found], pointer)):
        raise InvalidInput("job details", problems)
    taken: set[str] = set()
    for name, item in found:
        yield sources.pinned("artwork_bundle", unique_name(name, taken), item, pointer)


def _relative(uri: str, folder: str) -> str:
    if is_s3(folder):
        return uri.removeprefix(folder)
    return local_path(uri).relative_to(local_path(folder)).as_posix()


def _replacements(items: Any, sources: _Sources) -> Iterator[InputEntry]:
    seen: set[str] = set()
    taken: set[str] = set()
    for number, item in enumerate(items):
        uri = item["remote_file_path"]
        if uri in seen:
            continue
        seen.add(uri)
        name = unique_name(plain_name(file_name(uri)), taken)
        yield sources.entry("artwork_replacement", name, uri, f"/artwork_replacements/{number}/remote_file_path")


def plain_name(name: str) -> str:
    """A name that is safe on every file system, as close to the object's as possible. `/` still separates folders."""
    return "/".join(safe_name(part) for part in name.split("/") if part)


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


def _url_problems(details: Mapping[str, Any]) -> Iterator[Problem]:
    named = [(f"/{key}", details.get(key)) for key in _ADDRESSES]
    for number, item in enumerate(details.get("artwork_replacements") or ()):
        named.append((f"/artwork_replacements/{number}/remote_file_path", item["remote_file_path"]))
    for pointer, uri in named:
        if isinstance(uri, str) and is_https(uri):
            try:
                parse_url(uri)
            except ValueError as error:
                yield Problem(pointer, str(error))


def _invalid(pointer: str, message: str) -> InvalidInput:
    return InvalidInput("job details", [Problem(pointer, message)])
