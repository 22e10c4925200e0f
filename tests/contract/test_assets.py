"""What every platform's catalogue of assets does."""

from __future__ import annotations

from typing import Any

import pytest

from openjd_vstitcher.errors import ClaimLost, PlatformError
from openjd_vstitcher.platform.ports import Platform
from openjd_vstitcher.platform.values import Claim, NewAsset, Outcome

from .platforms import Subject
from .test_queue import claim, submit

pytest_plugins = ["tests.contract.fixtures"]


def new(name: str = "front.png", **values: Any) -> NewAsset:
    given = {"type": "MEDIA_RENDER", "path": f"s3://bucket/{name}", "is_public_facing": True, "style_id": "style-1"}
    return NewAsset(name=name, **{**given, **values})


def claimed(platform: Platform) -> Claim:
    submit(platform)
    return claim(platform)


def upload(platform: Platform, taken: Claim, name: str = "front.png", **values: Any) -> str:
    asset_id = platform.begin_asset(taken, new(name, **values))
    platform.asset_uploaded(taken, asset_id, {"sha256": "00"})
    return asset_id


def public(platform: Platform, taken: Claim) -> dict[str, bool]:
    return {asset.name: asset.is_public_facing for asset in platform.assets(taken.job.id)}


def test_an_asset_begins_in_progress(subject: Subject) -> None:
    taken = claimed(subject.platform)
    asset_id = subject.platform.begin_asset(taken, new(body_id="body-1", details={"content_type": "image/png"}))
    (asset,) = subject.platform.assets(taken.job.id)
    assert (asset.id, asset.job_id, asset.name, asset.type) == (asset_id, taken.job.id, "front.png", "MEDIA_RENDER")
    assert (asset.status, asset.path, asset.is_public_facing) == ("IN_PROGRESS", "s3://bucket/front.png", True)
    assert (asset.style_id, asset.body_id) == ("style-1", "body-1")
    assert asset.details == {"content_type": "image/png", "attempt": 1}


def test_an_uploaded_asset_has_the_details_of_both(subject: Subject) -> None:
    taken = claimed(subject.platform)
    asset_id = subject.platform.begin_asset(taken, new(details={"content_type": "image/png", "engine": {"a": 1}}))
    for _ in range(2):
        subject.platform.asset_uploaded(taken, asset_id, {"size_bytes": 5, "engine": {"b": 2}})
    (asset,) = subject.platform.assets(taken.job.id)
    assert asset.status == "UPLOADED"
    assert asset.details == {"content_type": "image/png", "attempt": 1, "size_bytes": 5, "engine": {"b": 2}}


def test_one_name_of_a_job_is_one_asset(subject: Subject) -> None:
    taken = claimed(subject.platform)
    first = upload(subject.platform, taken)
    assert subject.platform.begin_asset(taken, new()) == first
    assert [a.id for a in subject.platform.assets(taken.job.id)] == [first]


def test_an_asset_that_is_written_again_is_in_progress_until_its_new_bytes_are_there(subject: Subject) -> None:
    """Law 2: between the two writes the row must not say that the old sum is the one in storage."""
    taken = claimed(subject.platform)
    asset_id = subject.platform.begin_asset(taken, new(details={"sha256": "00"}))
    subject.platform.asset_uploaded(taken, asset_id, {"sha256": "00"})
    for _ in range(2):
        assert subject.platform.begin_asset(taken, new(details={"sha256": "11"})) == asset_id
        (asset,) = subject.platform.assets(taken.job.id)
        assert (asset.status, asset.details) == ("IN_PROGRESS", {"sha256": "11", "attempt": 1})
    subject.platform.asset_uploaded(taken, asset_id, {"sha256": "11"})
    (asset,) = subject.platform.assets(taken.job.id)
    assert (asset.status, asset.details["sha256"]) == ("UPLOADED", "11")


def test_a_lost_claim_begins_no_asset_again(subject: Subject) -> None:
    first = claimed(subject.platform)
    upload(subject.platform, first)
    subject.platform.finish(first, Outcome("NEW"))
    second = claim(subject.platform, "worker-2")
    upload(subject.platform, second)
    before = subject.platform.assets(first.job.id)
    with pytest.raises(ClaimLost):
        subject.platform.begin_asset(first, new())
    assert subject.platform.assets(first.job.id) == before


def test_another_attempt_begins_its_asset_anew(subject: Subject) -> None:
    first = claimed(subject.platform)
    asset_id = upload(subject.platform, first)
    subject.platform.finish(first, Outcome("NEW"))
    second = claim(subject.platform, "worker-2")
    assert subject.platform.begin_asset(second, new(path="s3://bucket/second.png")) == asset_id
    (asset,) = subject.platform.assets(first.job.id)
    assert (asset.status, asset.path, asset.details) == ("IN_PROGRESS", "s3://bucket/second.png", {"attempt": 2})


@pytest.mark.parametrize("wrong", ["NO_SUCH_TYPE", ""])
def test_an_asset_of_an_unknown_type_is_refused(subject: Subject, wrong: str) -> None:
    taken = claimed(subject.platform)
    with pytest.raises(PlatformError):
        subject.platform.begin_asset(taken, new(type=wrong))
    assert subject.platform.assets(taken.job.id) == []


def test_an_asset_of_another_job_is_not_uploaded(subject: Subject) -> None:
    first, second = claimed(subject.platform), claimed(subject.platform)
    asset_id = subject.platform.begin_asset(first, new())
    with pytest.raises(PlatformError, match=asset_id):
        subject.platform.asset_uploaded(second, asset_id, {})
    assert [a.status for a in subject.platform.assets(first.job.id)] == ["IN_PROGRESS"]


def test_older_assets_of_the_style_are_hidden_with_the_outcome(subject: Subject) -> None:
    platform = subject.platform
    older = claimed(platform)
    upload(platform, older)
    upload(platform, older, "other-style.png", style_id="style-2")
    upload(platform, older, "no-style.png", style_id=None)
    platform.finish(older, Outcome("COMPLETED_SUCCESS"))
    newer = claimed(platform)
    upload(platform, newer)
    assert public(platform, older)["front.png"]
    platform.finish(newer, Outcome("COMPLETED_SUCCESS", hide_previous_style_assets=True))
    assert public(platform, older) == {"front.png": False, "other-style.png": True, "no-style.png": True}
    assert public(platform, newer) == {"front.png": True}


def test_older_assets_stay_as_they_are_when_there_are_no_new_ones(subject: Subject) -> None:
    platform = subject.platform
    older = claimed(platform)
    upload(platform, older)
    newer = claimed(platform)
    platform.begin_asset(newer, new())
    platform.finish(newer, Outcome("COMPLETED_ERRORS", "no licence", hide_previous_style_assets=True))
    assert public(platform, older) == {"front.png": True}


def test_older_assets_stay_as_they_are_unless_the_outcome_hides_them(subject: Subject) -> None:
    platform = subject.platform
    older = claimed(platform)
    upload(platform, older)
    newer = claimed(platform)
    upload(platform, newer)
    platform.finish(newer, Outcome("COMPLETED_SUCCESS"))
    assert public(platform, older) == {"front.png": True}


def test_a_job_that_ends_late_does_not_hide_what_a_later_one_made(subject: Subject) -> None:
    platform = subject.platform
    slow = claimed(platform)
    quick = claimed(platform)
    upload(platform, quick)
    platform.finish(quick, Outcome("COMPLETED_SUCCESS", hide_previous_style_assets=True))
    upload(platform, slow)
    platform.finish(slow, Outcome("COMPLETED_SUCCESS", hide_previous_style_assets=True))
    assert public(platform, quick) == {"front.png": True}


def test_the_types_that_an_asset_may_have_are_known(subject: Subject) -> None:
    known = subject.platform.asset_types()
    assert known is not None
    types = {"MEDIA_RENDER", "MEDIA_RENDER_RAY_TRACE", "MEDIA_3D_SCENE", "DXA_ASSET_BUNDLE", "TURNTABLE", "SCAN"}
    if subject.kind != "legacy":
        types |= {"DATA", "DOCUMENT", "VIDEO", "VSTITCHER_FILE"}
    assert set(known) == types
