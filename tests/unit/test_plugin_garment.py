"""The plugin applies each step to the garment once, leaves none out, and reopens the garment only if it must."""

from __future__ import annotations

import json
import os
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st


class FakeApi:
    """A BwApi that records calls and mutations; the call named by `failing` fails.

    Parameters
    ----------
    sticky: a good call does not reset the error code.
    """

    BW_API_ERROR_SUCCESS = 0

    def __init__(self, *, sticky: bool = False) -> None:
        self.calls: list[str] = []
        self.applied: list[str] = []
        self.failing: str | None = None
        self.code = 0
        self.sticky = sticky

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)

        def call(*arguments: Any) -> Any:
            self.calls.append(name)
            if name == "GarmentColorwayIds" and arguments == ("",):
                self.code = 2
            elif self.failing == name:
                self.code = 7
            elif not self.sticky:
                self.code = 0
            results = {
                "GarmentId": "g1",
                "GarmentColorwayIds": [1, 2],
                "ColorwayCurrentGet": 1,
                "GarmentSnapshotIdsEx": ["s1", "s2"],
                "SnapshotInfoGet": json.dumps({"created_date": str(self.calls.count("GarmentDress"))}),
            }
            if name == "GarmentOpen":
                self.applied.clear()
                return None
            return results.get(name, "")

        return call

    def GetLastError(self) -> int:
        return self.code


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


def garment(plugin: Any, unproven: str = "warn", *, sticky: bool = False) -> tuple[Any, FakeApi]:
    api = FakeApi(sticky=sticky)
    return plugin.garment.Garment(plugin.api.Api(api), Catalogue(api), unproven), api


def dress(subject: Any) -> None:
    for _ in subject.drape.dress(lambda: None):
        pass


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


def test_garment_is_dressed_by_its_first_snapshot_and_simulated_once_after_a_mutation(plugin: Any) -> None:
    subject, api = garment(plugin)
    for request in (wanted(), wanted(), wanted("A"), wanted("A")):
        subject.set_state(request, Notices())
        dress(subject)
    assert api.calls.count("SnapshotLoadEx") == 1
    assert api.calls.count("GarmentDress") == 1


def test_snapshot_is_loaded_again_after_each_change_of_the_colorway(plugin: Any) -> None:
    subject, api = garment(plugin)
    for mutations, loads in (((), 2), (("A",), 1)):
        subject.set_state(wanted(*mutations), Notices())
        dress(subject)
        api.calls.clear()
        for colorway in (2, 2, 3)[:loads]:
            subject.set_colorway(colorway)
            dress(subject)
        assert [call for call in api.calls if call in ("ColorwayCurrentSet", "SnapshotLoadEx", "GarmentDress")] == [
            "ColorwayCurrentSet",
            "SnapshotLoadEx",
        ] * loads


@pytest.mark.parametrize("policy", ["warn", "fail"])
def test_simulation_without_a_sign_of_its_end_is_reported(
    plugin: Any, policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENJD_VS_DRAPE_LIMIT_S", "0.02")
    subject, _api = garment(plugin, policy)
    notices = Notices()
    subject.set_state(wanted("A"), notices)
    monkeypatch.setattr(subject.drape, "_dates", dict)
    if policy == "fail":
        with pytest.raises(plugin.api.Unproven, match="no sign within"):
            dress(subject)
    else:
        dress(subject)
        assert notices.events[-1] == "unproven"


def test_mutation_that_is_not_shown_is_reported_or_fails(plugin: Any) -> None:
    def mutation(_type_name: str) -> Any:
        def mutate(garment: Any, instruction: dict[str, Any]) -> None:
            raise plugin.api.Unproven("it is as it was")

        return types.SimpleNamespace(mutate=mutate)

    for policy in ("warn", "fail"):
        subject, _ = garment(plugin, policy)
        subject._catalogue = types.SimpleNamespace(mutation=mutation)
        notices = Notices()
        if policy == "fail":
            with pytest.raises(plugin.api.Failure, match="A: it is as it was"):
                subject.set_state(wanted("A"), notices)
        else:
            subject.set_state(wanted("A"), notices)
            assert notices.events == ["unproven"]


def test_mutation_that_finds_nothing_says_so(plugin: Any) -> None:
    subject, _ = garment(plugin)
    subject._catalogue = types.SimpleNamespace(mutation=lambda _name: types.SimpleNamespace(mutate=lambda g, i: 0))
    notices = Notices()
    subject.set_state(wanted("A"), notices)
    assert notices.events == ["unchanged"]


@pytest.mark.parametrize("sticky", [False, True])
def test_tolerated_failure_does_not_spoil_later_calls(plugin: Any, sticky: bool) -> None:
    subject, api = garment(plugin, sticky=sticky)
    bw = subject.bw
    for _ in range(3):
        api.failing = "GarmentPathGet"
        with pytest.raises(plugin.api.Failure, match="GarmentPathGet"):
            bw.GarmentPathGet("g1")
        api.failing = None
        bw.GarmentSave("g1")
    subject.set_state(wanted("A"), Notices())
    assert api.applied == ["A"]


def test_ids_are_tried_until_many_in_a_row_are_missing(plugin: Any) -> None:
    tried = []

    def answer(number: int) -> str:
        tried.append(number)
        if number not in (2, 5):
            raise plugin.api.Failure("none")
        return f"shape {number}"

    assert plugin.api.existing(answer, gap=3) == [(2, "shape 2"), (5, "shape 5")]
    assert tried == [1, 2, 3, 4, 5, 6, 7, 8]
    assert plugin.api.existing(lambda number: "" if number > 2 else "x", gap=3) == [(1, "x"), (2, "x")]
    assert len(plugin.api.existing(lambda number: "x", most=50)) == 50


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


def test_custom_module_replaces_a_mutation_of_the_plugin_but_no_export(plugin: Any, tmp_path: Path) -> None:
    for name in ("remove_symmetry", "scan"):
        (tmp_path / f"{name}.py").write_text("def mutate(garment, instruction):\n    return 1\n\n\nexport = mutate\n")
    catalogue = plugin.catalogue.Catalogue(str(tmp_path))
    assert catalogue.mutation("REMOVE_SYMMETRY").__file__ == str(tmp_path / "remove_symmetry.py")
    assert "src" in catalogue.export("SCAN").__file__
    assert "src" in plugin.catalogue.Catalogue("").mutation("REMOVE_SYMMETRY").__file__
