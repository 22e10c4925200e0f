"""Runs cases in the format of the OpenJD conformance suite with one or more tools, and writes the score as a page.

The suite is `conformance-tests/` of the repository `openjd-specifications`. A case is a YAML file `*.test.yaml` with a
`template`, perhaps `environments`, `parameters` and `pathMapping`, and what is `expected`: lines of output, lines that
are forbidden, or a failed task. A case named `*.invalid.test.yaml` must be refused, or must fail.

    python tools/conformance.py CASES --tool openjd-vs=.venv/bin/openjd-vs --tool openjd=.venv-openjd/bin/openjd
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

LIMIT_S = 180
SYSTEM = "windows" if os.name == "nt" else "posix"
_EXIT_CODE = re.compile(r"exited with code:\s*(-?\d+)")


@dataclass(frozen=True)
class Case:
    """A case of the suite.

    Parameters
    ----------
    group: the extension that it is about, or `base`.
    """

    file: Path
    data: dict[str, Any]

    @property
    def name(self) -> str:
        return self.file.name.removesuffix(".test.yaml")

    @property
    def group(self) -> str:
        extensions = self.data["template"].get("extensions") or []
        return str(extensions[0]) if len(extensions) == 1 else "several extensions" if extensions else "base"

    @property
    def must_fail(self) -> bool:
        return ".invalid." in self.file.name

    @property
    def runs_here(self) -> bool:
        return SYSTEM in self.data.get("runOn", [SYSTEM])


@dataclass(frozen=True)
class Tool:
    """A command that runs templates: `openjd`, or `openjd-vs`."""

    name: str
    command: Path

    @property
    def version(self) -> str:
        """What the tool says, or the version of its package."""
        python = self.command.with_name("python")
        package = "openjd-vstitcher" if self.is_ours else "openjd-cli"
        code = (
            f"import importlib.metadata as m; print(m.version({package!r}), m.version('openjd-model'), sep=', model ')"
        )
        return subprocess.run([python, "-c", code], capture_output=True, text=True, check=False).stdout.strip() or "?"

    @property
    def is_ours(self) -> bool:
        return self.command.stem == "openjd-vs"

    def words(self, folder: Path, case: Case) -> list[str]:
        """The command line of a case, whose files are written into a folder."""
        environments = [
            _written(folder / f"environment{number}.yaml", each)
            for number, each in enumerate(case.data.get("environments") or [])
        ]
        words = [
            str(self.command),
            "render" if self.is_ours else "run",
            _written(folder / "t.yaml", case.data["template"]),
        ]
        if "parameters" in case.data:
            words += ["-p", f"file://{_written(folder / 'parameters.yaml', case.data['parameters'])}"]
        for environment in environments:
            words += ["--environment", environment]
        if "pathMapping" in case.data:
            rules = {"version": "pathmapping-1.0", "path_mapping_rules": case.data["pathMapping"]}
            words += ["--path-mapping-rules", f"file://{_written(folder / 'mapping.json', rules)}"]
        return [*words, "--log-dir", str(folder / "log")] if self.is_ours else words


def cases_in(paths: Iterable[Path]) -> Iterator[Case]:
    """The cases in folders and files, in the order of their names."""
    for path in paths:
        for file in [path] if path.is_file() else sorted(path.rglob("*.test.yaml")):
            data = yaml.safe_load(file.read_text(encoding="utf-8"))
            if isinstance(data, dict) and "template" in data:
                yield Case(file, data)


def failure_of(tool: Tool, case: Case) -> str:
    """Why a tool fails a case, "" if it passes."""
    with tempfile.TemporaryDirectory(prefix="conformance-") as made:
        folder = Path(made).resolve()
        (folder / "files").mkdir()
        (folder / "cwd").mkdir()
        words = tool.words(folder / "files", case)
        environment = {**os.environ, "PYTHONUTF8": "1", "TMPDIR": str(folder)}
        try:
            done = subprocess.run(
                words,
                cwd=folder / "cwd",
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=LIMIT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"still running after {LIMIT_S} s"
        output = (done.stdout + done.stderr).decode("utf-8", "replace")
        log = folder / "files" / "log" / "session.log"
        if log.is_file():
            output += log.read_text(encoding="utf-8", errors="replace")
        return judged(case, done.returncode, output)


def judged(case: Case, code: int, output: str) -> str:
    """Why an exit code and output fail a case, "" if they pass."""
    expected = case.data.get("expected") or {}
    failure = expected.get("taskFailure")
    if case.must_fail:
        return "" if code else "was accepted; expected a refusal or a failure"
    if failure is not None and not code:
        return "succeeded; expected a failed task"
    if failure is not None and "exitCode" in failure:
        found = [int(each) for each in _EXIT_CODE.findall(output) if int(each)]
        if found[:1] != [failure["exitCode"]]:
            return f"the action's exit code is {found[:1]}; expected {failure['exitCode']}"
    for line in [*(expected.get("output") or []), *(expected.get(f"output_{SYSTEM}") or [])]:
        any_of = line["anyOf"] if isinstance(line, dict) else [line]
        if not any(text in output for text in any_of):
            return f"did not print {' or '.join(map(repr, any_of))}"
    for line in [*(expected.get("forbidden") or []), *(expected.get(f"forbidden_{SYSTEM}") or [])]:
        if line in output:
            return f"printed {line!r}, which is forbidden"
    return ""


def page(tools: Sequence[Tool], cases: Sequence[Case], failures: dict[tuple[str, str], str]) -> str:
    """The score as Markdown."""
    groups = sorted({case.group for case in cases}, key=lambda group: (group != "base", group))
    lines = [
        "# Conformance to OpenJD",
        "",
        f"Execution cases in the format of the OpenJD conformance suite ({len(cases)} cases), run by "
        "`tools/conformance.py`. Passed of total:",
        "",
        f"| | {' | '.join(f'{tool.name} {tool.version}' for tool in tools)} |",
        f"| --- |{' ---: |' * len(tools)}",
    ]
    for group in [*groups, "all"]:
        of_group = [case for case in cases if group in (case.group, "all")]
        passed = [sum((tool.name, str(case.file)) not in failures for case in of_group) for tool in tools]
        lines.append(f"| {group} | {' | '.join(f'{count} of {len(of_group)}' for count in passed)} |")
    failed = [(tool, case) for tool in tools for case in cases if (tool.name, str(case.file)) in failures]
    if failed:
        lines += ["", "What fails:", ""]
        lines += [f"- {tool.name}: {case.name}: {failures[tool.name, str(case.file)]}" for tool, case in failed]
    return "\n".join(lines) + "\n"


def _written(file: Path, data: Any) -> str:
    text = json.dumps(data) if file.suffix == ".json" else yaml.safe_dump(data, sort_keys=False)
    file.write_text(text, encoding="utf-8")
    return str(file)


def _tool(text: str) -> Tool:
    name, _, command = text.partition("=")
    if not Path(command).is_file():
        raise argparse.ArgumentTypeError(f"expected NAME=COMMAND, found {text!r}")
    return Tool(name, Path(command).absolute())


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="+", type=Path, help="folders with cases, or cases")
    parser.add_argument("--tool", action="append", type=_tool, required=True, metavar="NAME=COMMAND")
    parser.add_argument("--jobs", type=int, default=1, help="cases at a time")
    parser.add_argument("-o", "--output", type=Path, help="write the page here, such as docs/conformance.md")
    arguments = parser.parse_args()
    cases = [case for case in cases_in(arguments.cases) if case.runs_here]
    failures: dict[tuple[str, str], str] = {}
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for tool in arguments.tool:
            for case, reason in zip(
                cases, pool.map(lambda case, tool=tool: failure_of(tool, case), cases), strict=True
            ):
                print(f"{tool.name}: {'FAIL' if reason else 'ok'} {case.file.name} {reason}".rstrip(), flush=True)
                if reason:
                    failures[tool.name, str(case.file)] = reason
    made = page(arguments.tool, cases, failures)
    if arguments.output:
        arguments.output.write_text(made, encoding="utf-8")
    print(made)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
