"""Parameters that the command line changes: only what is named, in the order it is named."""

from __future__ import annotations

import pytest

from napari_lazy_pipeline import Pipeline
from napari_lazy_pipeline.errors import ParameterError, RecipeError
from napari_lazy_pipeline.session.recipe_edit import edited
from napari_lazy_pipeline.steps import Crop, Deconvolve, Deskew, SubtractBackground

CHANNELS = ("488", "560")


def background(value: object, *changes: str) -> object:
    """The background after changes."""
    pipeline = Pipeline([SubtractBackground(value=value)])
    (step,) = edited(pipeline, changes, CHANNELS).steps
    return step.value  # type: ignore[attr-defined]


def test_a_value_of_one_channel_leaves_the_others() -> None:
    change = "subtract_background.value.488=90"
    assert background(98, change) == {"488": 90.0, "560": 98.0}
    assert background({"488": 98, "405": 7}, change) == {"488": 90.0, "405": 7.0}


def test_changes_are_made_in_their_order() -> None:
    one, both = "subtract_background.value.488=90", "subtract_background.value=200"
    assert background(98, one, both) == 200.0
    assert background(98, both, one) == {"488": 90.0, "560": 200.0}


def test_numbers_have_the_base_of_ten() -> None:
    (step,) = edited(Pipeline([Deskew(angle=31.5)]), ["deskew.width=010"]).steps
    assert step.width == 10  # type: ignore[attr-defined]


def test_what_changes_nothing_is_refused_unless_the_rest_is_changed_too() -> None:
    pipeline, iterations = Pipeline([Deconvolve(psf="psf.tif")]), "deconvolve.iterations=20"
    with pytest.raises(ParameterError, match="iterations changes nothing"):
        edited(pipeline, [iterations])
    for changes in ([iterations, "deconvolve.method=rl"], ["deconvolve.method=rl", iterations]):
        (step,) = edited(pipeline, changes).steps
        assert (step.method, step.iterations) == ("rl", 20)  # type: ignore[attr-defined]


def test_values_of_a_step_that_is_off_are_refused_unless_it_is_switched_on_too() -> None:
    pipeline, planes, on = Pipeline([Crop(enabled=False)]), "crop.z=2:4", "crop.enabled=true"
    hint = r"crop\.z changes nothing: the step is off\. Add --set crop\.enabled=true"
    with pytest.raises(ParameterError, match=hint):
        edited(pipeline, [planes])
    with pytest.raises(ParameterError, match="the step is off"):
        edited(Pipeline([Crop()]), [planes, "crop.enabled=false"])
    for changes in ([planes, on], [on, planes]):
        (step,) = edited(pipeline, changes).steps
        assert step.enabled and step.z == (2, 4)  # type: ignore[attr-defined]
    (step,) = edited(Pipeline([Crop()]), ["crop.enabled=false"]).steps
    assert not step.enabled


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("subtract_background.value.640=9", "There is no channel '640'. Of: 488, 560"),
        ("subtract_background.enabled.488=no", "has no value per channel"),
    ],
)
def test_what_is_not_there_is_refused(change: str, sentence: str) -> None:
    with pytest.raises(RecipeError, match=sentence):
        background(98, change)
