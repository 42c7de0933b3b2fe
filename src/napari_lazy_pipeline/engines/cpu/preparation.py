"""Preparation: another process compiles the loops of the CPU engine, once per computer.

Compiled code stays on disk. What it depends on (versions, processor, source files) is the name of a
file beside it: where that is, nothing is left to compile.
"""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
import threading
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from napari_lazy_pipeline._runtime.jit import compiled, numba_problem

_COMMAND = "from napari_lazy_pipeline.engines.cpu.cpu_engine import prepare; prepare(lowest=True)"

_lock = threading.Lock()
_process: subprocess.Popen[bytes] | None = None


def is_prepared() -> bool:
    """Return whether all loops were compiled on this computer, or nothing can be kept."""
    stamp = _stamp()
    return stamp is None or stamp.exists()


def prepare_elsewhere() -> bool:
    """Let a process of the lowest priority compile, unless all is; return whether one does."""
    global _process
    with _lock:
        if is_under_way():
            return True
        if _process is not None or is_prepared():
            return False  # one that failed is not tried again
        flags = getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0)
        flags |= getattr(subprocess, "CREATE_NO_WINDOW", 0)
        nothing = subprocess.DEVNULL
        _process = subprocess.Popen(
            [sys.executable, "-c", _COMMAND],
            stdin=nothing, stdout=nothing, stderr=nothing, creationflags=flags,
            cwd=Path(__file__).parents[3],  # modules in the folder of the person are none of ours
        )  # fmt: skip
        return True


def is_under_way() -> bool:
    """Return whether that process still compiles."""
    return _process is not None and _process.poll() is None


def prepare(compile_all: Callable[[], object], lowest: bool) -> None:
    """Compile, and note that it was done; at the lowest priority, if there are any."""
    if lowest and hasattr(os, "nice"):
        os.nice(19)
    compile_all()
    stamp = _stamp()
    if stamp is not None:
        for old in stamp.parent.glob("prepared-*"):
            old.unlink(missing_ok=True)
        stamp.touch()


def _stamp() -> Path | None:
    """The file that tells that all is compiled; None if compiled code cannot be kept."""
    if numba_problem():
        return None
    folder = getattr(getattr(_anything, "_cache", None), "cache_path", None)
    if folder is None:
        return None
    names = ("numba", "llvmlite", "numpy", "scipy")
    parts = [platform.python_version(), platform.processor(), *map(version, names)]
    for path in sorted(Path(__file__).parents[2].glob("*/**/*.py")):
        if {"engines", "psf", "_runtime"} & set(path.parts):
            stat = path.stat()
            parts.append(f"{path.name} {stat.st_mtime_ns} {stat.st_size}")
    digest = hashlib.blake2b("\n".join(parts).encode(), digest_size=8).hexdigest()
    return Path(folder) / f"prepared-{digest}"


@compiled()
def _anything() -> int:  # pragma: no cover
    """A loop whose cache shows where code is kept; it is never called."""
    return 0
