"""How whoever starts a run wants it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from openjd.sessions import PathMappingRule


@dataclass(frozen=True)
class RunOptions:
    """How a run is made, whatever it runs.

    Parameters
    ----------
    fail_fast: stop after the first failure.
    path_mapping_rules: applied to PATH parameters, as the specification defines.
    preserve: keep the working directories of the sessions.
    """

    fail_fast: bool = False
    path_mapping_rules: Sequence[PathMappingRule] = ()
    preserve: bool = False


NO_OPTIONS = RunOptions()
