"""The script in plain dask makes the pixels of the screen, bit for bit, without this package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_lazy_pipeline import Pipeline, Stack, open_stack
from napari_lazy_pipeline.errors import RecipeError
from napari_lazy_pipeline.samples.samples import psf_path
from napari_lazy_pipeline.session.plain_script import plain_script
from napari_lazy_pipeline.steps import step_types

KINDS = step_types()


def make(kind: str, **values: Any) -> Any:
    return KINDS[kind](**values)


PIPELINES: dict[str, list[Any]] = {
    "raw": [],
    "usual": [make("subtract_background", value=120), make("deskew"), make("crop", z=(1, 5))],
    "deskew along y": [make("deskew", angle=-40.0, skew_axis="y", fill=7.0)],
    "deskewed floats": [make("convert", dtype="float32"), make("deskew", angle=45.0)],
    "float background": [make("convert", dtype="float32"), make("subtract_background", value=99.5)],
    "gaussian": [make("deskew"), make("filter", sigma=(0.3, 0.2, 0.1))],
    "difference": [make("filter", method="difference", sigma=(0, 0.2, 0.2))],
    "median": [make("filter", method="median")],
    "top-hat": [make("filter", method="top_hat", radius=(0, 2, 2))],
    "binned": [make("bin", factors=(1, 2, 3))],
    "sums": [make("bin", factors=(2, 2, 2), method="sum")],
    "maximum": [make("deskew"), make("project")],
    "maximum of a range": [make("project", axis="y", range=(2, 7))],
    "mean": [make("project", method="mean", axis="x")],
    "sum": [make("project", method="sum")],
    "turned": [make("flip", x=True, z=True), make("deskew"), make("transpose")],
    "scaled": [make("convert", dtype="uint8", scaled=True, scale=(100, 180))],
    "clipped": [make("convert", dtype="uint8")],
    "off": [make("subtract_background", enabled=False)],
}


@pytest.fixture
def stack(raw_folder: Path) -> Stack:
    return open_stack(raw_folder, voxel_size=(0.3, 0.1, 0.1), angle=31.5, step="stage")


@pytest.mark.filterwarnings("ignore::napari_lazy_pipeline.errors.RemarkWarning")
@pytest.mark.parametrize("name", PIPELINES)
def test_the_same_pixels(name: str, stack: Stack) -> None:
    pipeline = Pipeline(PIPELINES[name])
    script, names = plain_script(stack, pipeline), dict[str, Any]()
    assert "napari" not in script.replace(str(stack.source.path(0, 0)), "")  # type: ignore[attr-defined]
    exec(compile(script, "script", "exec"), names)
    view = pipeline.apply(stack)
    assert (names["stack"].shape, names["stack"].dtype) == (view.shape, view.data.dtype)
    for t, c in ((0, 0), (2, 1)):
        made = names["stack"][t, c].compute(scheduler="synchronous")
        np.testing.assert_array_equal(made, view.volume(t, c))
    np.testing.assert_array_equal(names["volume"], view.volume(0, 0))


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (
            make("deconvolve", psf=str(psf_path()), psf_voxel_size=(0.1, 0.1, 0.1)),
            "Deconvolve is more than a few lines",
        ),
        (make("deskew", rounding="down"), "Deskew is more than a few lines"),
        (make("subtract_background", value={"488": 100, "560": 110}), "for each channel"),
        (make("project", method="std"), "Project is more than a few lines"),
    ],
)
def test_what_would_be_other_pixels_is_told(step: Any, said: str, stack: Stack) -> None:
    with pytest.raises(RecipeError, match=said):
        plain_script(stack, Pipeline([step]))


def test_data_that_are_no_files(stack: Stack) -> None:
    with pytest.raises(RecipeError, match="not in files"):
        plain_script(Stack.from_array(np.zeros((4, 5, 6), "uint16")), Pipeline())


def test_a_missing_file_is_told(stack: Stack, raw_folder: Path) -> None:
    next(iter(sorted(raw_folder.iterdir()))).unlink()
    again = open_stack(raw_folder, voxel_size=(0.3, 0.1, 0.1), angle=31.5, step="stage")
    with pytest.raises(RecipeError, match="Not every volume"):
        plain_script(again, Pipeline())
