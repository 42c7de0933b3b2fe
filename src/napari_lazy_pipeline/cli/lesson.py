"""Lesson: opens napari with the exercises, or prints them."""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys

from napari_lazy_pipeline.errors import Cancelled, LazyPipelineError

_BEAT = 0.2  # s
_TEXT = "`napari-lazy-pipeline lesson --text` prints the exercises"


def lesson(options: argparse.Namespace) -> int:
    """Open the lesson, or print it; the exit code is that of napari."""
    if options.text:
        from napari_lazy_pipeline.lesson import lesson_text

        print(lesson_text())
        return 0
    if importlib.util.find_spec("napari") is None:
        raise LazyPipelineError("napari is not installed", hint=f"Install it; {_TEXT}")
    if not _has_display():
        raise LazyPipelineError("There is no display for a window", hint=_TEXT)
    # A process of its own: commands run in a thread, and windows belong to the main one.
    command = [sys.executable, "-m", "napari", "--with", "napari-lazy-pipeline", "Lesson"]
    with subprocess.Popen(command) as napari:
        while napari.poll() is None:
            if options.stop.wait(_BEAT):
                napari.terminate()
                raise Cancelled
    return napari.returncode


def _has_display() -> bool:
    if sys.platform != "linux":
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))
