"""What all tests share: the S3 server, one for the whole session; a test for one system is skipped on the others."""

from __future__ import annotations

import ctypes
import signal
import sys

import pytest

from tests.s3_server import s3_credentials, s3_server

__all__ = ["s3_credentials", "s3_server"]

UNDER_WINE = sys.platform == "win32" and hasattr(ctypes.WinDLL("ntdll"), "wine_get_version")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell that starts the tests in the background lets them, and so all commands that they start, ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    other = "posix" if sys.platform == "win32" else "windows"
    for item in items:
        mark = item.get_closest_marker(other)
        if mark is not None:
            item.add_marker(pytest.mark.skip(reason=f"{other} only: {mark.kwargs.get('reason', 'see the test')}"))
        mark = item.get_closest_marker("not_wine")
        if mark is not None and UNDER_WINE:
            item.add_marker(pytest.mark.skip(reason=f"not under Wine: {mark.kwargs.get('reason', 'see the test')}"))
