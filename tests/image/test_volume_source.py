"""A source of volumes of its own needs five members; the rest is the base's."""

from __future__ import annotations

import pickle
from collections.abc import Hashable

import numpy as np
import pytest

from napari_lazy_pipeline.errors import BadFileWarning, FileError, MissingFileError
from napari_lazy_pipeline.image import Stack, VolumeSource, VolumeSpec


class Ramp(VolumeSource):
    """Volumes that count up; the second channel is bad, and the third was not recorded."""

    sizes, spec, token = (2, 3), VolumeSpec((4, 5, 6), "float32"), "ramp"

    def identity(self, t: int, c: int) -> Hashable:
        return t, c

    def read(self, t: int, c: int) -> np.ndarray:
        if c == 1:
            raise FileError("The file is damaged", "ramp.tif", "Copy it again")
        if c == 2:
            raise MissingFileError("There is no file")
        return np.arange(120, dtype=np.float32).reshape(4, 5, 6) + t


def test_planes_are_those_of_the_volume() -> None:
    source = Ramp()
    assert not source.by_planes
    np.testing.assert_array_equal(source.read_planes(1, 0, 1, 3), source.read(1, 0)[1:3])
    np.testing.assert_array_equal(Stack(source).data[1, 0], source(1, 0))


def test_a_bad_file_is_blank_and_listed_once() -> None:
    source = Ramp()
    with pytest.warns(BadFileWarning, match="damaged") as told:
        for _ in range(2):
            assert np.isnan(source(0, 1)).all()
    assert len(told) == 1 and told[0].filename == __file__
    (problem,) = source.problems
    assert (problem.where, problem.what) == ("ramp.tif", "The file is damaged")
    assert problem.hint == "Copy it again"


def test_what_was_not_recorded_is_blank_and_no_problem() -> None:
    source = Ramp()
    with pytest.warns(BadFileWarning, match="no file"):
        assert np.isnan(source(0, 2)).all()
    assert len(source.problems) == 0


def test_problems_stay_in_their_process() -> None:
    source = Ramp()
    with pytest.warns(BadFileWarning):
        source(0, 1)
    assert len(pickle.loads(pickle.dumps(source)).problems) == 0 and len(source.problems) == 1


def test_a_source_without_volumes_is_refused() -> None:
    with pytest.raises(TypeError, match="abstract"):
        VolumeSource()  # type: ignore[abstract]
