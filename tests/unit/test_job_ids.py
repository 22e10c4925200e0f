from __future__ import annotations

from openjd_vstitcher.platform.job_ids import id_range, short_ids

A, B = "3f2a9c1e-1000-4000-8000-000000000000", "3f2a9c1e-1f00-4000-8000-000000000000"


def test_ids_are_as_short_as_tells_them_apart() -> None:
    assert short_ids([A]) == {A: "3f2a9c1e"}
    assert short_ids([A, B, A]) == {A: "3f2a9c1e-10", B: "3f2a9c1e-1f"}
    assert short_ids([]) == {}


def test_a_prefix_is_a_range_of_ids() -> None:
    assert id_range("3f2a9c1e-1") == (
        "3f2a9c1e-1000-0000-0000-000000000000",
        "3f2a9c1e-1fff-ffff-ffff-ffffffffffff",
    )
    assert id_range("3F2A") == ("3f2a0000-0000-0000-0000-000000000000", "3f2affff-ffff-ffff-ffff-ffffffffffff")
    assert id_range(A) == (A, A)
    for no_prefix in ("", "job", "3-f", A + "0", "%"):
        assert id_range(no_prefix) is None
