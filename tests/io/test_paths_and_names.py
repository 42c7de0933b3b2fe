"""Names as people give them: paths with a pattern, lists of files, dates, signs, accents."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_lazy_pipeline.errors import FolderError
from napari_lazy_pipeline.io import inspect_folder, open_stack
from napari_lazy_pipeline.io.patterns.file_table import arrange
from napari_lazy_pipeline.io.patterns.pattern import compile_pattern


def write(folder: Path, *names: str, shape: tuple[int, ...] = (3, 4, 5)) -> None:
    """A volume of 1, one of 2, and so on."""
    for number, name in enumerate(names, 1):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = np.full(shape, number, np.uint16)
        tifffile.imwrite(folder / name, pixels, photometric="minisblack")


def values(*args: object, **options: object) -> list[list[int]]:
    """First voxel of each volume (t, c)."""
    source = open_stack(*args, **options).source  # type: ignore[arg-type]
    times, channels = source.sizes
    return [[int(source(t, c).flat[0]) for c in range(channels)] for t in range(times)]


def test_a_path_may_end_with_a_pattern(tmp_path: Path) -> None:
    write(tmp_path, "a_t0_c0.tif", "a_t1_c0.tif", "b_t0.tif")
    assert values(tmp_path / "*.tif") == [[1], [2], [3]]
    assert values(f"{tmp_path}/a_t{{t}}_c0.tif") == [[1], [2]]
    with pytest.raises(FolderError, match="no such folder"):
        open_stack(tmp_path / "none" / "*.tif")


def test_several_files_are_one_stack(tmp_path: Path) -> None:
    write(tmp_path, "a_t0.tif", "a_t1.tif", "a_t2.tif", "other/a_t3.tif")
    chosen = [tmp_path / "a_t2.tif", tmp_path / "a_t0.tif"]
    folder_info = inspect_folder(chosen)
    assert values(chosen) == values(folder_info.folder, folder_info.pattern) == [[1], [3]]
    assert values([tmp_path / "a_t1.tif"]) == [[2]]
    write(tmp_path, "b_GFP.tif", "b_RFP.tif", "t0_Cy3_Long.tif", "t0_GFP.tif", "t0_GFP_mask.tif")
    assert values([tmp_path / "b_GFP.tif", tmp_path / "b_RFP.tif"]) == [[1, 2]]
    words = inspect_folder([tmp_path / "t0_Cy3_Long.tif", tmp_path / "t0_GFP.tif"])
    assert (words.sizes, words.channel_names) == ((1, 2), ("Cy3_Long", "GFP"))
    with pytest.raises(FolderError, match="not in one folder"):
        open_stack([*chosen, tmp_path / "other" / "a_t3.tif"])


def test_files_whose_names_have_words_are_one_stack(tmp_path: Path) -> None:
    """Their pattern is an expression, in which [^/] is no folder."""
    names = [f"cell_{c}_stack{t:04d}_488nm_x.tif" for t in range(3) for c in ("one", "two")]
    write(tmp_path, *names)
    assert values([tmp_path / name for name in names[:4]]) == [[1, 2], [3, 4]]
    write(tmp_path, "a/x_t0.tif", "a/x_t1.tif")
    assert values(tmp_path, r"re:a/(?P<c>[^]/_]+)_t(?P<t>[0-9])\.tif") == [[1], [2]]


def test_dates_and_times_of_day_are_one_time(tmp_path: Path) -> None:
    stamps = ("20240305T235930", "20240305T235945", "20240306T000000")
    write(tmp_path, *(f"cell_{w}nm_{stamp}.tif" for stamp in stamps for w in (488, 561)))
    folder_info = inspect_folder(tmp_path)
    assert folder_info.pattern == "cell_{c}nm_{t}T{t2}.tif"
    assert values(tmp_path) == [[1, 2], [3, 4], [5, 6]]
    assert values(tmp_path, r"re:cell_(?P<c>\d+)nm_(?P<t>\d{8}T\d{6})\.tif") == values(tmp_path)
    assert "gaps in time do not show" in folder_info.notes[0]


def test_channels_with_times_of_their_own_share_time_points(tmp_path: Path) -> None:
    clocks = (("120001", "120002"), ("120101", "120102"), ("120201", "120203"))
    names = [f"cell_{w}_{s}.tif" for pair in clocks for w, s in zip((488, 561), pair, strict=True)]
    write(tmp_path, *names)
    assert values(tmp_path) == [[1, 2], [3, 4], [5, 6]]
    # One that is missing leaves its own place open, and the others where they are.
    layout = arrange(names[:5], compile_pattern("cell_{c}_{t}.tif"))
    assert layout.table.tolist() == [[0, 1], [2, 3], [4, -1]]


def test_numbers_have_signs_and_fractions() -> None:
    names = ["a_z-1.tif", "a_z-0.5.tif", "a_z0.tif", "a_z1.5.tif"]
    layout = arrange(names, compile_pattern("a_z{z}.tif"))
    assert layout.table.tolist() == [[[0, 1, 2, -1, -1, 3]]]
    assert arrange(["a-3.tif", "a-4.tif"], compile_pattern("a-{t}.tif")).table.tolist() == [
        [0],
        [1],
    ]


def test_a_channel_of_several_words(tmp_path: Path) -> None:
    write(tmp_path, *(f"x_t{t}_{c}.tif" for t in range(2) for c in ("Cy3_Long", "DAPI")))
    assert values(tmp_path) == [[1, 2], [3, 4]]
    assert open_stack(tmp_path).channel_names == ("Cy3_Long", "DAPI")


def test_endings_of_one_set_may_differ(tmp_path: Path) -> None:
    write(tmp_path, "s_t0.tif", "s_t1.TIF", "s_t2.tiff")
    assert values(tmp_path) == [[1], [2], [3]]


def test_accents_fit_however_they_are_written(tmp_path: Path) -> None:
    apart, whole = (unicodedata.normalize(form, "zélé_t{}.tif") for form in ("NFD", "NFC"))
    write(tmp_path, apart.format(0), apart.format(1))
    assert values(tmp_path, whole.format("{t}")) == values(tmp_path) == [[1], [2]]


def test_a_plain_counter_of_single_planes_is_asked_about(tmp_path: Path) -> None:
    write(tmp_path, *(f"image_{z:04d}.tif" for z in range(6)), shape=(4, 5))
    folder_info = inspect_folder(tmp_path)
    assert folder_info.shape == (6, 4, 5)
    (question,) = [one for one in folder_info.questions if one.about == "pattern"]
    assert {"image_{z}.tif", "image_{t}.tif"} <= set(question.choices)


@pytest.mark.parametrize("axes", ["TC2Z5YX", "TZ5C2YX", "C2TZ5YX", "Z5TC2YX", "T3C2ZYX"])
def test_one_flat_list_of_pages_has_times_channels_and_planes(tmp_path: Path, axes: str) -> None:
    order = [letter for letter in axes if letter in "TCZ"]
    sizes = {"T": 3, "C": 2, "Z": 5}
    pages = np.arange(30, dtype=np.uint16).reshape([sizes[letter] for letter in order])
    for number in range(2):
        with tifffile.TiffWriter(tmp_path / f"a_t{number}.tif") as file:
            for value in pages.ravel() + 100 * number:
                plane = np.full((4, 6), value, np.uint16)
                file.write(plane, contiguous=False, metadata=None, photometric="minisblack")
    source = open_stack(tmp_path, axes=axes).source
    assert (source.sizes, source.spec.shape) == ((6, 2), (5, 4, 6))
    right = pages.transpose([order.index(letter) for letter in "TCZ"])
    for t, c in np.ndindex(6, 2):
        np.testing.assert_array_equal(source(t, c)[:, 0, 0], right[t % 3, c] + 100 * (t // 3))
    with pytest.raises(FolderError, match="all axes but one"):
        open_stack(tmp_path, axes="TC2ZYX")
    with pytest.raises(FolderError, match="no whole number of 8"):
        open_stack(tmp_path, axes="Z4TC2YX")
