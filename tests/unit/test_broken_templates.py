"""What a person who writes a template reads about each mistake: the line, the element and what was expected."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from openjd_vstitcher.config import Config
from openjd_vstitcher.documents import with_places
from openjd_vstitcher.errors import InvalidInput
from openjd_vstitcher.resources import resource
from openjd_vstitcher.translation.advice import advice
from openjd_vstitcher.translation.check import check_file

TEMPLATE = """\
specificationVersion: jobtemplate-2023-09
name: broken
parameterDefinitions:
- name: Frames
  type: INT
  default: 3
steps:
- name: render
  parameterSpace:
    taskParameterDefinitions:
    - name: Frame
      type: INT
      range: "1-{{Param.Frames}}"
  script:
    embeddedFiles:
    - name: Settings
      type: TEXT
      data: |
        {
          "camera": {"x": 1}
        }
    actions:
      onRun:
        command: echo
        args:
        - "{{Task.Param.Frame}}"
        timeout: 60
- name: pack
  dependencies:
  - dependsOn: render
  script:
    actions:
      onRun: {command: echo, timeout: 60}
"""

MISTAKES = {
    "field": (
        ("  script:\n    embedded", "  scrpit:\n    embedded"),
        "line 14, column 3: /steps/0/scrpit: the field 'scrpit' is unknown; did you mean 'script'?",
    ),
    "field in the wrong place": (
        ("name: pack\n", "name: pack\n  timeout: 60\n"),
        "line 29, column 3: /steps/1/timeout: the field 'timeout' is unknown here",
    ),
    "no field": (
        ("        command: echo\n", ""),
        "line 23, column 7: /steps/0/script/actions/onRun/command: is missing",
    ),
    "type": (
        ("type: INT\n  default", "type: INTEGER\n  default"),
        "line 5, column 3: /parameterDefinitions/0/type: found 'INTEGER'; expected one of INT, FLOAT, STRING, PATH, ",
    ),
    "default": (
        ("  default: 3", "  default: 3\n  minValue: 5"),
        "line 6, column 3: /parameterDefinitions/0/default: Value less than minValue.",
    ),
    "reference": (
        ("{{Task.Param.Frame}}", "{{Task.Param.Fram}}"),
        "line 26, column 11: /steps/0/script/actions/onRun/args/0: Variable Task.Param.Fram does not exist at this "
        "location. Did you mean: Task.Param.Frame",
    ),
    "braces of JSON": (
        ('{"x": 1}\n        }', '{"x": {"y": 1}}\n        }'),
        "line 20, column 34: /steps/0/script/embeddedFiles/0/data: '}}' ends an expression that does not begin; "
        "in JSON, write '} }'",
    ),
    "opening braces": (
        ('{"x": 1}', '{"x": "{{"}'),
        "line 20, column 28: /steps/0/script/embeddedFiles/0/data: '{{' begins an expression that does not end; "
        "in JSON, write '{ {', or \\u007b in a string",
    ),
    "expression": (
        ('"camera": {"x": 1}', "{{Param.Frames + 1}}"),
        "line 20, column 11: /steps/0/script/embeddedFiles/0/data: '{{Param.Frames + 1}}' is not a valid expression",
    ),
    "dependency": (
        ("dependsOn: render", "dependsOn: rendr"),
        "line 30, column 5: /steps/1/dependencies/0/dependsOn: no step is named 'rendr' (did you mean 'render'?); "
        "there are render, pack",
    ),
    "circle": (
        ("- name: render\n", "- name: render\n  dependencies: [{dependsOn: pack}]\n"),
        "the steps depend on one another: render -> pack -> render; expected no circle",
    ),
    "two steps of a name": (
        ("- name: pack\n  dependencies:\n  - dependsOn: render\n", "- name: render\n"),
        "line 7, column 1: /steps: Duplicate values for name are not allowed. Duplicate values: render",
    ),
    "range": (
        ('"1-{{Param.Frames}}"', '"1-x"'),
        "line 13, column 7: /steps/0/parameterSpace/taskParameterDefinitions/0/range: Unexpected 'x' in '1-x'",
    ),
    "combination": (
        ("  script:\n    embedded", "    combination: Frame * Eye\n  script:\n    embedded"),
        "line 14, column 5: /steps/0/parameterSpace/combination: Expression references undefined parameters: Eye",
    ),
    "timeout": (
        ("        timeout: 60\n", "        timeout: soon\n"),
        "line 27, column 9: /steps/0/script/actions/onRun/timeout: found 'soon'; expected a number",
    ),
    "arguments": (
        ('        args:\n        - "{{Task.Param.Frame}}"', '        args: "{{Task.Param.Frame}}"'),
        "line 25, column 9: /steps/0/script/actions/onRun/args: found '{{Task.Param.Frame}}'; expected a list",
    ),
    "extension": (
        ("name: broken", "name: broken\nextensions: [TASK_CHUNKNG]"),
        "line 3, column 1: /extensions: unknown TASK_CHUNKNG (did you mean 'TASK_CHUNKING'?); expected some of ",
    ),
    "extension not declared": (
        ("      type: INT\n      range", "      type: CHUNK[INT]\n      range"),
        "requires the TASK_CHUNKING extension; expected 'extensions: [TASK_CHUNKING]' in the template",
    ),
    "version": (
        ("jobtemplate-2023-09", "jobtemplate-2023-9"),
        "line 1, column 1: /specificationVersion: Unknown template version: jobtemplate-2023-9. Values allowed for ",
    ),
    "control": (
        ("  default: 3", "  default: 3\n  userInterface: {control: SPINBOX}"),
        "line 7, column 19: /parameterDefinitions/0/userInterface/control: found 'SPINBOX'; expected one of SPIN_BOX, "
        "DROPDOWN_LIST, HIDDEN (did you mean 'SPIN_BOX'?)",
    ),
    "repeated key": (
        ("- name: pack\n", "- name: pack\n  name: packed\n"),
        "line 29, column 3: the key 'name' is repeated; expected each key once",
    ),
    "not YAML": (("steps:\n", "steps: [\n"), "invalid YAML: "),
}


def told(file: Path) -> list[str]:
    """What is told of a file that is wrong, without its name."""
    with pytest.raises(InvalidInput) as refused:
        check_file(file, Config())
    return str(with_places(refused.value)).replace(f"{file}: ", "").splitlines()


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_once_with_its_line_and_what_was_expected(tmp_path: Path, mistake: str) -> None:
    (right, wrong), message = MISTAKES[mistake]
    assert TEMPLATE.count(right) >= 1
    file = tmp_path / "t.yaml"
    file.write_text(TEMPLATE.replace(right, wrong, 1), encoding="utf-8")
    [line] = told(file)
    assert message in line


def test_the_template_without_a_mistake_is_right(tmp_path: Path) -> None:
    file = tmp_path / "t.yaml"
    file.write_text(TEMPLATE, encoding="utf-8")
    assert check_file(file, Config()).startswith("a valid job template with 2 steps")


def test_places_are_found_in_json_with_tabs(tmp_path: Path) -> None:
    file = tmp_path / "t.json"
    step = {"name": "a", "script": {"actions": {"onRun": {"command": "echo", "args": "x"}}}}
    template = {"specificationVersion": "jobtemplate-2023-09", "name": "n", "steps": [step]}
    file.write_text(json.dumps(template, indent="\t"), encoding="utf-8")
    [line] = told(file)
    assert line == "line 11, column 7: /steps/0/script/actions/onRun/args: found 'x'; expected a list"


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        (
            '"export_type": "SCAN"',
            '"export_type": "SCN"',
            'line 198, column 13: /steps/0/script/embeddedFiles/0/data: /export/export_type: unknown value "SCN"; '
            "expected one of MEDIA_RENDER, ",
        ),
        (
            '"mutation_type": "REMOVE_SYMMETRY"',
            '"mutation_type": "REMOVE_SYMETRY"',
            "line 205, column 15: /steps/0/script/embeddedFiles/0/data: /mutations/0/mutation_type: unknown value "
            '"REMOVE_SYMETRY"; expected one of REMOVE_SYMMETRY, DELETE_TRIMS (did you mean REMOVE_SYMMETRY?)',
        ),
    ],
)
def test_a_mistake_in_run_data_is_told_at_its_line(tmp_path: Path, right: str, wrong: str, message: str) -> None:
    before, steps, after = resource("templates/dxf_v0.yaml").read_text(encoding="utf-8").partition("\nsteps:")
    file = tmp_path / "t.yaml"
    file.write_text(before + steps + after.replace(right, wrong, 1), encoding="utf-8")
    [line] = told(file)
    assert message in line


def test_what_is_probably_not_meant_is_said_of_a_valid_template() -> None:
    actions = {"onRun": {"command": "no-such-command", "args": ["{{Param.A}}"]}}
    found = advice({"steps": [{"name": "s", "script": {"actions": actions}}]})
    assert [str(problem) for problem in found] == [
        "/steps/0/script/actions/onRun: has no timeout: an action that hangs is never ended",
        "/steps/0/script/actions/onRun/command: this machine has no command 'no-such-command'",
    ]
    actions["onRun"] = {"command": "openjd-vs", "timeout": 5}
    assert advice({"steps": [{"name": "s", "script": {"actions": actions}}]}) == []


def test_check_says_which_extensions_a_template_needs(tmp_path: Path) -> None:
    file = tmp_path / "t.yaml"
    file.write_text(TEMPLATE.replace("name: broken", "name: right\nextensions: [EXPR]"), encoding="utf-8")
    assert check_file(file, Config()) == "a valid job template with 2 steps; needs EXPR"
