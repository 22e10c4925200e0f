"""Job objects of Windows: a group of processes that can be killed and counted together."""

from __future__ import annotations

import ctypes
from ctypes import wintypes
from typing import Any

_LIMIT_CLASS = 9
_ACCOUNTING_CLASS = 1
_KILL_ON_CLOSE = 0x2000
_PROCESS_ACCESS = 0x0100 | 0x0001 | 0x0800
"""PROCESS_SET_QUOTA and PROCESS_TERMINATE to assign a process to a job, PROCESS_SUSPEND_RESUME to resume it."""
_TICKS_PER_S = 10_000_000
_DWORD = ctypes.c_uint32


class BasicLimits(ctypes.Structure):
    """JOBOBJECT_BASIC_LIMIT_INFORMATION."""

    _fields_ = (
        ("per_process_user_time_limit", ctypes.c_int64),
        ("per_job_user_time_limit", ctypes.c_int64),
        ("limit_flags", _DWORD),
        ("minimum_working_set_size", ctypes.c_size_t),
        ("maximum_working_set_size", ctypes.c_size_t),
        ("active_process_limit", _DWORD),
        ("affinity", ctypes.c_size_t),
        ("priority_class", _DWORD),
        ("scheduling_class", _DWORD),
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
        ("total_page_fault_count", _DWORD),
        ("total_processes", _DWORD),
        ("active_processes", _DWORD),
        ("total_terminated_processes", _DWORD),
    )


class JobObject:
    """A job object that kills its processes when its last handle closes, so also when this process is killed.

    Parameters
    ----------
    kernel, ntdll: the functions of kernel32.dll and ntdll.dll; given by tests.
    """

    def __init__(self, kernel: Any = None, ntdll: Any = None) -> None:
        self._kernel = kernel or _kernel32()
        self._ntdll = ntdll or _ntdll()
        self._handle = self._checked(self._kernel.CreateJobObjectW(None, None), "CreateJobObject")
        limits = ExtendedLimits()
        limits.basic.limit_flags = _KILL_ON_CLOSE
        done = self._kernel.SetInformationJobObject(
            self._handle, _LIMIT_CLASS, ctypes.byref(limits), ctypes.sizeof(limits)
        )
        self._checked(done, "SetInformationJobObject")

    def resume(self, pid: int) -> None:
        """Put a process that was created suspended into the job, then let it run. All that it starts is in the job.

        Raises
        ------
        OSError: Windows refused one of the steps.
        """
        process = self._checked(self._kernel.OpenProcess(_PROCESS_ACCESS, False, pid), "OpenProcess")
        try:
            self._checked(self._kernel.AssignProcessToJobObject(self._handle, process), "AssignProcessToJobObject")
            status = self._ntdll.NtResumeProcess(process)
            if status:
                raise OSError(f"NtResumeProcess failed with status {status & 0xFFFFFFFF:#010x}")
        finally:
            self._kernel.CloseHandle(process)

    def cpu_s(self) -> float:
        """CPU seconds used by the processes of the job, including those that have exited."""
        accounting = self._accounting()
        return float(accounting.total_user_time + accounting.total_kernel_time) / _TICKS_PER_S

    def active(self) -> int:
        """How many processes of the job are running."""
        return int(self._accounting().active_processes)

    def terminate(self) -> None:
        """Kill every process of the job."""
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


def _ntdll() -> Any:
    ntdll = ctypes.WinDLL("ntdll")  # type: ignore[attr-defined]  # exists on Windows only
    ntdll.NtResumeProcess.restype = ctypes.c_int32
    ntdll.NtResumeProcess.argtypes = (wintypes.HANDLE,)
    return ntdll
