"""Plans: steps that wait for a value, and steps that cannot be right where they stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_lazy_pipeline import Pipeline
from napari_lazy_pipeline.compute import PipelineSource, Plan
from napari_lazy_pipeline.errors import PsfError, ScanUnknownError, StepError, VoxelSizeUnknownError
from napari_lazy_pipeline.image import Scan, StackSpec, VolumeSpec
from napari_lazy_pipeline.steps import Crop, Deconvolve, Deskew, Rotate, Step, SubtractBackground
from stacks import RAW, CountingSource

UNKNOWN = StackSpec(RAW.replace(voxel_size=None))
KNOWN = StackSpec(RAW)
SKEWED = StackSpec(RAW.replace(scan=Scan(31.5)))


def kinds(plan: Plan) -> list[str]:
    """Kinds of the steps that are carried out."""
    return [stage.step.kind for stage in plan.stages]


def waits(plan: Plan) -> list[tuple[int, str]]:
    """Places of the steps that wait, and for what."""
    return [(error.index, error.what.partition(": ")[2]) for error in plan.waiting]


@pytest.mark.parametrize("step_type", [Deskew, Rotate])
@pytest.mark.parametrize(
    ("raw", "missing", "error"),
    [
        (KNOWN, "How the planes were scanned is unknown", ScanUnknownError),
        (UNKNOWN.replace(scan=Scan(31.5)), "The voxel size is unknown", VoxelSizeUnknownError),
        (
            SKEWED.replace(voxel_size=(None, 0.1, 0.1)),
            "The z step is unknown",
            VoxelSizeUnknownError,
        ),
    ],
)
def test_a_step_that_lacks_a_value_waits_and_later_ones_are_left_out(
    step_type: type[Step], raw: StackSpec, missing: str, error: type[Exception]
) -> None:
    """Nobody knows the shape that later steps would meet."""
    plan = Plan.of([SubtractBackground(), step_type(), Crop(x=(20, 25))], raw)
    assert waits(plan) == [(1, missing)] and plan.misfit is None
    assert plan.waiting[0].kind == step_type.kind
    assert isinstance(plan.waiting[0].__cause__, error)
    assert kinds(plan) == ["subtract_background"]
    title = step_type.title
    with pytest.raises(StepError, match=f"^{title} waits: {missing}") as caught:
        plan.check()
    assert (caught.value.kind, caught.value.index) == (step_type.kind, 1)


def test_a_step_that_keeps_the_voxels_in_place_holds_up_no_other() -> None:
    steps = [Deconvolve(), Deskew(angle=31.5), Crop(x=(20, 25))]
    plan = Plan.of(steps, KNOWN)
    assert waits(plan) == [(0, "No PSF is chosen")]
    assert isinstance(plan.waiting[0].__cause__, PsfError)
    assert kinds(plan) == ["deskew", "crop"] and plan.after.shape == (6, 8, 5)
    assert plan.stages == Plan.of([steps[0].replace(enabled=False), *steps[1:]], KNOWN).stages


def test_deconvolution_before_a_deskew_that_waits_waits_too(psf_file: Path) -> None:
    """Its PSF is sheared as the planes are: how, nobody stated."""
    psf = Deconvolve(psf=str(psf_file))
    missing = "How the planes were scanned is unknown"
    plan = Plan.of([psf, Deskew()], KNOWN)
    assert waits(plan) == [(0, missing), (1, missing)] and not plan.stages
    assert kinds(Plan.of([psf, Deskew(enabled=False)], KNOWN)) == ["deconvolve"]
    assert kinds(Plan.of([psf, Deskew()], SKEWED)) == ["deconvolve", "deskew"]


def test_a_psf_of_unknown_spacing_is_waited_for(psf_file: Path) -> None:
    import tifffile

    bare = psf_file.with_name("bare.tif")
    tifffile.imwrite(bare, tifffile.imread(psf_file))
    step = Deconvolve(psf=str(bare))
    assert waits(Plan.of([step], KNOWN))[0][1].startswith("The voxel size of the PSF is not known")
    stated = step.replace(psf_voxel_size=(0.1, 0.1, 0.1))
    assert not Plan.of([stated], KNOWN).waiting
    assert waits(Plan.of([stated], UNKNOWN)) == [(0, "The voxel size is unknown")]


def test_steps_that_need_no_value_work_without_any() -> None:
    plan = Plan.of([SubtractBackground(), Crop(z=(1, 5))], UNKNOWN)
    plan.check()
    assert plan.after.shape == (4, 8, 10) and plan.after.volume.unit == "pixel"
    assert plan.after.volume.translate == (1.0, 0.0, 0.0), "in voxels"


def test_what_lacks_nothing_can_be_shown() -> None:
    steps = [SubtractBackground(), Deconvolve(), Crop(z=(1, 5))]
    plan = Plan.of(steps, KNOWN)
    raw = CountingSource((1, 1))
    with pytest.raises(StepError, match="Deconvolve waits: No PSF is chosen"):
        PipelineSource(raw, plan)
    shown = plan.without_waiting()
    shown.check()
    made = PipelineSource(raw, shown).read(0, 0)
    expected = Pipeline([steps[0], steps[2]]).run_volume(raw.read(0, 0), RAW)
    assert made.shape == (4, 8, 10) and (made == expected).all()


def test_the_first_thing_to_mend_is_told_first() -> None:
    deconvolve, crop = Deconvolve(), Crop(z=(7, 9))
    with pytest.raises(StepError, match="Deconvolve waits"):
        Plan.of([deconvolve, crop], KNOWN).check()
    plan = Plan.of([crop, deconvolve], KNOWN)
    assert plan.misfit is not None and not plan.waiting
    with pytest.raises(StepError, match="Crop does not fit"):
        plan.check()
    with pytest.raises(StepError, match="Crop does not fit"):
        Plan.of([deconvolve, crop], KNOWN).without_waiting().check()


def test_what_a_step_meets_behind_one_that_waits_is_unknown() -> None:
    plan = Plan.of([Deconvolve(), Crop(z=(1, 5)), Deskew(), Crop(x=(20, 25))], KNOWN)
    assert [index for index, _ in waits(plan)] == [0, 2], "the first keeps the voxels in place"
    met = [plan.spec_before(index) for index in range(4)]
    assert [spec and spec.shape for spec in met] == [(6, 8, 10), (6, 8, 10), (4, 8, 10), None]


def test_of_some_steps_only_theirs_is_waited_for() -> None:
    plan = Plan.of([Crop(z=(1, 5)), Deconvolve(), Deskew()], KNOWN)
    assert [len(plan.until(count).waiting) for count in range(4)] == [0, 0, 1, 2]
    plan.until(1).check()


def test_what_waits_still_waits_when_there_is_more() -> None:
    for steps in ([Deskew(), Crop()], [SubtractBackground(), Deskew()], [Deconvolve(), Crop()]):
        plan = Plan.of(steps, KNOWN)
        grown = plan.grown(7, plan.steps)
        assert waits(grown) == waits(plan) != []
        assert kinds(grown) == kinds(plan) and grown.raw.times == grown.after.times == 7
    assert Plan.of([Deskew()], SKEWED).grown(3, (Deskew(),)).raw.volume.scan == Scan(31.5)


def test_a_misfit_stays_one_when_there_is_more() -> None:
    plan = Plan.of([SubtractBackground(), Crop(z=(7, 9))], KNOWN)
    grown = plan.grown(7, plan.steps)
    assert grown.misfit is not None and grown.misfit.index == 1


def test_steps_follow_the_scan_of_the_data_unless_they_have_their_own() -> None:
    plan = Plan.of([Deskew(), Rotate()], SKEWED)
    assert [stage.step for stage in plan.stages] == [Deskew(angle=31.5), Rotate(angle=31.5)]
    assert plan.stages == Plan.of([Deskew(angle=31.5), Rotate(angle=31.5)], SKEWED).stages
    own = Plan.of([Deskew(angle=40, skew_axis="y")], SKEWED)
    assert own.stages[0].step == Deskew(angle=40, skew_axis="y")
    assert (own.raw.volume.scan, own.raw.recorded) == (Scan(40, "y"), Scan(31.5))


def test_a_deconvolution_takes_the_scan_that_is_undone_first(psf_file: Path) -> None:
    psf = Deconvolve(psf=str(psf_file))
    plan = Plan.of([psf, Deskew(), Rotate(angle=40)], SKEWED)
    assert plan.raw.volume.scan == Scan(31.5)
    assert Plan.of([psf, Deskew(angle=40), Rotate()], SKEWED).raw.volume.scan == Scan(40)
    assert Plan.of([psf, Deskew(angle=40, enabled=False)], SKEWED).raw.volume.scan == Scan(31.5)


# ---- cautions -------------------------------------------------------------------------------


def cautions(raw: StackSpec, *steps: Step) -> list[tuple[int, str]]:
    plan = Plan.of(steps, raw)
    plan.check()
    return list(plan.cautions)


@pytest.mark.parametrize(
    ("steps", "place", "words"),
    [
        ([Deskew(), Deskew()], 1, "deskewed already"),
        ([Deskew(), Crop(z=(0, 3)), Deskew()], 2, "deskewed already"),
        ([Rotate(), Deskew()], 1, "rotated, and with that deskewed, already"),
        ([Deskew(), Rotate(), Deskew()], 2, "rotated, and with that deskewed, already"),
        ([Rotate(), Rotate()], 1, "rotated already"),
        ([Deskew(angle=32)], 0, "own (32° along x, z step along the stage); the data have 31.5°"),
        ([Rotate(angle=31.5, skew_axis="y")], 0, "own (31.5° along y"),
        ([Deskew(angle=31.5, step="perpendicular")], 0, "z step perpendicular to the planes)"),
    ],
)
def test_what_cannot_be_right_is_said_and_computed(
    steps: list[Step], place: int, words: str
) -> None:
    (caution,) = cautions(SKEWED, *steps)
    assert caution[0] == place and words in caution[1]


def test_two_scans_of_which_the_data_state_none_are_said() -> None:
    assert cautions(KNOWN, Deskew(angle=40), Rotate(angle=40)) == []
    (caution,) = cautions(KNOWN, Deskew(angle=40), Rotate(angle=31.5))
    assert caution[0] == 1
    assert "of its own (31.5° along x" in caution[1] and "an earlier one has 40°" in caution[1]


def test_deconvolution_of_a_rotated_volume_is_said(psf_file: Path) -> None:
    psf = Deconvolve(psf=str(psf_file))
    (caution,) = cautions(SKEWED, Deskew(), Rotate(), psf)
    assert caution[0] == 2 and "Put Deconvolve before Rotate" in caution[1]
    assert cautions(SKEWED, psf, Deskew(), Rotate()) == []
    assert cautions(SKEWED, Deskew(), psf, Rotate()) == []


@pytest.mark.parametrize(
    ("raw", "steps"),
    [
        (SKEWED, [Deskew(), Rotate(), Crop(z=(0, 3))]),
        (SKEWED, [Deskew(angle=31.5)]),
        (SKEWED, [Deskew(enabled=False), Deskew()]),
        (KNOWN, [Deskew(angle=40), Rotate(angle=40)]),
        (KNOWN, [SubtractBackground(), Crop(z=(0, 3))]),
    ],
)
def test_nothing_is_said_of_what_can_be_right(raw: StackSpec, steps: list[Step]) -> None:
    assert cautions(raw, *steps) == []


def test_axes_lie_along_the_camera_then_the_sample_then_the_coverslip() -> None:
    plan = Plan.of(
        [Crop(z=(0, 5)), Deskew(), Crop(z=(0, 3)), Rotate(), SubtractBackground()], SKEWED
    )
    frames = [plan.raw.volume.frame, *(stage.after.volume.frame for stage in plan.stages)]
    assert frames == ["camera", "camera", "sample", "sample", "coverslip", "coverslip"]
    assert VolumeSpec((1, 1, 1)).frame == "camera"
