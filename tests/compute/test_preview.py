"""Previews: they are in their place, cheap, and as near to the whole result as is said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import center_of_mass

from napari_lazy_pipeline import Pipeline, Stack, VolumeSpec
from napari_lazy_pipeline.compute import preview
from napari_lazy_pipeline.compute.pipeline import PipelineSource, Progress
from napari_lazy_pipeline.compute.preview import Preview
from napari_lazy_pipeline.compute.stage_cache import StageCache
from napari_lazy_pipeline.errors import Cancelled, GeometryError
from napari_lazy_pipeline.samples.samples import REAL_STACK, psf_path
from napari_lazy_pipeline.steps import Crop, Deconvolve, Deskew, Rotate, SubtractBackground
from napari_lazy_pipeline.steps._base import Context, Step
from napari_lazy_pipeline.steps._registry import step_types
from quality import nrmse, real_volume
from stacks import CountingSource, PlaneSource

VOXEL = (0.4, 0.1, 0.1)


class BeadSource(CountingSource):
    """A bright bead in the middle of the scan, on nothing."""

    def __init__(self, shape: tuple[int, int, int] = (30, 40, 44)) -> None:
        super().__init__((1, 1), VolumeSpec(shape, "float32", VOXEL))

    def read(self, t: int, c: int) -> np.ndarray:
        self.reads[t, c] += 1
        positions = zip((15.2, 20.3, 21.6), (1.2, 1.8, 1.8), self.spec.shape, strict=True)
        z, y, x = np.ix_(*(np.exp(-((np.arange(n) - p) ** 2) / s**2 / 2) for p, s, n in positions))
        return (1000 * z * y * x).astype("float32")


class RealSource(CountingSource):
    """The real stack that comes with the package."""

    def __init__(self) -> None:
        volume = real_volume()
        spec = VolumeSpec(volume.shape, "uint16", REAL_STACK["voxel_size"])
        super().__init__((1, 1), spec)
        self.volume = volume

    def read(self, t: int, c: int) -> np.ndarray:
        self.reads[t, c] += 1
        return self.volume


def source_of(raw: CountingSource, *steps: Step, cache: StageCache | None = None) -> PipelineSource:
    source = Pipeline(steps=steps).apply(Stack(raw), cache=cache).source
    assert isinstance(source, PipelineSource)
    return source


def place(volume: np.ndarray, spec: VolumeSpec) -> np.ndarray:
    """Centre of what is bright (z, y, x) [um]."""
    return np.array(center_of_mass(volume)) * spec.voxel_size + spec.translate


PIPELINES = {
    "none": (),
    "deskewed": (Deskew(),),
    "along y": (Deskew(skew_axis="y", angle=-32.45),),
    "windowed": (Crop(z=(3, 28), x=(2, 42)), Deskew(width=70, shift=3), Crop(y=(4, 40))),
    "rotated": (Rotate(),),
    "both": (Deskew(), Crop(z=(2, 29)), Rotate()),
    "off": (Deskew(enabled=False), SubtractBackground(value=1)),
}


def around(whole: np.ndarray, reach: tuple[int, int, int]) -> preview.Box:
    """A box around the brightest voxel."""
    peak = np.unravel_index(whole.argmax(), whole.shape)
    z, y, x = ((int(max(p - r, 0)), int(min(p + r + 1, n)))
               for p, r, n in zip(peak, reach, whole.shape, strict=True))  # fmt: skip
    return z, y, x


@pytest.mark.parametrize("name", PIPELINES)
@pytest.mark.parametrize(
    "kind", ["slab", "coarse slab", "region", "coarse region", "half", "sparse"]
)
def test_a_bead_is_where_it_is_in_the_whole(name: str, kind: str) -> None:
    source = source_of(BeadSource(), *PIPELINES[name])
    whole = source.read(0, 0)
    box = around(whole, (9, 11, 11))
    coarse = kind.startswith("coarse") or kind in ("half", "sparse")
    if kind in ("half", "sparse"):
        shown = preview.half(source, sparse=kind == "sparse")
    elif kind.endswith("slab"):
        plane = int(np.mean(box[0]))
        shown = preview.slab(source, plane, coarse=coarse)
        # What is round to the scan is slanted in the sample: compare the plane alone.
        whole = np.where(np.arange(len(whole))[:, None, None] == plane, whole, 0)
    else:
        shown = preview.region(source, box, coarse=coarse)
    volume = shown.read(0, 0)
    assert (volume.shape, volume.dtype.name) == (shown.spec.shape, shown.spec.dtype)
    expected = place(whole, source.spec)
    error = (place(volume, shown.spec) - expected)[1:] / source.spec.voxel_size[1:]
    assert np.abs(error).max() < 0.2, error
    wide = np.array(shown.spec.voxel_size) / source.spec.voxel_size
    if "rotated" not in name and "both" not in name:
        across = 2 if coarse else 1
        np.testing.assert_allclose(wide, (2 if kind == "sparse" else 1, across, across))
    low, high = (
        np.array(shown.spec.translate) - np.array(shown.spec.voxel_size) / 2,
        np.array(shown.spec.translate) + (np.array(shown.spec.shape) - 0.5) * shown.spec.voxel_size,
    )
    outer = np.array(source.spec.voxel_size) * 1.5
    assert (low > source.spec.translate - outer).all()
    end = source.spec.translate + np.array(source.spec.shape) * source.spec.voxel_size
    assert (high < end + outer).all()


@pytest.mark.parametrize("name", PIPELINES)
@pytest.mark.parametrize("kind", ["slab", "half"])
def test_on_the_grid_of_the_result_everything_is_in_its_place(name: str, kind: str) -> None:
    source = source_of(BeadSource(), *PIPELINES[name])
    whole = source.read(0, 0)
    if kind == "slab":
        plane = int(whole.max(axis=(1, 2)).argmax())
        shown, whole = preview.slab(source, plane, draft=False), whole[plane : plane + 1]
    else:
        shown = preview.half(source, draft=False)
    volume = shown.read_on_grid(0, 0)
    assert (volume.shape, volume.dtype) == (whole.shape, whole.dtype)
    error = place(volume, source.spec) - place(whole, source.spec)
    assert np.abs(error[1:] / source.spec.voxel_size[1:]).max() < 0.6
    # The nearest voxel is not the mean around it: where the grids do not match, a bead of three
    # voxels is seen with a few of its voxels more or less.
    assert volume.sum() == pytest.approx(whole.sum(), rel=0.25)


def test_without_deconvolution_a_slab_is_exact_on_the_grid() -> None:
    source = source_of(
        CountingSource(spec=VolumeSpec((9, 20, 30), voxel_size=VOXEL)), Crop(z=(2, 8))
    )
    plane = preview.slab(source, 3).read_on_grid(1, 0)
    np.testing.assert_array_equal(plane, source.read(1, 0)[3:4])


def test_without_deconvolution_a_region_is_exact() -> None:
    source = source_of(CountingSource(spec=VolumeSpec((9, 20, 30), voxel_size=VOXEL)))
    box = ((2, 7), (3, 12), (5, 25))
    shown = preview.region(source, box)
    np.testing.assert_array_equal(shown.read(1, 0), source.read(1, 0)[2:7, 3:12, 5:25])
    np.testing.assert_allclose(shown.spec.translate, (0.8, 0.3, 0.5))


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 1, 5), (2, 7, 2), (4, 5, 9)])
@pytest.mark.parametrize("dtype", ["uint16", "float32", "int16"])
def test_half_averages_and_keeps_the_type(shape: tuple[int, int, int], dtype: str) -> None:
    raw = CountingSource(spec=VolumeSpec(shape, dtype, VOXEL))
    halved = preview.HalvedSource(raw)
    volume, small = raw.read(0, 0), halved.read(0, 0)
    assert (small.shape, small.dtype.name) == (halved.spec.shape, dtype)
    fy, fx = min(2, shape[1]), min(2, shape[2])
    assert small[0, 0, 0] == pytest.approx(volume[0, :fy, :fx].mean(), abs=0.51)
    assert halved(1, 0).shape == halved.spec.shape
    assert halved.token != raw.token and halved.identity(0, 0) != raw.identity(0, 0)


def test_the_file_is_read_once_for_all_previews() -> None:
    raw = BeadSource()
    source = source_of(raw, Deskew(), cache=StageCache())
    source.read(0, 0)
    for shown in (preview.half(source), preview.slab(source, 9), preview.slab(source, 9)):
        shown.read(0, 0)
    assert raw.reads[0, 0] == 1


def test_of_a_large_volume_only_the_planes_are_read() -> None:
    raw = PlaneSource((1, 1), VolumeSpec((60, 20, 22), "uint16", VOXEL))
    whole = source_of(CountingSource((1, 1), raw.spec), Deskew())
    source = source_of(raw, Deskew(), cache=StageCache(limit=raw.spec.nbytes))
    shown = preview.slab(source, 30)
    expected = preview.slab(whole, 30).read(0, 0)
    np.testing.assert_array_equal(shown.read(0, 0), expected)
    assert set(raw.made) == set(range(26, 35)), "30, and 4 on each side"
    with_room = PlaneSource((1, 1), raw.spec)
    preview.slab(source_of(with_room, Deskew(), cache=StageCache()), 30).read(0, 0)
    assert not with_room.made and with_room.reads == {(0, 0): 1}


def test_previews_can_be_cancelled() -> None:
    shown = preview.half(source_of(BeadSource(), Deskew()))
    with pytest.raises(Cancelled):
        shown.read(0, 0, Progress(cancelled=lambda: True))


def test_a_place_without_data_is_refused() -> None:
    source = source_of(BeadSource(), Deskew())
    with pytest.raises(GeometryError, match="Nothing was recorded"):
        preview.region(source, ((0, 2), (0, 5), (5000, 5010)))


@pytest.mark.parametrize("step_type", step_types().values(), ids=list(step_types()))
def test_drafts_and_windowless_steps_are_steps(step_type: type[Step]) -> None:
    step = step_type()
    for other in (step.draft(), step.windowless()):
        assert type(other) is step_type
        assert step_type.model_validate(other.model_dump()) == other
    assert step.frame(VolumeSpec((3, 4, 5))).shape == (3, 3)


def test_few_iterations_need_no_draft() -> None:
    assert Deconvolve(iterations=10).draft().method == "fast"
    assert Deconvolve(iterations=3).draft().method == "accelerated"


DECONVOLVE = Deconvolve(
    psf=str(psf_path()), psf_voxel_size=(0.1, 0.1, 0.1), method="rl", background=98
)


@pytest.fixture(scope="module")
def real() -> tuple[PipelineSource, np.ndarray]:
    """The real stack, deconvolved and deskewed; and deconvolved only."""
    source = source_of(RealSource(), DECONVOLVE, Deskew())
    return source, replace(source, until=1).read(0, 0)


def error_of(shown: Preview, deconvolved: np.ndarray) -> float:
    """NRMSE of a preview against the whole result, brought to the grid of the preview.

    For that the deconvolved raw volume is cut or halved as the raw one was, and deskewed.
    """
    raw = shown.source.raw
    volume = deconvolved
    chain = []
    while isinstance(raw, preview._LessSource):
        chain.append(raw)
        raw = raw.raw
    for less in reversed(chain):
        volume = less.reduce(volume)
    spec = shown.source.stages[-1][2]
    expected = Deskew().run(volume, Context(spec))
    window = tuple(slice(start, stop) for start, stop in shown.window)
    return nrmse(shown.read(0, 0), expected[window])


@pytest.mark.parametrize(
    ("kind", "draft", "limit"),
    [
        ("slab", False, 0.06),
        ("slab", True, 0.18),
        ("coarse slab", True, 0.18),
        ("half", False, 0.03),
        ("half", True, 0.18),
        ("sparse", False, 0.15),
        ("sparse", True, 0.23),
        ("dragging", False, 0.05),
        ("dragging", True, 0.15),
        ("resting", False, 0.02),
    ],
)
def test_errors_are_as_documented(real, kind: str, draft: bool, limit: float) -> None:
    source, deconvolved = real
    z, y, x = (n // 2 for n in source.spec.shape)
    box = ((z - 4, z + 4), (y - 32, y + 32), (x - 32, x + 32))
    shown = {
        "slab": lambda: preview.slab(source, z, draft=draft),
        "coarse slab": lambda: preview.slab(source, z, draft=draft, coarse=True),
        "half": lambda: preview.half(source, draft=draft),
        "sparse": lambda: preview.half(source, draft=draft, sparse=True),
        "dragging": lambda: preview.region(source, box, preview.DRAGGING, draft),
        "resting": lambda: preview.region(source, box, preview.RESTING, draft),
    }[kind]()
    error = error_of(shown, deconvolved)
    print(f"{kind} draft={draft}: {error:.3f}")
    assert error < limit
