"""Finds out whether this machine can run jobs, and says how to mend what keeps it from it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path

from ..config import Config, load_config
from ..errors import ConfigError, InvalidInput, OpenjdVsError, Problem
from .engine import EngineCheck, check_plugin, check_popups
from .finding import Check, Finding, State
from .machine import check_credential_file, check_disks, check_session_user, check_work_dir
from .platform import check_platform
from .storage import check_inputs, check_outputs

__all__ = ["Finding", "State", "examine"]


def examine(
    config_path: Path | None, *, only: Collection[str] = (), garment: Path | None = None, fix: bool = False
) -> Iterator[Finding]:
    """Check this machine, one finding after the other as they are made.

    Nothing is claimed from the queue. One small object is written to each place that outputs may go to.

    Parameters
    ----------
    only: the names of the checks to make; empty for all. The configuration is always checked.
    garment: for the export that is tried; None: the sample garment, which only the stand-in can open.
    fix: mend what can be mended without a decision; such a finding then says what was done.

    Raises
    ------
    InvalidInput: there is no check of such a name.
    """
    checks: dict[str, Check] = {
        "credential": check_credential_file,
        "directory": check_work_dir,
        "disk": check_disks,
        "user": check_session_user,
        "platform": check_platform,
        "inputs": check_inputs,
        "outputs": check_outputs,
        "plugin": check_plugin,
        "popups": check_popups,
        "engine": EngineCheck(garment),
    }
    unknown = [name for name in only if name not in checks]
    if unknown:
        expected = f"expected some of {', '.join(checks)}"
        raise InvalidInput("doctor", [Problem("", f"no check is called {name!r}; {expected}") for name in unknown])
    try:
        config = load_config(config_path)
    except ConfigError as error:
        for problem in error.problems:
            yield Finding("configuration", "failed", problem, "see docs/configuration.md, or `openjd-vs config init`")
        return
    source = str(config.source) if config.source else "there is no file, the defaults apply"
    yield Finding("configuration", "ok", source)
    for name, check in checks.items():
        if not only or name in only:
            for finding in _found(name, check, config):
                yield _mended(finding) if fix and finding.fix is not None else finding


def _found(name: str, check: Check, config: Config) -> Iterator[Finding]:
    """The findings of a check; an error is one too, so that it hides none of the other checks."""
    try:
        yield from check(config)
    except (OpenjdVsError, OSError) as error:
        yield Finding(name, "failed", str(error))


def _mended(finding: Finding) -> Finding:
    assert finding.fix is not None
    try:
        return replace(finding, state="ok", what=finding.fix(), mend="", fix=None)
    except (OpenjdVsError, OSError) as error:
        return replace(finding, what=f"{finding.what}; mending it failed: {error}", fix=None)
