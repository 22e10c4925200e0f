"""What plugins in use expect of the program: how they are loaded and called back, and its windows and packages."""

from __future__ import annotations

import json
import sys
import textwrap
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from openjd_vstitcher.standin.bwapi import make_module
from openjd_vstitcher.standin.codes import Code
from openjd_vstitcher.standin.events import Event
from openjd_vstitcher.standin.host import Host
from openjd_vstitcher.standin.switches import Switches

from ..standin_api import TEE, open_program


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """A program with a window, and its BwApi to import; nothing that plugins load is left."""
    host = Host(True, Switches())
    before, path = set(sys.modules), list(sys.path)
    monkeypatch.setitem(sys.modules, "BwApi", make_module(host))
    yield host
    sys.path[:] = path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def plugin(folder: Path, identifier: str, **sources: str) -> Path:
    source = folder / identifier / "src"
    source.mkdir(parents=True)
    (source.parent / "plugin.json").write_text(json.dumps({"identifier": identifier, "type": "python", "main": "src"}))
    for name, text in sources.items():
        (source / f"{name}.py").write_text(textwrap.dedent(text))
    return folder


SESSION = """
    import BwApi
    import beside_it as plain
    from .beside_it import NAME

    class Callback(BwApi.CallbackBase):
        def Run(self, garment_id, callback_id, data):
            plain.CALLED.append((callback_id, data, BwApi.IdentifierGet()))
            return 1

    CALLBACK = Callback()

    def BwApiPluginInit():
        BwApi.IdentifierSet("A name for people")
        BwApi.UpdateSessionFunctionSet_v2(CALLBACK)
        BwApi.MenuFunctionAdd("Do it", CALLBACK, 1)
        BwApi.MenuFunctionReloadAdd()
        return 0x000e0030
"""


def test_plugin_imports_its_modules_with_and_without_its_package(host: Host, tmp_path: Path) -> None:
    host.load_plugins(plugin(tmp_path, "com.example.A", __init__=SESSION, beside_it="NAME = 'x'\nCALLED = []"))
    assert sys.modules["beside_it"].NAME == "x"


def test_session_function_is_known_by_the_identifier_of_the_manifest(host: Host, tmp_path: Path) -> None:
    api = sys.modules["BwApi"]
    host.load_plugins(plugin(tmp_path, "com.Example.a", __init__=SESSION, beside_it="NAME = 'x'\nCALLED = []"))
    for identifier, code in (("A name for people", Code.NOT_FOUND), ("com.example.A", Code.SUCCESS)):
        api.UpdateSessionFunctionRequest_v2(identifier, 5, "data")
        assert api.GetLastError() == code
    host.run_pending()
    assert sys.modules["beside_it"].CALLED == [(5, "data", "A name for people")]


def test_window_is_placed_by_that_of_the_program_and_hears_of_its_events() -> None:
    tee = open_program(dressed=False)
    main = json.loads(tee.api.HostApplicationGet())["window_rect"]
    assert set(main) == {"left", "top", "width", "height"}
    window = tee.api.WndHTMLCreateUrl("http://127.0.0.1/", "Title", "{}", tee.api.WndRect(1, 2, 300, 200))
    heard = []

    class Heard(tee.api.CallbackBase):  # type: ignore[name-defined,misc]
        def Run(self, garment_id: str, callback_id: int, data: str) -> int:
            heard.append((callback_id, data))
            return 1

    callback = Heard()
    tee.api.WndHTMLEventRegister(window, tee.api.BW_API_EVENT_HTML_MSG, callback, 9)
    tee.host.listeners.fire(Event.HTML_MSG, tee.g, "message", of=f"window {window}")
    tee.host.listeners.fire(Event.HTML_MSG, tee.g, "other", of="window 99")
    assert heard == [(9, "message")]
    tee.api.WndHTMLMessageSend(window, "{}")
    tee.api.WndHTMLSetFocus(window)
    tee.api.WndHTMLClose(window)
    assert tee.api.GetLastError() == Code.SUCCESS
    tee.api.WndHTMLClose(window)
    assert tee.api.GetLastError() == Code.NOT_FOUND


@pytest.mark.parametrize("valid", [True, False])
def test_package_is_unpacked_and_the_callback_told(tmp_path: Path, valid: bool) -> None:
    tee = open_program(dressed=False)
    package, told = tmp_path / "x.bwr", []
    if valid:
        with zipfile.ZipFile(package, "w") as archive:
            archive.writestr("a.txt", "a")
    else:
        package.write_bytes(b"not a package")

    class Told(tee.api.CallbackBase):  # type: ignore[name-defined,misc]
        def Run(self, garment_id: str, callback_id: int, data: str) -> int:
            told.append(json.loads(data))
            return 1

    tee.api.ExtractPackage(str(package), str(tmp_path / "out"), Told(), 0, '{"type": "download"}')
    assert told == [{"type": "download", "response": {"destination": str(tmp_path / "out"), "valid": valid}}]
    assert (tmp_path / "out" / "a.txt").exists() == valid


def test_colorways_are_rendered_as_plugins_do_it(tmp_path: Path) -> None:
    """Open, light by an unknown and a known name, colorway, snapshot, picture and scene, close by force."""
    tee = open_program(dressed=False)
    tee.api.GarmentClose(tee.g, True)
    tee.api.GarmentOpen(str(TEE))
    g = tee.api.GarmentId()
    tee.api.EnvironmentLightCurrentSet("Ambient.hdr")
    tee.api.EnvironmentLightInfoSet("Ambient.hdr", '{"exposure": 0.0, "rotation_angle": 0.0}')
    colors = set()
    for colorway in tee.api.GarmentColorwayIds(g)[:2]:
        tee.api.ColorwayCurrentSet(g, colorway)
        tee.api.SnapshotLoadEx(g, '{"load_snapshot_option": "current_colorway_and_avatar"}', "snapshot-1")
        assert tee.api.ColorwayCurrentGet(g) == colorway
        scene = {"3d_format": "gltf", "path": str(tmp_path / f"{colorway}.glb"), "alpha_mode": "mask"}
        tee.api.RenderExport3DObject(g, json.dumps({**scene, "pbr_model": "specular_glossiness"}))
        assert tee.api.GetLastError() == Code.SUCCESS
        colors.add((tmp_path / f"{colorway}.glb").read_bytes())
    assert len(colors) == 2
    tee.api.GarmentClose(g, True)
    assert tee.api.GarmentId() == ""
