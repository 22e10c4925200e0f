"""The plugin applies each step to the garment once, leaves none out, and reopens the garment only if it must."""

from __future__ import annotations

import importlib
import json
import os
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

PLUGIN = Path(__file__).parents[2] / "openjd_vstitcher" / "engine" / "plugin"


class FakeApi:
    """A BwApi that records calls and mutations; the call named by `failing` fails."""

    BW_API_ERROR_SUCCESS = 0

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.applied: list[str] = []
        self.failing: str | None = None
        self.code = 0
        self.shapes = {
            1: {"symmetry": None, "edges": []},
            2: {"symmetry": None, "edges": []},
        }

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)

        def call(*arguments: Any) -> Any:
            self.calls.append(name)
            self.code = 7 if self.failing == name else 0
            results = {"GarmentColorwayIds": [1, 2], "ColorwayCurrentGet": 1, "GarmentSnapshotIdsEx": []}
            if name == "GarmentOpen":
                self.applied.clear()
                return "g1"
            return results.get(name, "")

        return call

    def GetLastError(self) -> int:
        return self.code


@pytest.fixture(scope="module")
def plugin() -> Iterator[Any]:
    """The plugin's package, imported with a minimal BwApi."""
    before = dict(sys.modules)
    fake = types.ModuleType("BwApi")
    fake.CallbackBase = object  # type: ignore[attr-defined]
    sys.modules["BwApi"] = fake
    sys.path.insert(0, str(PLUGIN))
    try:
        for module in ("api", "artwork", "files", "garment", "seams"):
            importlib.import_module(f"src.{module}")
        yield sys.modules["src"]
    finally:
        sys.path.remove(str(PLUGIN))
        for name in set(sys.modules) - set(before):
            if name == "src" or name.startswith(("src.", "BwApi")):
                del sys.modules[name]


class Catalogue:
    """Mutations that record that they were applied."""

    def __init__(self, api: FakeApi) -> None:
        self._api = api

    def mutation(self, type_name: str) -> Any:
        def mutate(garment: Any, instruction: dict[str, Any]) -> None:
            garment.bw.ClusterDelete(garment.id, 1)
            self._api.applied.append(f"{type_name}{instruction.get('field', '')}")

        return types.SimpleNamespace(mutate=mutate)


class Notices:
    """Records stages and events."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.stages: list[str] = []

    def stage(self, name: str) -> None:
        self.stages.append(name)

    def event(self, name: str, **fields: Any) -> None:
        self.events.append(name)


def garment(plugin: Any) -> tuple[Any, FakeApi]:
    api = FakeApi()
    return plugin.garment.Garment(plugin.api.Api(api), Catalogue(api)), api


def wanted(*mutations: str, path: str = "/tee.bw", **fields: Any) -> dict[str, Any]:
    listed = [{"mutation_type": m[0], "field": m[1:], "output_file_name": f"placeholder {m}"} for m in mutations]
    return {"path": path, "mutations": listed, **fields}


mutation_lists = st.lists(st.sampled_from(["A", "B", "C1", "C2"]), max_size=4)


@given(requests=st.lists(mutation_lists, min_size=1, max_size=8))
@settings(max_examples=200, deadline=None)
def test_garment_gets_the_desired_state_and_is_reopened_as_rarely_as_possible(
    plugin: Any, requests: list[list[str]]
) -> None:
    subject, api = garment(plugin)
    done: list[str] | None = None
    for request in requests:
        api.calls.clear()
        notices = Notices()
        subject.set_state(wanted(*request), notices)
        assert api.applied == request
        must_open = done is None or done != request[: len(done)]
        assert ("GarmentOpen" in api.calls) == must_open
        assert ("garment_reopened" in notices.events) == (must_open and done is not None)
        assert ("GarmentClose" in api.calls) == ("garment_reopened" in notices.events)
        done = request


def test_placeholder_names_of_mutations_do_not_count(plugin: Any) -> None:
    subject, api = garment(plugin)
    subject.set_state(wanted("A"), Notices())
    api.calls.clear()
    other = wanted("A")
    other["mutations"][0]["output_file_name"] = "something else"
    subject.set_state(other, Notices())
    assert "GarmentOpen" not in api.calls


def test_garment_is_reopened_after_a_failed_mutation(plugin: Any) -> None:
    subject, api = garment(plugin)
    api.failing = "ClusterDelete"
    notices = Notices()
    with pytest.raises(plugin.api.Failure, match="ClusterDelete") as failure:
        subject.set_state(wanted("A"), notices)
    assert failure.value.engine_error == "ClusterDelete returned error 7"
    assert notices.stages[-1] == "mutate"
    api.failing = None
    subject.set_state(wanted("A"), notices)
    assert notices.events == ["garment_reopened", "mutation_applied"]
    assert api.applied == ["A"]


def test_garment_is_reopened_after_an_export_that_changed_it(plugin: Any) -> None:
    subject, _ = garment(plugin)
    subject.set_state(wanted(), Notices())
    subject.changed()
    notices = Notices()
    subject.set_state(wanted(), notices)
    assert notices.events == ["garment_reopened"]


def test_avatar_is_dressed_once_after_each_change(plugin: Any) -> None:
    subject, api = garment(plugin)
    for request in (wanted(), wanted(), wanted("A"), wanted("A")):
        subject.set_state(request, Notices())
        subject.dress()
    assert api.calls.count("GarmentDress") == 2


def test_another_garment_is_opened(plugin: Any) -> None:
    subject, api = garment(plugin)
    subject.set_state(wanted("A"), Notices())
    subject.set_state(wanted("A", path="/other.bw"), Notices())
    assert api.calls.count("GarmentOpen") == 2


@pytest.mark.parametrize(("choice", "chosen"), [("Pine", 4), ("pine", 3), ("PINE", 3), ("4", 4), (3, 3), ("1", 9)])
def test_choice_is_a_name_then_a_name_in_another_case_then_an_id(plugin: Any, choice: Any, chosen: int) -> None:
    assert plugin.garment._choose("colorway", choice, [(3, "pine"), (4, "Pine"), (9, "1"), (1, "x")]) == chosen


def test_failed_call_is_named_in_the_failure(plugin: Any) -> None:
    api = FakeApi()
    api.failing = "RenderImageEx"
    with pytest.raises(plugin.api.Failure) as failure:
        plugin.api.Api(api).RenderImageEx("g1", "{" + "x" * 500)
    assert failure.value.message.startswith("RenderImageEx('g1', '{xxx")
    assert len(failure.value.message) < 300
    assert failure.value.engine_error == "RenderImageEx returned error 7"


def line(number: int, start: tuple[float, float], end: tuple[float, float], allowance: float) -> dict[str, Any]:
    return {"id": number, "points": [start, end], "seam_allowance": allowance}


def test_seam_allowances_follow_the_counterpart(plugin: Any) -> None:
    changes: dict[int, Any] = {}
    folded = {
        "symmetry": {"kind": "self", "axis": [[0, 0], [0, 10]]},
        "edges": [
            line(1, (-5, 0), (5, 0), 2.0),
            line(2, (5, 0), (4, 9), 1.0),
            line(3, (4, 9), (-4, 9), 0.7),
            line(4, (-4, 9), (-5, 0), 1.5),
        ],
    }
    parent = {"symmetry": {"kind": "mirror", "parent": None}, "edges": [line(1, (0, 0), (1, 0), 1.2)]}
    child = {"symmetry": {"kind": "mirror", "parent": 2}, "edges": [line(1, (9, 0), (8, 0), 1.0)]}
    shapes = {1: folded, 2: parent, 3: child, 4: {"symmetry": None, "edges": [line(1, (0, 0), (1, 1), 3.0)]}}
    bw = types.SimpleNamespace(
        ShapePropertiesGet=lambda g, shape: json.dumps(shapes[shape]),
        ShapePropertiesSet=lambda g, shape, text: changes.update({shape: json.loads(text)}),
    )
    plugin.seams.make_symmetric(types.SimpleNamespace(bw=bw, id="g", shapes=lambda: sorted(shapes)))
    assert changes == {
        1: {"edges": [{"id": 4, "seam_allowance": 1.0}]},
        3: {"edges": [{"id": 1, "seam_allowance": 1.2}]},
    }


@pytest.mark.parametrize(
    ("name", "content", "whole"),
    [
        ("a.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 50 + b"\0\0\0\0IEND\xaeB`\x82", True),
        ("a.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 50, False),
        ("a.png", b"IEND", False),
        ("a.glb", b"glTF\x02\0\0\0\x0c\0\0\0", True),
        ("a.glb", b"glTF\x02\0\0\0\x0d\0\0\0", False),
        ("a.glb", b"glTF", False),
        ("a.obj", b"v 0 0 0", None),
        ("a.obj", b"", False),
    ],
    ids=["png", "cut png", "no png", "glb", "cut glb", "glb head", "obj", "empty"],
)
def test_partial_file_is_distinguished_from_a_whole_one(
    plugin: Any, tmp_path: Path, name: str, content: bytes, whole: bool | None
) -> None:
    (tmp_path / name).write_bytes(content)
    assert plugin.files.is_whole(str(tmp_path / name)) is whole
    assert plugin.files.is_whole(str(tmp_path / "missing.png")) is False


def test_part_name_is_hidden_and_keeps_the_extension(plugin: Any) -> None:
    assert plugin.files.part_name("front.png") == ".front.png.part.png"
    assert plugin.files.part_name("bundle") == ".bundle.part"


def test_zip_depends_on_content_only(plugin: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "folder"
    (folder / "b").mkdir(parents=True)
    (folder / "b" / "two.txt").write_text("2", encoding="utf-8")
    (folder / "a.txt").write_text("1", encoding="utf-8")
    plugin.files.pack(str(folder), str(tmp_path / "first.zip"))
    os.utime(folder / "a.txt", (0, 0))
    (folder / "a.txt").chmod(0o600)
    monkeypatch.setattr("zipfile.sys.platform", "win32" if sys.platform == "linux" else "linux")
    plugin.files.pack(str(folder), str(tmp_path / "second.zip"))
    assert (tmp_path / "first.zip").read_bytes() == (tmp_path / "second.zip").read_bytes()
