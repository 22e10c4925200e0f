"""What all tests share: a test marked for one system is skipped on the others."""

from __future__ import annotations

import sys

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    other = "posix" if sys.platform == "win32" else "windows"
    for item in items:
        mark = item.get_closest_marker(other)
        if mark is not None:
            item.add_marker(pytest.mark.skip(reason=f"{other} only: {mark.kwargs.get('reason', 'see the test')}"))
