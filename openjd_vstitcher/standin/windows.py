"""Simulates modal windows: they block like real ones, but are listed in a JSON file instead of on a screen."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from ..files import write_json

WINDOWS_VARIABLE = "OPENJD_VS_STANDIN_WINDOWS"
"""A file with the open windows as a JSON list. Writing a button's text to `<file>.press` presses it."""


def show_modal(title: str, text: str, buttons: list[str]) -> str:
    """Block the main thread until a button of the window is pressed.

    Returns
    -------
    The text of the button. Without a window file no button can be pressed, and this never returns.
    """
    windows = os.environ.get(WINDOWS_VARIABLE)
    window = {"pid": os.getpid(), "title": title, "text": text, "buttons": buttons, "modal": True}
    sys.stderr.write(f"standin: waiting for an answer: {title}: {text}\n")
    sys.stderr.flush()
    if not windows:
        while True:
            time.sleep(3600)
    listing, press = Path(windows), Path(windows + ".press")
    press.unlink(missing_ok=True)
    _write(listing, [window])
    while True:
        if press.exists():
            answer = press.read_text(encoding="utf-8").strip()
            press.unlink(missing_ok=True)
            if answer in buttons:
                _write(listing, [])
                return answer
        time.sleep(0.05)


def _write(path: Path, windows: list[dict[str, object]]) -> None:
    write_json(path, windows)
