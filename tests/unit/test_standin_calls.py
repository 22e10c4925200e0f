"""The stand-in's `BwApi` has exactly the documented names, and fails as documented."""

from __future__ import annotations

import inspect
import json
import threading

import pytest

from openjd_vstitcher.resources import resource
from openjd_vstitcher.standin.bwapi import make_module
from openjd_vstitcher.standin.calls import CALLS, key_of
from openjd_vstitcher.standin.codes import Code
from openjd_vstitcher.standin.host import Host

from ..standin_api import TEE, open_program

SURFACE = json.loads(resource("schemas/bwapi.json").read_text(encoding="utf-8"))


@pytest.fixture
def tee():
    return open_program()


def test_module_has_the_documented_names_and_no_others():
    module = make_module(Host(gui=False))
    public = {name for name in vars(module) if not name.startswith("__")}
    assert public == {*SURFACE["functions"], *SURFACE["classes"], *SURFACE["constants"]}


def test_every_implementation_belongs_to_a_documented_call():
    assert set(CALLS) == {key_of(name) for name in SURFACE["functions"]}


@pytest.mark.parametrize("name", SURFACE["functions"])
def test_call_takes_the_documented_arguments(tee, name):
    call = getattr(tee.api, name)
    assert list(inspect.signature(call).parameters) == SURFACE["functions"][name]
    with pytest.raises(TypeError, match=name):
        call(*[None] * (len(SURFACE["functions"][name]) + 1))


@pytest.mark.parametrize("name", [n for n, p in SURFACE["functions"].items() if p and p[0] == "garmentId"])
def test_call_on_a_garment_that_is_not_open_sets_an_error(tee, name):
    hints = {"callback": tee.api.CallbackBase()}
    values = {
        **hints,
        "garmentId": "nothing",
        "force": True,
        "optimized": True,
        "points": [],
        "elements": [],
        "side1": tee.api.StitchSide(),
        "side2": tee.api.StitchSide(),
        "snapshotId": "x",
    }
    numbers = ("Id", "materialId", "sizeId", "rulerId", "beforeEdgeId")
    texts = ("renderJobId", "presetName")
    arguments = [
        values.get(p, "{}" if p in texts or not p.endswith(numbers) else 1) for p in SURFACE["functions"][name]
    ]
    result = getattr(tee.api, name)(*arguments)
    assert tee.api.GetLastError() == Code.NO_GARMENT
    assert result in ("", 0, -1, 0.0, [])


def test_success_clears_the_error(tee):
    assert tee.api.GarmentOpen("/nothing.bw") == ""
    assert tee.api.GetLastError() == Code.CANNOT_READ
    assert tee.api.GarmentId() == tee.g
    assert tee.api.GetLastError() == tee.api.BW_API_ERROR_SUCCESS == 0


def test_wrong_type_is_a_type_error(tee):
    with pytest.raises(TypeError, match="colorwayId must be"):
        tee.api.ColorwayCurrentSet(tee.g, "1")
    with pytest.raises(TypeError, match="callback must be"):
        tee.api.UpdateSessionFunctionSet_v2(print)


def test_arguments_can_be_named(tee):
    assert tee.api.ColorwayNameGet(garmentId=tee.g, colorwayId=2) == "Chalk"


@pytest.mark.parametrize("name", ["GarmentId", "GarmentDress"])
def test_garment_calls_from_another_thread_fail(tee, name):
    codes = []

    def elsewhere():
        getattr(tee.api, name)(*([tee.g] if SURFACE["functions"][name] else []))
        codes.append(tee.api.GetLastError())

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert codes == [Code.WRONG_THREAD]


def test_session_function_runs_on_the_main_thread_when_requested_from_another(tee):
    ran = []

    class Session(tee.api.CallbackBase):
        def Run(self, garment_id, callback_id, data_string):
            ran.append((garment_id, callback_id, data_string, threading.current_thread()))
            return 1

    tee.api.IdentifierSet("com.example.plugin")
    tee.api.UpdateSessionFunctionSet_v2(Session())
    thread = threading.Thread(target=tee.api.UpdateSessionFunctionRequest_v2, args=("com.example.plugin", 7, "data"))
    thread.start()
    thread.join()
    assert not ran
    tee.host.run_pending()
    assert ran == [(tee.g, 7, "data", threading.main_thread())]
    tee.api.UpdateSessionFunctionRequest_v2("com.example.other", 7, "data")
    assert tee.api.GetLastError() == Code.NOT_FOUND


def test_events_fire_on_open_modified_and_saved(tee, tmp_path):
    seen = []

    class Listener(tee.api.CallbackBase):
        def Run(self, garment_id, callback_id, data_string):
            seen.append(callback_id)
            return 1

    for event in ("OPEN", "MODIFIED", "SAVED"):
        number = getattr(tee.api, f"BW_API_EVENT_GARMENT_{event}")
        tee.api.EventRegister(Listener(), number, number)
    other = tee.api.GarmentOpen(str(TEE))
    tee.api.ShapeDelete(other, 1)
    tee.api.GarmentSaveAs(other, str(tmp_path / "saved.bw"))
    assert seen == [
        tee.api.BW_API_EVENT_GARMENT_OPEN,
        tee.api.BW_API_EVENT_GARMENT_MODIFIED,
        tee.api.BW_API_EVENT_GARMENT_SAVED,
    ]
    tee.api.EventRegister(Listener(), 1, 99)
    assert tee.api.GetLastError() == Code.INVALID_ARGUMENT


def test_failing_callback_does_not_end_the_program(tee, capfd):
    class Broken(tee.api.CallbackBase):
        def Run(self, garment_id, callback_id, data_string):
            raise RuntimeError("broken on purpose")

    tee.api.EventRegister(Broken(), 1, tee.api.BW_API_EVENT_GARMENT_MODIFIED)
    assert tee.api.ShapeDelete(tee.g, 1) == 1
    assert "broken on purpose" in capfd.readouterr().err
