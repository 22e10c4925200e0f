"""Templates that have nothing to do with VStitcher run on a desk as under `openjd run`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from .conftest import Command


def step(name: str, code: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "script": {"actions": {"onRun": shell(code)}}, **more}


def shell(code: str) -> dict[str, Any]:
    return {"command": "bash", "args": ["-c", code]}


def write(folder: Path, *steps: dict[str, Any], name: str = "t.yaml", **more: Any) -> Path:
    data = {"specificationVersion": "jobtemplate-2023-09", "name": "guest", "steps": list(steps), **more}
    file = folder / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    return file


def test_a_guest_is_shown_live_and_nothing_is_done_to_it(
    tmp_path: Path, openjd_vs: Command, environment: dict[str, str]
) -> None:
    environment["MY_TOKEN"] = "of-the-person"
    code = 'echo "{{Param.OutputDir}} {{Param.Engine}}"; echo openjd_status: busy; echo "$PATH"; echo "$MY_TOKEN"'
    parameters = [
        {"name": "OutputDir", "type": "STRING", "default": "theirs"},
        {"name": "Engine", "type": "STRING", "default": "theirs too"},
    ]
    file = write(tmp_path, step("s", code), parameterDefinitions=parameters)
    done = openjd_vs("render", file)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["theirs theirs too", environment["PATH"], "of-the-person"]
    assert "Job: guest" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["t.yaml"]


def test_a_default_path_is_in_the_folder_of_the_template(tmp_path: Path, openjd_vs: Command) -> None:
    parameters = [{"name": "Scene", "type": "PATH", "default": "scenes/a.bw"}]
    file = write(tmp_path, step("s", "echo {{Param.Scene}}"), name="show/t.yaml", parameterDefinitions=parameters)
    assert openjd_vs("render", file).stdout == f"{tmp_path}/show/scenes/a.bw\n"
    parameters[0]["default"] = "../a.bw"
    refused = openjd_vs("render", write(tmp_path, step("s", "true"), parameterDefinitions=parameters))
    assert refused.returncode == 2
    assert "t.yaml: line 13, column 3: /parameterDefinitions/0: " in refused.stderr
    assert "outside of the template directory" in refused.stderr


def test_environments_from_outside_are_entered_first_and_their_parameters_merged(
    tmp_path: Path, openjd_vs: Command
) -> None:
    def environment(name: str) -> dict[str, Any]:
        return {
            "name": name,
            "script": {"actions": {"onEnter": shell(f"echo +{name}"), "onExit": shell(f"echo -{name}")}},
        }

    files = []
    for name in ("A", "B"):
        definition = {"name": "Who", "type": "STRING", "default": "nobody"}
        data = {
            "specificationVersion": "environment-2023-09",
            "parameterDefinitions": [definition],
            "environment": environment(name),
        }
        files += ["--environment", tmp_path / f"{name}.yaml"]
        files[-1].write_text(yaml.safe_dump(data), encoding="utf-8")
    file = write(tmp_path, step("s", "echo run"), jobEnvironments=[environment("A")])
    done = openjd_vs("render", file, *files, "-p", "Who=me")
    assert done.stdout.split() == ["+A", "+B", "+A", "run", "-A", "-B", "-A"], done.stderr


def test_a_failed_exit_fails_the_run(tmp_path: Path, openjd_vs: Command) -> None:
    environments = [{"name": "Upload", "script": {"actions": {"onExit": shell("echo lost; exit 4")}}}]
    done = openjd_vs("render", write(tmp_path, step("s", "echo run"), jobEnvironments=environments))
    assert done.returncode == 3
    assert done.stdout.split() == ["run", "lost"]
    assert "failed: exit Upload ended with exit code 4: lost" in done.stderr


def test_the_first_failure_stops_a_guest_unless_told_otherwise(tmp_path: Path, openjd_vs: Command) -> None:
    file = write(tmp_path, step("bad", "echo bad; exit 1"), step("good", "echo good"))
    assert openjd_vs("render", file).stdout.split() == ["bad"]
    assert openjd_vs("render", file, "--no-fail-fast").stdout.split() == ["bad", "good"]


def test_parameters_and_tasks_come_in_every_form(tmp_path: Path, openjd_vs: Command) -> None:
    space = {"taskParameterDefinitions": [{"name": "N", "type": "INT", "range": "1-5"}]}
    parameters = [{"name": name, "type": "STRING"} for name in "ABC"]
    counted = step("s", "echo {{Param.A}}{{Param.B}}{{Param.C}}{{Task.Param.N}}", parameterSpace=space)
    needed = {**counted, "dependencies": [{"dependsOn": "first"}]}
    file = write(tmp_path, step("first", "echo first"), needed, parameterDefinitions=parameters)
    (tmp_path / "p.json").write_text(json.dumps({"A": "a", "B": "?"}), encoding="utf-8")
    (tmp_path / "tasks.yaml").write_text("[{N: 4}, {N: 2}]", encoding="utf-8")
    given = ["-p", f"file://{tmp_path}/p.json", "-p", '{"B": "b"}', "-p", "C=c", "--step", "s"]

    def lines(*options: str) -> list[str]:
        done = openjd_vs("render", file, *given, *options)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    assert lines("-tp", "N=3") == ["first", "abc3"]
    assert lines("--no-run-dependencies", "--tasks", '[{"N": 5}]') == ["abc5"]
    assert lines("--no-run-dependencies", "--tasks", f"file://{tmp_path}/tasks.yaml") == ["abc4", "abc2"]
    assert lines("--maximum-tasks", "2") == ["first", "abc1", "abc2"]
    refused = openjd_vs("render", file, *given, "-tp", "N=9")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "t.yaml: line " in refused.stderr
    assert "step 's' has no such task (task 1)" in refused.stderr


def test_a_job_bundle_is_a_folder(tmp_path: Path, openjd_vs: Command) -> None:
    parameters = [{"name": "Who", "type": "STRING"}]
    write(tmp_path, step("s", "echo {{Param.Who}}"), name="bundle/template.yaml", parameterDefinitions=parameters)
    values = {"parameterValues": [{"name": "Who", "value": "bundle"}, {"name": "deadline:priority", "value": 50}]}
    (tmp_path / "bundle" / "parameter_values.json").write_text(json.dumps(values), encoding="utf-8")
    assert openjd_vs("render", tmp_path / "bundle").stdout == "bundle\n"
    assert openjd_vs("render", tmp_path / "bundle", "-p", "Who=me").stdout == "me\n"


def test_inline_path_mapping_rules_and_preserved_directories(tmp_path: Path, openjd_vs: Command) -> None:
    rule = {"source_path_format": "POSIX", "source_path": "/farm", "destination_path": "/here"}
    rules = json.dumps({"version": "pathmapping-1.0", "path_mapping_rules": [rule]})
    parameters = [{"name": "Scene", "type": "PATH"}]
    code = "echo {{Param.Scene}}; touch {{Session.WorkingDirectory}}/made; pwd"
    file = write(tmp_path, step("s", code), parameterDefinitions=parameters)
    done = openjd_vs(
        "render", file, "-p", "Scene=/farm/a.bw", "--path-mapping-rules", rules, "--preserve", "--log-dir", "l"
    )
    mapped, directory = done.stdout.splitlines()
    assert mapped == "/here/a.bw"
    assert (Path(directory) / "made").is_file()
    assert f"journal and logs: {tmp_path / 'l'}" in done.stderr


def test_extensions_can_be_limited(tmp_path: Path, openjd_vs: Command) -> None:
    file = write(tmp_path, step("s", "echo {{1 + 1}}"), extensions=["EXPR"])
    assert openjd_vs("render", file).stdout == "2\n"
    refused = openjd_vs("render", file, "--extensions", "TASK_CHUNKING")
    assert refused.returncode == 2
    assert "/extensions: " in refused.stderr
