"""Drafts: the same block of the same result, sooner, and as near to it as is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import center_of_mass

from napari_lazy_pipeline import VolumeSpec
from napari_lazy_pipeline.compute import PipelineSource, Progress, StageCache
from napari_lazy_pipeline.engines.binning import binned
from napari_lazy_pipeline.errors import Cancelled
from napari_lazy_pipeline.image import Block, StackSpec
from napari_lazy_pipeline.image.box import Box, slices, whole
from napari_lazy_pipeline.samples.samples import REAL_STACK, psf_path
from napari_lazy_pipeline.steps import (
    Crop,
    Deconvolve,
    Deskew,
    Rotate,
    Step,
    SubtractBackground,
    step_types,
)
from quality import nrmse, real_volume
from stacks import CountingSource, PlaneSource, source_of
from step_examples import example

VOXEL = (0.4, 0.1, 0.1)
DECONVOLVE = Deconvolve(
    psf=str(psf_path()), psf_voxel_size=(0.1, 0.1, 0.1), method="rl", background=98
)


class BeadSource(PlaneSource):
    """A bright bead in the middle of the scan, on nothing."""

    def __init__(self, shape: tuple[int, int, int] = (30, 40, 44)) -> None:
        super().__init__((1, 1), VolumeSpec(shape, "float32", VOXEL))
        places = zip((15.2, 20.3, 21.6), (1.2, 1.8, 1.8), shape, strict=True)
        z, y, x = np.ix_(*(np.exp(-((np.arange(n) - p) ** 2) / s**2 / 2) for p, s, n in places))
        self.volume = (1000 * z * y * x).astype("float32")

    def read(self, t: int, c: int) -> np.ndarray:
        self.reads[t, c] += 1
        return self.volume

    def read_planes(self, t: int, c: int, start: int, stop: int) -> np.ndarray:
        self.made.update(range(start, stop))
        return self.volume[start:stop]


def place(volume: np.ndarray, spec: VolumeSpec) -> np.ndarray:
    """Centre of what is bright (z, y, x) [um]."""
    return np.array(center_of_mass(volume)) * spec.voxel_size + spec.translate


PIPELINES: dict[str, tuple[Step, ...]] = {
    "none": (),
    "deskewed": (Deskew(angle=31.5),),
    "along y": (Deskew(skew_axis="y", angle=-32.45),),
    "windowed": (
        Crop(z=(3, 28), x=(2, 42)),
        Deskew(angle=31.5, width=70, shift=3),
        Crop(y=(4, 40)),
    ),
    "rotated": (Rotate(angle=31.5),),
    "both": (Deskew(angle=31.5), Crop(z=(2, 29)), Rotate(angle=31.5)),
}


def plane_of(source: PipelineSource, z: int) -> Block:
    return Block(0, 0, ((z, z + 1), *whole(source.spec.shape)[1:]))


def everything(source: PipelineSource) -> Block:
    return Block(0, 0, whole(source.spec.shape))


@pytest.mark.parametrize("name", PIPELINES)
def test_what_has_no_quicker_way_is_exact(name: str) -> None:
    source = source_of(BeadSource(), *PIPELINES[name])
    draft = source.draft()
    for block in (plane_of(source, source.spec.shape[0] // 2), everything(source)):
        np.testing.assert_array_equal(draft.part(block), source.part(block))


@pytest.mark.parametrize("name", PIPELINES)
@pytest.mark.parametrize("quicker", [1, 2])
def test_a_bead_is_where_it_is_in_the_result(name: str, quicker: int) -> None:
    source = source_of(BeadSource(), DECONVOLVE.replace(background=0), *PIPELINES[name])
    draft = source.draft() if quicker == 1 else source.draft().draft()
    assert draft.spec == source.spec
    exact = source.read(0, 0)
    volume = draft.part(everything(source))
    assert (volume.shape, volume.dtype) == (exact.shape, exact.dtype)
    error = (place(volume, source.spec) - place(exact, source.spec)) / source.spec.voxel_size
    # One of two planes is made, and shown twice: half a plane, or 0.8 voxels where it is turned.
    turned = name in ("rotated", "both")
    assert np.abs(error).max() < (0.85 if turned else 0.6), error
    z = int(exact.max(axis=(1, 2)).argmax())
    plane = draft.part(plane_of(source, z))
    error = (place(plane, source.spec) - place(exact[z : z + 1], source.spec))[1:]
    assert np.abs(error / source.spec.voxel_size[1:]).max() < (0.85 if turned else 0.4), error


def test_of_a_large_volume_only_the_planes_around_are_read() -> None:
    raw = PlaneSource((1, 1), VolumeSpec((60, 20, 22), "uint16", VOXEL))
    source = source_of(raw, DECONVOLVE, Deskew(angle=31.5), cache=StageCache(limit=raw.spec.nbytes))
    source.draft().part(plane_of(source, 30))
    assert set(raw.made) == set(range(26, 35)), "30, and 4 on each side"


def test_the_file_is_read_once_for_all_drafts() -> None:
    raw = BeadSource()
    source = source_of(
        raw, SubtractBackground(), DECONVOLVE, Deskew(angle=31.5), cache=StageCache()
    )
    source.read(0, 0)
    for draft in (source.draft(), source.draft().draft()):
        draft.part(plane_of(source, 9))
        draft.part(everything(source))
    assert raw.reads[0, 0] == 1 and not raw.made


def test_a_draft_never_stands_for_the_result() -> None:
    source = source_of(BeadSource(), DECONVOLVE, cache=StageCache())
    draft = source.draft().part(everything(source))
    assert source.cached(0, 0) is None
    assert np.abs(source.read(0, 0) - draft).max() > 0


def test_drafts_can_be_cancelled() -> None:
    source = source_of(BeadSource(), DECONVOLVE, Deskew(angle=31.5))
    with pytest.raises(Cancelled):
        source.draft().part(everything(source), Progress(cancelled=lambda: True))


@pytest.mark.parametrize("step_type", step_types().values(), ids=list(step_types()))
def test_a_draft_makes_what_the_step_makes(step_type: type[Step], tmp_path: Path) -> None:
    step = example(step_type, tmp_path, (9, 10), ("488", "560"))
    volume = VolumeSpec((8, 9, 10), voxel_size=VOXEL)
    before = StackSpec(volume, times=2, channels=("488", "560"))
    for draft in (step.draft(), step.draft().draft()):
        assert draft.output(before) == step.output(before) and draft.kind == step.kind
    assert step.world(before, 0).shape == (4, 4)


def test_few_iterations_need_no_quicker_method() -> None:
    for values, draft, quicker in (
        ({"method": "accelerated", "iterations": 10}, "accelerated", "fast"),
        ({"method": "accelerated", "iterations": 3}, "accelerated", "accelerated"),
        ({"method": "auto"}, "auto", "fast"),
    ):
        step: Any = Deconvolve(**values).draft()
        assert (step.method, step.draft().method) == (draft, quicker)


class RealSource(CountingSource):
    """The real stack that comes with the package."""

    def __init__(self) -> None:
        self.volume = real_volume()
        super().__init__((1, 1), VolumeSpec(self.volume.shape, "uint16", REAL_STACK["voxel_size"]))

    def read(self, t: int, c: int) -> np.ndarray:
        return self.volume


@pytest.fixture(scope="module")
def real() -> tuple[PipelineSource, np.ndarray]:
    """The real stack, deconvolved."""
    source = source_of(RealSource(), DECONVOLVE)
    return source, source.read(0, 0)


@pytest.mark.parametrize(
    ("kind", "quicker", "limit"),
    [
        ("plane", 1, 0.05),
        ("plane", 2, 0.15),
        ("region", 1, 0.05),
        ("region", 2, 0.15),
        ("volume", 2, 0.23),
    ],
)
def test_errors_are_as_documented(
    real: tuple[PipelineSource, np.ndarray], kind: str, quicker: int, limit: float
) -> None:
    """With pixels of the size that they are made with, and of a volume the planes that are."""
    source, exact = real
    draft = source.draft() if quicker == 1 else source.draft().draft()
    z, y, x = (n // 2 // 2 * 2 for n in source.spec.shape)
    box: Box = {
        "plane": plane_of(source, z).box,
        "region": ((z - 4, z + 4), (y - 32, y + 32), (x - 32, x + 32)),
        "volume": whole(source.spec.shape),
    }[kind]
    factors = (2 if kind == "volume" else 1, 2, 2)
    made = binned(draft.part(Block(0, 0, box)), factors)
    error = nrmse(made, binned(exact[slices(box)].copy(), factors))
    print(f"{kind} {quicker}: {error:.3f}")
    assert error < limit
