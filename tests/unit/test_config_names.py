"""Messages name keys as they stand in a configuration file."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import openjd_vstitcher
from openjd_vstitcher.config.file import _MOVED, _all_keys

_KEY = re.compile(r"(?<![\w./-])(?:worker|storage|inputs|outputs|engine)(?:\.[a-z_0-9]+)+(?![\w(/-])")


def texts(tree: ast.AST) -> list[str]:
    """The strings of a module that are no docstrings: messages among them."""
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    constants = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in alone]
    return [node.value for node in constants if isinstance(node.value, str)]


def test_every_key_in_a_message_exists() -> None:
    keys = set(_all_keys())
    known = keys | {key.rpartition(".")[0] for key in keys} | set(_MOVED)
    unknown = set()
    for file in Path(openjd_vstitcher.__file__).parent.rglob("*.py"):
        for text in texts(ast.parse(file.read_text(encoding="utf-8"))):
            named = {key for key in _KEY.findall(text) if not key.endswith((".py", ".log", ".json", ".zip", "_"))}
            unknown |= {f"{file.name}: {key}" for key in named - known if not key.startswith("engine.command.")}
    assert unknown == set()
