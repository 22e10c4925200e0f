"""What must hold between configuration keys that are valid by themselves."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator

from .keys import URL
from .tables import Config

Contradiction = tuple[tuple[str, ...], str]
"""The keys, first the one to report, and the message."""

_LONGEST_WORK_DIR = 100
"""Leaves room for the deepest file of an attempt where a path may have no more than 259 characters."""


def contradictions(config: Config) -> Iterator[Contradiction]:
    """Everything that contradicts itself in a configuration."""
    platform, s3, outputs = config.platform, config.storage.s3, config.outputs
    if platform.kind == "hasura":
        if not platform.endpoint:
            yield (
                ("platform.endpoint", "platform.kind"),
                f"expected {URL.expected} with platform.kind = hasura, found none",
            )
        names = ("credential_file", "credential_variable", "credential_command")
        given = [name for name in names if getattr(platform, name)]
        if len(given) != 1:
            message = f"expected exactly one of {', '.join(names)} with platform.kind = hasura"
            yield (
                ("platform", "platform.kind", *(f"platform.{name}" for name in names)),
                f"{message}, found {' and '.join(given) or 'none'}",
            )
    if s3.sse_kms_key_id and s3.sse != "aws:kms":
        message = f"expected no key without storage.s3.sse = aws:kms, found {s3.sse_kms_key_id!r}"
        yield ("storage.s3.sse_kms_key_id", "storage.s3.sse"), message
    if s3.bytes_in_flight < s3.part_bytes:
        message = f"expected at least storage.s3.part_bytes ({s3.part_bytes}), found {s3.bytes_in_flight}"
        yield ("storage.s3.bytes_in_flight", "storage.s3.part_bytes"), message
    if outputs.retry_longest_s < outputs.retry_first_s:
        message = (
            f"expected at least outputs.retry_first_s ({outputs.retry_first_s:g}), found {outputs.retry_longest_s:g}"
        )
        yield ("outputs.retry_longest_s", "outputs.retry_first_s"), message
    yield from _addresses_out_of_reach(config)
    yield from _session_users(config)
    work_dir = str(config.worker.work_dir)
    if len(work_dir) > _LONGEST_WORK_DIR and not long_paths():
        message = f"expected at most {_LONGEST_WORK_DIR} characters, or Windows with long paths, found {len(work_dir)}"
        yield ("worker.work_dir",), message
    if config.engine.kind == "vs-cli" and "vs-cli" not in config.engine.command:
        message = "expected the launch command of VS-CLI with engine.kind = vs-cli, found none"
        yield ("engine.command", "engine.kind"), message


def long_paths() -> bool:
    """Whether paths may be as long as is needed: always on POSIX, on Windows by a setting (LongPathsEnabled)."""
    if sys.platform != "win32":
        return True
    enabled = getattr(ctypes.WinDLL("ntdll"), "RtlAreLongPathsEnabled", None)
    return bool(enabled and enabled())


def _session_users(config: Config) -> Iterator[Contradiction]:
    worker = config.worker
    if not worker.session_user:
        return
    for name in ("session_user", "session_group"):
        value = getattr(worker, name)
        if worker.slots > 1 and value and "{slot}" not in value:
            message = f"expected {{slot}} in it with worker.slots = {worker.slots}, because jobs must not share a user"
            yield (f"worker.{name}", "worker.slots"), f"{message}; found {value!r}"
    if config.engine.keep_warm:
        message = "expected false with worker.session_user, because a kept engine serves several jobs"
        yield ("engine.keep_warm", "worker.session_user"), message


def _addresses_out_of_reach(config: Config) -> Iterator[Contradiction]:
    storage, logs = config.storage, config.outputs.logs_prefix
    if storage.kind == "s3":
        for name, prefixes in (("storage.write_to", storage.write_to), ("inputs.read_from", config.inputs.read_from)):
            wrong = [prefix for prefix in prefixes if not prefix.startswith(("s3://", "https://"))]
            if wrong:
                yield (name, "storage.kind"), f"expected s3:// addresses with storage.kind = s3, found {wrong[0]!r}"
    if logs.startswith("s3://") or (logs and storage.kind == "s3"):
        limited = storage.write_to or storage.kind == "s3"
        if limited and not any((logs + "/").startswith(prefix.rstrip("/") + "/") for prefix in storage.write_to):
            message = f"expected an address that storage.write_to allows, found {logs!r}"
            yield ("outputs.logs_prefix", "storage.write_to", "storage.kind"), message
