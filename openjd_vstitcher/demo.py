"""The demo: a temporary platform on which a daemon runs the sample presets on the sample garment."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from .attempt.directory import AttemptDirectory
from .config import Config, load_config
from .daemon.process import AttemptProcess
from .daemon.worker import Worker
from .documents import read_document
from .errors import InvalidInput, PlatformError, Problem
from .journal import Entry, JournalReader
from .platform.adapters import open_platform
from .platform.ports import Platform
from .platform.values import Asset, Job, NewJob
from .presets import load_preset
from .resources import resource

PRESETS = {"onboarding_v0": "style-0042", "techpack_v0": "style-0043"}
"""The presets that run, each with the style that its assets belong to."""

_MARK = "# made by openjd-vs demo, which removes this directory when it runs again\n"
_CONFIG = (
    _MARK
    + """
[platform]
kind = "embedded"
path = "platform.sqlite"

[storage]
kind = "local"

[storage.local]
root = "storage"

[worker]
id = "demo"
work_dir = "jobs"

[engine]
kind = "standin"
"""
)
_GARMENT_URI = "s3://body-files/bodies/3d_body_files/tk_6129/TK-6129-V10-3D_BODY.bw"
_POLL_S = 0.2


@dataclass(frozen=True)
class DemoResult:
    """The result of the demo.

    Parameters
    ----------
    jobs: each job with its assets.
    storage: the root directory of the storage.
    """

    jobs: Sequence[tuple[Job, Sequence[Asset]]]
    storage: Path

    @property
    def succeeded(self) -> bool:
        """Whether every job succeeded."""
        return all(job.status == "COMPLETED_SUCCESS" for job, _ in self.jobs)

    @property
    def canceled(self) -> bool:
        """Whether a job was canceled."""
        return any(job.status == "CANCELED" for job, _ in self.jobs)


class Demo:
    """A platform in a folder, with the sample jobs in its queue and a daemon for them.

    Parameters
    ----------
    folder: created; the folder of an earlier demo is replaced.

    Raises
    ------
    InvalidInput: the folder exists, and is not from a demo.
    """

    def __init__(self, folder: Path) -> None:
        self._config = _create(folder)
        self._platform = open_platform(self._config.platform)
        self._jobs = [_submit(self._platform, key, style) for key, style in PRESETS.items()]
        self._worker = Worker(self._config, self._platform)

    def run(self, on_event: Callable[[str, Entry], None]) -> DemoResult:
        """Run the jobs to their end.

        Parameters
        ----------
        on_event: called with the key of the preset and each event of its job, as it happens.
        """
        presets = {job.id: job.preset_key for job in self._jobs}
        try:
            with _followed(self._config.worker.work_dir, lambda entry: on_event(presets[entry.job_id], entry)):
                self._worker.run(once=True)
            ended = [(self._platform.job(job.id), self._platform.assets(job.id)) for job in self._jobs]
        finally:
            self._platform.close()
        return DemoResult(ended, self._config.storage.local.root)

    def cancel(self, *, now: bool = False) -> None:
        """Cancel the jobs and end the daemon after them. May be called from any thread.

        Parameters
        ----------
        now: kill the processes of the jobs instead of waiting for them; their engines end with them.
        """
        self._worker.stop()
        for job in self._jobs:
            with suppress(PlatformError):  # it has ended
                self._platform.request_cancel(job.id)
        if now:
            for request in self._config.worker.work_dir.glob("*/request.json"):
                AttemptProcess(AttemptDirectory(request.parent)).kill()


def _create(folder: Path) -> Config:
    file = folder / "config.toml"
    if folder.exists():
        if not (file.exists() and file.read_text(encoding="utf-8").startswith(_MARK)):
            raise InvalidInput(str(folder), [Problem("", "exists already, and is not from a demo")])
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    file.write_text(_CONFIG, encoding="utf-8")
    config = load_config(file)
    garment = config.storage.local.root / _GARMENT_URI.removeprefix("s3://")
    garment.parent.mkdir(parents=True)
    shutil.copyfile(resource("examples/garments/tee.bw"), garment)
    return config


def _submit(platform: Platform, key: str, style: str) -> Job:
    row = read_document(resource(f"examples/presets/{key}.json"))
    preset = load_preset(row, key)
    platform.put_preset(row)
    details = {"style_id": style, "body_code": "TK-6129", "body_version": 10, "input_file_uri": _GARMENT_URI}
    return platform.submit(NewJob(type=preset.job_type or "TEST", preset_key=key, details=details))


@contextmanager
def _followed(work_dir: Path, on_event: Callable[[Entry], None]) -> Iterator[None]:
    """Pass on the events of every job directory while the block runs, and the last ones after it."""
    readers: dict[Path, JournalReader] = {}
    ended = threading.Event()

    def pass_on() -> None:
        for path in sorted(work_dir.glob("*/journal.jsonl")):
            for entry in readers.setdefault(path, JournalReader(path)).read():
                on_event(entry)

    def follow() -> None:
        while not ended.wait(_POLL_S):
            pass_on()
        pass_on()

    thread = threading.Thread(target=follow, name="demo", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
