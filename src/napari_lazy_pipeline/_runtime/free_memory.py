"""Free memory: how much there is for one volume."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

# Part of the free memory that one volume may take; the rest is for whatever else goes on.
SHARE = 0.8
# Where a system does not say what is free, this part of all its memory counts as such.
FREE = 0.5
MEMINFO = Path("/proc/meminfo")
# Limit and use of a container or a cluster job: version 2 of Linux control groups, then 1.
GROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


def budget() -> int:
    """Memory one volume may take now [byte]."""
    return int(SHARE * available())


def available() -> int:
    """Memory that can be had without swapping [byte]."""
    if sys.platform == "win32":
        return _windows()
    else:
        if MEMINFO.exists():
            lines = (line.split() for line in MEMINFO.read_text().splitlines())
            # What the kernel would give, its caches of files included.
            free = next(int(line[1]) * 1024 for line in lines if line[0] == "MemAvailable:")
            return min([free, *_groups()])
        return int(FREE * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))


def _groups() -> list[int]:
    """Return what is free in the container or cluster job, where there is one with a limit."""
    free = []
    for limit, used in GROUPS:
        if Path(limit).exists() and (most := Path(limit).read_text().strip()).isdecimal():
            free.append(max(int(most) - int(Path(used).read_text()), 0))
    return free


if sys.platform == "win32":

    class _MemoryStatus(ctypes.Structure):
        """MEMORYSTATUSEX of the Windows API."""

        _fields_ = (
            ("length", ctypes.c_ulong),
            ("load", ctypes.c_ulong),
            ("total", ctypes.c_ulonglong),
            ("available", ctypes.c_ulonglong),
            ("rest", ctypes.c_ulonglong * 5),
        )

    def _windows() -> int:
        status = _MemoryStatus()
        status.length = ctypes.sizeof(status)
        if not ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):
            raise ctypes.WinError()
        return int(status.available)
