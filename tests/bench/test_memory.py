"""Memory that is announced for each step and each kind of file, beside what a process takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from bench_size import size
from memory_run import FILES, STEPS
from napari_lazy_pipeline.engines import engine_names, get_engine

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="counts memory as Linux does")
Figure = Callable[[str, float, str, float], None]
LOWEST, HIGHEST = 0.7, 1.1


def outcome(*words: str) -> dict[str, Any]:
    """What a process of its own finds."""
    command = [sys.executable, "-m", "memory_run", *words]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measure(name: str, engine: str) -> float:
    """Announced memory by measured memory."""
    found = outcome(name, engine)
    return float(found["announced"] / found["measured"])


@pytest.mark.parametrize("engine", [name for name in engine_names() if name != "auto"])
@pytest.mark.parametrize("name", size([*STEPS], [*STEPS][:1]))
def test_a_step(name: str, engine: str, figure: Figure) -> None:
    if reason := get_engine(engine).unavailable():
        pytest.skip(reason)
    ratio = measure(name, engine)
    figure(f"memory of {name} on {engine}, announced / measured", ratio, "", HIGHEST)
    assert ratio >= LOWEST


@pytest.mark.parametrize("name", size([*FILES], [*FILES][:1]))
def test_a_kind_of_file(name: str, figure: Figure) -> None:
    ratio = measure(name, "cpu")
    figure(f"memory of reading {name}, announced / measured", ratio, "", HIGHEST)
    assert ratio >= LOWEST


@pytest.mark.parametrize("name", size([*FILES, *STEPS], ["crop"]))
def test_half_of_the_memory(name: str) -> None:
    """Tiles, a sentence, or the volume after all: the process goes on."""
    print(name, outcome(name, "cpu", "starved")["said"])
