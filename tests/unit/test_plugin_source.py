"""The plugin uses only Python 3.7, its standard library, and documented calls of BwApi."""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from openjd_vstitcher.resources import resource

PLUGIN = Path(__file__).parents[2] / "openjd_vstitcher" / "engine" / "plugin"
SOURCES = sorted(PLUGIN.rglob("*.py"))
EXAMPLES = sorted((PLUGIN.parents[2] / "examples" / "custom_export").rglob("*.py"))
API = json.loads(resource("schemas/bwapi.json").read_text(encoding="utf-8"))
KNOWN = {*API["functions"], *API["classes"], *API["constants"]}
OWN = {"has", "calls", "current", "module"}
NEWER_MODULES = {"graphlib", "zoneinfo", "tomllib"}


def api_uses(tree: ast.AST) -> Iterator[tuple[ast.Attribute, ast.Call | None]]:
    """Every attribute of `BwApi` or `bw`, with its call if it is called."""
    calls = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and _is_api(node.value):
            yield node, calls.get(id(node))


def _is_api(node: ast.expr) -> bool:
    if isinstance(node, ast.Name):
        return node.id in ("BwApi", "bw")
    return isinstance(node, ast.Attribute) and node.attr == "bw"


def test_api_uses_are_found_in_each_form() -> None:
    tree = ast.parse("BwApi.Nonsense(1)\nself.bw.Other()\nbw.Third")
    assert {use.attr for use, _ in api_uses(tree)} == {"Nonsense", "Third", "Other"}


@pytest.mark.parametrize("source", [*SOURCES, *EXAMPLES], ids=lambda path: path.stem)
def test_plugin_calls_only_what_is_documented(source: Path) -> None:
    for use, call in api_uses(ast.parse(source.read_text(encoding="utf-8"))):
        place = f"{source.name}:{use.lineno}: {use.attr}"
        assert use.attr in KNOWN | OWN, f"{place} is not a documented name"
        if call is not None and use.attr in API["functions"]:
            assert not call.keywords, place
            assert not any(isinstance(argument, ast.Starred) for argument in call.args), place
            assert len(call.args) == len(API["functions"][use.attr]), f"{place}: wrong number of arguments"


def test_plugin_uses_the_api() -> None:
    used = {use.attr for source in SOURCES for use, _ in api_uses(ast.parse(source.read_text(encoding="utf-8")))}
    assert {"GarmentOpen", "RenderImageEx", "RenderRayTraceCMD", "GarmentTechpackExport"} <= used


@pytest.mark.parametrize("source", [*SOURCES, *EXAMPLES], ids=lambda path: path.stem)
def test_plugin_is_python_37_and_standard_library(source: Path) -> None:
    tree = ast.parse(source.read_text(encoding="utf-8"), feature_version=(3, 7))
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        for name in names:
            top = name.split(".")[0]
            assert top in sys.stdlib_module_names | {"BwApi", "src"}, f"{source.name} imports {name}"
            assert top not in NEWER_MODULES
        assert not isinstance(node, ast.NamedExpr)
    text = source.read_text(encoding="utf-8")
    assert "with (" not in text
    for newer in ("removeprefix", "removesuffix", "math.prod", "functools.cache", "missing_ok", "dirs_exist_ok"):
        assert newer not in text, f"{source.name} uses {newer}, which Python 3.7 does not have"


def test_plugin_is_small() -> None:
    assert sum(len(source.read_text(encoding="utf-8").splitlines()) for source in SOURCES) < 1500


def test_plugin_folder_is_what_vstitcher_looks_for() -> None:
    manifest = json.loads((PLUGIN / "plugin.json").read_text(encoding="utf-8"))
    assert manifest["type"] == "python"
    assert manifest["dependencies"] == {"bw-api": "3.*"}
    assert "def BwApiPluginInit" in (PLUGIN / manifest["main"] / "__init__.py").read_text(encoding="utf-8")
