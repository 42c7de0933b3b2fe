"""Loops are compiled by another process, once; until it ends, scipy serves."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_lazy_pipeline import cli
from napari_lazy_pipeline.compute.compute_log import ComputeLog
from napari_lazy_pipeline.compute.progress import Progress
from napari_lazy_pipeline.engines import DeconvolutionPlan
from napari_lazy_pipeline.engines.cpu import preparation
from napari_lazy_pipeline.engines.cpu.cpu_engine import CpuEngine
from napari_lazy_pipeline.engines.cpu.fft import ScipyFft, fastest_fft
from napari_lazy_pipeline.psf import make_otf
from stacks import bead

WAIT = "import sys; sys.stdin.read()"
KINDS = """
import json, sys
from numba.core.dispatcher import Dispatcher
from napari_lazy_pipeline.engines.cpu.cpu_engine import warm_up
warm_up()
ours = [module for name, module in sys.modules.items() if name.startswith("napari_lazy_pipeline.")]
loops = {loop for module in ours for loop in vars(module).values() if isinstance(loop, Dispatcher)}
print(json.dumps({loop.__name__: n for loop in loops if (n := len(loop.signatures))}))
"""


@pytest.fixture
def unprepared(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, prepare_elsewhere: Callable[..., bool]
) -> Iterator[Callable[..., bool]]:
    """A computer on which nothing was compiled; what compiles waits until it may end."""
    monkeypatch.setattr(preparation, "_stamp", lambda: tmp_path / "prepared-x")
    monkeypatch.setattr(preparation, "_process", None)
    monkeypatch.setattr(preparation, "_COMMAND", WAIT)
    monkeypatch.setattr(subprocess, "DEVNULL", subprocess.PIPE)
    yield prepare_elsewhere
    process = preparation._process
    if process is not None:
        process.communicate()


def end() -> None:
    """Let what compiles end."""
    process = preparation._process
    assert process is not None
    process.communicate()


def test_scipy_serves_until_all_is_compiled(unprepared: Callable[..., bool]) -> None:
    before = fastest_fft()
    assert before is not ScipyFft
    assert unprepared() and unprepared(), "one is enough"
    assert preparation.is_under_way()
    assert fastest_fft() is ScipyFft
    otf = make_otf(bead((33, 32, 32), (2.5, 1.8, 1.8)), (0.1, 0.1, 0.1))
    plan = DeconvolutionPlan(otf, (0.1, 0.1, 0.1), "auto")
    volume = np.random.default_rng(0).poisson(50, (8, 24, 24)).astype(np.uint16)
    meanwhile, need = CpuEngine().deconvolve(volume, plan), CpuEngine().need(volume.shape, plan)
    end()
    assert fastest_fft() is before
    np.testing.assert_allclose(CpuEngine().deconvolve(volume, plan), meanwhile, rtol=1e-3, atol=0.1)
    assert need.memory > CpuEngine().need(volume.shape, plan).memory
    assert not unprepared(), "one that failed is not tried again"


def test_what_was_compiled_is_known_from_then_on(unprepared: Callable[..., bool]) -> None:
    compiled: list[int] = []
    assert not preparation.is_prepared()
    preparation.prepare(lambda: compiled.append(1), lowest=False)
    assert compiled and preparation.is_prepared()
    assert not unprepared()
    assert preparation._process is None


def test_the_stamp_changes_with_what_it_depends_on(monkeypatch: pytest.MonkeyPatch) -> None:
    stamp = preparation._stamp()
    assert stamp is not None and stamp == preparation._stamp()
    monkeypatch.setattr(preparation, "version", lambda name: "99")
    assert preparation._stamp() != stamp


def test_loops_are_compiled_for_as_few_kinds_as_there_are() -> None:
    """Each kind costs up to seconds on a new computer: one, or two for counts and for floats."""
    run = subprocess.run([sys.executable, "-c", KINDS], capture_output=True, text=True, check=True)
    both = {"_shear_x", "_shear_y", "_turn_x", "_turn_y", "_resample"}
    one = {"planes", "columns", "to_blocks", "from_blocks", "_fill", "fill_grid", "_blur"}
    expected = dict.fromkeys(one, 1) | dict.fromkeys(both, 2)
    found = json.loads(run.stdout)  # with loops inside these, the first time
    assert {name: found[name] for name in expected} == expected


def test_loops_of_others_are_compiled_last_and_once(
    unprepared: Callable[..., bool], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = tmp_path / "made"
    code = f"def warm_up(): open({str(made)!r}, 'a').write('once')"
    (tmp_path / "loops_of_others.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(preparation, "_folder", lambda: tmp_path)
    monkeypatch.setattr(preparation, "_COMMAND", f"{WAIT}; import os; os.environ['X'] = '1'")
    others = preparation.OtherLoops("loops_of_others", ("scipy",))
    (tmp_path / "prepared-x").touch()
    assert unprepared(others) and preparation.is_running()
    assert not preparation.is_under_way(), "those of the engine are there: scipy need not serve"
    end()
    assert made.read_text() == "once"


def test_times_while_loops_are_compiled_count_for_nothing(unprepared: Callable[..., bool]) -> None:
    compute_log, told = ComputeLog(), []
    progress = Progress(finished=lambda index, seconds: told.append(seconds))
    for _ in range(2):
        unprepared()
        make = partial(progress.time, 0, lambda: np.zeros(1))
        compute_log.observe("deconvolve", "stage", (0, 0), make, timing="key")
        if preparation.is_under_way():
            assert compute_log.duration("key") is None
            assert compute_log.latest("deconvolve") is not None
            end()
    assert math.isnan(told[0]) and told[1] >= 0
    duration = compute_log.duration("key")
    assert duration is not None and duration.seconds < compute_log.spent("deconvolve")


def test_the_command_that_is_started_is_there() -> None:
    code = preparation._COMMAND.replace("prepare(lowest=True)", "print(callable(prepare))")
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "True"


def test_the_command_line_compiles_once(
    unprepared: Callable[..., bool], monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr("napari_lazy_pipeline.engines.cpu.cpu_engine.warm_up", lambda: None)
    assert cli.main(["warm-up"]) == 0
    assert "Compiled in 0 s" in capsys.readouterr().out
    assert cli.main(["warm-up"]) == 0
    assert "compiled already" in capsys.readouterr().out
