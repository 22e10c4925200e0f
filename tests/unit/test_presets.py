from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from openjd_vstitcher.documents import read_document
from openjd_vstitcher.errors import InvalidInput
from openjd_vstitcher.names import same_file_key
from openjd_vstitcher.preset_rules import MAX_INSTRUCTIONS
from openjd_vstitcher.presets import check_asset_types, load_job_details, load_preset
from openjd_vstitcher.validation import shipped_schema

EXAMPLES = Path(__file__).parents[2] / "examples"


def preset(*instructions: dict[str, Any], **details: Any) -> dict[str, Any]:
    return {"key": "k", "details": {"instructions": list(instructions), **details}}


def export(**fields: Any) -> dict[str, Any]:
    given = {"type": "EXPORT", "export_type": "SCAN", "output_file_name": "scan.json", **fields}
    return {name: value for name, value in given.items() if value is not None}


MUTATION = {"type": "MUTATION", "mutation_type": "DELETE_TRIMS", "output_file_name": "placeholder"}


@pytest.mark.parametrize("path", sorted((EXAMPLES / "presets").glob("*.json")), ids=lambda p: p.stem)
def test_real_presets_are_valid(path: Path) -> None:
    loaded = load_preset(read_document(path), str(path))
    assert loaded.key == path.stem
    assert loaded.exports


@pytest.mark.parametrize("path", sorted((EXAMPLES / "jobs").glob("*.json")), ids=lambda p: p.stem)
def test_real_jobs_are_valid(path: Path) -> None:
    assert load_job_details(read_document(path), str(path)).body_code == "TK-6129"


def test_an_export_carries_the_mutations_before_it_and_no_other() -> None:
    first, second = load_preset(preset(export(), MUTATION, export(output_file_name="b.json"))).exports
    assert first.mutations == ()
    assert [m.mutation_type for m in second.mutations] == ["DELETE_TRIMS"]
    assert (first.index, second.index) == (0, 2)


def test_the_names_of_mutations_are_placeholders_that_need_not_be_unique() -> None:
    other = {**MUTATION, "mutation_type": "REMOVE_SYMMETRY"}
    hidden = {**MUTATION, "output_file_name": "../\u202e"}
    loaded = load_preset(preset(MUTATION, other, hidden, export(output_file_name="scan.json"), MUTATION))
    [made] = loaded.exports
    assert [m.mutation_type for m in made.mutations] == ["DELETE_TRIMS", "REMOVE_SYMMETRY", "DELETE_TRIMS"]
    assert [m.raw for m in made.mutations] == [MUTATION, other, hidden]


def test_unknown_fields_are_kept() -> None:
    loaded = load_preset({**preset(export(shoe_size=43), future={"a": 1}), "owner": "me"})
    assert loaded.exports[0].raw["shoe_size"] == 43
    assert loaded.raw["details"]["future"] == {"a": 1}
    assert loaded.raw["owner"] == "me"
    assert load_job_details({"season": "FW27"}).raw == {"season": "FW27"}


def turntable(number: int) -> dict[str, Any]:
    return export(export_type="TURNTABLE", output_file_name=f"{number}.zip")


def nested(levels: int) -> Any:
    data: Any = []
    for _ in range(levels):
        data = [data]
    return data


BAD_PRESETS = [
    ([], "/", "found []; expected an object"),
    ({}, "/details", "is missing; expected an object with the instructions"),
    ({"key": "k", "details": {}}, "/details/instructions", "is missing; expected a non-empty list of instructions"),
    (preset(), "/details/instructions", "found []; expected a non-empty list of instructions"),
    (preset("front.png"), "/details/instructions/0", 'found "front.png"; expected an object'),  # type: ignore[arg-type]  # on purpose
    (
        preset({"type": "EXPORTS"}),
        "/details/instructions/0/type",
        'unknown value "EXPORTS"; expected one of EXPORT, MUTATION',
    ),
    (preset({}), "/details/instructions/0/type", "is missing; expected EXPORT or MUTATION"),
    (
        preset(export(export_type="MEDIA_VIDEO")),
        "/details/instructions/0/export_type",
        'unknown value "MEDIA_VIDEO"; expected one of MEDIA_RENDER, ',
    ),
    (
        preset({"type": "MUTATION", "mutation_type": "SHRINK"}),
        "/details/instructions/0/mutation_type",
        'unknown value "SHRINK"; expected one of REMOVE_SYMMETRY, DELETE_TRIMS',
    ),
    (
        preset(export(output_file_name=None)),
        "/details/instructions/0/output_file_name",
        "is missing; expected a plain file name such as front.png",
    ),
    (
        preset(export(), export()),
        "/details/instructions/1/output_file_name",
        "'scan.json' names the same file as /details/instructions/0",
    ),
    (
        preset(export(), export(output_file_name="SCAN.JSON")),
        "/details/instructions/1/output_file_name",
        "'SCAN.JSON' names the same file as /details/instructions/0",
    ),
    (
        preset(export(output_file_name="Caf\u00e9.json"), export(output_file_name="Cafe\u0301.json")),
        "/details/instructions/1/output_file_name",
        "names the same file as /details/instructions/0; expected a unique name",
    ),
    *(
        (preset(export(output_file_name=name)), "/details/instructions/0/output_file_name", reason)
        for name, reason in [
            ("a\u202egnp.json", "contains the invisible or direction-changing character U+202E"),
            ("a\u200b.json", "contains the invisible or direction-changing character U+200B"),
            ("\ufeffa.json", "contains the invisible or direction-changing character U+FEFF"),
            ("a\u3164.json", "contains the invisible or direction-changing character U+3164"),
            ("scan.png", "'scan.png' does not end in .json, which is what SCAN writes"),
            ("scan", "'scan' does not end in .json, which is what SCAN writes"),
            (".json", "'.json' does not end in .json, which"),
            ("json", "'json' does not end in .json, which is what SCAN writes"),
        ]
    ),
    *(
        (preset(export(export_type=kind, output_file_name=name)), "/details/instructions/0/output_file_name", reason)
        for kind, name, reason in [
            ("MEDIA_RENDER", "a.jpg", "'a.jpg' does not end in .png, which is what MEDIA_RENDER writes"),
            ("MEDIA_RENDER", "a.txt", "does not end in .png"),
            ("MEDIA_RENDER_RAY_TRACE", "a.jpeg", "does not end in .png"),
            ("MEDIA_3D_SCENE", "a.gltf", "does not end in .glb or .fbx or .bwo, which is what MEDIA_3D_SCENE writes"),
            ("MEDIA_3D_SCENE", "a.obj", "does not end in .glb"),
            ("TURNTABLE", "a.gif", "does not end in .zip"),
            ("DXA_ASSET_BUNDLE", "a.dxf", "does not end in .zip"),
            ("DXA_BODY_ASSET_BUNDLE", "a.json", "does not end in .zip"),
        ]
    ),
    (preset(MUTATION, MUTATION), "/details/instructions", "has no EXPORT; expected at least one"),
    (
        preset(*(export(output_file_name=f"{n}.json") for n in range(1000))),
        "/details/instructions",
        "found 1000 items; expected 1 to 256",
    ),
    (
        preset(MUTATION, *(turntable(n) for n in range(200))),
        "/details/instructions/44",
        "found 200 turntables; expected at most 43: each is a parameter of the template, and OpenJD allows 50",
    ),
    (preset(export(), **{"a/b~c": float("inf")}), "/details/a~1b~0c", "found inf; expected a finite number"),
    *(
        (preset(export(number_of_snapshots=n)), "/details/instructions/0/number_of_snapshots", expected)
        for n, expected in [
            (0, "found 0; expected 1 to 1024"),
            (1025, "found 1025; expected 1 to 1024"),
            (-3, "found -3; expected 1 to 1024"),
            (1.5, "found 1.5; expected an integer"),
            ("24", 'found "24"; expected an integer'),
            (True, "found true; expected an integer"),
        ]
    ),
    *(
        (preset(export(), remote_destination=d), "/details/remote_destination", "expected s3://bucket/prefix")
        for d in [
            "",
            "ftp://host/x",
            "https://host/x",
            "s3://",
            "s3://UPPER/x",
            "s3://b/../c",
            "a/../b",
            "x\x00",
            "s3://bucket\n",
        ]
    ),
    (preset(export(), remote_destination=7), "/details/remote_destination", "found 7; expected a string"),
    (
        preset(export(), remote_destination_subfolder_type="YEAR"),
        "/details/remote_destination_subfolder_type",
        'unknown value "YEAR"; expected one of JOB_ID, STYLE_ID, NONE',
    ),
    (
        preset(export(camera_position={"x": 1, "y": 2})),
        "/details/instructions/0/camera_position/z",
        "is missing; expected a number in cm",
    ),
    (preset(export(dpi=float("nan"))), "/details/instructions/0/dpi", "found nan; expected a finite number"),
    (preset(export(techpack_name="a\ud800")), "/details/instructions/0/techpack_name", "contains a lone surrogate"),
    (preset(export(dpi=0)), "/details/instructions/0/dpi", "found 0; expected 1 to 2400"),
    *(
        (preset(export(output_file_name=name)), "/details/instructions/0/output_file_name", reason)
        for name, reason in [
            ("", "is empty"),
            ("..", "refers to a directory"),
            (".", "refers to a directory"),
            ("a/b.png", "contains a path separator"),
            ("a\\b.png", "contains a path separator"),
            ("../a.png", "contains a path separator"),
            ("C:a.png", "starts with a drive letter"),
            ("c:\\a.png", "starts with a drive letter"),
            ("a\x00.png", "contains a control character"),
            ("a\n", "contains a control character"),
            ("\x7f", "contains a control character"),
            ("a?.png", "contains a character that Windows does not allow"),
            ("CON", "is a reserved name on Windows"),
            ("nul.png", "is a reserved name on Windows"),
            ("Lpt1.txt", "is a reserved name on Windows"),
            ("a.", "ends with a dot or a space"),
            ("a ", "ends with a dot or a space"),
            ("a" * 201, "found 201 characters; expected 1 to 200"),
            ("裳" * 80, "is longer than 230 bytes"),
            ("COM\u00b9.png", "is a reserved name on Windows"),
            ("CONIN$", "is a reserved name on Windows"),
            ("CON .png", "is a reserved name on Windows"),
        ]
    ),
]


@pytest.mark.parametrize(("data", "pointer", "message"), BAD_PRESETS)
def test_bad_preset_is_refused_with_its_place_and_what_was_expected(data: Any, pointer: str, message: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        load_preset(data, "bad.json")
    assert any(str(p).startswith(f"{pointer}: ") and message in p.message for p in refused.value.problems), str(
        refused.value
    )


@pytest.mark.parametrize(
    ("data", "pointer", "message"),
    [
        ([], "/", "expected an object"),
        ({"input_file_uri": "ftp://x/y.bw"}, "/input_file_uri", "expected s3://bucket/key"),
        ({"input_file_uri": "s3://bucket"}, "/input_file_uri", "expected s3://bucket/key"),
        ({"body_code": "../etc"}, "/body_code", "expected letters"),
        ({"style_id": "a/b"}, "/style_id", "expected an id without path separators"),
        ({"style_id": ".."}, "/style_id", "expected an id without path separators"),
        ({"artwork_replacements": [{}]}, "/artwork_replacements/0/remote_file_path", "is missing"),
        ({"x": nested(600)}, "/x" + "/0" * 63, "is nested too deeply"),
        ({"type": "TEST", "details": {"x": nested(600)}}, "/details/x" + "/0" * 63, "is nested too deeply"),
        ({"type": "TEST", "details": {"body_version": "ten"}}, "/details/body_version", "expected an integer"),
    ],
)
def test_bad_job_details_are_refused(data: Any, pointer: str, message: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        load_job_details(data, "job.json")
    assert any(str(p).startswith(f"{pointer}: ") and message in p.message for p in refused.value.problems)


def test_all_problems_are_reported_at_once() -> None:
    with pytest.raises(InvalidInput) as refused:
        load_preset(preset(export(dpi=-1), export(output_file_name="a/b"), remote_destination="ftp://x"))
    assert len(refused.value.problems) == 3


def test_a_custom_export_type_is_checked_by_its_schema() -> None:
    schema = {"type": "object", "required": ["angle"], "properties": {"angle": {"type": "number"}}}
    given = preset(export(export_type="FLAT_SKETCH", output_file_name="flat.svg"))
    with pytest.raises(InvalidInput, match="unknown value"):
        load_preset(given)
    with pytest.raises(InvalidInput, match="/details/instructions/0/angle"):
        load_preset(given, extra_exports={"FLAT_SKETCH": schema})
    given["details"]["instructions"][0]["angle"] = 30
    assert load_preset(given, extra_exports={"FLAT_SKETCH": schema}).exports[0].export_type == "FLAT_SKETCH"


def test_an_extra_export_type_may_declare_its_asset_type() -> None:
    given = preset(export(export_type="FLAT_SKETCH"), export(output_file_name="b.json", asset_type="SCAN"))
    for schema, asset_type in ({}, "FLAT_SKETCH"), ({"x-asset-type": "MEDIA_RENDER"}, "MEDIA_RENDER"):
        exports = load_preset(given, extra_exports={"FLAT_SKETCH": schema}).exports
        assert [each.asset_type for each in exports] == [asset_type, "SCAN"]
    given["details"]["instructions"][0]["asset_type"] = "TURNTABLE"
    assert load_preset(given, extra_exports={"FLAT_SKETCH": schema}).exports[0].asset_type == "TURNTABLE"


def test_asset_types_that_the_platform_does_not_know_are_problems_at_their_place() -> None:
    given = load_preset(
        preset(
            export(),
            {"type": "MUTATION", "mutation_type": "DELETE_TRIMS"},
            export(export_type="FLAT_SKETCH", output_file_name="b.svg"),
            export(export_type="FLAT_SKETCH", output_file_name="c.svg", upload_to_s3=False),
            export(asset_type="TURNTABLE", output_file_name="d.json"),
        ),
        extra_exports={"FLAT_SKETCH": {}},
    )
    problems = check_asset_types(given, {"MEDIA_RENDER", "SCAN"})
    assert [str(problem) for problem in problems] == [
        "/details/instructions/2/export_type: its asset type 'FLAT_SKETCH' is unknown to the platform; expected "
        "asset_type, or x-asset-type in the schema of FLAT_SKETCH, to name one of MEDIA_RENDER, SCAN",
        "/details/instructions/4/asset_type: unknown to the platform: 'TURNTABLE'; expected one of MEDIA_RENDER, SCAN",
    ]
    assert check_asset_types(given, {"SCAN", "TURNTABLE", "FLAT_SKETCH"}) == []
    assert check_asset_types(given, None) == []


def test_the_name_of_a_custom_export_is_checked_by_its_schema_alone() -> None:
    schema = {"properties": {"output_file_name": {"pattern": "[.]svg$"}}}
    extra = {"FLAT_SKETCH": schema}
    load_preset(preset(export(export_type="FLAT_SKETCH", output_file_name="a.svg")), extra_exports=extra)
    with pytest.raises(InvalidInput) as refused:
        load_preset(preset(export(export_type="FLAT_SKETCH", output_file_name="a.txt")), extra_exports=extra)
    [problem] = refused.value.problems
    assert problem.message == "'a.txt' does not match '[.]svg$'"


@pytest.mark.parametrize("name", ["A.PNG", "a.b.Png"])
def test_the_case_of_a_suffix_does_not_matter(name: str) -> None:
    load_preset(preset(export(export_type="MEDIA_RENDER", output_file_name=name)))


def test_mutations_that_every_export_would_repeat_are_refused_at_the_export_that_is_too_much() -> None:
    """A preset of 2.3 MB became a template of 462 MB."""
    mutations = [{**MUTATION, "note": "x" * 40_000} for _ in range(50)]
    began = time.monotonic()
    with pytest.raises(InvalidInput) as refused:
        load_preset(preset(*mutations, *(export(output_file_name=f"{n}.json") for n in range(200))))
    assert time.monotonic() - began < 2
    [problem] = refused.value.problems
    assert str(problem) == (
        "/details/instructions/51: makes the template too large; expected a template of at most 4 MiB "
        "(each export carries all mutations before it)"
    )


def test_a_preset_that_fills_the_template_by_itself_is_refused_as_a_whole() -> None:
    with pytest.raises(InvalidInput) as refused:
        load_preset({**preset(export()), "notes": "\u00e9" * 1_000_000})
    assert [str(problem) for problem in refused.value.problems] == [
        "/: makes the template too large, which contains the preset; expected a template of at most 4 MiB"
    ]


def test_too_many_instructions_are_one_problem() -> None:
    assert shipped_schema("job_preset")["properties"]["details"]["properties"]["instructions"]["maxItems"] == (
        MAX_INSTRUCTIONS
    )
    with pytest.raises(InvalidInput) as refused:
        load_preset(preset(*[export()] * 9000))
    assert [str(problem) for problem in refused.value.problems] == [
        "/details/instructions: found 9000 items; expected 1 to 256"
    ]


def test_a_custom_mutation_type_is_checked_by_its_schema() -> None:
    schema = {"type": "object", "required": ["length"], "properties": {"length": {"type": "number"}}}
    mutation = {"type": "MUTATION", "mutation_type": "SHORTEN"}
    with pytest.raises(InvalidInput, match="unknown value"):
        load_preset(preset(mutation, export()))
    with pytest.raises(InvalidInput, match="/details/instructions/0/length"):
        load_preset(preset(mutation, export()), extra_exports={"SHORTEN": schema})
    loaded = load_preset(preset({**mutation, "length": 2}, export()), extra_exports={"SHORTEN": schema})
    assert loaded.exports[0].mutations[0].mutation_type == "SHORTEN"


def test_names_are_compared_as_file_systems_do() -> None:
    assert same_file_key("Café.PNG") == same_file_key("cafe\u0301.png")
