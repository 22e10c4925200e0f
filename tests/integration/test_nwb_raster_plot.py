"""The handler `nwb_raster_plot` on a file that the test makes. Needs the extra `[nwb]`."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

for module in ("pynwb", "figpack", "figpack_spike_sorting", "matplotlib"):
    pytest.importorskip(module, reason='the handler nwb_raster_plot is not tested: pip install -e ".[nwb]"')

SPIKES = {0: [0.5, 1.0, 1.5], 1: [], 2: [0.25, 9.75]}


def nwb_file(path: Path, spikes: dict[int, list[float]] | None) -> Path:
    import pynwb

    nwb = pynwb.NWBFile(
        session_description="test", identifier="test", session_start_time=datetime(2026, 1, 1, tzinfo=UTC)
    )
    for unit, times in (spikes or {}).items():
        nwb.add_unit(spike_times=times, id=unit)
    with pynwb.NWBHDF5IO(str(path), "w") as file:
        file.write(nwb)
    return path


def run(folder: Path, *parameters: str, config: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "openjd_vstitcher.cli", "handlers", "run", "nwb_raster_plot"]
    command += ["--config", config] if config else []
    for text in parameters:
        command += ["-p", text]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=200)


def test_the_units_of_a_file_become_a_page_and_a_picture(tmp_path: Path) -> None:
    nwb_file(tmp_path / "units.nwb", SPIKES)
    done = run(tmp_path, "nwb_file=units.nwb", "title=Two of three")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "units": 2,
        "spikes": 5,
        "start_time_s": 0.25,
        "end_time_s": 9.75,
        "page": "raster.figpack.tar.gz",
        "picture": "raster.png",
    }
    assert sorted(path.name for path in (tmp_path / "output").iterdir()) == ["raster.figpack.tar.gz", "raster.png"]
    assert (tmp_path / "output" / "raster.png").read_bytes().startswith(b"\x89PNG")
    with tarfile.open(tmp_path / "output" / "raster.figpack.tar.gz") as page:
        names = page.getnames()
        metadata = page.extractfile("./data.zarr/.zmetadata")
        assert metadata is not None
        attributes = json.load(metadata)["metadata"][".zattrs"]
    assert "./index.html" in names
    assert (attributes["title"], attributes["unit_ids"], attributes["total_spikes"]) == ("Two of three", ["0", "2"], 5)


@pytest.mark.parametrize(
    ("spikes", "message"), [(None, "has no units table with spike times"), ({4: []}, "has no spikes")]
)
def test_a_file_without_spikes_is_bad_input(
    tmp_path: Path, spikes: dict[int, list[float]] | None, message: str
) -> None:
    nwb_file(tmp_path / "units.nwb", spikes)
    done = run(tmp_path, "nwb_file=units.nwb")
    assert done.returncode == 3
    assert f"Invalid parameters: nwb_file: units.nwb {message}" in done.stderr


class FigureServer(BaseHTTPRequestHandler):
    """What figpack asks of a figure server, as far as an upload needs it."""

    uploaded: ClassVar[dict[str, bytes]] = {}
    keys: ClassVar[set[str | None]] = set()

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.keys.add(self.headers["x-api-key"])
        host = f"http://{self.headers['Host']}"
        urls = [
            {"relativePath": file["relativePath"], "signedUrl": f"{host}/{file['relativePath']}"}
            for file in asked.get("files", ())
        ]
        figure = {"figureUrl": f"{host}/figure/index.html", "status": "uploading"}
        self.answer({"success": True, "figure": figure, "mode": "server-signed", "signedUrls": urls})

    def do_PUT(self) -> None:
        self.uploaded[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer({})

    def answer(self, data: dict[str, Any]) -> None:
        body = json.dumps(data).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def test_the_page_is_uploaded_where_a_figure_server_is_configured(tmp_path: Path) -> None:
    nwb_file(tmp_path / "units.nwb", SPIKES)
    (tmp_path / "key").write_text("the-key\n")
    with ThreadingHTTPServer(("127.0.0.1", 0), FigureServer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        (tmp_path / "c.toml").write_text(f'[jobs]\nfigure_server = "{url}"\nfigure_server_key_file = "key"\n')
        done = run(tmp_path, "nwb_file=units.nwb", config="c.toml")
        server.shutdown()
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["page_url"].startswith(f"{url}/figure/")
    assert FigureServer.keys == {"the-key"}
    assert {"/index.html", "/data.zarr/.zmetadata"} <= set(FigureServer.uploaded)
    assert "the-key" not in done.stdout + done.stderr


def test_another_file_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "units.nwb").write_text("not HDF5")
    done = run(tmp_path, "nwb_file=units.nwb")
    assert "Invalid parameters: nwb_file: units.nwb is not an NWB file" in done.stderr
