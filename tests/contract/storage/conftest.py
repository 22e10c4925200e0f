"""The storages of the contract: one test each for every module in `subjects/`."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

import pytest

from . import subjects
from .subject import Subject

KINDS = sorted(module.name for module in pkgutil.iter_modules(subjects.__path__))


@pytest.fixture(params=KINDS)
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Subject:
    module = importlib.import_module(f"{subjects.__name__}.{request.param}")
    directory = tmp_path / "storage"
    directory.mkdir()
    made: Subject = module.subject(request, directory)
    return made
