"""What a person states goes to stack, steps and recipe, and can be taken back."""

from __future__ import annotations

from pathlib import Path

import pytest
import tifffile

from napari_lazy_pipeline import Recipe
from napari_lazy_pipeline.errors import FolderError, GeometryError, RecipeError
from napari_lazy_pipeline.image import Scan
from napari_lazy_pipeline.io import MetadataOverrides, inspect_folder
from napari_lazy_pipeline.session import Session
from napari_lazy_pipeline.steps import Deskew, Rotate
from stacks import write_raw


@pytest.fixture
def session(raw_folder: Path) -> Session:
    session = Session()
    session.open(raw_folder)
    return session


def scans(session: Session) -> list[Scan]:
    return [scan for step in session.pipeline.steps if (scan := step.scan()) is not None]


def test_a_scan_is_known_only_when_angle_and_step_are(session: Session) -> None:
    assert session.stack is not None and session.stack.spec.scan is None and session.scan is None
    session.state(angle=30.0)
    assert session.stack.spec.scan is None, "the meaning of the step is never assumed"
    session.state(step="perpendicular")
    assert session.stack.spec.scan == session.scan == Scan(30.0, "x", "perpendicular")


def test_all_steps_that_undo_a_scan_are_told_and_that_can_be_undone(session: Session) -> None:
    before = session.pipeline
    session.state(angle=33.0, step="perpendicular")
    assert scans(session) == [Scan(33.0, "x", "perpendicular")] * 2
    assert {type(step) for step in session.pipeline.steps if step.scan()} == {Deskew, Rotate}
    assert [step.enabled for step in session.pipeline.steps] == [False] * 5, (
        "nothing is switched on"
    )
    session.undo()
    assert session.pipeline == before


def test_a_step_that_is_on_decides_what_the_scan_is(session: Session) -> None:
    session.state(angle=33.0, step="stage")
    index = next(i for i, step in enumerate(session.pipeline.steps) if step.kind == "deskew")
    step = session.pipeline.steps[index]
    session.replace_step(index, step.replace(angle=40.0, enabled=True))
    assert session.scan == Scan(40.0, "x", "stage")
    assert session.stack is not None and session.stack.spec.scan == Scan(33.0, "x", "stage")


def test_values_are_kept_together_and_taken_back_one_by_one(session: Session) -> None:
    session.state(voxel_size=(0.5, 0.2, 0.2))
    session.state(time_interval=7.0, channel_names=("GFP", "RFP"))
    stack = session.stack
    assert stack is not None
    assert (stack.voxel_size, stack.time_interval) == ((0.5, 0.2, 0.2), 7.0)
    assert stack.channel_names == ("GFP", "RFP")
    session.state(channel_names=None)
    assert session.stack is not None and session.stack.channel_names == ("488", "560")
    assert session.stack.time_interval == 7.0
    session.state(voxel_size=None)
    assert session.stack.voxel_size == (1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"angle": 0.5}, GeometryError),
        ({"angle": 180.0}, GeometryError),
        ({"channel_names": ("one",)}, None),
        ({"time_interval": -1.0}, FolderError),
        ({"voxel_size": (0.0, 1.0, 1.0)}, FolderError),
    ],
)
def test_what_cannot_be_changes_nothing(
    session: Session, values: dict[str, object], error: type[Exception] | None
) -> None:
    stack, overrides, pipeline = session.stack, session.overrides, session.pipeline
    if error is None:
        session.state(**values)
    else:
        with pytest.raises(error):
            session.state(**values)
    assert (session.stack, session.overrides, session.pipeline) == (stack, overrides, pipeline)


def test_the_same_folder_opened_in_another_way_keeps_it_and_another_does_not(
    session: Session, raw_folder: Path, tmp_path: Path
) -> None:
    session.state(voxel_size=(0.5, 0.2, 0.2), channel_names=("GFP", "RFP"), angle=30.0)
    session.open(raw_folder, "cell_ch0_stack{t}_*.tif")
    assert session.stack is not None and session.stack.voxel_size == (0.5, 0.2, 0.2)
    assert session.overrides == MetadataOverrides(voxel_size=(0.5, 0.2, 0.2), angle=30.0), (
        "one channel is left"
    )
    session.open(write_raw(tmp_path / "other"))
    assert session.overrides == MetadataOverrides()


def test_recipe_and_script_give_the_same_stack(session: Session, tmp_path: Path) -> None:
    session.state(angle=30.0, step="perpendicular", time_interval=2.0, channel_names=("G", "R"))
    session.recipe().save(tmp_path / "r.yaml")
    recipe = Recipe.load(tmp_path / "r.yaml")
    assert recipe.open() == session.stack
    assert recipe.source is not None and recipe.source.overrides.angle == 30.0
    names: dict[str, object] = {}
    exec(recipe.to_script(), names)
    assert names["stack"] == session.stack


def test_a_recipe_says_nothing_of_what_nobody_stated(session: Session) -> None:
    source = session.recipe().source
    assert source is not None
    assert set(source.model_dump()) == {"folder", "pattern", "voxel_size"}


def test_a_recipe_with_an_impossible_angle_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text("schema_version: 1\nsource:\n  folder: cell\n  angle: 0\n")
    with pytest.raises(RecipeError, match=r"line 4.*angle"):
        Recipe.load(path)


def test_what_settings_say_is_overridden_in_part(tmp_path: Path) -> None:
    """ImageJ tells a voxel size; the person states the angle only."""
    tifffile.imwrite(
        tmp_path / "a_t0.tif", [[[1, 2], [3, 4]]] * 3, imagej=True, dtype="uint16",
        resolution=(10, 10), metadata={"axes": "ZYX", "spacing": 0.4, "unit": "um"},
    )  # fmt: skip
    session = Session()
    session.show(inspect_folder(tmp_path), MetadataOverrides(angle=32.0))
    assert session.stack is not None
    assert session.stack.voxel_size == pytest.approx((0.4, 0.1, 0.1))
    assert session.folder_info is not None and session.folder_info.voxel_source == "ImageJ"
