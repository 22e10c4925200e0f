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
OWN = {"has", "calls", "current", "modified", "module"}
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
            assert len(call.args) == len(API["functions"][use.attr]["in"]), f"{place}: wrong number of arguments"


def misuses(text: str) -> list[str]:
    """Where code uses the result of a call otherwise than the contract says, as `call: what`."""
    tree = ast.parse(text)
    parents = {id(child): node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    found = []
    for use, call in api_uses(tree):
        if call is None or use.attr not in API["functions"]:
            continue
        described = API["functions"][use.attr]
        parent = parents[id(call)]
        targets = parent.targets[0] if isinstance(parent, ast.Assign) else None
        unpacked = len(targets.elts) if isinstance(targets, ast.Tuple) else 1
        if not described["out"] and not isinstance(parent, ast.Expr):
            found.append(f"{use.attr}: its result is used, but it has none")
        if described["out"] and unpacked != len(described["out"]) and not isinstance(parent, ast.Expr):
            found.append(f"{use.attr}: unpacked to {unpacked}")
        if "json" in described["out"].values():
            found += [
                f"{use.attr}: key {key!r}" for key in _keys_read(parents, call) if key not in described.get("keys", [])
            ]
    return found


def _keys_read(parents: dict[int, ast.AST], call: ast.Call) -> Iterator[str]:
    """The constant keys that are read from `json.loads(call)`, directly or through a variable of the function."""
    loads = parents[id(call)]
    if not (isinstance(loads, ast.Call) and ast.unparse(loads.func) == "json.loads"):
        return
    sources = [ast.unparse(loads)]
    parent = parents[id(loads)]
    if isinstance(parent, ast.Assign) and isinstance(parent.targets[0], ast.Name):
        sources.append(parent.targets[0].id)
    scope: ast.AST = loads
    while not isinstance(scope, ast.FunctionDef | ast.Module):
        scope = parents[id(scope)]
    for node in ast.walk(scope):
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            if ast.unparse(node.value) in sources:
                yield str(node.slice.value)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            key = node.args[0]
            if isinstance(key, ast.Constant) and ast.unparse(node.func.value) in sources:
                yield str(key.value)


@pytest.mark.parametrize("source", [*SOURCES, *EXAMPLES], ids=lambda path: path.stem)
def test_plugin_uses_results_as_the_contract_says(source: Path) -> None:
    assert misuses(source.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("text", "misuse"),
    [
        ("g = bw.GarmentOpen(p)", "GarmentOpen: its result is used, but it has none"),
        ("v = bw.Version()", "Version: unpacked to 1"),
        ("a, b = bw.MaterialBoundingBoxGet(g, c, m, s)", "MaterialBoundingBoxGet: unpacked to 2"),
        ("a, b = bw.GarmentId()", "GarmentId: unpacked to 2"),
        ("s = json.loads(bw.RenderJobStatusGet(g, j))\ns['error']", "RenderJobStatusGet: key 'error'"),
        ("json.loads(bw.MaterialGet(g, c, m)).get('name')", "MaterialGet: key 'name'"),
        ("m = json.loads(bw.MaterialGet(g, c, m))\nm['material']", None),
        ("width, height, count = bw.MaterialBoundingBoxGet(g, c, m, s)", None),
    ],
)
def test_misuse_of_a_result_is_found(text: str, misuse: str | None) -> None:
    assert misuses("def f():\n    " + text.replace("\n", "\n    ")) == ([misuse] if misuse else [])


@pytest.mark.parametrize(
    ("module", "function", "call"),
    [("pictures.py", "_job", "RenderImageEx"), ("exports/media_3d_scene.py", "export", "RenderExport3DObject")],
)
def test_arguments_in_json_have_documented_keys(module: str, function: str, call: str) -> None:
    tree = ast.parse((PLUGIN / "src" / module).read_text(encoding="utf-8"))
    (found,) = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == function)
    whole = max((node for node in ast.walk(found) if isinstance(node, ast.Dict)), key=lambda node: len(node.keys))
    keys = {key.value for key in whole.keys if isinstance(key, ast.Constant)}
    assert len(keys) >= 5
    assert keys <= set(API["functions"][call]["keys_in"])


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
    assert sum(len(source.read_text(encoding="utf-8").splitlines()) for source in SOURCES) < 2000


def test_plugin_folder_is_what_vstitcher_looks_for() -> None:
    manifest = json.loads((PLUGIN / "plugin.json").read_text(encoding="utf-8"))
    assert manifest["type"] == "python"
    assert manifest["dependencies"] == {"bw-api": "3.*"}
    assert "def BwApiPluginInit" in (PLUGIN / manifest["main"] / "__init__.py").read_text(encoding="utf-8")
