"""Estimates: against memory that was measured, files that were written, and times that passed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_lazy_pipeline.compute.pipeline import Pipeline, PipelineSource
from napari_lazy_pipeline.compute.resource_estimate import READ, Timings, disk_cost, step_costs
from napari_lazy_pipeline.engines import get_engine
from napari_lazy_pipeline.errors import LazyPipelineError
from napari_lazy_pipeline.exports.export import export
from napari_lazy_pipeline.image.quantity_text import format_bytes
from napari_lazy_pipeline.image.stack import Stack, VolumeSpec
from napari_lazy_pipeline.steps import Crop, Deconvolve, Deskew, Rotate, SubtractBackground
from stacks import CountingSource

SPEC = VolumeSpec((48, 200, 240), "uint16", (0.3, 0.1, 0.1))

# Runs a step in a process of its own, and prints how much it took at most beside its input.
MEASURE = """
import sys
import numpy as np
from napari_lazy_pipeline.engines.cpu.cpu_engine import warm_up
from napari_lazy_pipeline.compute.pipeline import Pipeline
from napari_lazy_pipeline.image.stack import VolumeSpec

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
@pytest.mark.parametrize("step", ["rl", "accelerated", "fast", "deskew", "rotate", "subtract"])
def test_the_memory_is_what_a_process_takes(step: str, psf_file: Path) -> None:
    chosen = {
        "deskew": Deskew(angle=31.5),
        "rotate": Rotate(angle=31.5),
        "subtract": SubtractBackground(),
    }.get(step) or Deconvolve(psf=str(psf_file), method=step, iterations=3)  # type: ignore[arg-type]
    pipeline = Pipeline(steps=(chosen,))
    _, cost = step_costs(pipeline, SPEC)
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
    found = step_costs(Pipeline(steps=steps), SPEC)
    specs = Pipeline(steps=steps).specs(SPEC)
    assert [cost.index for cost in found] == [READ, 1, 2, 3], "what is off costs nothing"
    assert [cost.title for cost in found] == ["Reading", "Deconvolve", "Deskew", "Crop"]
    assert [cost.after for cost in found[1:]] == [spec.nbytes for spec in specs[1:]]
    assert found[1].memory > 18 * SPEC.nbytes / 2
    assert found[2].memory == specs[1].nbytes + specs[2].nbytes


def test_a_card_has_a_memory_of_its_own(psf_file: Path) -> None:
    pipeline = Pipeline(steps=(Deconvolve(psf=str(psf_file)),))
    for engine in ("cupy", "pycudadecon"):
        _, cost = step_costs(pipeline, SPEC, engine)
        assert cost.need.memory == 0 and cost.need.device > 36 * np.prod(SPEC.shape)


def test_tiles_are_told_as_they_will_be(psf_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_lazy_pipeline.engines import notices

    pipeline = Pipeline(steps=(Deconvolve(psf=str(psf_file), method="rl", iterations=1),))
    spec = SPEC.replace(shape=(24, 160, 200))
    cpu, (_, whole) = get_engine("cpu"), step_costs(pipeline, spec)
    assert whole.need.tiles == 1 and not whole.warnings(2 * whole.memory)
    monkeypatch.setattr(cpu, "memory_limit", whole.memory // 2)
    _, cost = step_costs(pipeline, spec)
    assert cost.need.tiles > 1
    assert cost.memory <= whole.memory
    (warning,) = cost.warnings(whole.memory // 2)
    assert f"Deconvolve goes through it in {cost.need.tiles} overlapping tiles" in warning
    told: list[float] = []
    from napari_lazy_pipeline.steps._base import Context

    volume = np.full(spec.shape, 9, "uint16")
    pipeline.steps[0].run(volume, Context(spec, engine=cpu, progress=told.append))
    notices.clear()
    assert len({round(fraction * cost.need.tiles) for fraction in told}) == cost.need.tiles
    monkeypatch.setattr(cpu, "memory_limit", 1000)
    _, cost = step_costs(pipeline, spec)
    assert cost.need.tiles == 0
    assert "not even a part fits" in cost.warnings(1000)[0]


def test_other_steps_warn_too() -> None:
    pipeline = Pipeline(steps=(Deskew(angle=31.5),))
    large = SPEC.replace(shape=(500, 2000, 2000))
    _, cost = step_costs(pipeline, large)
    texture, memory = cost.warnings(10 * 2**30)[-1], cost.warnings(2**30)[0]
    assert f"{cost.shape[2]} voxels long: beyond 2048" in texture
    needed = format_bytes(cost.memory)
    assert f"Deskew needs {needed} for one volume, and 1.07 GB are free" in memory
    assert len(cost.warnings(100 * 2**30)) == 1


def test_what_cannot_be_estimated_says_why(tmp_path: Path) -> None:
    with pytest.raises(LazyPipelineError, match="There is no PSF"):
        step_costs(Pipeline(steps=(Deconvolve(psf=str(tmp_path / "no.tif")),)), SPEC)
    (_, cost) = step_costs(Pipeline(steps=(Deconvolve(),)), SPEC)
    assert cost.need.memory == 0, "before a PSF is chosen"


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


def test_a_time_is_guessed_only_if_all_of_it_was_measured() -> None:
    raw, timings = CountingSource(), Timings()
    steps = (SubtractBackground(), Deskew(angle=31.5), Crop(enabled=False))
    source = PipelineSource(raw, Pipeline(steps=steps))
    timings.note(source, READ, 0.25)
    timings.note(source, 0, 0.5)
    assert timings.per_volume(source) is None
    timings.note(source, 1, 2.0)
    timings.note(source, 7, 100.0)
    assert timings.per_volume(source) == 2.75
    turned = PipelineSource(raw, source.pipeline.replace_step(1, Deskew(angle=32.0)))
    assert timings.per_volume(turned) is None
    elsewhere = PipelineSource(raw, source.pipeline, "auto")
    assert timings.per_volume(elsewhere) is None
    assert timings.per_volume(PipelineSource(raw, Pipeline())) == 0.25


def test_a_plane_tells_of_the_volume_until_a_whole_one_was_made() -> None:
    source, timings = PipelineSource(CountingSource(), Pipeline()), Timings()
    timings.note(source, READ, 0.125, parts=40)
    assert timings.per_volume(source) == 5.0
    timings.note(source, READ, 0.0625, parts=40)
    timings.note(source, READ, 0.25, parts=40)
    assert timings.per_volume(source) == 2.5 and timings.rough(source)
    timings.note(source, READ, 0.5)
    timings.note(source, READ, 0.125, parts=40)
    assert timings.per_volume(source) == 0.5 and not timings.rough(source)
