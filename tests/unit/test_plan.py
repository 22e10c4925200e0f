from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from openjd_vstitcher.documents import read_document
from openjd_vstitcher.errors import InvalidInput
from openjd_vstitcher.presets import load_preset
from openjd_vstitcher.resources import resource
from openjd_vstitcher.session.plan import Plan, make_plan
from openjd_vstitcher.session.selection import Selection
from openjd_vstitcher.translation.check import decode
from openjd_vstitcher.translation.commands import check_commands
from openjd_vstitcher.translation.preset import translate

GIVEN = {"GarmentFile": "tee.bw", "OutputDir": "/out"}


def template(name: str = "techpack_v0") -> dict[str, Any]:
    return translate(load_preset(read_document(resource(f"examples/presets/{name}.json"))))


def plan(data: dict[str, Any], given: dict[str, str] | None = None, **options: Any) -> Plan:
    return make_plan(
        decode(data, "t.yaml"), GIVEN if given is None else given, source="t.yaml", base=Path("/base"), **options
    )


def test_a_plan_has_the_steps_in_an_order_that_fits_their_dependencies() -> None:
    data = template()
    data["steps"].reverse()
    names = [step.name for step in plan(data).steps]
    assert names.index("01 turntable.zip frames") < names.index("01 turntable.zip")


def test_a_plan_knows_tasks_values_and_outputs() -> None:
    made = plan(template(), {**GIVEN, "Snapshots": "8"})
    assert [step.task_count for step in made.steps] == [8, 1, 1]
    assert made.values["GarmentFile"].value == str(Path("/base/tee.bw"))
    assert made.output_names == ("turntable.zip", "asset_bundle.zip")
    export = made.export_of("02 asset_bundle.zip")
    assert export is not None
    assert export["bundle_type"] == "style"


def test_a_chosen_step_brings_what_it_depends_on() -> None:
    names = [step.name for step in plan(template(), selection=Selection(("01 turntable.zip",))).steps]
    assert names == ["01 turntable.zip frames", "01 turntable.zip"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("specificationVersion"), "/specificationVersion: is missing"),
        (lambda t: t.pop("steps"), "/steps: is missing"),
        (lambda t: t["steps"][0].update(foo=1), "/steps/0/foo: the field 'foo' is unknown"),
        (
            lambda t: t["steps"][2]["script"]["actions"]["onRun"].update(args=["{{Param.No}}"]),
            "/steps/2/script/actions/onRun/args/0: Variable Param.No does not exist",
        ),
    ],
)
def test_a_wrong_template_is_refused_at_its_place(change: Any, message: str) -> None:
    data = template()
    change(data)
    with pytest.raises(InvalidInput) as refused:
        decode(data, "t.yaml")
    assert f"t.yaml: {message}" in str(refused.value)


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        ({"Colour": "red"}, {}, "parameters that are not defined in the template: Colour"),
        ({"Snapshots": "0"}, {}, "Value (0) for parameter Snapshots must be at least 1"),
        ({"Engine": "blender"}, {}, "Parameter Engine value (blender) not in allowedValues"),
        (
            {},
            {"selection": Selection(("09 no.png",))},
            "no step is named '09 no.png'; there are '01 turntable.zip frames', ",
        ),
    ],
)
def test_wrong_parameters_and_steps_are_refused(given: dict[str, str], options: Any, message: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        plan(template(), {**GIVEN, **given}, **options)
    assert message in str(refused.value)


def test_a_command_that_is_not_allowed_is_refused_with_its_place() -> None:
    data = template()
    check_commands(data, ("openjd-vs", "vstitcher-openjd"), "t.yaml")
    data["steps"][1]["script"]["actions"]["onRun"]["command"] = "bash"
    data["jobEnvironments"][0]["script"]["actions"]["onExit"]["command"] = "{{Param.JobId}}"
    with pytest.raises(InvalidInput) as refused:
        check_commands(data, ("openjd-vs", "vstitcher-openjd"), "t.yaml")
    assert [p.pointer for p in refused.value.problems] == [
        "/jobEnvironments/0/script/actions/onExit/command",
        "/steps/1/script/actions/onRun/command",
    ]
