"""Runs test cases in the YAML form of Hasura's own test suite against a server.

`python -m tests.hasura.cases DIRECTORY --url http://127.0.0.1:8080` runs `*setup.yaml`, every case, `*teardown.yaml`.
"""

from __future__ import annotations

import argparse
import json
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

_TIMEOUT_S = 30
_DEFAULT_URL = "/v1/graphql"


@dataclass(frozen=True)
class Case:
    """A request and the answers that are right for it."""

    description: str
    url: str
    status: int
    body: Any
    responses: tuple[Any, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)

    def fault(self, base_url: str, headers: dict[str, str]) -> str | None:
        """Sends the request; says what is wrong with the answer, or nothing."""
        status, answer = post(base_url + self.url, self.body, {**headers, **self.headers})
        if status != self.status:
            return f"status {status} instead of {self.status}: {answer}"
        if self.responses and _plain(answer) not in [_plain(r) for r in self.responses]:
            return f"got {json.dumps(answer)} instead of {json.dumps(self.responses[0])}"
        return None


def load_cases(path: Path) -> list[Case]:
    """The cases of a file: one, or a list of them."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    entries = content if isinstance(content, list) else [content]
    return [_case(entry, path.stem) for entry in entries]


def run_directory(directory: Path, base_url: str, headers: dict[str, str]) -> Iterator[tuple[str, str | None]]:
    """Sets up, runs each case of a directory and tears down; yields each case's name with its fault, if any."""
    files = sorted(directory.glob("*.yaml"))
    setups = [f for f in files if f.stem.endswith("setup")]
    teardowns = [f for f in files if f.stem.endswith("teardown")]
    try:
        for path in sorted(setups, key=lambda f: ["schema_setup", "setup", "values_setup"].index(f.stem)):
            status, answer = post(f"{base_url}/v1/query", yaml.safe_load(path.read_text(encoding="utf-8")), headers)
            if status != 200:
                yield path.name, f"status {status}: {answer}"
                return
        for path in files:
            if path in setups or path in teardowns:
                continue
            for case in load_cases(path):
                yield f"{path.name}: {case.description}", case.fault(base_url, headers)
    finally:
        for path in reversed(teardowns):
            post(f"{base_url}/v1/query", yaml.safe_load(path.read_text(encoding="utf-8")), headers)


def post(url: str, body: Any, headers: dict[str, str]) -> tuple[int, Any]:
    """Sends JSON and gives the status and the JSON of the answer."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {**headers, "content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def _case(entry: dict[str, Any], name: str) -> Case:
    allowed = [item["response"] for item in entry.get("allowed_responses") or []]
    responses = [entry["response"]] if "response" in entry else allowed
    headers = {key: str(value) for key, value in (entry.get("headers") or {}).items()}
    url = entry.get("url", _DEFAULT_URL)
    return Case(
        entry.get("description") or name, url, entry.get("status", 200), entry["query"], tuple(responses), headers
    )


def _plain(answer: Any) -> Any:
    """The answer without the admin's `internal` details and with JSON's own types."""
    if isinstance(answer, dict):
        return {str(key): _plain(value) for key, value in answer.items() if key != "internal"}
    if isinstance(answer, list):
        return [_plain(item) for item in answer]
    return answer


def main(arguments: list[str] | None = None) -> int:
    """Prints a line for each case; 1 if any is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.hasura.cases", description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    parser.add_argument("--admin-secret")
    options = parser.parse_args(arguments)
    headers = {"x-hasura-admin-secret": options.admin_secret} if options.admin_secret else {}
    wrong = 0
    for name, fault in run_directory(options.directory, options.url, headers):
        wrong += fault is not None
        print(f"{'ok  ' if fault is None else 'FAIL'} {name}{'' if fault is None else f': {fault}'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
