"""A tiny engine for tests: runs a script with a BwApi that renders grey pictures at once. No fidelity: see standin/."""

import json
import runpy
import struct
import sys
import types
import zlib


def _png(width, height):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress((b"\0" + b"\x80" * width) * height)
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


class CallbackBase:
    """What plugins derive from."""


def _render(garment, text):
    job = json.loads(text)
    for capture in job["captures"]:
        with open(capture["path"], "wb") as file:
            file.write(_png(job["width"], job["height"]))
    return ""


bw = types.ModuleType("BwApi")
bw.BW_API_ERROR_SUCCESS = 0
bw.CallbackBase = CallbackBase
bw.GetLastError = lambda: 0
bw.Version = lambda: "fake 1"
bw.HostApplicationGet = lambda: '{"name": "fake"}'
bw.GarmentOpen = lambda path: "g1"
bw.GarmentId = lambda: "g1"
bw.GarmentClose = lambda garment, force: 1
bw.GarmentDress = lambda garment: 1
bw.GarmentColorwayIds = lambda garment: [1]
bw.ColorwayNameGet = lambda garment, colorway: "Only"
bw.ColorwayCurrentGet = lambda garment: 1
bw.GarmentInfoGetEx = lambda garment, key: json.dumps("Tee") if key == "name" else ""
bw.EnvironmentCameraViewGet = lambda garment, name: "{}"
bw.EnvironmentTurntableCameraPositionsGet = lambda camera, count: json.dumps([{}] * count)
bw.RenderImageEx = _render
sys.modules["BwApi"] = bw

if __name__ == "__main__":
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")
