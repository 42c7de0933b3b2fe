"""Estimates: against memory that was measured, files that were written, and times that passed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_lazy_pipeline.compute import ComputeLog, Pipeline, Plan, Progress
from napari_lazy_pipeline.compute.compute_log import Duration
from napari_lazy_pipeline.compute.resource_estimate import (
    disk_cost,
    step_costs,
    volume_time,
)
from napari_lazy_pipeline.engines import get_engine
from napari_lazy_pipeline.errors import LazyPipelineError
from napari_lazy_pipeline.exports.export import export
from napari_lazy_pipeline.image import Stack, StackSpec, VolumeSpec
from napari_lazy_pipeline.image.quantity_text import format_bytes
from napari_lazy_pipeline.steps import Crop, Deconvolve, Deskew, Rotate, SubtractBackground
from stacks import CountingSource, source_of

SPEC = VolumeSpec((48, 200, 240), "uint16", (0.3, 0.1, 0.1))

# Runs a step in a process of its own, and prints how much it took at most beside its input.
MEASURE = """
import sys
import numpy as np
from napari_lazy_pipeline.engines.cpu.cpu_engine import warm_up
from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.image import VolumeSpec

def memory(which):
    lines = open("/proc/self/status").read().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(which))

pipeline = Pipeline.model_validate_json(sys.argv[1])
spec = VolumeSpec((48, 200, 240), "uint16", (0.3, 0.1, 0.1))
warm_up()
small = spec.replace(shape=(8, 24, 24))
pipeline.run_volume(np.full(small.shape, 9, "uint16"), small)
volume = np.random.default_rng(0).poisson(40, spec.shape).astype("uint16")
open("/proc/self/clear_refs", "w").write("5")  # the highest is counted anew
before = memory("VmRSS")
pipeline.run_volume(volume, spec)
print(memory("VmHWM") - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts memory as Linux does")
@pytest.mark.parametrize(
    "step", ["rl", "accelerated", "fast", "auto", "deskew", "rotate", "subtract"]
)
def test_the_memory_is_what_a_process_takes(step: str, psf_file: Path) -> None:
    chosen = {
        "deskew": Deskew(angle=31.5),
        "rotate": Rotate(angle=31.5),
        "subtract": SubtractBackground(),
    }.get(step) or Deconvolve(psf=str(psf_file), method=step, iterations=3)  # type: ignore[arg-type]
    pipeline = Pipeline(steps=(chosen,))
    _, cost = step_costs(pipeline.plan(StackSpec(SPEC)))
    estimate = cost.memory - cost.before
    command = [sys.executable, "-c", MEASURE, pipeline.model_dump_json()]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    measured = int(done.stdout)
    # The blocks that threads are busy with do not grow with the volume.
    assert 0.8 * estimate - 2**21 < measured < 1.1 * estimate + 2**22


def test_each_step_is_told_with_its_sizes(psf_file: Path) -> None:
    steps = (
        SubtractBackground(enabled=False),
        Deconvolve(psf=str(psf_file), method="rl"),
        Deskew(angle=32.0),
        Crop(z=(0, 10)),
    )
    found = step_costs(Plan.of(steps, StackSpec(SPEC)))
    specs = Pipeline(steps=steps).specs(SPEC)
    assert [cost.index for cost in found] == [-1, 1, 2, 3], "what is off costs nothing"
    assert [cost.title for cost in found] == ["Reading", "Deconvolve", "Deskew", "Crop"]
    assert [cost.after for cost in found[1:]] == [spec.nbytes for spec in specs[1:]]
    assert found[1].memory > 18 * SPEC.nbytes / 2
    assert found[2].memory == specs[1].nbytes + specs[2].nbytes


def test_a_card_has_a_memory_of_its_own(psf_file: Path) -> None:
    pipeline = Pipeline(steps=(Deconvolve(psf=str(psf_file), method="accelerated"),))
    for engine in ("cupy", "pycudadecon"):
        _, cost = step_costs(pipeline.plan(StackSpec(SPEC), engine))
        assert cost.need.memory == 0 and cost.need.device > 36 * np.prod(SPEC.shape)


def test_tiles_are_told_as_they_will_be(psf_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_lazy_pipeline.engines import notices

    pipeline = Pipeline(steps=(Deconvolve(psf=str(psf_file), method="rl", iterations=1),))
    spec = SPEC.replace(shape=(24, 160, 200))
    cpu, (_, whole) = get_engine("cpu"), step_costs(pipeline.plan(StackSpec(spec)))
    assert whole.need.tiles == 1 and not whole.warnings(2 * whole.memory)
    monkeypatch.setattr(cpu, "memory_limit", whole.memory // 2)
    _, cost = step_costs(pipeline.plan(StackSpec(spec)))
    assert cost.need.tiles > 1
    assert cost.memory <= whole.memory
    (warning,) = cost.warnings(whole.memory // 2)
    assert f"Deconvolve goes through it in {cost.need.tiles} overlapping tiles" in warning
    fractions: list[float] = []
    progress = Progress(progress=lambda _, fraction: fractions.append(fraction))
    source_of(CountingSource((1, 1), spec), pipeline.steps[0]).read(0, 0, progress)
    notices.clear()
    assert len({round(fraction * cost.need.tiles) for fraction in fractions}) == cost.need.tiles
    monkeypatch.setattr(cpu, "memory_limit", 1000)
    _, cost = step_costs(pipeline.plan(StackSpec(spec)))
    assert cost.need.tiles == 0
    assert "not even a part fits" in cost.warnings(1000)[0]


def test_other_steps_warn_too() -> None:
    pipeline = Pipeline(steps=(Deskew(angle=31.5),))
    large = SPEC.replace(shape=(500, 2000, 2000))
    _, cost = step_costs(pipeline.plan(StackSpec(large)))
    texture, memory = cost.warnings(10 * 2**30)[-1], cost.warnings(2**30)[0]
    assert f"{cost.shape[2]} voxels long: beyond 2048" in texture
    needed = format_bytes(cost.memory)
    assert f"Deskew needs {needed} for one volume, and 1.07 GB are free" in memory
    assert len(cost.warnings(100 * 2**30)) == 1


def test_what_cannot_be_estimated_says_why(tmp_path: Path) -> None:
    with pytest.raises(LazyPipelineError, match="There is no PSF"):
        step_costs(Plan.of([Deconvolve(psf=str(tmp_path / "no.tif"))], StackSpec(SPEC)))
    plan = Plan.of([Deconvolve()], StackSpec(SPEC))
    with pytest.raises(LazyPipelineError, match="Deconvolve waits: No PSF is chosen"):
        step_costs(plan)
    assert len(step_costs(plan.without_waiting())) == 1, "reading alone"


@pytest.mark.parametrize("dtype", [None, "float32", "uint8"])
def test_the_disk_is_what_the_files_take(tmp_path: Path, dtype: str | None) -> None:
    source = CountingSource((3, 2), SPEC)
    target = tmp_path / "a" / "b"
    cost = disk_cost(source.spec, 6, dtype, target)
    assert cost.free == pytest.approx(shutil.disk_usage(tmp_path).free, rel=0.05)
    assert cost.fits and not disk_cost(source.spec, 10**9, dtype, target).fits
    assert disk_cost(source.spec, 6, dtype, target, 1.5).needed == int(1.5 * cost.needed)
    report = export(Stack(source), target, dtype=dtype)  # type: ignore[arg-type]
    written = sum(path.stat().st_size for path in report.written)
    assert cost.needed == pytest.approx(written, rel=0.01)


class Clock:
    """A log of what takes as long as it is told."""

    def __init__(self) -> None:
        self.log, self.now = ComputeLog(lambda: self.now), 0.0

    def take(self, plan: Plan, count: int, seconds: float, share: float = 1.0) -> None:
        def make() -> None:
            self.now += seconds

        self.log.observe("any", "stage", (0, 0), make, share, plan.timing_key(count))

    def seconds(self, plan: Plan) -> float | None:
        duration = volume_time(plan, self.log)
        return None if duration is None else duration.seconds


def test_a_time_is_guessed_only_if_all_of_it_was_measured() -> None:
    clock = Clock()
    steps = (SubtractBackground(), Deskew(angle=31.5), Crop(enabled=False))
    plan = source_of(CountingSource(), *steps).plan
    clock.take(plan, 0, 0.25)
    clock.take(plan, 1, 0.5)
    assert clock.seconds(plan) is None
    clock.take(plan, 2, 2.0)
    assert clock.seconds(plan) == 2.75
    turned = source_of(CountingSource(), SubtractBackground(), Deskew(angle=32.0)).plan
    assert clock.seconds(turned) is None
    assert clock.seconds(source_of(CountingSource(), *steps, engine="auto").plan) is None
    assert clock.seconds(source_of(CountingSource()).plan) == 0.25


def test_a_plane_tells_of_the_volume_until_a_whole_one_was_made() -> None:
    clock, plan = Clock(), source_of(CountingSource()).plan
    clock.take(plan, 0, 0.125, share=1 / 40)
    assert clock.seconds(plan) == 5.0
    clock.take(plan, 0, 0.0625, share=1 / 40)
    clock.take(plan, 0, 0.25, share=1 / 40)
    assert volume_time(plan, clock.log) == Duration(2.5, rough=True)
    clock.take(plan, 0, 0.5)
    clock.take(plan, 0, 0.125, share=1 / 40)
    assert volume_time(plan, clock.log) == Duration(0.5)


def test_a_time_follows_each_volume_that_is_made() -> None:
    """The first one waits for compilers and disks: it is not held against the rest."""
    clock, plan = Clock(), source_of(CountingSource()).plan
    estimates = []
    for seconds in (20.0, 2.0, 2.0, 2.0, 3.0, 3.0, 3.0):
        clock.take(plan, 0, seconds)
        estimates.append(clock.seconds(plan))
    assert estimates == [20.0, 2.0, 2.0, 2.0, 2.0, 2.0, 3.0]


def test_of_a_crop_only_what_it_needs_counts() -> None:
    plan = source_of(CountingSource(), SubtractBackground(), Crop(z=(0, 2))).plan
    clock, share = Clock(), 2 / plan.raw.shape[0]
    clock.take(plan, 0, 1.0)
    clock.take(plan, 1, 8.0)
    clock.take(plan, 2, 0.5)
    assert clock.seconds(plan) == pytest.approx(share * 1.0 + share * 8.0 + 0.5)
    clock = Clock()  # parts that are just those that the crop needs
    clock.take(plan, 0, 0.25, share)
    clock.take(plan, 1, 3.0, share)
    clock.take(plan, 2, 0.5)
    assert clock.seconds(plan) == pytest.approx(3.75)


def test_a_time_is_not_known_if_a_file_that_a_step_needs_is_gone(psf_file: Path) -> None:
    source = CountingSource(spec=VolumeSpec((8, 16, 16), voxel_size=(0.1, 0.1, 0.1)))
    plan = source_of(source, Deconvolve(psf=str(psf_file), iterations=1), Crop(z=(0, 2))).plan
    clock = Clock()
    for count in range(3):
        clock.take(plan, count, 1.0)
    assert clock.seconds(plan) == pytest.approx(3.0, rel=0.9)
    psf_file.unlink()
    assert clock.seconds(plan) is None
