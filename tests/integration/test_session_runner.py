from __future__ import annotations

import json
import os
import re
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from openjd.sessions import PathFormat, PathMappingRule

from openjd_vstitcher.events import ActionWarning, ExportFailed, Limited
from openjd_vstitcher.journal import Entry, Journal, read_journal
from openjd_vstitcher.redaction import Redaction
from openjd_vstitcher.session.environment import session_environment
from openjd_vstitcher.session.log import SessionLog
from openjd_vstitcher.session.options import RunOptions
from openjd_vstitcher.session.plan import make_plan
from openjd_vstitcher.session.runner import RunResult, SessionRunner
from openjd_vstitcher.translation.check import decode
from openjd_vstitcher.translation.extensions import EXTENSIONS


def python(code: str, **action: Any) -> dict[str, Any]:
    return {"command": sys.executable, "args": ["-c", code], **action}


def step(name: str, code: str, *, depends_on: str | None = None, **action: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"name": name, "script": {"actions": {"onRun": python(code, **action)}}}
    if depends_on:
        made["dependencies"] = [{"dependsOn": depends_on}]
    return made


def environment(name: str, enter: str, leave: str) -> dict[str, Any]:
    return {"name": name, "script": {"actions": {"onEnter": python(enter), "onExit": python(leave)}}}


class Run:
    """One run of a template, with what came of it."""

    def __init__(
        self, tmp_path: Path, steps: list[dict[str, Any]], given: dict[str, str] | None = None, **template: Any
    ) -> None:
        self.path = tmp_path
        self.environment: dict[str, str | None] = {}
        data = {"specificationVersion": "jobtemplate-2023-09", "name": "t", "steps": steps, **template}
        self.plan = make_plan(decode(data, "t", EXTENSIONS), given or {}, source="t", base=tmp_path)
        self.waiting: dict[str, threading.Event] = {}

    def start(self, **options: Any) -> RunResult:
        journal = Journal(self.path / "journal.jsonl", job_id="j", on_event=self._on_event)
        log = SessionLog(
            self.path / "session.log",
            redact=Redaction(os.environ, also=("ANY_NAME_AT_ALL",)),
            on_fact=journal.append,
        )
        self.runner = SessionRunner(
            self.plan,
            journal=journal,
            log=log,
            directory=self.path,
            environment=self.environment,
            **options,
        )
        return self.runner.run()

    def _on_event(self, event: Entry) -> None:
        for text, reached in self.waiting.items():
            if text in json.dumps(event.as_json()):
                reached.set()

    def when(self, text: str) -> threading.Event:
        return self.waiting.setdefault(text, threading.Event())

    def events(self, *names: str) -> list[Entry]:
        return [event for event in read_journal(self.path / "journal.jsonl") if event.name in names]


def test_steps_run_in_dependency_order_in_one_session(tmp_path: Path) -> None:
    out = tmp_path / "order"
    write = f"open({str(out)!r}, 'a').write"
    run = Run(
        tmp_path,
        [step("b", f"{write}('b')", depends_on="a"), step("a", f"{write}('a')")],
        jobEnvironments=[environment("E", f"{write}('(')", f"{write}(')')")],
    )
    result = run.start()
    assert result.succeeded
    assert list(result.steps.values()) == ["succeeded", "succeeded"]
    assert out.read_text() == "(ab)"
    (started,), (ended,) = run.events("session_started"), run.events("session_ended")
    assert started.fields["session"] == ended.fields["session"]


def test_task_parameters_step_environments_and_their_variables(tmp_path: Path) -> None:
    out = tmp_path / "out"
    made = step("s", f"import os; open({str(out)!r}, 'a').write(os.environ['SHADE'] + '{{{{Task.Param.N}}}} ')")
    made["parameterSpace"] = {"taskParameterDefinitions": [{"name": "N", "type": "INT", "range": "1-3"}]}
    made["stepEnvironments"] = [environment("Step", "print('openjd_env: SHADE=navy')", "pass")]
    assert Run(tmp_path, [made]).start().succeeded
    assert out.read_text() == "navy1 navy2 navy3 "


def with_environment(made: dict[str, Any], enter: str, leave: str) -> dict[str, Any]:
    return {**made, "stepEnvironments": [environment(f"Env-{made['name']}", enter, leave)]}


def test_steps_with_environments_of_their_own_share_a_session_without_job_environments(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write = f"open({str(out)!r}, 'a').write"
    steps = [with_environment(step(name, f"{write}('{name}')"), f"{write}('(')", f"{write}(')')") for name in "ab"]
    run = Run(tmp_path, [*steps, step("c", f"{write}('c')")])
    result = run.start()
    assert (result.steps, result.failures) == (dict.fromkeys("abc", "succeeded"), ())
    assert out.read_text() == "(a)(b)c"
    assert len(run.events("session_started")) == 1


def test_an_environment_of_a_step_that_fails_to_exit_spoils_no_other_step(tmp_path: Path) -> None:
    run = Run(tmp_path, [with_environment(step("a", "pass"), "pass", "raise SystemExit(3)"), step("b", "pass")])
    result = run.start()
    assert (result.steps, result.failures) == ({"a": "succeeded", "b": "succeeded"}, ())
    assert [entry.event for entry in run.events("warning")] == [
        ActionWarning(kind="exit", step="a", environment="Env-a", message="exit Env-a ended with exit code 3")
    ]


def test_actions_are_told_by_kind_step_environment_and_task(tmp_path: Path) -> None:
    made = with_environment(step("s", "pass"), "pass", "pass")
    made["parameterSpace"] = {"taskParameterDefinitions": [{"name": "N", "type": "INT", "range": "7-8"}]}
    run = Run(tmp_path, [made], jobEnvironments=[environment("E", "pass", "pass")])
    assert run.start().succeeded
    for name in ("action_started", "action_ended"):
        keys = ("kind", "step", "environment", "task", "task_number", "task_count")
        assert [tuple(entry.fields.get(key) for key in keys) for entry in run.events(name)] == [
            ("enter", None, "E", None, None, None),
            ("enter", "s", "Env-s", None, None, None),
            ("run", "s", None, {"N": "7"}, 1, 2),
            ("run", "s", None, {"N": "8"}, 2, 2),
            ("exit", "s", "Env-s", None, None, None),
            ("exit", None, "E", None, None, None),
        ]


def test_a_failure_is_what_the_engine_reported_about_the_export(tmp_path: Path) -> None:
    fact = {"event": "export_failed", "export": "a.png", "stage": "export", "message": "no light", "log_tail": ["dark"]}
    run = Run(tmp_path, [step("s", f"print('vstitcher_event: ' + {json.dumps(fact)!r}); raise SystemExit(1)")])
    [failure] = run.start().failures
    assert (failure.step, failure.stage, failure.action) == ("s", "export", "run s")
    assert failure.message == "a.png failed in stage export: no light"
    assert failure.last_lines == ["dark"]
    [reported] = run.events("export_failed")
    assert isinstance(reported.event, ExportFailed)
    [ended] = run.events("action_ended")
    assert ended.fields["failure"] == failure.as_json()


def test_a_failed_step_does_not_stop_the_others_and_skips_what_depends_on_it(tmp_path: Path) -> None:
    run = Run(
        tmp_path,
        [
            step("bad", "import sys; print('no such fabric'); sys.exit(4)"),
            step("child", "pass", depends_on="bad"),
            step("good", "pass"),
        ],
    )
    result = run.start()
    assert result.steps == {"bad": "failed", "child": "skipped", "good": "succeeded"}
    [failure] = result.failures
    assert failure.message == "run bad ended with exit code 4: no such fabric"
    assert failure.exit_code == 4
    assert failure.last_lines[-1] == "no such fabric"
    assert len(run.events("session_started")) == 2


def test_no_session_is_opened_for_steps_that_cannot_run(tmp_path: Path) -> None:
    run = Run(tmp_path, [step("bad", "raise SystemExit(1)"), step("child", "pass", depends_on="bad")])
    assert run.start().steps == {"bad": "failed", "child": "skipped"}
    assert len(run.events("session_started")) == 1


def test_fail_fast_stops_after_the_first_failure(tmp_path: Path) -> None:
    result = Run(tmp_path, [step("bad", "raise SystemExit(1)"), step("good", "pass")]).start(
        options=RunOptions(fail_fast=True)
    )
    assert result.steps == {"bad": "failed", "good": "skipped"}


def test_an_environment_that_cannot_be_entered_is_the_failure_and_is_not_tried_for_each_step(tmp_path: Path) -> None:
    run = Run(
        tmp_path,
        [step("a", "pass"), step("b", "pass")],
        jobEnvironments=[environment("Engine", "print('openjd_fail: Failed to start'); raise SystemExit(1)", "pass")],
    )
    result = run.start()
    assert result.steps == {"a": "skipped", "b": "skipped"}
    assert [f.message for f in result.failures] == ["Failed to start"]


def test_an_environment_that_fails_to_exit_is_a_warning(tmp_path: Path) -> None:
    run = Run(tmp_path, [step("a", "pass")], jobEnvironments=[environment("E", "pass", "raise SystemExit(3)")])
    assert run.start().succeeded
    assert [entry.event for entry in run.events("warning")] == [
        ActionWarning(kind="exit", environment="E", message="exit E ended with exit code 3")
    ]


def test_progress_status_and_facts_reach_the_journal(tmp_path: Path) -> None:
    limit = {"event": "limited", "output": "a.png", "field": "dpi", "asked": 9, "used": 8, "seq": 7}
    code = (
        "print('openjd_progress: 42.5'); print('openjd_status: draping');"
        f"print('vstitcher_event: ' + {json.dumps(limit)!r});"
        'print(\'vstitcher_event: {"event": "limited", "field": "dpi"}\');'
        "print('vstitcher_event: {\"event\": \"job_ended\"}'); print('vstitcher_event: no json');"
        "print('vstitcher_event: ' + '[' * 60000)"
    )
    run = Run(tmp_path, [step("s", code)])
    assert run.start().succeeded
    assert [e.fields["progress"] for e in run.events("action_progress")] == [42.5]
    assert [e.fields["status"] for e in run.events("action_status")] == ["draping"]
    [limited] = run.events("limited")
    assert limited.event == Limited(output="a.png", field="dpi", asked=9, used=8)
    assert limited.seq > 1
    assert not run.events("job_ended")


def test_a_failure_shows_no_output_of_an_earlier_action(tmp_path: Path) -> None:
    run = Run(tmp_path, [step("a", "print('all is well')"), step("b", "raise SystemExit(3)", depends_on="a")])
    (failure,) = run.start().failures
    assert failure.message.endswith("ended with exit code 3")
    assert failure.last_lines == []


def test_a_timeout_is_told_as_one(tmp_path: Path) -> None:
    run = Run(tmp_path, [step("slow", "import time; time.sleep(60)", timeout=1)])
    result = run.start()
    assert result.steps == {"slow": "failed"}
    assert re.search(r"slow timed out after \d+ seconds$", result.failures[0].message)
    assert run.events("action_ended")[0].fields["state"] == "timeout"


NOTIFIED = "SIGBREAK" if sys.platform == "win32" else "SIGTERM"
CATCHING = (
    "import signal, sys, time\n"
    f"signal.signal(signal.{NOTIFIED}, lambda *_: (print('openjd_status: tidied'), sys.stdout.flush(), sys.exit(9)))\n"
    "print('openjd_status: begun', flush=True)\n"
    "[time.sleep(0.1) for _ in range(600)]\n"
)
DEAF = CATCHING.replace("(print('openjd_status: tidied'), sys.stdout.flush(), sys.exit(9))", "None")
NOTIFY = {"cancelation": {"mode": "NOTIFY_THEN_TERMINATE", "notifyPeriodInSeconds": 30}}


@pytest.mark.not_wine(reason="Ctrl-Break reaches no process")
def test_cancel_notifies_the_action_and_exits_the_environments(tmp_path: Path) -> None:
    left = tmp_path / "left"
    run = Run(
        tmp_path,
        [step("s", CATCHING, **NOTIFY), step("next", "pass")],
        jobEnvironments=[environment("E", "pass", f"open({str(left)!r}, 'w')")],
    )
    begun = run.when("begun")
    threading.Thread(target=lambda: begun.wait(30) and run.runner.cancel()).start()
    result = run.start()
    assert result.canceled
    assert result.steps == {"s": "canceled", "next": "canceled"}
    assert result.failures == ()
    assert [e.fields["status"] for e in run.events("action_status")][-1] == "tidied"
    assert left.exists()


def test_cancel_now_ends_an_action_that_does_not_listen(tmp_path: Path) -> None:
    run = Run(tmp_path, [step("s", DEAF, **NOTIFY)], jobEnvironments=[environment("E", "pass", "pass")])
    begun = run.when("begun")

    def twice() -> None:
        begun.wait(30)
        run.runner.cancel()
        run.runner.cancel(now=True)

    threading.Thread(target=twice).start()
    result = run.start()
    assert result.steps == {"s": "canceled"}
    assert [(e.fields["kind"], e.fields.get("environment")) for e in run.events("action_started")] == [
        ("enter", "E"),
        ("run", None),
    ]


@pytest.mark.posix(reason="Windows has no signals that kill")
def test_a_killed_action_is_a_failure_with_its_signal(tmp_path: Path) -> None:
    result = Run(tmp_path, [step("s", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")]).start()
    assert result.failures[0].exit_code == -9


def test_path_mapping_rules_reach_path_parameters(tmp_path: Path) -> None:
    out = tmp_path / "out"
    farm = Path("C:/farm" if os.name == "nt" else "/farm")
    run = Run(
        tmp_path,
        [step("s", f"open({str(out)!r}, 'w').write(r'{{{{Param.Garment}}}}')")],
        parameterDefinitions=[{"name": "Garment", "type": "PATH"}],
        given={"Garment": str(farm / "tee.bw")},
    )
    rule = PathMappingRule(
        source_path_format=PathFormat.WINDOWS if os.name == "nt" else PathFormat.POSIX,
        source_path=farm,
        destination_path=Path("/here"),
    )
    assert run.start(options=RunOptions(path_mapping_rules=[rule])).succeeded
    assert out.read_text() == str(Path("/here/tee.bw"))


@pytest.mark.parametrize(
    "name",
    [
        "PLATFORM_JWT",
        "WORKER_BEARER",
        "ANY_NAME_AT_ALL",
        "AWS_SECRET_ACCESS_KEY",
        "HASURA_GRAPHQL_ADMIN_SECRET",
        "MY_TOKEN",
        "PGPASSWORD",
    ],
)
def test_no_secret_is_inherited_or_logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "canary-4711")
    run = Run(tmp_path, [step("s", "import os; print('has', 'canary-4711' in os.environ.values(), 'canary-4711')")])
    run.environment = session_environment(
        os.environ,
        lifeline="127.0.0.1:1",
        engine_log=tmp_path / "engine.log",
        config=None,
        secrets=("ANY_NAME_AT_ALL",),
    )
    assert run.start().succeeded
    log = (tmp_path / "session.log").read_text()
    assert "has False [redacted]" in log
    assert "canary" not in log + (tmp_path / "journal.jsonl").read_text()
