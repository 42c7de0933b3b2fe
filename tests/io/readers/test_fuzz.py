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
    """A few; `tests/bench/test_fuzz.py` reads many thousands, and bounds time and memory."""
    outcome = fuzz(tmp_path, 160, seed)
    assert outcome.wrong == []
    assert sum(outcome.counts.values()) == 160
    assert outcome.counts["refused"] > 40 and outcome.counts["exact"] > 10


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


@pytest.mark.parametrize(
    ("tag", "entry"),
    [
        (317, (317, 3, 1, 1)),  # no predictor
        (259, (259, 3, 1, 1)),  # not packed
        (278, (278, 3, 1, 3)),  # strips of other rows
        (256, (256, 4, 1, 8_388_628)),
        (296, (317, 3, 1, 1)),  # a second predictor
        (296, (324, 4, 1, 8)),  # strips and tiles
        (258, (258, 11, 1, 16)),  # bits as a real number
    ],
)
def test_a_page_of_another_header_is_refused_by_plane_as_by_volume(
    tag: int, entry: tuple[int, int, int, int], tmp_path: Path
) -> None:
    """Each page is unpacked by its own header when it is read alone, and by the first one else."""
    path, whole = tmp_path / "a.tif", tmp_path / "b.tif"
    volume = np.random.default_rng(0).integers(100, 4000, (6, 20, 24)).astype(np.uint16)
    for file in (path, whole):
        tifffile.imwrite(file, volume, compression="lzw", predictor=2, photometric="minisblack")
    with tifffile.TiffFile(path) as tif:
        at = tif.pages[4].tags[tag].offset
    data = bytearray(path.read_bytes())
    struct.pack_into("<HHII", data, at, *entry)
    path.write_bytes(data)
    info = READER.probe(str(whole))
    for start, stop in ((0, 6), (3, 4), (4, 5)):
        with pytest.raises(FileError, match=r"plane 4 is damaged|several sizes"):
            READER.read_planes(str(path), info, start, stop)
    with pytest.raises(FileError):
        READER.probe(str(path))
