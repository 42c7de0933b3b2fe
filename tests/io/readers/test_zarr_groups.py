"""Groups of zarr: those of bioformats2raw, plates, names without an ending, and where they lie."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_lazy_pipeline import Pipeline, Recipe, Stack, export, open_stack
from napari_lazy_pipeline.compute import StageCache
from napari_lazy_pipeline.errors import FileError, FolderError
from napari_lazy_pipeline.io import inspect_folder
from napari_lazy_pipeline.io.readers import _zarr_chunks
from napari_lazy_pipeline.io.readers import zarr as reader
from napari_lazy_pipeline.steps import Crop, Flip

zarr = pytest.importorskip("zarr")
SHAPE = (4, 17, 19)
SPACE = [{"name": axis, "type": "space", "unit": "micrometer"} for axis in "zyx"]


def put_image(path: Path, value: int, outer: Any = (), **changes: Any) -> Path:
    """Write an image, with transformations of all its resolutions."""
    group = zarr.open_group(path, mode="w", zarr_format=2)
    group.create_array("0", shape=SHAPE, dtype="u2", chunks=SHAPE)[...] = value
    scale = [{"type": "scale", "scale": [0.5, 0.1, 0.1]}]
    dataset = {"path": "0", "coordinateTransformations": scale, **changes}
    image = {"version": "0.4", "axes": SPACE, "datasets": [dataset]}
    group.attrs["multiscales"] = [{**image, "coordinateTransformations": list(outer)}]
    return path


def put_group(path: Path, **attributes: Any) -> Path:
    path.mkdir(parents=True)
    (path / ".zgroup").write_text('{"zarr_format": 2}')
    (path / ".zattrs").write_text(json.dumps(attributes))
    return path


def test_images_of_bioformats2raw_are_positions(tmp_path: Path) -> None:
    path = put_group(tmp_path / "run.zarr", **{"bioformats2raw.layout": 3})
    for number in range(12):
        put_image(path / str(number), 100 + number)
    found = inspect_folder(path)
    assert found.positions == tuple(map(str, range(12)))
    assert (found.shape, found.voxel_size) == (SHAPE, (0.5, 0.1, 0.1))
    assert (found.stack().volume() == 100).all()
    stack = open_stack(path, position="11")
    assert (stack.volume() == 111).all() and stack.source.read_planes(0, 0, 1, 2).max() == 111


def test_one_image_of_bioformats2raw_is_the_stack(tmp_path: Path) -> None:
    path = put_group(tmp_path / "run.zarr", **{"bioformats2raw.layout": 3})
    put_image(path / "0", 7)
    found = inspect_folder(path)
    assert found.positions == () and (found.stack().volume() == 7).all()


def test_wells_of_a_plate_are_positions(tmp_path: Path) -> None:
    wells = [{"path": "A/1"}, {"path": "B/2"}]
    path = put_group(tmp_path / "plate.zarr", plate={"wells": wells})
    for value, well in enumerate(wells):
        put_group(path / well["path"], well={"images": [{"path": "1"}, {"path": "0"}]})
        for field in range(2):
            put_image(path / well["path"] / str(field), 10 * value + field)
    assert inspect_folder(path).positions == ("A/1/1", "A/1/0", "B/2/1", "B/2/0")
    assert (open_stack(path, position="B/2/1").volume() == 11).all()
    # So are the fields of a well, and of a row, which states nothing itself.
    (path / "B" / ".zgroup").write_text('{"zarr_format": 2}')
    for place, positions in (("B/2", ("1", "0")), ("B", ("2/0", "2/1"))):
        info = inspect_folder(path / place)
        assert (info.positions, info.voxel_size) == (positions, (0.5, 0.1, 0.1))
        last = open_stack(path / place, position=positions[-1])
        assert (last.volume() == 10 + (place == "B")).all()


def test_a_position_is_read_without_a_look_at_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put_group(tmp_path / "run.zarr", **{"bioformats2raw.layout": 3})
    for number in range(3):
        put_image(path / str(number), number)
    stack = open_stack(path, position="2")
    monkeypatch.setattr(reader, "_images", lambda *_: pytest.fail("all were looked at"))
    assert (stack.volume() == 2).all()


@pytest.mark.parametrize("name", ["noending", "run.zarr/0", "a::b.zarr", "https:b.zarr"])
def test_it_need_not_be_called_so(name: str, tmp_path: Path) -> None:
    (tmp_path / "beside.tif").write_bytes(b"")
    try:
        path = put_image(tmp_path / "images" / "x", 5).rename(_made(tmp_path / "images" / name))
    except OSError as error:
        pytest.skip(f"this system has no such names: {error}")
    stack = open_stack(path)
    assert (stack.volume() == 5).all()
    Recipe(source=stack).save(tmp_path / "recipe.yaml")
    assert (Recipe.load(tmp_path / "recipe.yaml").open().volume() == 5).all()


def _made(path: Path) -> Path:
    """The path, once its folder is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def test_a_group_without_an_image_says_so(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="holds no image: no OME metadata, and no array"):
        open_stack(put_group(tmp_path / "a.zarr"))


def test_transformations_of_all_resolutions_come_after_their_own(tmp_path: Path) -> None:
    own = [
        {"type": "scale", "scale": [1, 1, 1]},
        {"type": "translation", "translation": [10, 30, 20]},
    ]
    outer = [
        {"type": "scale", "scale": [0.5, 0.1, 0.1]},
        {"type": "translation", "translation": [1, 0, -1]},
    ]
    path = put_image(tmp_path / "a.zarr", 1, outer, coordinateTransformations=own)
    spec = open_stack(path).spec
    assert spec.voxel_size == (0.5, 0.1, 0.1)
    assert spec.translate == pytest.approx((6.0, 3.0, 1.0))


def test_a_crop_that_was_exported_lies_where_it_was(tmp_path: Path) -> None:
    volume = np.arange(np.prod(SHAPE), dtype="u2").reshape(SHAPE)
    stack = Stack.from_array(volume, voxel_size=(0.5, 0.1, 0.1))
    cropped = Pipeline([Crop(z=(1, 3), y=(4, 12))]).apply(stack)
    assert export(cropped, tmp_path, format="ome-zarr").complete
    again = open_stack(next(tmp_path.glob("*.ome.zarr")))
    np.testing.assert_array_equal(again.volume(), volume[1:3, 4:12])
    assert again.spec.translate == pytest.approx(cropped.spec.translate)
    assert again.spec.translate == pytest.approx((0.5, 0.4, 0.0))


def test_plain_arrays_of_a_group_are_positions(tmp_path: Path) -> None:
    """Those that are alike, of the largest; axes by the names that xarray and zarr 3 give them."""
    group = zarr.open_group(tmp_path / "run.zarr", mode="w", zarr_format=3)
    for day in (1, 2):
        array = group.create_array(
            f"day{day}/raw", shape=(3, *SHAPE), dtype="u2", dimension_names=["time", "z", "y", "x"]
        )
        array[...] = day
    group.create_array("day1/mask", shape=(3, *SHAPE), dtype="bool")
    found = inspect_folder(tmp_path / "run.zarr")
    assert (found.positions, found.sizes) == (("day1/raw", "day2/raw"), (3, 1))
    stack = open_stack(tmp_path / "run.zarr", position="day2/raw")
    assert (stack.shape, stack.volume(2).max()) == ((3, 1, *SHAPE), 2)


def test_four_axes_without_names_are_refused(tmp_path: Path) -> None:
    """They may begin with time points, or with channels: nobody said."""
    zarr.create_array(tmp_path / "a.zarr", shape=(3, *SHAPE), dtype="u2")
    with pytest.raises(FolderError, match=r"axes of \(3, 4, 17, 19\) are not named"):
        inspect_folder(tmp_path / "a.zarr")


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("series", [False, True])
def test_an_array_without_time_that_is_written_again_is_read_again(
    series: bool, many: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder of an array does not change with its chunks; of many, it is their folders."""
    monkeypatch.setattr(_zarr_chunks, "_MANY", 1 if many else 4096)
    arrays = []
    for t in range(3 if series else 1):
        arrays.append(zarr.create_array(
            tmp_path / f"a_t{t}.zarr", shape=SHAPE, chunks=(2, *SHAPE[1:]), dtype="u2",
            dimension_names=["z", "y", "x"],
        ))  # fmt: skip
        arrays[t][...] = 10
    stack = open_stack(tmp_path if series else tmp_path / "a_t0.zarr")
    view = Pipeline([Flip(x=True)]).apply(stack, cache=StageCache())
    assert [view.volume(t).max() for t in range(len(arrays))] == [10] * len(arrays)
    arrays[-1][3:] = 20
    assert view.volume(len(arrays) - 1).max() == 20
    if series:
        assert view.volume(0).max() == 10


def test_a_million_chunks_are_known_by_their_folders(tmp_path: Path) -> None:
    """Each look asks for as many folders as there are; for more than that, nobody waits."""
    for name, shape in (("a", (8, 8, 20_000)), ("b", (1500, 1500, 2))):
        zarr.create_array(
            tmp_path / name / "a.zarr", shape=shape, chunks=(1, 1, 1), dtype="u2", zarr_format=2,
            chunk_key_encoding={"name": "v2", "separator": "/"},
        )  # fmt: skip
    known = open_stack(tmp_path / "a" / "a.zarr").source.identity(0, 0)
    assert "vanished" not in known
    with pytest.raises(FileError, match="Each volume is cut into 4500000 files"):
        open_stack(tmp_path / "b" / "a.zarr").source.read(0, 0)
