"""Where inputs come from and outputs go, and the clock beside them."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Iterator

from ..config import Config
from ..errors import OpenjdVsError, StorageError
from ..storage.adapters import open_storage
from ..storage.address import is_https, join
from ..storage.ports import ObjectChanged, Storage, Transfer
from ..storage.values import PutOptions
from .finding import Finding, State

_FOLDER = ".openjd-vs-doctor"
_CONTENT = b"written by openjd-vs doctor to see whether outputs can be stored here\n"
_LOCAL_BUCKET = "s3://openjd-vs-doctor/"
_SKEW_S, _MOST_SKEW_S = 30.0, 600.0


def check_inputs(config: Config) -> Iterator[Finding]:
    """Each place that inputs may come from can be listed."""
    storage = open_storage(config)
    for prefix in config.inputs.read_from:
        if is_https(prefix):
            yield Finding("inputs", "ok", f"{prefix} (https: tried when a job names a file there)")
            continue
        try:
            found = storage.list(prefix, most=1)
        except StorageError as error:
            yield Finding("inputs", "failed", str(error), _mend(error, "read (list and get)", prefix))
        else:
            if found:
                yield Finding("inputs", "ok", f"{prefix} can be read")
            else:
                yield Finding("inputs", "warning", f"{prefix} is empty or not there", "is the drive mounted?")
    if not config.inputs.read_from and config.storage.kind != "local":
        yield Finding(
            "inputs", "failed", "no input may be read", "name the buckets of garments and artworks in inputs.read_from"
        )


def check_outputs(config: Config) -> Iterator[Finding]:
    """A small object can be written, read and written again conditionally in each place that outputs may go to."""
    storage = open_storage(config)
    prefixes = config.storage.write_to
    if not prefixes and config.storage.kind != "local":
        yield Finding("outputs", "failed", "no output may be stored", "name the buckets of outputs in storage.write_to")
    for prefix in prefixes or (_LOCAL_BUCKET,):
        yield from _written(storage, prefix)


def _written(storage: Storage, prefix: str) -> Iterator[Finding]:
    uri = join(prefix, _FOLDER, "probe.txt")
    digest = hashlib.sha256(_CONTENT).hexdigest()

    def put(replaces: str | None) -> None:
        storage.put(
            io.BytesIO(_CONTENT),
            uri,
            sha256=digest,
            options=PutOptions("text/plain"),
            transfer=Transfer(replaces=replaces),
        )

    try:
        put(None)
        found = storage.stat(uri)
    except OpenjdVsError as error:
        yield Finding("outputs", "failed", str(error), _mend(error, "write and read (put, get and head)", prefix))
        return
    if found is None or found.size_bytes != len(_CONTENT):
        yield Finding("outputs", "failed", f"{uri} was written, and is not there", "does another program clean up?")
        return
    try:
        put("")
    except ObjectChanged:
        yield Finding("outputs", "ok", f"{prefix} can be written and read, also conditionally")
    except StorageError as error:
        yield Finding("outputs", "failed", f"a conditional write: {error}", _mend(error, "write (put)", prefix))
    else:
        mend = "outputs are fenced by the queue alone; use a storage that knows If-None-Match"
        yield Finding("outputs", "warning", f"{prefix} can be written and read, but ignores conditions", mend)
    yield from _clock(storage, join(prefix, _FOLDER))


def _clock(storage: Storage, folder: str) -> Iterator[Finding]:
    """Compare this clock with the storage's, by the time of what was written a moment ago."""
    try:
        times = [changed_s for _, changed_s in storage.list(folder, most=10)]
    except StorageError:
        return  # a role that may write need not be allowed to list
    if not times:
        return
    skew_s = time.time() - max(times)
    what = f"{abs(skew_s):.0f} s {'ahead of' if skew_s > 0 else 'behind'} the storage's"
    if abs(skew_s) < _SKEW_S:
        yield Finding("clock", "ok", "agrees with the storage's")
    else:
        state: State = "failed" if abs(skew_s) > _MOST_SKEW_S else "warning"
        yield Finding("clock", state, what, "set the clock, such as by NTP; signed requests and leases rest on it")


def _mend(error: OpenjdVsError, action: str, prefix: str) -> str:
    if getattr(error, "credential", False):
        return f"let the credentials of this machine {action} {prefix}"
    return "check storage.kind, storage.s3.endpoint_url, and that the address exists"
