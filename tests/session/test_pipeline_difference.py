"""What an edit changed, in words; and the states of the history."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_lazy_pipeline import Pipeline
from napari_lazy_pipeline.io import inspect_folder
from napari_lazy_pipeline.session import Session
from napari_lazy_pipeline.session.pipeline_difference import difference
from napari_lazy_pipeline.steps import Crop, Deconvolve, Deskew, SubtractBackground


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        ([SubtractBackground(value=1)], [SubtractBackground(value=2.5)], "Background 1 → 2.5"),
        ([Deskew(), Crop()], [Crop(), Deskew()], "steps moved"),
        ([Deskew(), Crop()], [Deskew()], "Crop removed"),
        ([Crop()], [Crop(enabled=False)], "Crop off"),
        ([Crop()], [Crop(z=(1, 5))], "Crop: z from - to (0, 0) → (1, 5)"),
        ([Deconvolve()], [Deconvolve(psf="/a/psf.tif")], "PSF or OTF file none → psf.tif"),
        (
            [Deskew(angle=31.5), Crop()],
            [Deskew(angle=30, width=9), Crop(x=(1, 2))],
            "Angle 31.5 → 30, Deskew: Output width 0 → 9, 1 more",
        ),
        (
            [SubtractBackground(value=1)],
            [SubtractBackground(value={"488": 1, "560": 2})],
            "Background 1 → 488: 1, 560: 2",
        ),
    ],
)
def test_an_edit_in_words(before: list[object], after: list[object], text: str) -> None:
    assert difference(Pipeline(before), Pipeline(after)).endswith(text)


def test_the_history_has_each_state_once(raw_folder: Path) -> None:
    session = Session()
    session.show(inspect_folder(raw_folder))
    states = [Pipeline([Crop()]), Pipeline([Crop(z=(1, 5))]), Pipeline([Crop(z=(1, 5)), Deskew()])]
    for state in states:
        session.set_pipeline(state)
    session.state(voxel_size=(0.3, 0.1, 0.1))
    past = list(session.past())
    assert [state.pipeline for _, state in past[:2]] == states[1::-1]
    assert [text for text, _ in past[:2]] == ["Deskew added", "Crop: z from - to (0, 0) → (1, 5)"]
