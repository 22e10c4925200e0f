from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from openjd.model import JobTemplate, SymbolTable, create_job, decode_job_template, preprocess_job_parameters

from openjd_vstitcher.documents import MAX_BYTES, read_document
from openjd_vstitcher.documents.yaml_text import parse_yaml
from openjd_vstitcher.errors import InvalidInput
from openjd_vstitcher.names import OUTPUT_SUFFIXES
from openjd_vstitcher.preset_rules import MAX_TURNTABLES
from openjd_vstitcher.presets import Preset, load_preset
from openjd_vstitcher.resources import resource
from openjd_vstitcher.session.plan import make_plan
from openjd_vstitcher.translation.check import decode as decoded
from openjd_vstitcher.translation.environments import environments, parameter_values
from openjd_vstitcher.translation.preset import translate
from openjd_vstitcher.translation.text import constant_json, step_name, template_digest, to_yaml

PRESETS = sorted(resource("examples/presets").glob("*.json"))


def sample(name: str) -> Preset:
    return load_preset(read_document(resource(f"examples/presets/{name}.json")))


def decode(template: dict[str, Any]) -> JobTemplate:
    return decode_job_template(template=yaml.safe_load(to_yaml(template)))


def embedded(script: Any) -> dict[str, Any]:
    """What the program that the script runs will read."""
    [file] = script.embeddedFiles
    return json.loads(file.data.resolve(symtab=SymbolTable()))  # type: ignore[no-any-return]


@pytest.mark.parametrize("path", PRESETS, ids=lambda p: p.stem)
def test_every_sample_preset_becomes_a_valid_template(path: Path) -> None:
    preset = load_preset(read_document(path))
    template = decode(translate(preset))
    assert template.extensions is None
    names = [step.name for step in template.steps]
    assert len(set(names)) == len(names)
    job = create_job(
        job_template=template,
        job_parameter_values=preprocess_job_parameters(
            job_template=template,
            job_parameter_values=parameter_values(job_id="7", output_dir="/out", garment_file="/g.bw"),  # type: ignore[arg-type]  # str is str
            job_template_dir=Path(),
            current_working_dir=Path(),
            allow_job_template_dir_walk_up=True,
        ),
    )
    assert job.name == f"{preset.key} 7"


def test_same_preset_same_bytes() -> None:
    assert to_yaml(translate(sample("techpack_v0"))) == to_yaml(translate(sample("techpack_v0")))
    assert template_digest(translate(sample("techpack_v0"))) != template_digest(translate(sample("dxf_v0")))


def test_the_row_of_a_database_gives_the_bytes_of_the_file() -> None:
    raw = sample("onboarding_v0").raw
    row = {"description": None, "created_at": "2026-01-01", **dict(sorted(raw.items()))}
    row["details"] = dict(sorted(raw["details"].items()))
    row["details"]["instructions"] = [dict(sorted(i.items(), reverse=True)) for i in raw["details"]["instructions"]]
    assert to_yaml(translate(load_preset(row))) == to_yaml(translate(sample("onboarding_v0")))


def test_an_export_is_a_step_with_its_instruction_and_the_mutations_before_it() -> None:
    template = decode(translate(sample("techpack_p2f_v0")))
    assert [step.name for step in template.steps] == [
        "01 turntable.zip frames",
        "01 turntable.zip",
        "02 asset_bundle.zip",
    ]
    frames, pack, bundle = template.steps
    assert embedded(frames.script)["mutations"] == []
    assert embedded(bundle.script) == {
        "instruction": 2,
        "mutations": [{"type": "MUTATION", "mutation_type": "REMOVE_SYMMETRY", "output_file_name": "placeholder"}],
        "export": {
            "type": "EXPORT",
            "export_type": "DXA_ASSET_BUNDLE",
            "output_file_name": "asset_bundle.zip",
            "techpack_name": "tp-p2f-renders",
        },
    }
    assert pack.dependencies is not None
    assert [d.dependsOn for d in pack.dependencies] == [frames.name]


def test_every_action_has_a_timeout_and_a_notice_before_it_is_ended() -> None:
    template = translate(sample("techpack_v0"))
    scripts = [step["script"] for step in template["steps"] + template["jobEnvironments"]]
    actions = [action for script in scripts for action in script["actions"].values()]
    assert len(actions) == 7
    assert all(action["timeout"] > 0 for action in actions)
    assert all(action["cancelation"]["mode"] == "NOTIFY_THEN_TERMINATE" for action in actions)


def test_every_parameter_has_a_label_a_group_and_a_description() -> None:
    for definition in translate(sample("techpack_v0"))["parameterDefinitions"]:
        assert definition["description"]
        assert definition["userInterface"].keys() >= {"control", "label", "groupLabel"}


def test_a_choice_that_the_preset_makes_is_no_parameter() -> None:
    row = dict(sample("body_bundle_v0").raw)
    row["details"]["instructions"][0]["colorway"] = "Navy"
    template = translate(load_preset(row))
    assert "Colorway" not in [d["name"] for d in template["parameterDefinitions"]]
    assert "--colorway" not in template["steps"][0]["script"]["actions"]["onRun"]["args"]


def test_two_turntables_have_a_parameter_each() -> None:
    turntable = {"type": "EXPORT", "export_type": "TURNTABLE", "number_of_snapshots": 8}
    row = {
        "key": "k",
        "details": {
            "instructions": [{**turntable, "output_file_name": "a.zip"}, {**turntable, "output_file_name": "b.zip"}]
        },
    }
    defaults = {d["name"]: d["default"] for d in translate(load_preset(row))["parameterDefinitions"]}
    assert defaults["Snapshots"] == defaults["Snapshots2"] == 8
    decode(translate(load_preset(row)))


hostile = st.text(
    alphabet=st.one_of(st.sampled_from("{}\"\\\n\t $`%'-:# é😀\u2028"), st.characters(exclude_categories=["Cs"])),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(key=hostile.filter(bool), name=hostile, value=hostile, field=hostile)
def test_text_of_a_preset_arrives_as_it_is(key: str, name: str, value: str, field: str) -> None:
    export = {
        "type": "EXPORT",
        "export_type": "SCAN",
        "output_file_name": "{{x}}.json",
        "extra": {field: {"{{Param.JobId}}": [value, "{{Session.WorkingDirectory}}", {"a": {"b": {}}}]}},
    }
    row = {"key": key, "name": name, "details": {"instructions": [export]}}
    template = decode(translate(load_preset(row)))
    assert embedded(template.steps[0].script)["export"] == export
    assert template.jobEnvironments is not None
    assert embedded(template.jobEnvironments[0].script)["preset"] == row


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | hostile,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(hostile, inner, max_size=3),
        max_leaves=12,
    )
)
def test_constant_json_holds_no_reference_and_reads_back(value: Any) -> None:
    text = constant_json(value)
    assert "{{" not in text
    assert "}}" not in text
    assert json.loads(text) == value


@pytest.mark.parametrize("name", ["a" * 200, "a" * 190 + ".png", "x" * 62, "ok.png", "{{Param.JobId}}.png"])
def test_step_names_fit_and_stay_unique(name: str) -> None:
    made = step_name(3, name)
    assert len(made) <= 64
    assert made.startswith("03 ")
    assert "{" not in made
    assert step_name(3, name + "2") != made


def test_names_over_64_characters_survive() -> None:
    long = "front view of the garment in the colour of the season " * 3 + ".json"
    row = {
        "key": "k" * 200,
        "details": {"instructions": [{"type": "EXPORT", "export_type": "SCAN", "output_file_name": long}]},
    }
    template = decode(translate(load_preset(row)))
    assert embedded(template.steps[0].script)["export"]["output_file_name"] == long


names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=90) | st.sampled_from(["a", "{{x}}", "b b"])
scalars = st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.floats(allow_nan=False) | hostile


def fields(**required: Any) -> st.SearchStrategy[dict[str, Any]]:
    unknown = st.dictionaries(hostile, st.recursive(scalars, lambda inner: st.lists(inner, max_size=3)), max_size=2)
    chosen = st.fixed_dictionaries(
        required,
        optional={
            "colorway": hostile | st.integers(),
            "snapshot": hostile | st.integers(),
            "number_of_snapshots": st.integers(1, 1024),
            "dpi": st.floats(1, 2400),
            "upload_to_s3": st.booleans(),
            "camera_position": st.fixed_dictionaries({axis: st.integers(-100_000, 100_000) for axis in "xyz"}),
        },
    )
    return st.builds(lambda more, made: {**more, **made}, unknown, chosen)


def exports() -> st.SearchStrategy[dict[str, Any]]:
    return st.sampled_from([(kind, suffix) for kind, of_kind in OUTPUT_SUFFIXES.items() for suffix in of_kind]).flatmap(
        lambda made: fields(
            type=st.just("EXPORT"), export_type=st.just(made[0]), output_file_name=names.map(lambda n: n + made[1])
        )
    )


mutations = fields(type=st.just("MUTATION"), mutation_type=st.sampled_from(["REMOVE_SYMMETRY", "DELETE_TRIMS"]))
rows = st.fixed_dictionaries(
    {
        "key": st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200),
        "details": st.fixed_dictionaries({"instructions": st.lists(exports() | mutations, min_size=1, max_size=8)}),
    },
    optional={"name": hostile, "description": st.none() | st.text(st.characters(exclude_categories=["Cs"]))},
)


def assert_translates(row: dict[str, Any]) -> None:
    template = translate(load_preset(row))
    text = to_yaml(template)
    assert len(text.encode()) <= MAX_BYTES
    assert parse_yaml(text) == template
    values = {"GarmentFile": "/g.bw", "JobId": "j" * 64}
    plan = make_plan(decoded(template, "t"), values, source="t", base=Path("/"))
    assert len(plan.output_names) == sum(i["type"] == "EXPORT" for i in row["details"]["instructions"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(rows)
def test_every_preset_that_is_accepted_becomes_a_template_that_openjd_accepts(row: dict[str, Any]) -> None:
    try:
        load_preset(row)
    except InvalidInput:
        reject()
    assert_translates(row)


@pytest.mark.long
@pytest.mark.timeout(1800)
@settings(max_examples=5_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows)
def test_thousands_of_accepted_presets_become_templates(row: dict[str, Any]) -> None:
    try:
        load_preset(row)
    except InvalidInput:
        reject()
    assert_translates(row)


def test_the_largest_presets_become_templates_too() -> None:
    turntable = {"type": "EXPORT", "export_type": "TURNTABLE"}
    turntables = [{**turntable, "output_file_name": f"{n}.zip"} for n in range(MAX_TURNTABLES)]
    scans = [{"type": "EXPORT", "export_type": "SCAN", "output_file_name": f"{n}.json"} for n in range(255)]
    mutation = {"type": "MUTATION", "mutation_type": "DELETE_TRIMS"}
    assert_translates({"key": "k", "details": {"instructions": turntables}})
    assert (
        len(translate(load_preset({"key": "k", "details": {"instructions": turntables}}))["parameterDefinitions"]) == 50
    )
    assert_translates({"key": "k", "details": {"instructions": [mutation, *scans]}})


@pytest.mark.parametrize(
    "filling",
    ["x" * 3000, "{}" * 1500, "\u00e9" * 1000, [[]] * 150, [[[[[]]]]] * 50, {f"{n}": n for n in range(150)}],
    ids=["text", "braces", "escapes", "lists", "deep lists", "fields"],
)
def test_no_accepted_preset_becomes_a_template_over_the_limit(filling: Any) -> None:
    mutation = {"type": "MUTATION", "mutation_type": "DELETE_TRIMS", "filling": filling}
    scans = [{"type": "EXPORT", "export_type": "SCAN", "output_file_name": f"{n}.json"} for n in range(50)]
    count, accepted = 200, 0
    while accepted + 1 < count:
        middle = (accepted + count) // 2
        row = {"key": "k", "details": {"instructions": [mutation] * middle + scans}}
        try:
            load_preset(row)
        except InvalidInput as error:
            assert "makes the template too large" in error.problems[0].message  # noqa: PT017  # a search, not an expectation
            count = middle
        else:
            accepted = middle
    template = to_yaml(translate(load_preset({"key": "k", "details": {"instructions": [mutation] * accepted + scans}})))
    assert MAX_BYTES / 4 < len(template) <= MAX_BYTES


def test_values_never_enter_embedded_files() -> None:
    for environment in environments(sample("techpack_v0").raw):
        for file in environment["script"].get("embeddedFiles", []):
            assert "{{" not in file["data"]


def test_parameter_values_leave_out_what_is_not_given() -> None:
    assert parameter_values(job_id="7", output_dir="/o", inputs_manifest="/i.json") == {
        "InputsManifest": "/i.json",
        "OutputDir": "/o",
        "JobId": "7",
        "Engine": "auto",
    }
