"""What holds for every step of the registry, and for functions of a person's own."""

from __future__ import annotations

import importlib
import math
from collections import Counter
from collections.abc import Callable, Hashable
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import tifffile
from annotated_types import Ge, Gt, Le, Lt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_lazy_pipeline import Pipeline, Stack, VolumeSpec
from napari_lazy_pipeline.compute import PipelineSource, Plan, StageCache
from napari_lazy_pipeline.compute.stage_runner import StageRunner
from napari_lazy_pipeline.errors import GeometryError, ParameterError, StepError
from napari_lazy_pipeline.image import Block, Scan, StackSpec
from napari_lazy_pipeline.image.array_source import ArraySource
from napari_lazy_pipeline.image.box import Box, slices, whole
from napari_lazy_pipeline.steps import (
    Bin,
    BleachCorrection,
    CameraCorrection,
    Context,
    Crop,
    Deskew,
    Drift,
    Filter,
    FilterStep,
    Function,
    Project,
    Ratio,
    RegisterChannels,
    RelativeChange,
    Rotate,
    Step,
    SubtractBackground,
    Unit,
    VoxelStep,
    step_types,
)
from stacks import RAW, CountingSource, source_of
from step_examples import example, extras, fields

ALL = [pytest.param(step_type, id=kind) for kind, step_type in step_types().items()]
# What code of others makes of rare types of pixels is its own matter.
OWN = [
    pytest.param(step_type, id=kind)
    for kind, step_type in step_types().items()
    if step_type.__module__.startswith("napari_lazy_pipeline") and step_type is not Function
]
CHANNELS = ("ch0", "ch1")


@pytest.mark.parametrize("step_type", ALL)
@pytest.mark.parametrize("dtype", ["uint16", "float32", "int16", "float64", "uint8"])
def test_the_spec_is_what_comes_out(step_type: type[Step], dtype: str, tmp_path: Path) -> None:
    raw = np.random.default_rng(0).integers(0, 100, (2, 2, 7, 12, 9)).astype(dtype)
    before = raw.copy()
    source = source_of(
        ArraySource.of(raw, (0.3, 0.1, 0.1)), example(step_type, tmp_path, (12, 9), CHANNELS)
    )
    result, declared = source.read(1, 0), source.plan.after
    assert (result.shape, result.dtype.name) == (declared.shape, declared.dtype)
    np.testing.assert_array_equal(raw, before)
    assert np.isfinite(result).all()


@pytest.mark.parametrize("step_type", OWN)
@pytest.mark.parametrize("dtype", ["bool", "int8", "uint32", "int64", "uint64", "float16"])
def test_rare_types_of_pixels_are_taken_by_every_method(
    step_type: type[Step], dtype: str, tmp_path: Path
) -> None:
    raw = np.random.default_rng(0).integers(0, 2, (2, 2, 7, 12, 9)).astype(dtype)
    step = example(step_type, tmp_path, (12, 9), CHANNELS)
    methods = fields(step_type).get("method")
    for changes in [{"method": m} for m in get_args(methods.annotation)] if methods else [{}]:
        source = source_of(ArraySource.of(raw, (0.3, 0.1, 0.1)), step.replace(**changes))
        assert source.read(1, 0).dtype.name == source.plan.after.dtype


@pytest.mark.parametrize("step_type", ALL)
def test_lazy_equals_eager(step_type: type[Step], tmp_path: Path) -> None:
    step = example(step_type, tmp_path, RAW.shape[1:], CHANNELS)
    view = Pipeline([step]).apply(Stack(CountingSource((2, 2))))
    eager = source_of(CountingSource((2, 2)), step).read(1, 0)
    np.testing.assert_array_equal(view.data[1, 0].compute(), eager)


@pytest.mark.filterwarnings("ignore::napari_lazy_pipeline.errors.RemarkWarning")
@pytest.mark.parametrize("step_type", ALL)
def test_a_cache_gives_no_pixels_of_another_volume(step_type: type[Step], tmp_path: Path) -> None:
    step, raw = example(step_type, tmp_path, RAW.shape[1:], CHANNELS), CountingSource((3, 2))
    plain, cached = source_of(raw, step), source_of(raw, step, cache=StageCache())
    for t, c in np.ndindex(*plain.sizes):
        np.testing.assert_array_equal(cached.read(t, c), plain.read(t, c))


@pytest.mark.parametrize("step_type", ALL)
def test_it_survives_json(step_type: type[Step], tmp_path: Path) -> None:
    step = example(step_type, tmp_path, RAW.shape[1:], CHANNELS)
    again = step_type.model_validate_json(step.model_dump_json())
    assert again == step and hash(again) == hash(step)


@pytest.mark.parametrize("step_type", ALL)
def test_it_is_told_in_full(step_type: type[Step]) -> None:
    kind = step_type.kind
    assert step_type.__module__.rsplit(".", 1)[1] == kind, "the file is called like the kind"
    assert step_type.title and step_type.summary and (step_type.__doc__ or "").strip()
    assert ">>>" in (step_type.__doc__ or ""), "an example"
    for name, info in fields(step_type).items():
        assert (info.description or "").endswith("."), f"{name} has a sentence"
        assert info.title, f"{name} has a title"


@pytest.mark.parametrize("step_type", ALL)
def test_every_number_has_bounds_and_a_unit(step_type: type[Step]) -> None:
    for name, info in fields(step_type).items():
        default = info.default
        numbers = default if isinstance(default, tuple) else (default,)
        if not all(type(number) in (int, float) for number in numbers):
            continue
        marks = repr(info.metadata) + repr(info.annotation)
        assert any(isinstance(mark, Unit) for mark in info.metadata), f"unit of {name}"
        assert any(word in marks for word in ("Ge(", "Gt(", "ge=", "gt=")), f"{name}: lowest"
        assert any(word in marks for word in ("Le(", "Lt(", "le=", "lt=")), f"{name}: highest"


@pytest.mark.parametrize("step_type", ALL)
def test_what_a_form_offers_is_allowed(step_type: type[Step], tmp_path: Path) -> None:
    """Both ends of a slider are; choices are named all or not at all."""
    step = example(step_type, tmp_path, RAW.shape[1:], CHANNELS)
    for name, info in fields(step_type).items():
        extra = extras(info)
        for end in extra.get("slider", ()):
            assert getattr(step.replace(**{name: end}), name) == end
        words = extra.get("words")
        assert words is None or set(words) == set(get_args(info.annotation)), name


@pytest.mark.parametrize("step_type", ALL)
def test_its_brief_is_one_short_line(step_type: type[Step], tmp_path: Path) -> None:
    for brief in (
        step_type().brief(),
        example(step_type, tmp_path, RAW.shape[1:], CHANNELS).brief(),
    ):  # type: ignore[call-arg]
        assert brief and "\n" not in brief and len(brief) <= 40


def test_a_brief_says_the_main_values() -> None:
    steps = importlib.import_module("napari_lazy_pipeline.steps")
    assert steps.Deskew(angle=32.0, skew_axis="y").brief() == "32° along y"
    psf = steps.Deconvolve(psf="/data/psf_488.tif")
    assert psf.brief() == "psf_488.tif, automatic"
    assert psf.replace(method="rl").brief() == "psf_488.tif, 10 iterations"
    assert steps.Deconvolve().brief() == "no PSF chosen"
    both = steps.SubtractBackground(value={"488": 98, "560": 101})
    assert both.brief() == "98, 101 counts per channel"
    assert steps.Crop(z=(2, 60), x=(5, 0)).brief() == "z 2\u201360, x 5\u2013end"
    assert steps.SubtractBackground(value=98.5).brief() == "98.5 counts"


@pytest.mark.parametrize("step_type", ALL)
def test_a_typo_is_refused(step_type: type[Step]) -> None:
    with pytest.raises(ParameterError, match=r"There is no .*enabeld"):
        step_type(enabeld=False)  # type: ignore[call-arg]


@pytest.mark.parametrize("step_type", ALL)
def test_what_is_out_of_range_is_refused(step_type: type[Step]) -> None:
    for name, info in fields(step_type).items():
        for mark in info.metadata:
            if isinstance(mark, Ge):
                beyond: Any = mark.ge - 1
            elif isinstance(mark, Gt):
                beyond = mark.gt
            elif isinstance(mark, Le):
                beyond = mark.le + 1
            elif isinstance(mark, Lt):
                beyond = mark.lt
            else:
                continue
            with pytest.raises(ParameterError):
                step_type(**{name: beyond})
        if isinstance(info.default, float):
            for value in (math.nan, math.inf):
                with pytest.raises(ParameterError):
                    step_type(**{name: value})


shapes = st.tuples(st.integers(1, 9), st.integers(1, 14), st.integers(1, 14))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    shape=shapes,
    angle=st.floats(-179, 179).filter(lambda angle: abs(angle) >= 1),
    step=st.sampled_from(["stage", "perpendicular"]),
    skew_axis=st.sampled_from(["x", "y"]),
    z_step=st.floats(0.05, 2.0),
    width=st.integers(0, 40),
    shift=st.integers(-20, 20),
    start=st.integers(0, 8),
    length=st.integers(1, 10),
    dtype=st.sampled_from(["uint16", "float32"]),
)
def test_whole_pipelines_keep_their_word(
    shape: tuple[int, int, int],
    angle: float,
    step: str,
    skew_axis: str,
    z_step: float,
    width: int,
    shift: int,
    start: int,
    length: int,
    dtype: str,
    psf_file: Path,
) -> None:
    """Declared shape, type, and no NaN, for any size, angle and step."""
    types = step_types()
    start = min(start, shape[0] - 1)
    pipeline = Pipeline.model_validate(
        {
            "steps": [
                {"kind": "subtract_background", "value": 100},
                {
                    "kind": "deskew",
                    "angle": angle,
                    "step": step,
                    "skew_axis": skew_axis,
                    "width": width,
                    "shift": shift,
                },
                {"kind": "crop", "z": [start, start + length]},
                {"kind": "deconvolve", "psf": str(psf_file), "iterations": 1},
            ]
        }
    )
    assert all(type(step) in types.values() for step in pipeline.steps)
    spec = VolumeSpec(shape, dtype, (z_step, 0.1, 0.1))
    volume = np.random.default_rng(1).integers(0, 400, shape).astype(dtype)
    result = pipeline.run_volume(volume, spec)
    declared = pipeline.specs(spec)[-1]
    assert (result.shape, result.dtype.name) == (declared.shape, declared.dtype)
    assert np.isfinite(result).all() and (result >= 0).all()


# ---- any steps, in any order --------------------------------------------------------------

STACK = StackSpec(
    VolumeSpec((6, 18, 22), "uint16", (0.4, 0.1, 0.1)), times=3, channels=("GFP", "RFP")
)
SHAPE = STACK.shape
DATA = np.random.default_rng(0).integers(100, 1000, (3, 2, *SHAPE)).astype("uint16")
# A turn, a stretch and a shift, about the first voxel.
TURNED = ((1.02, 0.05, 0, 0.1), (-0.06, 0.98, 0.03, -0.12), (0.01, -0.02, 1.01, 0.27))


def halved(volume: np.ndarray) -> np.ndarray:
    """A function of a person's own, that makes less."""
    return volume[:, ::2]


def brightened(volume: np.ndarray, by: float = 1.5) -> np.ndarray:
    """A function of a person's own, of each voxel by itself."""
    return volume * by


class Recorded(ArraySource):
    """Volumes in memory; notes which planes are read."""

    by_planes = True
    reads: list[tuple[int, int, int, int]]

    def read(self, t: int, c: int) -> np.ndarray:
        return self.read_planes(t, c, 0, SHAPE[0])

    def read_planes(self, t: int, c: int, start: int, stop: int) -> np.ndarray:
        self.reads.append((t, c, start, stop))
        return DATA[t, c, start:stop].copy()


def recorded() -> Recorded:
    raw = Recorded(DATA, STACK.volume, "recorded")
    object.__setattr__(raw, "reads", [])
    return raw


def runner(*steps: Any, cached: bool = False) -> StageRunner:
    plan = Plan.of(Pipeline(steps).steps, STACK)
    plan.check()
    return StageRunner(recorded(), plan, StageCache() if cached else None)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> CameraCorrection:
    """A correction with images of this camera."""
    folder = tmp_path_factory.mktemp("camera")
    y, x = np.mgrid[: SHAPE[1], : SHAPE[2]]
    tifffile.imwrite(folder / "dark.tif", (90 + x).astype("float32"))
    tifffile.imwrite(folder / "flat.tif", (400 + 3 * y + 5 * x).astype("float32"))
    paths = {f"{name}_image": str(folder / f"{name}.tif") for name in ("dark", "flat")}
    return CameraCorrection(**paths)


@pytest.mark.parametrize(
    "crop", [Crop(), Crop(y=(0, 9)), Crop(y=(2, 15), x="3:-2"), Crop(z=(2, 4))]
)
def test_an_image_of_another_camera_is_refused(
    crop: Crop, images: CameraCorrection, tmp_path: Path
) -> None:
    """Also one that is as large as what a crop left: it belongs to other pixels."""
    other = tmp_path / "other.tif"
    box = slices(crop.box(SHAPE))
    shape = SHAPE[1:] if crop == Crop() else DATA[0, 0][box].shape[1:]
    tifffile.imwrite(other, np.full(shape, 900, "float32"))
    fits = shape == SHAPE[1:]
    steps = crop, images.replace(flat_image=str(other))
    if fits:
        part = runner(*steps)
        block = Block(0, 0, whole(part.plan.after.shape))
        assert part.part(1 + crop.enabled, block).shape == part.plan.after.shape
        return
    with pytest.raises(StepError, match=r"Camera correction does not fit: The image has the shape"):
        runner(*steps)


def test_after_a_function_of_whole_volumes_no_camera_is_assumed(images: CameraCorrection) -> None:
    """It may mirror them; one that sees its neighbours only leaves voxels where they are."""
    plan = Plan.of(Pipeline([np.flip, images]).steps, STACK)
    assert plan.misfit is not None and "not those of the camera any more" in plan.misfit.what
    brighter = Function(function=brightened, arguments={"by": 2.0}, halo=(0, 0, 0))
    assert Plan.of(Pipeline([brighter, images]).steps, STACK).misfit is None


def test_a_file_of_a_step_that_cannot_be_read_is_no_bad_volume(tmp_path: Path) -> None:
    """Its error is raised; a volume whose own file is bad would be blank, with a warning."""
    gone = tmp_path / "gone.tif"
    correction = CameraCorrection(dark_image=str(gone))
    with pytest.raises(StepError, match=r"does not fit: The image cannot be read.*gone\.tif"):
        Pipeline([correction]).apply(DATA)
    tifffile.imwrite(gone, np.full(DATA.shape[-2:], 90, "float32"))
    view = Pipeline([correction]).apply(DATA)
    gone.unlink()
    with pytest.raises(StepError, match=r"The image cannot be read.*gone\.tif"):
        view.volume(0, 0)


def some_steps(images: CameraCorrection) -> list[Any]:
    return [
        images,
        SubtractBackground(value={"GFP": 90, "RFP": 120, "GFP/RFP": 0.5}),
        Crop(y=(2, 15), x="3:-2"),
        Crop(z=(1, 0)),
        Deskew(angle=31.5),
        Deskew(angle=-40, skew_axis="y"),
        Filter(method="median", radius=(0, 2, 2)),
        Ratio(keep=False),
        RegisterChannels(reference="GFP", transform=TURNED),
        RegisterChannels(reference="RFP", transform=TURNED, interpolation="cubic", fill=20),
        Drift(drift=((0, 0, 0), (0.1, 0.05, -0.12), (0.2, 0.1, -0.24))),
        BleachCorrection(brightness=(1, 0.9, 0.8)),
        RelativeChange(channel="GFP", f0_times=(0, 2)),
        Project(),
        Bin(),
        Function(function=halved),
        Function(function=brightened, arguments={"by": 2.0}, halo=(0, 0, 0)),
        lambda volume: volume[::-1],
        partial(ndimage.uniform_filter, size=3),
    ]


def random_box(shape: tuple[int, ...], generator: np.random.Generator) -> Box:
    ends = (sorted(generator.choice(n + 1, 2, replace=False).tolist()) for n in shape)
    return tuple((a, b) for a, b in ends)  # type: ignore[return-value]


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data(), seed=st.integers(0, 2**32), cached=st.booleans())
def test_any_box_of_any_steps_is_that_of_the_whole(
    data: st.DataObject, seed: int, cached: bool, images: CameraCorrection
) -> None:
    """Or they are refused when the plan is made, with a sentence."""
    steps = data.draw(st.lists(st.sampled_from(some_steps(images)), min_size=1, max_size=5))
    plan = Plan.of(Pipeline(steps).steps, STACK)
    if plan.misfit is not None:
        assert plan.misfit.what and isinstance(plan.misfit.__cause__, GeometryError)
        return
    generator, spec, count = np.random.default_rng(seed), plan.after, len(plan.stages)
    t, c = int(generator.integers(spec.times)), int(generator.integers(len(spec.channels)))
    whole_block = Block(t, c, whole(spec.shape))
    expected = StageRunner(recorded(), plan).part(count, whole_block)
    assert (expected.shape, expected.dtype.name) == (spec.shape, spec.dtype)
    made = StageRunner(recorded(), plan, StageCache() if cached else None)
    for _ in range(3):
        box = random_box(spec.shape, generator)
        np.testing.assert_array_equal(made.part(count, Block(t, c, box)), expected[slices(box)])
    np.testing.assert_array_equal(made.part(count, whole_block), expected)


@pytest.mark.parametrize("angle", [31.5, -40.0])
@pytest.mark.parametrize("skew_axis", ["x", "y"])
def test_a_box_of_a_rotation_is_that_of_the_whole_but_for_rounding(
    angle: float, skew_axis: Any
) -> None:
    generator = np.random.default_rng(2)
    made = runner(Rotate(angle=angle, skew_axis=skew_axis))
    shape = made.plan.after.shape
    expected = made.part(1, Block(0, 0, whole(shape))).astype(float)
    for _ in range(20):
        box = random_box(shape, generator)
        part = runner(Rotate(angle=angle, skew_axis=skew_axis)).part(1, Block(0, 0, box))
        assert np.abs(part - expected[slices(box)]).max() <= 1


@pytest.mark.parametrize(
    ("steps", "planes"),
    [
        ([SubtractBackground(value=100)], 1),
        ([Filter(method="median")], 1),
        ([Crop(z=(2, 0)), Deskew(angle=31.5)], 1),
        ([Bin(factors=(2, 2, 2))], 2),
        ([Drift(drift=((0.2, 0, 0),))], 2),
        ([Project()], 6),
        ([partial(ndimage.uniform_filter, size=3)], 6),
        ([Function(function=brightened, halo=(1, 0, 0))], 2),
    ],
)
def test_a_plane_reads_the_planes_that_it_needs(steps: list[Any], planes: int) -> None:
    made = runner(*steps)
    count, shape = len(made.plan.stages), made.plan.after.shape
    made.part(count, Block(1, 1, ((0, 1), *whole(shape)[1:])))
    reads = made.raw.reads  # type: ignore[attr-defined]
    assert {(t, c) for t, c, _, _ in reads} == {(1, 1)}
    assert sum(stop - start for _, _, start, stop in reads) == planes


@pytest.mark.parametrize("cached", [False, True])
def test_a_ratio_reads_each_file_once(cached: bool) -> None:
    made = runner(
        SubtractBackground(value=90),
        Ratio(keep=False),
        RelativeChange(f0_times=(1, 2), keep=False),
        cached=cached,
    )
    made.volume(3, 2, 0)
    reads = made.raw.reads  # type: ignore[attr-defined]
    assert sorted(reads) == [(t, c, 0, 6) for t in (1, 2) for c in (0, 1)]


def test_renumbered_time_points_show_their_own_pixels() -> None:
    """A file that came late makes the second of what was the first."""
    cache, step = StageCache(), BleachCorrection(brightness=(1, 0.5, 0.25))
    files = [DATA[0, :1], DATA[1, :1], DATA[2, :1]]

    def view(order: list[int]) -> PipelineSource:
        array = np.stack([files[k] for k in order])
        raw = Numbered(array, STACK.volume, "numbered", order)
        return source_of(raw, step, cache=cache)

    before, after = view([1, 2]), view([0, 1, 2])
    old = before.read(0, 0)
    np.testing.assert_allclose(old, DATA[1, 0])
    np.testing.assert_allclose(after.read(1, 0), DATA[1, 0] * 2.0)
    assert before.identity(0, 0) != after.identity(1, 0)
    median = Filter(method="median")
    plain = source_of(Numbered(np.stack(files), STACK.volume, "n", [0, 1, 2]), median)
    moved = source_of(Numbered(np.stack(files[1:]), STACK.volume, "n", [1, 2]), median)
    assert plain.identity(1, 0) == moved.identity(0, 0), "what does not depend on t stays cached"


class Numbered(ArraySource):
    """Volumes of files: a volume is that of its file, under whatever number."""

    def __init__(self, array: np.ndarray, spec: VolumeSpec, token: str, files: list[int]) -> None:
        super().__init__(array, spec, token)
        object.__setattr__(self, "files", files)

    def identity(self, t: int, c: int) -> Hashable:
        return "file", self.files[t], c  # type: ignore[attr-defined]


def test_the_value_of_one_channel_leaves_the_others_cached(calls: Counter[str]) -> None:
    raw, cache = recorded(), StageCache()
    for value in (90, 100):
        step = SubtractBackground(value={"ch0": 90, "ch1": value})
        for c in (0, 1):
            made = source_of(raw, step, cache=cache).read(0, c)
            expected = np.maximum(DATA[0, c].astype(int) - (90 if c == 0 else value), 0)
            np.testing.assert_array_equal(made, expected)
    assert calls == {"subtract_background": 3}


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        (
            [Deskew(angle=31.5), CameraCorrection(dark=90)],
            "Camera correction does not fit: The pixels are not those of the camera any more",
        ),
        ([Ratio(b="DAPI")], "Ratio does not fit: There is no channel DAPI"),
        ([Ratio(keep=False), Ratio()], "there is only GFP/RFP"),
        ([Crop(y=(30, 0))], "starts at y = 30, but the volume ends at 18"),
        ([Crop(y=(10, -10))], "keeps nothing"),
        ([SubtractBackground(value={"GFP": 3})], "no Background for the channel RFP"),
        ([lambda volume: volume.sum()], "which is no volume"),
        ([lambda volume: 1 // 0], "lambda does not fit: ZeroDivisionError"),
        ([Function()], "No function is chosen"),
        ([Function(function="os:getcwd")], "would run code: os:getcwd"),
    ],
)
def test_what_cannot_fit_is_refused_when_it_is_built(steps: list[Any], words: str) -> None:
    with pytest.raises(StepError, match=words):
        Pipeline(steps).apply(
            Stack.from_array(DATA, STACK.voxel_size, channel_names=("GFP", "RFP"))
        )


def test_what_a_step_does_beyond_its_word_is_an_error() -> None:
    class Liar(Step):
        def run(self, parts: tuple[np.ndarray, ...], at: Context) -> np.ndarray:
            return parts[0][:1]

    class Greedy(Step):
        def inputs(self, wanted: Block, before: StackSpec) -> tuple[Block, ...]:
            return (wanted.replace(c=7),)

    with pytest.raises(StepError, match=r"Liar made an array of shape \(1, 18, 22\)"):
        Pipeline([Liar()]).apply(DATA).volume()
    with pytest.raises(StepError, match=r"Greedy does not fit.*2 channels"):
        Pipeline([Greedy()]).apply(DATA)


def test_a_step_of_a_notebook_needs_no_entry_point() -> None:
    class AddConstant(VoxelStep):
        amount: int = 5

        def apply(self, pixels: np.ndarray, at: Context) -> np.ndarray:
            return pixels + self.amount

    pipeline = Pipeline([AddConstant(amount=7), Crop(z=(0, 2))])
    assert (AddConstant.kind, AddConstant.title) == ("add_constant", "Add constant")
    np.testing.assert_array_equal(pipeline.apply(DATA).volume(1, 1), DATA[1, 1, :2] + 7)


def test_run_is_told_of_nothing_that_its_key_does_not_hold() -> None:
    seen: list[Any] = []

    class Curious(VoxelStep):
        def apply(self, pixels: np.ndarray, at: Context) -> np.ndarray:
            seen.append((at.before.volume.scan, at.before.times))
            return pixels

    class Knowing(Curious):
        depends_on = frozenset({"scan", "times"})

    for step in (Curious(), Knowing()):
        source_of(recorded(), step, Deskew(angle=31.5)).read(0, 0)
    assert seen == [(None, 1), (Scan(31.5), 3)]


# ---- what is not what it seems ------------------------------------------------------------


def test_a_filter_that_makes_too_much_is_refused() -> None:
    class Full(FilterStep):
        def halo(self, before: StackSpec) -> tuple[int, int, int]:
            return 0, 1, 1

        def apply(self, pixels: np.ndarray, at: Context) -> np.ndarray:
            return np.pad(pixels, 1)

    with pytest.raises(StepError, match="of a part of the shape"):
        Pipeline([Full()]).apply(DATA).volume(0, 0)


def test_a_crop_has_no_step() -> None:
    assert Crop(z=slice(2, 6)).z == (2, 6)
    with pytest.raises(ParameterError, match="keeps everything between"):
        Crop(z=slice(0, 6, 2))


def test_time_points_count_from_the_end_as_in_numpy() -> None:
    view = Pipeline([BleachCorrection(brightness=(1, 0.9, 0.8))]).apply(DATA)
    np.testing.assert_array_equal(view.volume(-1, -2), view.volume(2, 0))
    with pytest.raises(IndexError):
        view.volume(3, 0)


def test_engines_do_not_share_results() -> None:
    spec = StackSpec(VolumeSpec((4, 5, 6), voxel_size=(0.3, 0.1, 0.1)))
    keys = {
        Plan.of([Deskew(angle=31.5)], spec, name).key(1, 0, 0, lambda t, c: 0)
        for name in ("cpu", "auto")
    }
    assert len(keys) == 2


def test_one_volume_has_three_axes() -> None:
    with pytest.raises(GeometryError, match=r"no volume \(z, y, x\)"):
        Pipeline().run_volume(DATA[0], STACK.volume)
    with pytest.raises(GeometryError, match="3 positive numbers"):
        Stack.from_array(DATA, (-1, 1, 1))


def test_pixels_of_another_byte_order() -> None:
    view = Pipeline([Crop(z=(1, 3))]).apply(DATA.astype(">u2"))
    np.testing.assert_array_equal(view.volume(1, 1), DATA[1, 1, 1:3])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Deskew(agle=30), "There is no deskew.agle. Of deskew: enabled, angle"),
        (lambda: Deskew().replace(angle="a"), "deskew.angle cannot be 'a': must be a number"),
        (lambda: Pipeline([Deskew(), "x"]), "'x': it is neither a step nor a function"),
        (lambda: Pipeline([{"kind": "deskw"}]), "there is no step 'deskw', but 'select', "),
        (lambda: Pipeline([{"kind": "deskew", "angle": 999}]), "deskew.angle cannot be 999"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(make: Callable[[], Any], words: str) -> None:
    with pytest.raises(ParameterError) as refused:
        make()
    assert words in str(refused.value) and "pydantic" not in str(refused.value)
