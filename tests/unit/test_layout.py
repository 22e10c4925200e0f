"""How the code is laid out: no circles of imports, no long modules, one place for the version."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from graphlib import CycleError
from importlib.metadata import version
from pathlib import Path

import pytest

from openjd_vstitcher import __version__
from tools import import_graph

ROOT = Path(__file__).parents[2]
MOST_LINES = 400
FOLDERS = ("openjd_vstitcher", "benchmarks", "examples", "templates", "tests", "tools")


def test_no_module_is_longer_than_400_lines() -> None:
    lengths = {
        file.relative_to(ROOT).as_posix(): len(file.read_text(encoding="utf-8").splitlines())
        for folder in FOLDERS
        for file in (ROOT / folder).rglob("*.py")
    }
    too_long = {name: lines for name, lines in lengths.items() if lines > MOST_LINES}
    assert too_long == {}


def test_no_modules_import_one_another_in_a_circle() -> None:
    import_graph.layers(import_graph.modules(import_graph.build()))


def test_no_folders_import_one_another_in_a_circle() -> None:
    graph = import_graph.build()
    for folder in import_graph.folders(graph):
        import_graph.layers(import_graph.siblings(graph, folder))


def test_layers_are_ordered_from_the_lowest() -> None:
    imports: dict[str, set[str]] = {"cli": {"daemon", "errors"}, "daemon": {"errors"}, "names": set(), "errors": set()}
    assert import_graph.layers(imports) == [["errors", "names"], ["daemon"], ["cli"]]


def test_a_circle_is_reported_with_its_members() -> None:
    with pytest.raises(CycleError) as caught:
        import_graph.layers({"a": {"b"}, "b": {"c"}, "c": {"a"}})
    assert set(caught.value.args[1]) == {"a", "b", "c"}


def test_the_idle_daemon_imports_nothing_heavy() -> None:
    code = "import sys, openjd_vstitcher.daemon.worker; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()).isdisjoint({"openjd", "pydantic", "boto3", "gql", "rich", "numpy", "jsonschema"})


def test_the_version_is_written_in_one_place() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["dynamic"] == ["version"]
    assert version("openjd-vstitcher") == __version__
