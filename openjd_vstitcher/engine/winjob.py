"""Job objects of Windows: what is in one ends with it. Unverified: no Windows machine has run this."""

from __future__ import annotations

import ctypes
from ctypes import wintypes
from typing import Any

_LIMIT_CLASS = 9
_ACCOUNTING_CLASS = 1
_KILL_ON_CLOSE = 0x2000
_SET_QUOTA_AND_TERMINATE = 0x0100 | 0x0001
_TICKS_PER_S = 10_000_000


class BasicLimits(ctypes.Structure):
    """JOBOBJECT_BASIC_LIMIT_INFORMATION."""

    _fields_ = (
        ("per_process_user_time_limit", ctypes.c_int64),
        ("per_job_user_time_limit", ctypes.c_int64),
        ("limit_flags", wintypes.DWORD),
        ("minimum_working_set_size", ctypes.c_size_t),
        ("maximum_working_set_size", ctypes.c_size_t),
        ("active_process_limit", wintypes.DWORD),
        ("affinity", ctypes.c_size_t),
        ("priority_class", wintypes.DWORD),
        ("scheduling_class", wintypes.DWORD),
    )


class ExtendedLimits(ctypes.Structure):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION."""

    _fields_ = (
        ("basic", BasicLimits),
        ("io", ctypes.c_uint64 * 6),
        ("process_memory_limit", ctypes.c_size_t),
        ("job_memory_limit", ctypes.c_size_t),
        ("peak_process_memory_used", ctypes.c_size_t),
        ("peak_job_memory_used", ctypes.c_size_t),
    )


class Accounting(ctypes.Structure):
    """JOBOBJECT_BASIC_ACCOUNTING_INFORMATION."""

    _fields_ = (
        ("total_user_time", ctypes.c_int64),
        ("total_kernel_time", ctypes.c_int64),
        ("this_period_total_user_time", ctypes.c_int64),
        ("this_period_total_kernel_time", ctypes.c_int64),
        ("total_page_fault_count", wintypes.DWORD),
        ("total_processes", wintypes.DWORD),
        ("active_processes", wintypes.DWORD),
        ("total_terminated_processes", wintypes.DWORD),
    )


class Job:
    """A job object that kills its processes when the last handle to it closes, so also when we are killed.

    Parameters
    ----------
    kernel: the functions of kernel32; given by tests.
    """

    def __init__(self, kernel: Any = None) -> None:
        self._kernel = kernel or _kernel32()
        self._handle = self._checked(self._kernel.CreateJobObjectW(None, None), "CreateJobObject")
        limits = ExtendedLimits()
        limits.basic.limit_flags = _KILL_ON_CLOSE
        done = self._kernel.SetInformationJobObject(
            self._handle, _LIMIT_CLASS, ctypes.byref(limits), ctypes.sizeof(limits)
        )
        self._checked(done, "SetInformationJobObject")

    def add(self, pid: int) -> None:
        """Put a process into the job; what it starts from now on is in it, too."""
        process = self._kernel.OpenProcess(_SET_QUOTA_AND_TERMINATE, False, pid)
        self._checked(process, "OpenProcess")
        try:
            self._checked(self._kernel.AssignProcessToJobObject(self._handle, process), "AssignProcessToJobObject")
        finally:
            self._kernel.CloseHandle(process)

    def cpu_s(self) -> float:
        """Processor seconds that the job's processes have used."""
        accounting = self._accounting()
        return float(accounting.total_user_time + accounting.total_kernel_time) / _TICKS_PER_S

    def active(self) -> int:
        """How many processes of the job run."""
        return int(self._accounting().active_processes)

    def terminate(self) -> None:
        """End every process of the job."""
        self._checked(self._kernel.TerminateJobObject(self._handle, 1), "TerminateJobObject")

    def _accounting(self) -> Accounting:
        accounting = Accounting()
        done = self._kernel.QueryInformationJobObject(
            self._handle, _ACCOUNTING_CLASS, ctypes.byref(accounting), ctypes.sizeof(accounting), None
        )
        self._checked(done, "QueryInformationJobObject")
        return accounting

    def _checked(self, result: Any, call: str) -> Any:
        if not result:
            raise OSError(f"{call} failed with error {self._kernel.GetLastError()}")
        return result


def _kernel32() -> Any:
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined]  # exists on Windows only
    kernel.CreateJobObjectW.restype = wintypes.HANDLE
    kernel.OpenProcess.restype = wintypes.HANDLE
    kernel.SetInformationJobObject.argtypes = (wintypes.HANDLE, ctypes.c_int, ctypes.c_void_p, wintypes.DWORD)
    kernel.QueryInformationJobObject.argtypes = (
        wintypes.HANDLE,
        ctypes.c_int,
        ctypes.c_void_p,
        wintypes.DWORD,
        ctypes.c_void_p,
    )
    kernel.AssignProcessToJobObject.argtypes = (wintypes.HANDLE, wintypes.HANDLE)
    kernel.TerminateJobObject.argtypes = (wintypes.HANDLE, wintypes.UINT)
    kernel.CloseHandle.argtypes = (wintypes.HANDLE,)
    return kernel
