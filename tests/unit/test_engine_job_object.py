"""The calls for job objects on Windows. The DLLs are replaced: the tests run on any system."""

from __future__ import annotations

import ctypes
from typing import Any

import pytest

from openjd_vstitcher.engine import job_object
from openjd_vstitcher.engine.job_object import JobObject


class Dll:
    """Records the calls of kernel32 and ntdll functions. NtResumeProcess returns 0 for success, the others 42."""

    def __init__(self, failing: str = "") -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self._failing = failing

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any) -> int:
            self.calls.append((name, arguments))
            if name == "SetInformationJobObject":
                self.flags = arguments[2]._obj.basic.limit_flags
            if name == "QueryInformationJobObject":
                arguments[2]._obj.total_user_time = 15_000_000
                arguments[2]._obj.total_kernel_time = 5_000_000
                arguments[2]._obj.active_processes = 3
            if name == "NtResumeProcess":
                return -1073741790 if name == self._failing else 0
            return 0 if name == self._failing else 42

        return call


def test_job_kills_its_processes_when_it_closes() -> None:
    dll = Dll()
    job = JobObject(dll, dll)
    assert dll.flags == 0x2000
    assert job.cpu_s() == pytest.approx(2.0)
    assert job.active() == 3
    job.terminate()
    assert dll.calls[-1] == ("TerminateJobObject", (42, 1))


def test_process_runs_only_once_it_is_in_the_job() -> None:
    dll = Dll()
    job = JobObject(dll, dll)
    dll.calls.clear()
    job.resume(1234)
    assert dll.calls == [
        ("OpenProcess", (0x0901, False, 1234)),
        ("AssignProcessToJobObject", (42, 42)),
        ("NtResumeProcess", (42,)),
        ("CloseHandle", (42,)),
    ]


@pytest.mark.parametrize("call", ["OpenProcess", "AssignProcessToJobObject", "NtResumeProcess"])
def test_refused_call_is_an_error(call: str) -> None:
    dll = Dll(failing=call)
    with pytest.raises(OSError, match=f"{call} failed"):
        JobObject(dll, dll).resume(1)
    made = [name for name, _ in dll.calls]
    assert ("NtResumeProcess" in made) == (call == "NtResumeProcess")
    assert ("CloseHandle" in made) == (call != "OpenProcess")


def test_structures_have_the_sizes_of_64_bit_windows() -> None:
    assert ctypes.sizeof(job_object.ExtendedLimits) == 144
    assert ctypes.sizeof(job_object.Accounting) == 48
