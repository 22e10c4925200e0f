"""`openjd-vs check` says what is wrong with any file, at its place and within a second."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from openjd_vstitcher.config import Config, EngineConfig, load_config
from openjd_vstitcher.errors import InvalidInput
from openjd_vstitcher.resources import resource
from openjd_vstitcher.translation.check import check_file, decode, warnings
from tests.unit.test_documents import any_bytes

LIMIT_S = 1.0


@pytest.fixture(scope="module")
def config() -> Config:
    return load_config(None)


def step(name: str, *depends_on: Any, **more: Any) -> dict[str, Any]:
    made = {"name": name, "script": {"actions": {"onRun": {"command": "true"}}}, **more}
    return {**made, "dependencies": [{"dependsOn": each} for each in depends_on]} if depends_on else made


def template(*steps: Any, **more: Any) -> dict[str, Any]:
    return {"specificationVersion": "jobtemplate-2023-09", "name": "n", "steps": list(steps), **more}


def problems(data: Any) -> list[str]:
    began = time.monotonic()
    with pytest.raises(InvalidInput) as refused:
        decode(data, "t.yaml")
    assert time.monotonic() - began < 5 * LIMIT_S
    return [str(problem) for problem in refused.value.problems]


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        (
            [step("a", "b"), step("b", "a")],
            "/steps/1/dependencies/0/dependsOn: the steps depend on one another: a -> b -> a; expected no circle",
        ),
        (
            [step("x"), step("a", "x", "b"), step("b", "x", "c"), step("c", "b")],
            "/steps/3/dependencies/0/dependsOn: the steps depend on one another: b -> c -> b; expected no circle",
        ),
        (
            [step(f"s{n}", f"s{(n + 1) % 20}") for n in range(20)],
            "/steps/19/dependencies/0/dependsOn: the steps depend on one another: "
            "s0 -> s1 -> s2 -> s3 -> s4 -> s5 -> ... -> s0; expected no circle",
        ),
        ([step("a", "a")], "/steps/0: A step cannot depend upon itself."),
    ],
    ids=["two", "three", "many", "itself"],
)
def test_steps_that_depend_on_one_another_are_refused_at_their_place(steps: list[Any], problem: str) -> None:
    assert problems(template(*steps)) == [problem]


def test_a_long_chain_of_steps_is_no_circle() -> None:
    steps = [step(f"s{n}", f"s{n + 1}") for n in range(200)]
    decode(template(*steps, step("s200"), step("fan", *(f"s{n}" for n in range(200)))), "t.yaml")


@pytest.mark.parametrize(
    "data",
    [
        template(name="{{Param.A}}" * 200_000),
        template(*[step("{{Param.A}}", x="{{" * 1000)] * 1000),
        template(*[{"name": str(n)} for n in range(10_000)]),
        template(*[5] * 40_000),
        template(step("a"), parameterDefinitions=[{"name": "A", "type": "INT"}] * 10_000),
        template(step("a"), extensions=[{}] * 10),
        template(step("a", ["b"]), step("b", {}, 5, None)),
        template(
            step("a", parameterSpace={"taskParameterDefinitions": [{"name": "F", "type": "INT", "range": "1-x"}]})
        ),
    ],
    ids=["references", "braces", "no script", "numbers", "parameters", "extensions", "dependencies", "range"],
)
def test_a_hostile_template_is_refused_in_bounded_time(data: Any) -> None:
    found = problems(data)
    assert 1 <= len(found) <= 20


@pytest.mark.parametrize("version", ["jobtemplate-2023-09", "environment-2023-09", "x", 5, None, ["a"], {"a": 1}])
def test_a_template_of_any_version_without_content_is_refused(tmp_path: Path, config: Config, version: Any) -> None:
    (tmp_path / "t.json").write_text(json.dumps({"specificationVersion": version}))
    with pytest.raises(InvalidInput):
        check_file(tmp_path / "t.json", config)


REAL = [
    yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in [
        *sorted(resource("examples/presets").glob("*.json")),
        *sorted(resource("templates").glob("*.yaml")),
        *sorted(resource("templates/environments").glob("*.yaml")),
        *sorted(resource("examples/jobs").glob("*.json")),
    ]
]
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-10, 2**65) | st.text(max_size=8) | st.sampled_from(["{{", "{{Param.x}}"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def changed_documents(draw: st.DrawFn) -> Any:
    """A real preset, job or template in which some values are replaced, removed or repeated."""
    data = json.loads(json.dumps(draw(st.sampled_from(REAL))))
    for _ in range(draw(st.integers(1, 3))):
        place = data
        while True:
            key = draw(st.sampled_from(list(place) if isinstance(place, dict) else range(len(place))))
            if not (isinstance(place[key], dict | list) and place[key]) or draw(st.integers(0, 3)) == 0:
                break
            place = place[key]
        change = draw(st.sampled_from(["replace", "replace", "remove", "repeat"]))
        if change == "repeat" and isinstance(place, list):
            place.append(place[key])
        elif change == "remove" and len(place) > 1:
            del place[key]
        else:
            place[key] = draw(anything)
    return data


def _is_checked(folder: Path, config: Config, content: bytes, name: str) -> None:
    path = folder / name
    path.write_bytes(content)
    began = time.monotonic()
    try:
        assert check_file(path, config).startswith("a valid ")
    except InvalidInput as error:
        assert str(error).startswith(f"{path}: ")  # noqa: PT017  # most, not all, are refused
    assert time.monotonic() - began < LIMIT_S


contents = any_bytes() | changed_documents().map(lambda data: json.dumps(data).encode())


@settings(max_examples=250, deadline=None)
@given(content=contents, name=st.sampled_from(["p.json", "p.yaml"]))
def test_any_file_is_checked(
    tmp_path_factory: pytest.TempPathFactory, config: Config, content: bytes, name: str
) -> None:
    _is_checked(tmp_path_factory.getbasetemp(), config, content, name)


@pytest.mark.long
@pytest.mark.timeout(1800)
@settings(max_examples=10_000, deadline=None)
@given(content=contents, name=st.sampled_from(["p.json", "p.yaml"]))
def test_ten_thousand_files_are_checked(
    tmp_path_factory: pytest.TempPathFactory, config: Config, content: bytes, name: str
) -> None:
    _is_checked(tmp_path_factory.getbasetemp(), config, content, name)


def unproven_preset(tmp_path: Path) -> Path:
    instructions = [
        {"type": "MUTATION", "mutation_type": "REMOVE_SYMMETRY"},
        {"type": "MUTATION", "mutation_type": "DELETE_TRIMS"},
        {
            "type": "EXPORT",
            "export_type": "DXA_ASSET_BUNDLE",
            "output_file_name": "b.zip",
            "set_seam_allowance_symmetrically": True,
        },
    ]
    path = tmp_path / "preset.json"
    path.write_text(json.dumps({"key": "p", "details": {"instructions": instructions}}), "utf-8")
    return path


@pytest.mark.parametrize(("policy", "then"), [("warn", "warns"), ("fail", "fails")])
def test_changes_that_no_documented_call_makes_are_warned_of(tmp_path: Path, policy: str, then: str) -> None:
    config = Config(engine=EngineConfig(unproven_mutations=policy))
    found = warnings(unproven_preset(tmp_path), config)
    assert [warning.split(":")[0] for warning in found] == [
        "/details/instructions/0/mutation_type",
        "/details/instructions/2/set_seam_allowance_symmetrically",
    ]
    assert all(f"the export {then} (engine.unproven_mutations)" in warning for warning in found)


def test_custom_mutation_is_not_warned_of(tmp_path: Path) -> None:
    folder = tmp_path / "exports"
    folder.mkdir()
    (folder / "remove_symmetry.py").write_text("def mutate(garment, instruction):\n    return 1\n")
    (folder / "remove_symmetry.schema.json").write_text("{}")
    config = Config(engine=EngineConfig(extra_exports=folder))
    (warning,) = warnings(unproven_preset(tmp_path), config)
    assert warning.startswith("/details/instructions/2/")
