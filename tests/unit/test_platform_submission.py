"""From a request on the command line to a job, and what is refused before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from openjd_vstitcher.config import PlatformConfig
from openjd_vstitcher.errors import InvalidInput, NotFound
from openjd_vstitcher.platform.adapters import open_platform
from openjd_vstitcher.platform.ports import Platform
from openjd_vstitcher.resources import resource
from openjd_vstitcher.submission import Request, submit

PRESET = resource("examples/presets/onboarding_v0.json")
JOB = resource("examples/jobs/onboarding.json")


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    return open_platform(PlatformConfig(path=tmp_path / "platform.sqlite"))


def written(tmp_path: Path, data: Any) -> Path:
    file = tmp_path / "input.json"
    file.write_text(json.dumps(data))
    return file


def test_a_preset_file_is_stored_with_the_job(platform: Platform) -> None:
    job = submit(platform, Request(str(PRESET), details_path=JOB))
    assert (job.preset_key, job.type, job.status) == ("onboarding_v0", "BRAND_ONBOARDING", "NEW")
    assert job.details == json.loads(JOB.read_text())["details"]
    assert platform.preset("onboarding_v0")["details"] == json.loads(PRESET.read_text())["details"]


def test_a_preset_of_the_platform_is_named_by_its_key(platform: Platform, tmp_path: Path) -> None:
    platform.put_preset(json.loads(PRESET.read_text()))
    garment = tmp_path / "a tee.bw"
    garment.touch()
    job = submit(platform, Request("onboarding_v0", garment=garment, priority=4, job_type="TEST", status="ON_HOLD"))
    assert job.details == {"input_file_uri": garment.as_uri()}
    assert (job.priority, job.type, job.status) == (4, "TEST", "ON_HOLD")


def test_what_is_known_of_the_inputs_is_said_at_once(platform: Platform, tmp_path: Path) -> None:
    replacements = [
        {"name": "back-print", "remote_file_path": "s3://artworks/a.png"},
        {"name": "Back_Print", "remote_file_path": "s3://artworks/b.png"},
    ]
    details = {"input_file_uri": "https://h:99999/x.bw", "artwork_replacements": replacements}
    with pytest.raises(InvalidInput) as caught:
        submit(platform, Request(str(PRESET), details_path=written(tmp_path, {"type": "TEST", "details": details})))
    assert [problem.pointer for problem in caught.value.problems] == ["/input_file_uri", "/artwork_replacements/1/name"]


def test_the_job_file_says_type_and_priority_unless_the_request_does(platform: Platform, tmp_path: Path) -> None:
    row = {"type": "TEST", "priority": 7, "requestor_id": "me", "details": {"body_code": "TK-1"}}
    job = submit(platform, Request(str(PRESET), details_path=written(tmp_path, row)))
    assert (job.type, job.priority, job.requestor_id) == ("TEST", 7, "me")


@pytest.mark.parametrize(
    ("details", "pointer"),
    [
        ({}, "/input_file_uri"),
        ({"style_id": "s"}, "/input_file_uri"),
        ({"input_file_uri": "s3://x"}, "/input_file_uri"),
    ],
)
def test_a_job_without_a_garment_is_refused(
    platform: Platform, tmp_path: Path, details: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        submit(platform, Request(str(PRESET), details_path=written(tmp_path, details)))
    assert [problem.pointer for problem in refused.value.problems] == [pointer]
    assert platform.presets() == []
    assert platform.jobs() == []


def test_a_job_without_a_type_is_refused(platform: Platform, tmp_path: Path) -> None:
    row = json.loads(PRESET.read_text())
    del row["job_type"]
    platform.put_preset(row)
    with pytest.raises(InvalidInput, match="/type: is missing"):
        submit(platform, Request("onboarding_v0", details_path=written(tmp_path, {"body_code": "TK-1"})))


def test_an_unknown_preset_is_not_found(platform: Platform) -> None:
    with pytest.raises(NotFound, match="no_such_v0"):
        submit(platform, Request("no_such_v0", details_path=JOB))


def test_an_invalid_preset_is_refused_at_its_place(platform: Platform, tmp_path: Path) -> None:
    row = json.loads(PRESET.read_text())
    row["details"]["instructions"][1]["output_file_name"] = "../front.png"
    with pytest.raises(InvalidInput, match="/details/instructions/1/output_file_name"):
        submit(platform, Request(str(written(tmp_path, row)), details_path=JOB))


def custom_preset(tmp_path: Path) -> Path:
    row = json.loads(PRESET.read_text())
    row["details"]["instructions"].append({"type": "EXPORT", "export_type": "SKETCH", "output_file_name": "a.svg"})
    return written(tmp_path, row)


def test_a_custom_export_of_an_asset_type_that_the_platform_lacks_is_refused(
    platform: Platform, tmp_path: Path
) -> None:
    preset = custom_preset(tmp_path)
    index = len(json.loads(preset.read_text())["details"]["instructions"]) - 1
    with pytest.raises(InvalidInput, match=f"/details/instructions/{index}/export_type: .*'SKETCH' is unknown"):
        submit(platform, Request(str(preset), details_path=JOB), extra_exports={"SKETCH": {}})
    assert platform.presets() == []
    assert platform.jobs() == []


def test_a_custom_export_that_declares_a_known_asset_type_is_submitted(platform: Platform, tmp_path: Path) -> None:
    extra = {"SKETCH": {"x-asset-type": "MEDIA_RENDER"}}
    assert (
        submit(platform, Request(str(custom_preset(tmp_path)), details_path=JOB), extra_exports=extra).status == "NEW"
    )
