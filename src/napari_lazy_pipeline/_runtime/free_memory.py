"""Free memory: how much there is for one volume."""

from __future__ import annotations

import ctypes
import math
import os
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath

# Part of the free memory that one volume may take; the rest is for whatever else goes on.
SHARE = 0.8
# Where a system does not say what is free, this part of all its memory counts as such.
FREE = 0.5
PROC, CGROUP = Path("/proc"), Path("/sys/fs/cgroup")
# Files of a Linux control group, version 2 and version 1: its limit, its use, and the line of its
# statistics with what it holds of files only, and gives back as soon as it is short of memory.
_GROUP_FILES = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)


def budget() -> int:
    """Memory one volume may take now [byte]."""
    return int(SHARE * available())


def available() -> int:
    """Memory that can be had without swapping [byte]."""
    if sys.platform == "win32":
        return _windows()
    else:
        if (PROC / "meminfo").exists():
            # What the kernel would give, its caches of files included.
            memory = _meminfo()
            return min([memory["MemAvailable"], *_limits(memory)])
        return int(FREE * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))


def require(size: int) -> None:
    """Raise a `MemoryError` if so much memory [byte] cannot be had.

    Linux promises memory it does not have, and ends the process once that is used.
    """
    if not (PROC / "meminfo").exists():
        return
    memory = _meminfo()
    free = min([memory["MemAvailable"] + memory.get("SwapFree", 0), *_limits(memory)])
    if size > free:
        raise MemoryError(f"it takes {size / 1e9:.3g} GB, and {free / 1e9:.3g} GB are free")


def _meminfo() -> dict[str, int]:
    """Memory of the machine [byte]."""
    lines = (line.split() for line in (PROC / "meminfo").read_text().splitlines())
    return {line[0].removesuffix(":"): int(line[1]) * 1024 for line in lines}


def _limits(machine: dict[str, int]) -> Iterator[int]:
    """Yield what is free in the container, the cluster job or by the limit of the process."""
    total = machine.get("MemTotal", math.inf)
    table = PROC / "self" / "cgroup"
    for folder, names in _groups(table.read_text() if table.exists() else "", CGROUP):
        limit, used, cache = names
        most = (folder / limit).read_text().strip()
        if most.isdecimal() and int(most) < total:  # else it is no limit
            lines = (line.split() for line in (folder / "memory.stat").read_text().splitlines())
            held = next((int(line[1]) for line in lines if line[0] == cache), 0)
            yield max(int(most) - int((folder / used).read_text()) + held, 0)
    if sys.platform != "win32":
        import resource

        largest, _ = resource.getrlimit(resource.RLIMIT_AS)
        if largest != resource.RLIM_INFINITY:
            pages = int((PROC / "self" / "statm").read_text().split()[0])
            yield max(largest - pages * os.sysconf("SC_PAGE_SIZE"), 0)


@lru_cache(maxsize=1)  # it is asked for each volume
def _groups(table: str, root: Path) -> list[tuple[Path, tuple[str, str, str]]]:
    """Find the control groups in a table of those of a process, and of which files to read what.

    A limit may be set for any group that it is in, by way of another. Within a container its own
    group is the outermost, whatever it is called.
    """
    found = []
    for number, kinds, name in (line.split(":", 2) for line in table.splitlines()):
        if number != "0" and "memory" not in kinds.split(","):
            continue
        top = root if number == "0" else root / "memory"
        names = _GROUP_FILES[number != "0"]
        group = PurePosixPath(name.lstrip("/"))
        for path in (group, *group.parents):
            if (top / path / names[0]).exists():
                found.append((top / path, names))
    return found


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
