"""What several sources state about one voxel size: the first that states a part is believed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_lazy_pipeline.io import inspect_folder
from napari_lazy_pipeline.io.metadata.claim import (
    MetadataClaims,
    believed_size,
    contradictions,
    missing_lengths,
)

Size = tuple[float | None, float | None, float | None]
NOTHING = MetadataClaims("nothing")
Z = MetadataClaims("Z", (0.3, None, None))
PIXEL = MetadataClaims("pixel", (None, 0.1, 0.12))
ALL = MetadataClaims("all", (0.5, 0.2, 0.2))


@pytest.mark.parametrize(
    ("claims", "size", "source"),
    [
        ([], (None, None, None), "unknown"),
        ([NOTHING], (None, None, None), "unknown"),
        ([NOTHING, ALL], (0.5, 0.2, 0.2), "all"),
        ([ALL, Z, PIXEL], (0.5, 0.2, 0.2), "all"),
        ([Z], (0.3, None, None), "Z"),
        ([PIXEL], (None, 0.1, 0.12), "pixel"),
        ([PIXEL, Z], (0.3, 0.1, 0.12), "Z, pixel"),
        ([Z, ALL], (0.3, 0.2, 0.2), "Z, all"),
        ([PIXEL, ALL], (0.5, 0.1, 0.12), "all, pixel"),
    ],
)
def test_each_part_is_that_of_the_first_that_states_it(
    claims: list[MetadataClaims], size: Size, source: str
) -> None:
    assert believed_size(claims) == (size, source)


def test_half_a_pixel_size_is_none() -> None:
    assert believed_size([MetadataClaims("odd", (None, 0.1, None)), ALL])[0] == (0.5, 0.2, 0.2)


@pytest.mark.parametrize(
    ("claim", "differs"),
    [
        ((None, None, None), False),
        ((0.3, None, None), False),
        ((None, 0.1, 0.1), False),
        ((0.302, 0.1, 0.1), False),
        ((0.4, None, None), True),
        ((None, 0.1, 0.2), True),
    ],
)
def test_sources_differ_only_where_both_state_something(claim: Size, differs: bool) -> None:
    notes = contradictions([MetadataClaims("other", claim)], (0.3, 0.1, 0.1), "OME", {})
    assert bool(notes) == differs
    assert all(note.startswith("other says ") and "OME is believed" in note for note in notes)
    assert not contradictions([MetadataClaims("other", claim)], (None, None, None), "unknown", {})


@pytest.mark.parametrize(
    ("metadata", "asked"),
    [
        ({"spacing": 0.3, "unit": "um"}, None),
        ({"unit": "um"}, "Z step?"),
        ({"spacing": 0.3, "zunit": "um", "unit": "pixel"}, "Pixel size?"),
        ({}, "Z step and pixel size?"),
    ],
)
def test_what_nobody_states_is_asked(
    tmp_path: Path, metadata: dict[str, object], asked: str | None
) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", np.zeros((3, 4, 5), np.uint16), imagej=True, resolution=(10, 10),
        metadata={"axes": "ZYX", **metadata},
    )  # fmt: skip
    found = inspect_folder(tmp_path)
    texts = [question.text for question in found.questions if question.about == "voxel_size"]
    assert texts == ([asked] if asked else [])
    assert bool(missing_lengths(found.voxel_size)) == (asked is not None)
