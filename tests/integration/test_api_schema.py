"""The API keeps to its own OpenAPI document: schemathesis sends what it allows and what it does not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from openjd_vstitcher.api.key_file import KEYS_FILE, SCOPES, KeyFile
from openjd_vstitcher.resources import resource
from tests.api_server import api_server, embedded_config

ENDLESS = ("/v1/changes", "/v1/tasks/{task_id}/events/stream", "/execute-job")
"""They answer for as long as they are asked to."""
DEEPER = "positive_data_acceptance"
"""A preset, a template and job details are checked by more than the schemas in the document."""


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_no_request_finds_an_error_of_the_server_or_an_answer_that_the_document_does_not_have(tmp_path: Path) -> None:
    preset = json.loads(resource("examples/presets/onboarding_v0.json").read_text())
    config = embedded_config(tmp_path, 'requests_per_second = 0\nauth = "keys"\n')
    _, key = KeyFile(tmp_path / "server" / KEYS_FILE).create("desk", SCOPES, None)
    headers = {"Authorization": f"Bearer {key}"}
    with api_server(config) as server:
        with server.client(headers=headers) as api:
            api.put("/v1/presets/onboarding_v0", json=preset).raise_for_status()
        command = [Path(sys.executable).with_name("schemathesis"), "run", f"{server.url}/openapi.json"]
        options = ["--max-examples", "15", "--max-time", "60", "--no-color", "--exclude-checks", DEEPER]
        options += [argument for path in ENDLESS for argument in ("--exclude-path", path)]
        options += [argument for name, value in headers.items() for argument in ("--header", f"{name}: {value}")]
        done = subprocess.run([*command, *options], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-6000:]
    assert " passed" in done.stdout
