"""Reads a JSON or YAML file, or refuses it with the place of what is wrong, in bounded time and memory."""

from __future__ import annotations

import codecs
import os
import stat
from pathlib import Path
from typing import Any

from ..errors import InvalidInput, Problem
from .data import MAX_BYTES, data_problems
from .json_text import parse_json
from .text import BadText
from .yaml_text import parse_yaml

_WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
_NO_WAITING = getattr(os, "O_NONBLOCK", 0)
"""Opening a named pipe that nobody writes to would wait forever."""


def read_document(path: Path) -> Any:
    """Read a JSON file (`.json`) or a YAML file (any other name) in UTF-8, with or without a byte order mark.

    YAML is read as the JSON data that it stands for. Whatever has no JSON form is refused, such as an unquoted date,
    a number as a key, a custom tag or a merge key. Aliases count as if they were written out.

    Raises
    ------
    InvalidInput: the file cannot be read, is not valid JSON or YAML, repeats a key, or exceeds a limit of
        `documents.data`. The message has the line and column.
    """
    try:
        text = _decoded(_content(path))
        data = parse_json(text) if path.suffix.lower() == ".json" else parse_yaml(text)
    except OSError as error:
        raise InvalidInput(str(path), [Problem("", f"cannot be read: {error.strerror}")]) from error
    except BadText as error:
        raise InvalidInput(str(path), [Problem("", error.message, error.line, error.column)]) from error
    if problems := data_problems(data):
        raise InvalidInput(str(path), problems)
    return data


def _content(path: Path) -> bytes:
    """The content of a regular file, no more than one byte over the limit."""
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | _NO_WAITING)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise BadText("is not a regular file")
        return file.read(MAX_BYTES + 1)


def _decoded(content: bytes) -> str:
    if len(content) > MAX_BYTES:
        raise BadText(f"the file is larger than {MAX_BYTES >> 20} MiB")
    if content.startswith(_WIDE_MARKS):
        raise BadText("the file is UTF-16 or UTF-32; expected UTF-8 text: save it as UTF-8")
    content = content.removeprefix(codecs.BOM_UTF8)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        raise BadText(
            f"the byte 0x{content[error.start]:02x} is not UTF-8; expected UTF-8 text", line, column
        ) from error
