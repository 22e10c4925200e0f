"""A minimal engine for tests: runs a script with a BwApi that renders gray pictures at once. See also standin/."""

import json
import os
import runpy
import struct
import subprocess
import sys
import time
import types
import zlib


def _png(width, height):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress((b"\0" + b"\x80" * width) * height)
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


class CallbackBase:
    """The base class of callbacks."""


def _render(garment, text):
    job = json.loads(text)
    for capture in job["captures"]:
        with open(capture["path"], "wb") as file:
            file.write(_png(job["width"], job["height"]))
        if "hang.png" in capture["path"]:
            time.sleep(600)
    return "job" if len(job["captures"]) > 1 else ""


bw = types.ModuleType("BwApi")
bw.BW_API_ERROR_SUCCESS = 0
bw.CallbackBase = CallbackBase
bw.GetLastError = lambda: 0
bw.BW_API_EVENT_GARMENT_MODIFIED = 6
bw.Version = lambda: ("3.1", "3.20")
bw.EventRegister = lambda callback, callback_id, event: 1
bw.HostApplicationGet = lambda: '{"name": "VStitcher", "version": "fake 1"}'
bw.GarmentOpen = lambda path: None
bw.GarmentPathGet = lambda garment: "/garments/Tee.bw"
bw.GarmentId = lambda: "g1"
bw.GarmentClose = lambda garment, force: None
bw.GarmentSnapshotIds = lambda garment: ["s1"]
bw.SnapshotInfoGet = lambda garment, snapshot: '{"name": "final"}'
bw.SnapshotLoadEx = lambda garment, options, snapshot: None
bw.GarmentColorwayIds = lambda garment: [1]
bw.ColorwayNameGet = lambda garment, colorway: "Only"
bw.ColorwayCurrentGet = lambda garment: 1
bw.EnvironmentCameraViewGet = lambda garment, name: "{}"
bw.EnvironmentTurntableCameraPositionsGet = lambda camera, count: json.dumps([{}] * count)
bw.RenderImageEx = _render
bw.RenderJobStatusGet = lambda garment, job: json.dumps({"status": "running", "progress": 0.1})
sys.modules["BwApi"] = bw

if __name__ == "__main__":
    sys.argv = sys.argv[1:]
    if "FAKE_ENGINE_EXIT" in os.environ:
        sys.exit(os.environ["FAKE_ENGINE_EXIT"])
    if "FAKE_ENGINE_LEAK" in os.environ:
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
        with open(os.environ["FAKE_ENGINE_LEAK"], "w", encoding="ascii") as file:
            file.write(str(child.pid))
    if "FAKE_ENGINE_PID" in os.environ:
        with open(os.environ["FAKE_ENGINE_PID"], "w", encoding="ascii") as file:
            file.write(str(os.getpid()))
    runpy.run_path(sys.argv[0], run_name="__main__")
