"""Files, disks and users of this machine."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ..attempt.directory import AttemptDirectory
from ..attempt.isolation import isolated
from ..config import Config
from ..daemon.fitness import unfitness
from ..session.user import SessionUserError
from .finding import Finding

_OTHERS = 0o077


def check_credential_file(config: Config) -> Iterator[Finding]:
    """The platform's credential is there, and only its owner can read it."""
    file = config.platform.credential_file
    if config.platform.kind != "hasura" or file is None:
        return
    try:
        with file.open("rb") as opened:
            empty = not opened.read(4096).strip()
        mode = file.stat().st_mode
    except OSError as error:
        yield Finding("credential", "failed", f"{file}: {error.strerror}", "set platform.credential_file to a file")
        return
    if empty:
        yield Finding("credential", "failed", f"{file} is empty", "write the admin secret or a JWT into it")
    elif os.name == "posix" and mode & _OTHERS:
        yield Finding(
            "credential",
            "warning",
            f"other users may read {file}",
            f"chmod 600 {file}",
            lambda: _close(file),
        )
    else:
        yield Finding("credential", "ok", f"{file}, read by its owner only")


def check_work_dir(config: Config) -> Iterator[Finding]:
    """The work directory is there and can be written, with the free space that a job needs."""
    work_dir = config.worker.work_dir
    if not work_dir.exists():
        yield Finding(
            "directory",
            "warning",
            f"{work_dir} does not exist; the daemon makes it",
            f"mkdir -p {work_dir}",
            lambda: _make(work_dir),
        )
        return
    reason = unfitness(config)
    if reason:
        mend = "free some space there, or set worker.work_dir to another disk; the daemon claims nothing meanwhile"
        yield Finding("directory", "failed", reason, mend)
    else:
        yield Finding("directory", "ok", str(work_dir))


def check_disks(config: Config) -> Iterator[Finding]:
    """The disks of caches and storage have room for what is configured."""
    wanted = {config.inputs.cache_dir: (config.inputs.cache_bytes, "inputs.cache_bytes")}
    if config.storage.kind == "local":
        wanted[config.storage.local.root] = (config.worker.min_free_bytes, "worker.min_free_bytes")
    for folder, (room, key) in wanted.items():
        there = next((path for path in (folder, *folder.parents) if path.exists()), None)
        if there is None:
            continue
        free = shutil.disk_usage(there).free + _size_of(folder if key == "inputs.cache_bytes" else None)
        if free < room:
            mend = f"free some space, or lower {key}"
            yield Finding("disk", "warning", f"{folder}: {_gib(free)} are free, {key} is {_gib(room)}", mend)
        else:
            yield Finding("disk", "ok", f"{folder}: {_gib(free)} free")


def check_session_user(config: Config) -> Iterator[Finding]:
    """Actions can run as the session user, where one is configured."""
    if not config.worker.session_user:
        what = "none: actions run as the worker's own user"
        yield Finding("user", "note", what, "docs/security.md says how to separate jobs from the worker")
        return
    config.worker.work_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=config.worker.work_dir, prefix=".doctor-") as folder:
        directory = AttemptDirectory(Path(folder))
        directory.output.mkdir()
        directory.sessions.mkdir()
        directory.inputs.write_text("{}", encoding="utf-8")
        try:
            with isolated(directory, config) as isolation:
                name = isolation.user.user if isolation else ""
        except SessionUserError as error:
            yield Finding("user", "failed", str(error), "see *Running jobs as another user* in docs/security.md")
            return
    yield Finding("user", "ok", name)


def _close(file: Path) -> str:
    file.chmod(0o600)
    return f"{file} is now read by its owner only"


def _make(folder: Path) -> str:
    folder.mkdir(parents=True)
    return f"made {folder}"


def _size_of(folder: Path | None) -> int:
    """Bytes of the files in a folder that count as free, because the cache makes room by itself."""
    if folder is None or not folder.is_dir():
        return 0
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _gib(size: int) -> str:
    return f"{size / (1 << 30):.1f} GiB"
