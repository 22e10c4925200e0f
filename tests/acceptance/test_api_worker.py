"""A daemon that knows only the HTTP API runs a job of a server on another machine."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from openjd_vstitcher.api.key_file import KEYS_FILE, KeyFile
from openjd_vstitcher.resources import resource
from tests.api_server import COMMAND, api_server, embedded_config

from .conftest import commands_environment

PRESET = json.loads(resource("examples/presets/dxf_v0.json").read_text())


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_daemon_runs_a_job_over_http_alone(tmp_path: Path) -> None:
    server_side, worker_side = tmp_path / "server", tmp_path / "worker"
    server_side.mkdir()
    worker_side.mkdir()
    config = embedded_config(server_side, 'auth = "keys"\n')
    keys = KeyFile(server_side / "server" / KEYS_FILE)
    _, office = keys.create("office", ["read", "submit", "presets"], None)
    _, desk = keys.create("desk", ["runner"], None)
    (worker_side / "key").write_text(desk)
    with (
        api_server(config) as server,
        server.client(headers={"Authorization": f"Bearer {office}"}) as api,
    ):
        worker_config = worker_side / "config.toml"
        worker_config.write_text(
            f'[worker]\nid = "desk-1"\nwork_dir = "jobs"\n[engine]\nstandin_max_pixels = 4000\n'
            f'[storage.local]\nroot = "{server_side / "storage"}"\n'
            f'[inputs]\nread_from = ["{resource("examples").as_uri()}"]\n'
            f'[platform]\nkind = "http"\nendpoint = "{server.url}"\ncredential_file = "key"\n'
        )
        api.put("/v1/presets/dxf_v0", json=PRESET).raise_for_status()
        details = {"style_id": "style-1", "input_file_uri": resource("examples/garments/tee.bw").as_uri()}
        task = api.post("/v1/tasks", json={"preset": "dxf_v0", "details": details}).headers["location"]
        done = subprocess.run(
            [COMMAND, "daemon", "--once", "--config", worker_config],
            env={**os.environ, **commands_environment()},
            capture_output=True,
            text=True,
            timeout=280,
        )
        assert done.returncode == 0, done.stderr
        ended = api.get(task).json()
        assert (ended["state"], ended["worker"], ended["attempt"]) == ("COMPLETED_SUCCESS", "desk-1", 1), ended
        assets = api.get(f"{task}/assets").json()["assets"]
        assert {asset["name"] for asset in assets if asset["status"] == "UPLOADED"} == {"scan.json", "dxf_bundle.zip"}
        for asset in assets:
            assert len(api.get(asset["url"]).content) == asset["sizeBytes"]
        names = [event["event"] for event in api.get(f"{task}/events").json()["events"]]
        assert {"submitted", "session_started", "output_registered"} <= set(names)
        assert desk not in done.stderr
        leaked = [
            path for path in (worker_side / "jobs").rglob("*") if path.is_file() and desk in path.read_text("latin-1")
        ]
        assert leaked == []
