"""The engine, its plugin and its windows."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ..attempt.directory import AttemptDirectory
from ..attempt.local import Request, prepare, rendering_run
from ..config import Config
from ..engine import installing
from ..engine.launchers import choose
from ..errors import EngineError, InvalidInput
from ..files import write_json
from ..journal import Journal, read_journal
from ..resources import resource
from .finding import Finding

_MAIN_WINDOW = "VStitcher 2024.1 - garment.bw"
_PRESET = {
    "key": "doctor",
    "details": {
        "instructions": [{"type": "EXPORT", "export_type": "SCAN", "output_file_name": "scan.json"}],
        "remote_destination": "s3://doctor/",
    },
}


def check_plugin(config: Config) -> Iterator[Finding]:
    """VStitcher has this version of the plugin."""
    if _kind(config) != "vstitcher":
        return
    try:
        found = installing.status(installing.plugins_folder())
    except EngineError as error:
        yield Finding("plugin", "failed", str(error), "openjd-vs plugin install --into FOLDER")
        return
    if found.current:
        yield Finding("plugin", "ok", f"{found.version} in {found.path}")
    else:
        what = f"{found.version} in {found.path} is not this version" if found.version else f"not in {found.path}"
        yield Finding("plugin", "failed", what, "openjd-vs plugin install", _install)


def check_popups(config: Config) -> Iterator[Finding]:
    """No popup rule takes VStitcher's own window for a popup."""
    for number, rule in enumerate(config.engine.popup):
        if rule.title and not rule.text and re.search(rule.title, _MAIN_WINDOW):
            what = f"engine.popup[{number}]: the title {rule.title!r} matches VStitcher's main window too"
            yield Finding("popups", "warning", what, "make the title more precise, or add a text")
    if not config.engine.popup and _kind(config) == "vstitcher":
        what = "no rule: an export that a modal window holds up waits until engine.hang_limit_s"
        yield Finding("popups", "note", what, "add [[engine.popup]] for the windows that you know")


class EngineCheck:
    """Starts the engine as a job does, and makes one export.

    Parameters
    ----------
    garment: the `.bw` file to export from; None: the sample garment.
    """

    def __init__(self, garment: Path | None) -> None:
        self._garment = garment

    def __call__(self, config: Config) -> Iterator[Finding]:
        try:
            launch = choose("auto", config.engine)
        except EngineError as error:
            yield Finding("engine", "failed", str(error))
            return
        if launch.kind == "standin" and config.engine.kind != "standin":
            what = "no VStitcher was found, so the stand-in would make every picture"
            yield Finding("engine", "warning", what, "install VStitcher, or set engine.kind and engine.command")
        if launch.kind != "standin" and self._garment is None:
            what = f"{launch.kind}: {launch.command[0]}; no export was tried"
            yield Finding("engine", "note", what, "openjd-vs doctor --garment FILE.bw tries one")
            return
        yield self._exported(launch.kind, config)

    def _exported(self, kind: str, config: Config) -> Finding:
        garment = self._garment or Path(str(resource("examples/garments/tee.bw")))
        with tempfile.TemporaryDirectory(prefix="openjd-vs-doctor-") as folder:
            directory = AttemptDirectory(Path(folder))
            directory.sessions.mkdir()
            preset = directory.path / "preset.json"
            write_json(preset, _PRESET)
            try:
                rendering = prepare(
                    Request(preset, {"GarmentFile": str(garment)}),
                    output=directory.output,
                    directory=directory,
                    config=config,
                )
            except InvalidInput as error:
                return Finding("engine", "failed", str(error), "give a .bw file that VStitcher has saved")
            journal = Journal(directory.journal, job_id="doctor")
            result = rendering_run(rendering, directory=directory, journal=journal, config=config).run()
            journal.close()
            if not result.succeeded:
                reasons = "; ".join(str(failure) for failure in result.failures) or "the export was not made"
                mend = "does VStitcher start by hand, with its licence? see engine.command and docs/engine.md"
                return Finding("engine", "failed", f"{kind}: {reasons}", mend)
            return Finding("engine", "ok", _told(directory, kind))


def _told(directory: AttemptDirectory, kind: str) -> str:
    """What the journal says of the start and the export."""
    said = [kind]
    for entry in read_journal(directory.journal):
        if entry.name == "engine_ready":
            said.append(f"{entry.fields['version']}, started in {entry.fields['start_s']:.1f} s")
        elif entry.name == "exported":
            said.append(f"an export took {entry.fields['seconds']:.1f} s")
    return ", ".join(said)


def _kind(config: Config) -> str:
    try:
        return choose("auto", config.engine).kind
    except EngineError:
        return ""


def _install() -> str:
    done = installing.install(installing.plugins_folder())
    return f"installed {done.version} in {done.path}"
