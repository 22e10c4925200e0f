"""The stand-in's `BwApi` is as `schemas/bwapi.json` says: names, arguments, results, threads, errors."""

from __future__ import annotations

import inspect
import json
import threading

import pytest

from openjd_vstitcher.standin import elements
from openjd_vstitcher.standin.bwapi import make_module
from openjd_vstitcher.standin.calls import CALLS, bind, call, key_of
from openjd_vstitcher.standin.codes import Code
from openjd_vstitcher.standin.contract import Contract, contracts, surface
from openjd_vstitcher.standin.host import Host
from openjd_vstitcher.standin.switches import Switches

from ..standin_api import TEE, open_program

SURFACE = surface()
FUNCTIONS = SURFACE["functions"]
NEWER = {name for name, described in FUNCTIONS.items() if "since" in described}
KINDS = {"string", "json", "int", "id", "bool", "float", "ints", "strings", "callback"} | {
    "Colors",
    "Points",
    "BezierPoints",
    "Elements",
}


@pytest.fixture
def tee():
    return open_program()


def test_module_has_the_documented_names_and_no_others():
    module = make_module(Host(gui=False))
    public = {name for name in vars(module) if not name.startswith("__")}
    assert public == {*FUNCTIONS, *SURFACE["classes"], *SURFACE["constants"]}


def test_older_version_lacks_the_newer_calls():
    module = make_module(Host(False, Switches(old=True)))
    assert {name for name in FUNCTIONS if not hasattr(module, name)} == NEWER
    assert "GarmentSnapshotIdsEx" in NEWER


def test_every_implementation_belongs_to_a_documented_call():
    assert set(CALLS) == {key_of(name) for name in FUNCTIONS}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_call_says_where_its_facts_come_from(name):
    described = FUNCTIONS[name]
    assert described["sure"] in SURFACE["sureness"]
    assert {source.split()[0] for source in described["source"].split(", ")} <= set(SURFACE["sources"])
    assert set(described) <= {"in", "out", "source", "sure", "errors", "note", "unit", *SURFACE["fields"]}
    for kind in (*described["in"].values(), *described["out"].values()):
        assert kind in KINDS | set(SURFACE["classes"])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_call_takes_the_documented_arguments(tee, name):
    call = getattr(tee.api, name)
    assert list(inspect.signature(call).parameters) == list(FUNCTIONS[name]["in"])
    with pytest.raises(TypeError, match=name):
        call(*[None] * (len(FUNCTIONS[name]["in"]) + 1))


def argument(kind):
    """A value of a kind of argument."""
    values = {"string": "nothing", "json": "{}", "int": 1, "float": 1.0, "bool": 1}
    if kind == "callback":
        return elements.CallbackBase()
    if kind in values:
        return values[kind]
    return [] if kind[0].islower() or kind.endswith("s") else getattr(elements, kind)()


@pytest.mark.parametrize("name", [n for n, f in FUNCTIONS.items() if next(iter(f["in"]), "") == "garmentId"])
def test_call_on_a_garment_that_is_not_open_sets_an_error(tee, name):
    result = getattr(tee.api, name)(*map(argument, FUNCTIONS[name]["in"].values()))
    assert tee.api.GetLastError() == Code.NO_GARMENT
    outs = len(FUNCTIONS[name]["out"])
    assert (result is None) == (outs == 0)
    assert isinstance(result, tuple) == (outs > 1)


@pytest.mark.parametrize(
    ("outs", "result"),
    [
        ((), 1),
        (("string",), None),
        (("float", "float"), 1.0),
        (("float", "float"), [1.0, 2.0]),
        (("ints",), ["1"]),
        (("bool",), True),
        (("int",), True),
        (("Colors",), ["#ffffff"]),
    ],
    ids=str,
)
def test_result_of_another_shape_than_documented_is_noticed(monkeypatch, outs, result):
    monkeypatch.setattr("openjd_vstitcher.standin.calls.CALLS", {})

    @call
    def made_up(host):
        return result

    made_up.__annotations__["host"] = Host
    with pytest.raises(AssertionError, match="MadeUp"):
        bind(Host(gui=False), Contract("MadeUp", (), outs))()


def test_contracts_are_those_of_the_file():
    assert {c.name: (list(c.parameters), list(c.outs)) for c in contracts()} == {
        name: (list(f["in"]), list(f["out"].values())) for name, f in FUNCTIONS.items()
    }


def test_success_clears_the_error(tee):
    tee.api.GarmentOpen("/nothing.bw")
    assert tee.api.GetLastError() == Code.CANNOT_READ
    assert tee.api.GarmentId() == tee.g
    assert tee.api.GetLastError() == tee.api.BW_API_ERROR_SUCCESS == 0


def test_success_keeps_the_error_if_errors_are_sticky():
    tee = open_program(switches=Switches(sticky=True))
    tee.api.GarmentOpen("/nothing.bw")
    assert tee.api.GarmentId() == tee.g
    assert tee.api.GetLastError() == Code.CANNOT_READ
    tee.api.ShapeDelete(tee.g, 99)
    assert tee.api.GetLastError() == Code.NOT_FOUND


def test_unknown_switch_is_refused(monkeypatch):
    monkeypatch.setenv("OPENJD_VS_STANDIN_SWITCHES", "sticky, new")
    with pytest.raises(ValueError, match="unknown new; expected sticky, old, unlinks"):
        Switches.from_environment()


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
        getattr(tee.api, name)(*([tee.g] if FUNCTIONS[name]["in"] else []))
        codes.append(tee.api.GetLastError())

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert codes == [Code.WRONG_THREAD]
    assert tee.api.GetLastError() == Code.SUCCESS


def test_session_function_runs_on_the_main_thread_when_requested_from_another(tee):
    ran, codes = [], []

    class Session(tee.api.CallbackBase):
        def Run(self, garment_id, callback_id, data_string):
            ran.append((garment_id, callback_id, data_string, threading.current_thread()))
            return 1

    def request():
        for _ in range(2):
            tee.api.UpdateSessionFunctionRequest_v2("com.example.plugin", 7, "data")
            codes.append(tee.api.GetLastError())

    tee.api.IdentifierSet("com.example.Plugin")
    tee.api.UpdateSessionFunctionSet_v2(Session())
    thread = threading.Thread(target=request)
    thread.start()
    thread.join()
    assert codes == [0, -2], "a second request while one is pending"
    assert not ran
    tee.host.run_pending()
    assert ran == [(tee.g, 7, "data", threading.main_thread())]
    tee.api.UpdateSessionFunctionRequest_v2("com.example.other", 7, "data")
    assert tee.api.GetLastError() == Code.NOT_FOUND


def listener(api, heard):
    class Listener(api.CallbackBase):
        def Run(self, garment_id, callback_id, data_string):
            heard.append(callback_id)
            return 1

    return Listener()


def test_events_fire_on_open_modified_saved_and_closed(tee, tmp_path):
    seen = []
    events = [getattr(tee.api, f"BW_API_EVENT_GARMENT_{e}") for e in ("OPEN", "MODIFIED", "SAVED", "CLOSED")]
    for number in events:
        assert tee.api.EventRegister(listener(tee.api, seen), number, number) > 0
    tee.api.GarmentOpen(str(TEE))
    tee.api.ShapeDelete(tee.api.GarmentId(), 1)
    tee.api.GarmentSaveAs(tee.api.GarmentId(), str(tmp_path / "saved.bw"))
    tee.api.GarmentClose(tee.api.GarmentId(), 1)
    opened, modified, saved, closed = events
    assert seen == [opened, modified, saved, opened, closed]
    tee.api.EventRegister(listener(tee.api, seen), 1, 99)
    assert tee.api.GetLastError() == Code.INVALID_ARGUMENT


def test_change_in_a_handler_of_changes_is_not_reported_again(tee):
    seen = []

    class Listener(tee.api.CallbackBase):
        def Run(self, garment_id, callback_id, data_string):
            seen.append(callback_id)
            tee.api.GarmentInfoSetEx(garment_id, "mine", '{"value": "1"}')
            return 1

    tee.api.EventRegister(Listener(), 1, tee.api.BW_API_EVENT_GARMENT_MODIFIED)
    tee.api.ShapeDelete(tee.g, 5)
    assert seen == [1]
    assert json.loads(tee.api.GarmentInfoGetEx(tee.g, "mine"))["value"] == "1"


def test_failing_callback_does_not_end_the_program(tee, capfd):
    class Broken(tee.api.CallbackBase):
        def Run(self, garment_id, callback_id, data_string):
            raise RuntimeError("broken on purpose")

    tee.api.EventRegister(Broken(), 1, tee.api.BW_API_EVENT_GARMENT_MODIFIED)
    tee.api.ShapeDelete(tee.g, 1)
    assert tee.api.GetLastError() == Code.SUCCESS
    assert "broken on purpose" in capfd.readouterr().err


def test_same_failure_in_a_row_is_logged_once(tee, capfd):
    for number in range(50, 60):
        tee.api.ShapeDelete(tee.g, number)
    assert capfd.readouterr().err.count("ShapeDelete: error 3") == 1
