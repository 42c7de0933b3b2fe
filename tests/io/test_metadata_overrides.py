"""What a person states goes to stack and recipe, steps follow, and it can be taken back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_lazy_pipeline import Pipeline, Recipe
from napari_lazy_pipeline.errors import FolderError, GeometryError, RecipeError
from napari_lazy_pipeline.image import Scan
from napari_lazy_pipeline.io import MetadataOverrides, inspect_folder
from napari_lazy_pipeline.session import Session
from napari_lazy_pipeline.session.default_pipeline import default_pipeline
from napari_lazy_pipeline.steps import Crop, Deskew, Rotate
from stacks import write_raw

DESKEW = next(i for i, step in enumerate(default_pipeline().steps) if step.kind == "deskew")


@pytest.fixture
def session(raw_folder: Path) -> Session:
    session = Session()
    session.show(inspect_folder(raw_folder))
    return session


def scans(session: Session) -> list[Scan]:
    """Scans that the steps have, be it their own or that of the data."""
    shown = map(session.shown_step, range(len(session.pipeline.steps)))
    return [scan for step in shown if (scan := step.scan()) is not None]


def test_a_scan_is_known_only_when_angle_and_step_are(session: Session) -> None:
    assert session.stack is not None and session.stack.spec.scan is None and session.scan is None
    session.state(angle=30.0)
    assert session.stack.spec.scan is None, "the meaning of the step is never assumed"
    session.state(step="perpendicular")
    assert session.stack.spec.scan == session.scan == Scan(30.0, "x", "perpendicular")


def test_all_steps_that_undo_a_scan_follow_the_data_and_stay_what_they_are(
    session: Session,
) -> None:
    before = session.pipeline
    assert scans(session) == []
    session.state(angle=33.0, step="perpendicular")
    assert scans(session) == [Scan(33.0, "x", "perpendicular")] * 2
    assert session.pipeline == before, "nothing is written into them, nor switched on"
    session.undo()
    assert scans(session) == [] and session.pipeline == before


def test_a_step_with_a_scan_of_its_own_keeps_it_and_the_data_theirs(session: Session) -> None:
    session.state(angle=33.0, step="stage", voxel_size=(0.3, 0.1, 0.1))
    session.replace_step(DESKEW, Deskew(angle=40.0))
    session.replace_step(DESKEW + 1, Rotate())
    session.state(angle=35.0)
    assert session.scan == Scan(35.0, "x", "stage")
    assert scans(session) == [Scan(40.0, "x", "stage"), Scan(35.0, "x", "stage")]
    plan = session.plan
    assert plan is not None
    assert [stage.step.scan() for stage in plan.stages] == scans(session)


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
    assert session.stack.spec.stated_size == (None, None, None)


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"angle": 0.5}, GeometryError),
        ({"angle": 180.0}, GeometryError),
        ({"channel_names": ("one",)}, None),
        ({"time_interval": -1.0}, FolderError),
        ({"voxel_size": (0.0, 1.0, 1.0)}, GeometryError),
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
    session.show(inspect_folder(raw_folder, "cell_ch0_stack{t}_*.tif"))
    assert session.stack is not None and session.stack.voxel_size == (0.5, 0.2, 0.2)
    assert session.overrides == MetadataOverrides(voxel_size=(0.5, 0.2, 0.2), angle=30.0), (
        "one channel is left"
    )
    session.show(inspect_folder(write_raw(tmp_path / "other")))
    assert session.overrides == MetadataOverrides()


def test_what_is_stated_otherwise_than_the_files_of_other_data_say_is_told(tmp_path: Path) -> None:
    for position, z in ((1, None), (2, 0.5), (3, 0.5), (4, 0.3)):
        metadata: dict[str, object] = {"axes": "ZYX", "unit": "um"} | ({"spacing": z} if z else {})
        for t in range(2):
            tifffile.imwrite(
                tmp_path / f"cell_pos{position}_t{t}.tif", np.zeros((4, 8, 9), "uint16"),
                imagej=True, resolution=(10, 10), metadata=metadata,
            )  # fmt: skip
    session, said = Session(), list[str]()
    session.adapted.connect(said.append)

    def show(position: int) -> None:
        session.show(inspect_folder(tmp_path, position=str(position)))

    show(1)
    session.state(voxel_size=(0.3, None, None))
    assert said == []
    show(2)
    assert session.stack is not None and session.stack.spec.stated_size[0] == 0.3
    used = "Stated, and used: z step 0.3 µm; the files say 0.5 µm"
    assert said == [used]
    for position in (2, 3, 4):  # as it was
        show(position)
    session.state(voxel_size=(0.4, None, None))
    session.undo()
    assert said == [used]
    # It is one text with what is told of the steps.
    other = tmp_path / "other"
    other.mkdir()
    tifffile.imwrite(other / "a.tif", np.zeros((4, 8, 6), "uint16"), photometric="minisblack")
    session.show(inspect_folder(other), MetadataOverrides((0.4, 0.2, 0.2)))
    session.set_pipeline(Pipeline([Crop(x=(2, 5))]))
    assert said == [used]
    session.show(inspect_folder(tmp_path, position="4"), MetadataOverrides((0.4, None, None)))
    assert said[1].startswith("Stated, and used: z step 0.4 µm; the files say 0.3 µm. ")
    assert "Crop" in said[1] or "crop" in said[1]


@pytest.mark.parametrize(
    ("stated", "told"),
    [
        (MetadataOverrides((0.3, 0.1, 0.1), 2.0, None, 30.0, "stage"), ""),
        (MetadataOverrides((0.30000001, 0.1, None)), ""),
        (MetadataOverrides((None, 0.1, 0.2)), "pixel 0.1 x 0.2 µm; the files say 0.1 µm"),
        (MetadataOverrides(None, 4.0, ("a", "b")), "interval 4 s; the files say 2 s"),
        (MetadataOverrides(angle=0.0), "angle 0°; the files say 30°"),
        (
            MetadataOverrides(angle=31.5, step="perpendicular"),
            "angle 31.5°, z step perpendicular to the planes; the files say 30°, along the stage",
        ),
    ],
)
def test_what_is_stated_otherwise_in_words(
    session: Session, stated: MetadataOverrides, told: str
) -> None:
    assert session.folder_info is not None
    values: dict[str, Any] = {"voxel_size": (0.3, 0.1, 0.1), "time_interval": 2.0}
    info = replace(session.folder_info, scan=Scan(30.0), angle=30.0, **values)
    assert stated.against(info) == (f"Stated, and used: {told}" if told else "")


def test_planes_that_are_not_oblique_are_stated_too(
    session: Session, raw_folder: Path, tmp_path: Path
) -> None:
    session.state(angle=0.0, voxel_size=(0.5, 0.2, 0.2))
    assert session.stack is not None and session.scan is None and scans(session) == []
    session.recipe().save(tmp_path / "r.yaml")
    recipe = Recipe.load(tmp_path / "r.yaml")
    assert recipe.open() == session.stack
    other = Session()
    other.show(inspect_folder(raw_folder))
    sentences: list[str] = []
    other.adapted.connect(sentences.append)
    other.load(recipe)
    assert other.overrides.angle == 0 and "not oblique" in sentences[0]
    other.state(angle=30.0, step="stage")
    other.load(recipe)
    assert other.scan == Scan(30.0) and "Left as the data have it" in sentences[1]


def test_a_recipe_does_not_assume_what_the_z_step_means(session: Session, tmp_path: Path) -> None:
    session.state(angle=30.0, voxel_size=(0.5, 0.2, 0.2))
    session.recipe().save(tmp_path / "r.yaml")
    recipe = Recipe.load(tmp_path / "r.yaml")
    assert recipe.open().spec.scan is None
    names: dict[str, object] = {}
    exec(recipe.to_script(), names)
    assert names["stack"] == session.stack


def test_recipe_and_script_give_the_same_stack(session: Session, tmp_path: Path) -> None:
    session.state(angle=30.0, step="perpendicular", time_interval=2.0, channel_names=("G", "R"))
    session.recipe().save(tmp_path / "r.yaml")
    recipe = Recipe.load(tmp_path / "r.yaml")
    assert recipe.open() == session.stack
    assert recipe.source is not None and recipe.source.overrides.angle == 30.0
    names: dict[str, object] = {}
    exec(recipe.to_script(), names)
    assert names["stack"] == session.stack


def test_a_part_of_the_voxel_size_can_be_stated(session: Session, tmp_path: Path) -> None:
    session.state(voxel_size=(0.3, None, None))
    assert session.stack is not None
    assert session.stack.spec.stated_size == (0.3, None, None)
    session.recipe().save(tmp_path / "r.yaml")
    recipe = Recipe.load(tmp_path / "r.yaml")
    assert recipe.open() == session.stack
    assert recipe.source is not None and recipe.source.voxel_size == (0.3, None, None)
    session.state(voxel_size=(None, None, None))
    assert session.overrides == MetadataOverrides()


def test_a_recipe_says_nothing_of_what_nobody_stated(session: Session) -> None:
    source = session.recipe().source
    assert source is not None
    known = {"folder", "made_for", "pattern", "time_points", "voxel_size"}
    assert set(source.model_dump()) == known
    assert (source.voxel_size, source.made_for) == (None, (12, 16, 20))


def test_a_recipe_with_an_impossible_angle_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text("schema_version: 1\nsource:\n  folder: cell\n  angle: 0.5\n")
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
