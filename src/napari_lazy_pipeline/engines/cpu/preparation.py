"""Preparation: another process compiles the loops of the CPU engine, once per computer.

It does so for loops of other packages, too, that would else be compiled where they are needed.
Compiled code stays on disk. What it depends on (versions, processor, source files) is the name of a
file beside it: where that is, nothing is left to compile.
"""

from __future__ import annotations

import gc
import hashlib
import importlib
import os
import platform
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from napari_lazy_pipeline._runtime.jit import compiled, numba_problem

_COMMAND = "from napari_lazy_pipeline.engines.cpu.cpu_engine import prepare; prepare(lowest=True)"

_lock = threading.Lock()
_process: subprocess.Popen[bytes] | None = None
_awaited: Path | None = None  # the stamp of what that process compiles first


@dataclass(frozen=True)
class OtherLoops:
    """Loops of other packages: the module whose `warm_up` compiles them, and the packages."""

    module: str
    packages: tuple[str, ...]

    def is_prepared(self) -> bool:
        """Return whether they were compiled on this computer, or nothing can be kept."""
        stamp = self._stamp()
        return stamp is None or stamp.exists()

    def prepare(self) -> None:
        """Compile them, and note that it was done."""
        importlib.import_module(self.module).warm_up()
        stamp = self._stamp()
        if stamp is not None:
            stamp.touch()

    def _stamp(self) -> Path | None:
        folder = _folder()
        parts = [self.module, platform.python_version(), platform.processor()]
        parts += map(version, ("numba", "llvmlite", "numpy", *self.packages))
        return folder / f"others-{_digest(parts)}" if folder is not None else None


def is_prepared() -> bool:
    """Return whether all loops were compiled on this computer, or nothing can be kept."""
    stamp = _stamp()
    return stamp is None or stamp.exists()


def prepare_elsewhere(others: OtherLoops | None = None) -> bool:
    """Let a process of the lowest priority compile, unless all is; return whether one does."""
    global _process, _awaited
    with _lock:
        if is_running():
            return True
        if _process is not None or (is_prepared() and (others is None or others.is_prepared())):
            return False  # one that failed is not tried again
        more = f"\nfrom {__name__} import OtherLoops\n{others!r}.prepare()" if others else ""
        _awaited = _stamp()
        flags = getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0)
        flags |= getattr(subprocess, "CREATE_NO_WINDOW", 0)
        nothing = subprocess.DEVNULL
        _process = subprocess.Popen(
            [sys.executable, "-c", _COMMAND + more],
            stdin=nothing, stdout=nothing, stderr=nothing, creationflags=flags,
            cwd=Path(__file__).parents[3],  # modules in the folder of the person are none of ours
        )  # fmt: skip
        return True


def is_running() -> bool:
    """Return whether that process still compiles."""
    return _process is not None and _process.poll() is None


def is_under_way() -> bool:
    """Return whether that process still compiles the loops of the CPU engine."""
    return is_running() and not (_awaited is not None and _awaited.exists())


def prepare(compile_all: Callable[[], object], lowest: bool) -> None:
    """Compile, and note that it was done; at the lowest priority, if there are any."""
    if lowest and hasattr(os, "nice"):
        os.nice(19)
    collecting = gc.isenabled()
    gc.disable()  # nearly all that a compiler makes is kept: to look for garbage is a fifth more
    try:
        compile_all()
    finally:
        if collecting:
            gc.enable()
    stamp = _stamp()
    if stamp is not None:
        for old in stamp.parent.glob("prepared-*"):
            old.unlink(missing_ok=True)
        stamp.touch()


def _stamp() -> Path | None:
    """The file that tells that all is compiled; None if compiled code cannot be kept."""
    folder = _folder()
    if folder is None:
        return None
    names = ("numba", "llvmlite", "numpy", "scipy")
    parts = [platform.python_version(), platform.processor(), *map(version, names)]
    for path in sorted(Path(__file__).parents[2].glob("*/**/*.py")):
        if {"engines", "psf", "_runtime"} & set(path.parts):
            stat = path.stat()
            parts.append(f"{path.name} {stat.st_mtime_ns} {stat.st_size}")
    return folder / f"prepared-{_digest(parts)}"


def _folder() -> Path | None:
    """Where compiled code is kept; None if it cannot be."""
    if numba_problem():
        return None
    folder = getattr(getattr(_anything, "_cache", None), "cache_path", None)
    return Path(folder) if folder is not None else None


def _digest(parts: Iterable[str]) -> str:
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=8).hexdigest()


@compiled()
def _anything() -> int:  # pragma: no cover
    """A loop whose cache shows where code is kept; it is never called."""
    return 0
