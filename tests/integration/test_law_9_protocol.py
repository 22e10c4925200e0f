"""Law 9: what an action of ours prints sets no variable, and only what was meant becomes a fact."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from openjd_vstitcher.attempt.directory import AttemptDirectory
from openjd_vstitcher.attempt.request import AttemptRequest
from openjd_vstitcher.attempt.run import PlanRun
from openjd_vstitcher.config import Config
from openjd_vstitcher.journal import Journal
from openjd_vstitcher.session.environment import write_commands
from openjd_vstitcher.session.plan import make_plan
from openjd_vstitcher.translation.check import decode
from tests.integration.test_session_runner import Run, step

SHOW = "import os; open({!r}, 'w').write(os.environ.get('PLANTED', 'not set') + ' ' + os.environ.get('KEPT', 'unset'))"
HOSTILE = [
    "openjd_env: PLANTED=1",
    'openjd_env: "PLANTED=1"',
    "openjd_redacted_env: PLANTED=1",
    "  OpenJD_Env: PLANTED=1",
    "\x85openjd_env: PLANTED=1",
    "openjd_unset_env: KEPT",
    "openjd_env PLANTED",
    "openjd_session_runtime_loglevel: ERROR",
]


@pytest.fixture
def planted(tmp_path: Path) -> Any:
    """Runs a hostile line through an environment whose command has the name of ours, or another one."""

    def run(line: str, *, command: str, **options: Any) -> tuple[str, bool]:
        out, tool = tmp_path / "out", tmp_path / command
        tool.write_text(f"#!/bin/sh\nprintf '%s\\n' {line!r}\n", encoding="utf-8")
        tool.chmod(0o700)
        made = {"name": "E", "script": {"actions": {"onEnter": {"command": str(tool)}}}}
        session = Run(tmp_path, [step("s", SHOW.format(str(out)))], jobEnvironments=[made])
        session.environment = {"KEPT": "kept"}
        succeeded = session.start(**options).succeeded
        return out.read_text() if out.exists() else "", succeeded

    return run


@pytest.mark.parametrize("line", HOSTILE)
def test_a_hostile_line_of_a_command_of_ours_sets_no_variable_and_fails_nothing(planted: Any, line: str) -> None:
    assert planted(line, command="openjd-vs") == ("not set kept", True)


@pytest.mark.parametrize("line", HOSTILE)
def test_nothing_that_a_job_of_the_queue_prints_sets_a_variable(planted: Any, line: str) -> None:
    assert planted(line, command="tool", ignore_variables=True) == ("not set kept", True)


def test_environments_of_others_set_variables_on_a_desk(planted: Any) -> None:
    assert planted("openjd_env: PLANTED=1", command="tool") == ("1 kept", True)


def test_commands_of_ours_still_report_progress_status_and_failure(tmp_path: Path) -> None:
    lines = "print('openjd_progress: 12'); print('openjd_status: busy'); print('openjd_fail: why'); raise SystemExit(1)"
    run = Run(tmp_path, [step("s", lines)])
    result = run.start(ignore_variables=True)
    assert [failure.message for failure in result.failures] == ["why"]
    assert [e.fields["progress"] for e in run.events("action_progress")] == [12.0]
    assert [e.fields["status"] for e in run.events("action_status")] == ["busy"]


@pytest.mark.parametrize("separator", ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"])
def test_only_a_line_break_begins_a_line_that_can_be_a_fact(tmp_path: Path, separator: str) -> None:
    forged = f'x{separator}vstitcher_event: {{"event": "limited", "output": "a", "field": "b", "asked": 2, "used": 1}}'
    text = f"import sys; sys.stdout.buffer.write({forged!r}.encode() + b'\\n')"
    run = Run(tmp_path, [step("s", text), step("t", f"print({forged.partition(separator)[2]!r})", depends_on="s")])
    assert run.start().succeeded
    assert len(run.events("limited")) == 1, "only the one that begins a line"


def test_a_parameter_value_is_never_a_fact(tmp_path: Path) -> None:
    fact = 'vstitcher_event: {"event": "limited", "output": "a", "field": "b", "asked": 2, "used": 1}'
    made = step("s", "pass")
    made["parameterSpace"] = {"taskParameterDefinitions": [{"name": "N", "type": "STRING", "range": [f"x\n{fact}"]}]}
    run = Run(tmp_path, [made])
    run.start()
    assert run.events("limited") == []


def test_an_artwork_named_sitecustomize_is_never_imported(tmp_path: Path) -> None:
    """Not even when a variable names its folder: commands of ours start Python isolated."""
    proof, folder = tmp_path / "ran", tmp_path / "artwork"
    folder.mkdir()
    for name in ("sitecustomize.py", "usercustomize.py", "json.py", "click.py"):
        (folder / name).write_text(f"open({str(proof)!r}, 'a').write({name!r} + ' ')\n")
    action = {"command": "openjd-vs", "args": ["teardown", str(folder)]}
    stop = {"command": "vstitcher-openjd", "args": ["daemon", "stop", "--connection-file", "none"]}
    steps = [
        {"name": "a", "script": {"actions": {"onRun": action}}},
        {"name": "b", "script": {"actions": {"onRun": stop}}},
    ]
    run = Run(tmp_path, steps)
    path = f"{write_commands(tmp_path / 'bin')}{os.pathsep}{os.environ['PATH']}"
    run.environment = {"PATH": path, "PYTHONPATH": str(folder)}
    result = run.start()
    assert result.succeeded, (tmp_path / "session.log").read_text()
    assert not proof.exists(), proof.read_text()


def test_a_queued_attempt_obeys_no_variable_of_a_command_that_the_worker_allows(tmp_path: Path) -> None:
    tool, out = tmp_path / "tool", tmp_path / "out"
    tool.write_text("#!/bin/sh\necho openjd_env: PLANTED=1\n", encoding="utf-8")
    tool.chmod(0o700)
    made = {"name": "E", "script": {"actions": {"onEnter": {"command": str(tool)}}}}
    data = {"specificationVersion": "jobtemplate-2023-09", "name": "t", "jobEnvironments": [made]}
    plan = make_plan(decode({**data, "steps": [step("s", SHOW.format(str(out)))]}, "t"), {}, source="t", base=tmp_path)
    directory = AttemptDirectory(tmp_path / "job")
    directory.create(AttemptRequest({"id": "j"}, {}, 1, "w"))
    for queued, expected in ((False, "1 unset"), (True, "not set unset")):
        journal = Journal(directory.journal, job_id="j")
        run = PlanRun(
            plan, [], directory=directory, output=directory.output, journal=journal, config=Config(), queued=queued
        )
        assert run.run().succeeded
        assert out.read_text() == expected
