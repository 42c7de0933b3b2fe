"""OME sets whose names tell less than their text: it says where each file belongs."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_lazy_pipeline.errors import PatternError
from napari_lazy_pipeline.io import inspect_folder, open_stack

T, C, Z, SHAPE = 3, 2, 4, (5, 6)
DATA = np.random.default_rng(0).integers(1, 999, (T, C, Z, *SHAPE)).astype("uint16")
PLACES = list(itertools.product(range(T), range(C)))


def write_set(folder: Path, name: Callable[[int], str], kept: int = T * C) -> None:
    """A file for each time point and channel, all under one counter; some may be gone."""
    folder.mkdir()
    data = "".join(
        f'<TiffData FirstT="{t}" FirstC="{c}" IFD="0" PlaneCount="{Z}">'
        f'<UUID FileName="{name(i)}">urn:uuid:{i}</UUID></TiffData>'
        for i, (t, c) in enumerate(PLACES)
    )
    for i, (t, c) in list(enumerate(PLACES))[:kept]:
        xml = (
            f'<OME UUID="urn:uuid:{i}"><Image ID="Image:0"><Pixels DimensionOrder="XYZCT" '
            f'Type="uint16" SizeX="{SHAPE[1]}" SizeY="{SHAPE[0]}" SizeZ="{Z}" SizeC="{C}" '
            f'SizeT="{T}"><Channel Name="GFP"/><Channel Name="RFP"/>{data}</Pixels></Image></OME>'
        )
        with tifffile.TiffWriter(folder / name(i), ome=False) as writer:
            for plane in DATA[t, c]:
                writer.write(plane, contiguous=False, metadata=None, description=xml)


@pytest.mark.parametrize("name", [lambda i: f"f_{i}.ome.tif", lambda i: f"f_{9 - i}.ome.tif"])
def test_one_counter_of_two_axes_is_told_apart_by_the_text(
    name: Callable[[int], str], tmp_path: Path
) -> None:
    write_set(tmp_path / "set", name)
    found = inspect_folder(tmp_path / "set")
    assert (found.sizes, found.channel_names) == ((T, C), ("GFP", "RFP"))
    assert not any("other places" in note for note in found.notes)
    again = open_stack(found.folder, found.pattern)  # as a recipe does
    for t, c in PLACES:
        np.testing.assert_array_equal(found.stack().volume(t, c), DATA[t, c])
        np.testing.assert_array_equal(again.volume(t, c), DATA[t, c])


def test_what_is_gone_of_such_a_set_is_a_hole(tmp_path: Path) -> None:
    write_set(tmp_path / "set", "f_{}.ome.tif".format, kept=5)
    found = inspect_folder(tmp_path / "set")
    assert found.sizes == (T, C)
    np.testing.assert_array_equal(found.stack().volume(2, 0), DATA[2, 0])
    assert not found.source.layout.plan.present[2, 1].any()


def test_fields_that_place_nothing_are_refused_where_no_text_does(tmp_path: Path) -> None:
    for number, volume in enumerate(DATA[:, 0]):
        tifffile.imwrite(tmp_path / f"f_{number}.tif", volume, photometric="minisblack")
    with pytest.raises(PatternError, match="Two files claim the same time point"):
        open_stack(tmp_path, "f_{n1}.tif")


@pytest.mark.parametrize(
    "name", [lambda t, c: f"f_{t * C + c}", lambda t, c: f"f_T{t + 1}_C{c + 1}"]
)
@pytest.mark.parametrize(("kept", "channel"), [(0, "GFP"), (1, "RFP")])
def test_a_channel_that_was_copied_alone_has_its_own_name(
    name: Callable[[int, int], str], kept: int, channel: str, tmp_path: Path
) -> None:
    write_set(tmp_path / "set", lambda i: name(*PLACES[i]) + ".ome.tif")
    for t in range(T):
        (tmp_path / "set" / (name(t, 1 - kept) + ".ome.tif")).unlink()
    found = inspect_folder(tmp_path / "set")
    assert (found.sizes, found.channel_names) == ((T, 1), (channel,))
    np.testing.assert_array_equal(found.stack().volume(2, 0), DATA[2, kept])
