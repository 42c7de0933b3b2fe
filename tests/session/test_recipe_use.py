"""A recipe opened over an open folder fills what is unknown, and leaves what is known."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_lazy_pipeline import Pipeline, Recipe
from napari_lazy_pipeline.io import inspect_folder
from napari_lazy_pipeline.session import Session
from napari_lazy_pipeline.session.recipe_source import Source
from napari_lazy_pipeline.steps import Crop, Deskew
from stacks import write_raw

OTHER = Source(
    folder="/elsewhere", voxel_size=(0.3, 0.1, 0.1), angle=31.5, step="stage", time_interval=4.0,
    channel_names=("green", "red"), channel_colours=("green", "red"), made_for=(8, 24, 30),
)  # fmt: skip


@pytest.fixture
def session(raw_folder: Path) -> Session:
    session = Session()
    session.show(inspect_folder(raw_folder))
    return session


def load(session: Session, recipe: Recipe) -> str:
    sentences: list[str] = []
    session.adapted.connect(sentences.append)
    session.load(recipe)
    session.adapted.disconnect(sentences.append)
    return " ".join(sentences)


def test_what_is_unknown_is_taken(session: Session) -> None:
    assert session.stack is not None and not session.stack.spec.size_known
    sentence = load(session, Recipe(source=OTHER, pipeline=Pipeline([Deskew()])))
    assert session.stack.spec.voxel_size == (0.3, 0.1, 0.1)
    assert session.scan is not None and session.scan.angle == 31.5
    assert session.plan is not None and not session.plan.waiting
    assert session.colours == ("green", "red")
    assert "Taken from the recipe: z step 0.3 µm, pixel 0.1 µm" in sentence
    session.undo()
    assert not session.stack.spec.size_known and session.scan is None


def test_what_is_known_is_left(session: Session) -> None:
    session.state(voxel_size=(0.5, None, None), angle=30.0)
    sentence = load(session, Recipe(source=OTHER, pipeline=Pipeline([Deskew()])))
    assert session.stack is not None and session.stack.spec.voxel_size == (0.5, 0.1, 0.1)
    assert session.scan is not None and session.scan.angle == 30
    assert "Left as the data have it, not as the recipe: z step 0.3 µm, " in sentence
    assert "angle 31.5°" in sentence.partition("Left")[2]


def test_numbered_channels_are_named(tmp_path: Path) -> None:
    session = Session()
    for c, t in product(range(2), range(3)):
        tifffile.imwrite(tmp_path / f"a_c{c}_t{t}.tif", np.zeros((5, 8, 9), "uint16"))
    session.show(inspect_folder(tmp_path))
    assert session.stack is not None and session.stack.time_interval is None
    sentence = load(session, Recipe(source=OTHER))
    assert session.stack.channel_names == ("green", "red")
    assert session.stack.time_interval == 4 and "interval 4.0 s" in sentence


def test_named_channels_keep_their_names(session: Session) -> None:
    assert session.stack is not None and session.stack.channel_names == ("488", "560")
    assert "Left" in load(session, Recipe(source=OTHER))
    assert session.stack.channel_names == ("488", "560")


def test_values_to_try_are_left_out_and_said(session: Session) -> None:
    recipe = Recipe(pipeline=Pipeline([Crop()]), sweep={"crop.z": ((0, 2), (0, 3))})
    assert "Left out are values to try of crop.z" in load(session, recipe)


class TestCrops:
    """A crop that was set on other volumes."""

    def crop(self, session: Session) -> Crop:
        crop = session.pipeline.steps[-1]
        assert isinstance(crop, Crop)
        return crop

    def recipe(self, session: Session, made_for: tuple[int, int, int] | None, crop: Crop) -> Recipe:
        source = OTHER.model_copy(update={"made_for": made_for})
        return Recipe(source=source, pipeline=Pipeline([crop]))

    def test_of_the_same_shape_it_stays(self, session: Session) -> None:
        assert session.stack is not None
        shape = session.stack.spec.shape
        load(session, self.recipe(session, shape, Crop(x=(2, 9))))
        assert self.crop(session) == Crop(x=(2, 9))

    def test_it_keeps_its_place_in_micrometres(self, session: Session) -> None:
        assert session.stack is not None
        z, y, x = session.stack.spec.shape
        session.state(voxel_size=(0.3, 0.2, 0.2))
        sentence = load(session, self.recipe(session, (z, 2 * y, 2 * x), Crop(x=(4, 12))))
        assert self.crop(session) == Crop(x=(2, 6)) and "kept in µm" in sentence
        session.undo()
        assert not any(step.kind == "crop" and step.enabled for step in session.pipeline.steps)

    def test_beyond_the_volume_it_is_off(self, session: Session) -> None:
        assert session.stack is not None
        z, y, x = session.stack.spec.shape
        sentence = load(session, self.recipe(session, (z, y, 9 * x), Crop(x=(4 * x, 5 * x))))
        assert not self.crop(session).enabled and "Crop is switched off" in sentence

    def test_of_unknown_data_it_is_off(self, session: Session) -> None:
        sentence = load(session, self.recipe(session, None, Crop(x=(2, 9))))
        assert not self.crop(session).enabled and "other data" in sentence

    def test_of_a_recipe_for_any_data_it_holds(self, session: Session) -> None:
        load(session, Recipe(pipeline=Pipeline([Crop(x=(2, 9))])))
        assert self.crop(session) == Crop(x=(2, 9))

    def test_another_folder_is_opened(self, session: Session, tmp_path: Path) -> None:
        """Undo brings the crop back as it was."""
        assert session.stack is not None
        _, _, x = session.stack.spec.shape
        session.set_pipeline(Pipeline([Crop(x=(x - 4, x - 1))]))
        write_raw(tmp_path / "other", shape=(9, 12, x - 6))
        session.show(inspect_folder(tmp_path / "other"))
        assert not self.crop(session).enabled
        assert session.plan is not None and session.plan.misfit is None
        session.undo()
        assert self.crop(session).enabled


def test_a_recipe_of_its_own_folder_changes_nothing(session: Session) -> None:
    session.state(voxel_size=(0.3, 0.1, 0.1), angle=30.0, step="stage")
    session.set_pipeline(Pipeline([Deskew(), Crop(x=(2, 9))]))
    recipe, pipeline, overrides = session.recipe(), session.pipeline, session.overrides
    assert load(session, recipe) == ""
    assert (session.pipeline, session.overrides) == (pipeline, overrides)
