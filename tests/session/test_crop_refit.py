"""A crop that was set on other data: fitted, waiting to be fitted, or off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.io import inspect_folder
from napari_lazy_pipeline.session import Session
from napari_lazy_pipeline.steps import Crop, Deskew, SubtractBackground
from stacks import write_raw

ALL = {"voxel_size": (0.4, 0.1, 0.1), "angle": 31.5, "step": "stage"}
SHAPE = (12, 20, 40)
CROP = Crop(y=(4, 12), x=(10, 30))


@pytest.fixture
def session(tmp_path: Path) -> Session:
    """A folder, deskewed, with a crop."""
    session = Session()
    session.show(inspect_folder(write_raw(tmp_path / "one", shape=SHAPE)))
    session.state(**ALL)
    session.set_pipeline(Pipeline([Deskew(), CROP]))
    return session


def crop(session: Session) -> Any:
    return session.pipeline.steps[1]


def test_of_the_same_shape_it_waits_until_the_volumes_are_known(
    session: Session, tmp_path: Path
) -> None:
    sentences: list[str] = []
    session.adapted.connect(sentences.append)
    session.show(inspect_folder(write_raw(tmp_path / "two", shape=SHAPE)))
    session.state(voxel_size=ALL["voxel_size"])
    session.state(angle=31.5, step="stage")
    assert crop(session) == CROP and not sentences


def test_then_it_keeps_its_place_in_micrometres(session: Session, tmp_path: Path) -> None:
    sentences: list[str] = []
    session.adapted.connect(sentences.append)
    session.show(inspect_folder(write_raw(tmp_path / "two", shape=SHAPE)))
    session.state(**{**ALL, "voxel_size": (0.4, 0.2, 0.2)})
    assert crop(session).y == (2, 6) and "kept in µm" in sentences[0]


def test_it_waits_also_if_other_steps_are_edited(session: Session, tmp_path: Path) -> None:
    session.show(inspect_folder(write_raw(tmp_path / "two", shape=SHAPE)))
    session.set_pipeline(Pipeline([SubtractBackground(), *session.pipeline.steps]))
    session.state(**{**ALL, "voxel_size": (0.4, 0.2, 0.2)})
    assert session.pipeline.steps[2].y == (2, 6)


def test_without_a_step_that_waits_it_waits_for_the_voxel_size(
    session: Session, tmp_path: Path
) -> None:
    session.set_pipeline(Pipeline([SubtractBackground(), CROP]))
    session.show(inspect_folder(write_raw(tmp_path / "two", shape=SHAPE)))
    assert crop(session) == CROP
    session.state(**{**ALL, "voxel_size": (0.4, 0.2, 0.2)})
    assert crop(session).y == (2, 6)


def test_a_crop_that_is_set_meanwhile_is_for_these_volumes(
    session: Session, tmp_path: Path
) -> None:
    session.show(inspect_folder(write_raw(tmp_path / "two", shape=SHAPE)))
    session.replace_step(1, CROP.replace(y=(5, 9)))
    session.state(**{**ALL, "voxel_size": (0.4, 0.2, 0.2)})
    assert crop(session).y == (5, 9)


def test_of_another_shape_it_is_off_and_does_no_harm_later(
    session: Session, tmp_path: Path
) -> None:
    first = session.folder_info
    session.show(inspect_folder(write_raw(tmp_path / "small", shape=(12, 8, 12))))
    session.state(**ALL)
    assert not crop(session).enabled
    assert first is not None
    session.show(first)
    assert session.folder_info is first and session.plan is not None
    assert session.plan.raw.shape == SHAPE and session.plan.misfit is None


def test_what_cannot_be_taken_over_changes_nothing(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("nobody foresaw this")

    before = dict(vars(session))
    monkeypatch.setattr("napari_lazy_pipeline.session.session.CropFit.of", fail)
    with pytest.raises(RuntimeError):
        session.show(inspect_folder(write_raw(tmp_path / "two", shape=SHAPE)))
    assert vars(session) == before


def test_another_file_of_the_same_folder_may_have_another_shape(tmp_path: Path) -> None:
    for name, shape in (("a.tif", SHAPE), ("b.tif", (6, 20, 40))):
        tifffile.imwrite(tmp_path / name, np.zeros(shape, "uint16"))
    session = Session()
    session.show(inspect_folder(tmp_path, "a.tif"))
    session.state(**ALL)
    session.set_pipeline(Pipeline([Deskew(), Crop(z=(2, 11))]))
    session.show(inspect_folder(tmp_path, "b.tif"))
    assert not crop(session).enabled, "11 planes of 6 there are not"


def test_a_crop_that_an_undo_brings_back_fits_other_data(session: Session, tmp_path: Path) -> None:
    session.set_pipeline(Pipeline([Deskew()]))
    session.show(inspect_folder(write_raw(tmp_path / "small", shape=(12, 8, 12))))
    session.state(**ALL)
    session.undo()  # what was stated
    session.undo()
    assert len(session.pipeline.steps) == 2 and not crop(session).enabled
