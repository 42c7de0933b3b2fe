"""Mutated files: none crashes, none hangs, none is taken for what it is not."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile

from fuzzing import fuzz, mutations
from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.io.readers.tiff import READER


@pytest.mark.parametrize("seed", range(3))
def test_a_sample_of_broken_files(seed: int, tmp_path: Path) -> None:
    """A few hundred; `tests/bench/test_fuzz.py` reads many thousands."""
    outcome = fuzz(tmp_path, 300, seed)
    assert outcome.wrong == []
    assert outcome.slowest < 5
    assert sum(outcome.counts.values()) == 300
    assert outcome.counts["refused"] > 75 and outcome.counts["exact"] > 20


def test_mutations_can_be_repeated() -> None:
    import io

    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.ones((3, 8, 9), np.uint16), photometric="minisblack")
    data = buffer.getvalue()
    first, again = (list(mutations(data, 30, 5)) for _ in range(2))
    assert first == again and len({broken for _, broken in first}) > 25


def test_planes_in_a_circle_end_when_another_file_was_the_first(tmp_path: Path) -> None:
    """The reader knows a whole file, and meets one whose last plane refers to the first."""
    whole, circle = tmp_path / "whole.tif", tmp_path / "circle.tif"
    with tifffile.TiffWriter(whole) as tif:
        for _ in range(4):
            tif.write(np.ones((8, 9), np.uint16), contiguous=False, compression="zlib")
    data = bytearray(whole.read_bytes())
    (first,) = struct.unpack_from("<I", data, 4)
    position = first
    while position:
        (count,) = struct.unpack_from("<H", data, position)
        link = position + 2 + 12 * count
        (position,) = struct.unpack_from("<I", data, link)
    struct.pack_into("<I", data, link, first)
    circle.write_bytes(data)
    with pytest.raises(FileError, match="in a circle"):
        READER.read(str(circle), READER.probe(str(whole)))


@pytest.mark.parametrize("tag", ["ImageWidth", "ImageLength", "SamplesPerPixel"])
@pytest.mark.parametrize("plane", [0, 3])
def test_negative_sizes_are_refused_at_once(tag: str, plane: int, tmp_path: Path) -> None:
    """They make tifffile count planes backwards, until the memory is full."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.ones((5, 8, 9), np.uint16), photometric="minisblack")
    with tifffile.TiffFile(path) as tif:
        entry = tif.pages[plane].tags[tag]
    data = bytearray(path.read_bytes())
    struct.pack_into("<HIi", data, entry.offset + 2, 9, 1, -1)
    path.write_bytes(data)
    with pytest.raises(FileError, match=f"header of plane {plane} is damaged"):
        READER.probe(str(path))
