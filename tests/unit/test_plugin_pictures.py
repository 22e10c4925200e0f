"""The plugin's cameras, and how its renders end."""

from __future__ import annotations

import json
import types
from pathlib import Path
from typing import Any

import pytest


def request(garment: Any, **instruction: Any) -> Any:
    return types.SimpleNamespace(bw=garment.bw, garment=garment, instruction=instruction)


def camera(plugin: Any, view: dict[str, Any], **instruction: Any) -> tuple[dict[str, Any], list[str]]:
    """The camera of an instruction where the engine's front view is `view`, and what was reported."""
    reported: list[str] = []
    bw = types.SimpleNamespace(
        has=lambda name: True,
        EnvironmentCameraViews=lambda: ["GarmentFront"],
        EnvironmentCameraViewGet=lambda g, name: json.dumps(view),
    )
    subject = types.SimpleNamespace(bw=bw, id="g", tell_unproven=lambda change, reason: reported.append(reason))
    return plugin.pictures.camera(request(subject, **instruction)), reported


def test_camera_of_the_engine_is_passed_on_untouched(plugin: Any) -> None:
    view = {"matrix": [1, 2, 3], "position": [0, 0, 0]}
    assert camera(plugin, view) == (view, [])


def test_position_is_set_in_the_form_that_the_camera_has(plugin: Any) -> None:
    above = {"x": 0, "y": 0, "z": 9}
    assert camera(plugin, {"position": [1, 2, 3], "up": [0, 0, 1]}, camera_position=above)[0] == {
        "position": [0, 0, 9],
        "up": [0, 1, 0],
    }
    assert camera(plugin, {"position": {"x": 1, "y": 1, "z": 1, "w": 1}}, camera_position=above)[0] == {
        "position": {**above, "w": 1}
    }


def test_camera_without_a_position_gets_none_and_that_is_reported(plugin: Any) -> None:
    moved, reported = camera(plugin, {"matrix": [1]}, camera_position={"x": 1, "y": 2, "z": 3})
    assert moved == {"matrix": [1]}
    assert reported == ["the engine's camera has no position; it has: matrix"]


def test_unknown_view_is_refused_with_the_list_of_views(plugin: Any) -> None:
    with pytest.raises(plugin.api.Failure, match="no camera view 'Nose'; there are: GarmentFront"):
        camera(plugin, {}, camera_view="Nose")


@pytest.mark.parametrize(
    ("jobs", "progress", "failure"),
    [
        ([("running", -1), ("running", 0.5), ("done", 1)], [50.0, 100.0], None),
        ([("pending", 0), ("failed", 0.2)], [0.0, 20.0], "ended as failed"),
        ([("running", 0.1), ("aborted", 0.1)], [10.0, 10.0], "ended as aborted"),
        ([("unknown", -1)] * 30, [], "ended as unknown"),
    ],
    ids=["done", "failed", "aborted", "unknown"],
)
def test_render_job_ends_with_its_status(
    plugin: Any, jobs: list[tuple[str, float]], progress: list[float], failure: str | None
) -> None:
    told = iter(jobs)
    shown: list[float] = []

    def status(_garment: str, job: str) -> str:
        state, done = next(told)
        return json.dumps({"id": job, "status": state, "info": "no light", "additional_info": "", "progress": done})

    subject = types.SimpleNamespace(bw=types.SimpleNamespace(RenderJobStatusGet=status), id="g")
    asked = types.SimpleNamespace(bw=subject.bw, garment=subject, progress=shown.append, check_canceled=lambda: None)
    steps = plugin.pictures._wait_for_job(asked, "job")
    if failure:
        with pytest.raises(plugin.api.Failure, match=failure) as caught:
            list(steps)
        assert caught.value.engine_error == "no light"
    else:
        list(steps)
    assert shown == progress


def test_render_process_counts_as_failed_only_without_whole_pictures(plugin: Any, tmp_path: Path) -> None:
    whole, cut = tmp_path / "a.png", tmp_path / "b.png"
    whole.write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 50 + b"\0\0\0\0IEND\xaeB`\x82")
    cut.write_bytes(whole.read_bytes()[:-12])
    ended = {"code": 3, "ending": "exited with code 3"}
    plugin.pictures._check_process(ended, [({}, str(whole))])
    plugin.pictures._check_process({"code": 0}, [({}, str(cut))])
    with pytest.raises(plugin.api.Failure, match="the render process exited with code 3"):
        plugin.pictures._check_process(ended, [({}, str(whole)), ({}, str(cut))])
