"""Positions of one file: each has the sizes, the voxel size, the interval and the names of its own.

What is written is what is asserted: by tifffile, by zarr, by hand, and by a stand-in for bioio.
"""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import tifffile

from napari_lazy_pipeline import Pipeline, Recipe, open_stack
from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.exports.other_folder import open_other
from napari_lazy_pipeline.io import inspect_folder
from napari_lazy_pipeline.io.live.folder_watcher import FolderWatcher
from napari_lazy_pipeline.session import Session

SHAPE = (3, 6, 8)


class Image(NamedTuple):
    """What is written of a position: a missing number is not stated."""

    size: tuple[float | None, ...]  # (z, y, x) [um]
    interval: float | None  # [s]
    names: tuple[str, ...]
    times: int = 2

    def pixels(self, number: int) -> np.ndarray:
        """Volumes (t, c, z, y, x) that no other position has."""
        shape = (self.times, len(self.names), *SHAPE)
        return (np.arange(np.prod(shape)) + 10_000 * number).reshape(shape).astype("u2")


LIKE = (
    Image((0.3, 0.1, 0.1), 1.0, ("GFP", "RFP")),
    Image((1.5, 0.5, 0.5), 60.0, ("DAPI", "Cy5")),
    Image((0.6, 0.2, 0.2), 5.0, ("GFP", "Cy5")),
)
LONGER = (LIKE[0], LIKE[1]._replace(times=5), LIKE[2]._replace(times=3))
UNSTATED = (LIKE[0], Image((None, None, None), None, ("ch0", "ch1")), LIKE[2])
MORE_CHANNELS = (LIKE[0], LIKE[1]._replace(names=("DAPI", "Cy5", "BF"), times=4))


def put_tiff(folder: Path, images: Sequence[Image]) -> Path:
    path = folder / "run.ome.tif"
    with tifffile.TiffWriter(path) as writer:
        for number, image in enumerate(images):
            said: dict[str, Any] = {"axes": "TCZYX", "Name": f"well {number}"}
            if image.interval:
                said |= {"TimeIncrement": image.interval, "TimeIncrementUnit": "s"}
                said |= {f"PhysicalSize{a}": s for a, s in zip("ZYX", image.size, strict=True)}
                said |= {"Channel": {"Name": list(image.names)}}
            writer.write(image.pixels(number), metadata=said)
    return path


def put_zarr(folder: Path, images: Sequence[Image]) -> Path:
    """As bioformats2raw lays it out."""
    zarr = pytest.importorskip("zarr")
    path = folder / "run.zarr"
    path.mkdir()
    (path / ".zgroup").write_text('{"zarr_format": 2}')
    (path / ".zattrs").write_text(json.dumps({"bioformats2raw.layout": 3}))
    for number, image in enumerate(images):
        group = zarr.open_group(path / str(number), mode="w", zarr_format=2)
        pixels = image.pixels(number)
        array = group.create_array("0", shape=pixels.shape, dtype="u2", chunks=(1, 1, *SHAPE))
        array[...] = pixels
        axes = [{"name": "t", "type": "time"}, {"name": "c", "type": "channel"}]
        axes += [{"name": axis, "type": "space"} for axis in "zyx"]
        dataset: dict[str, Any] = {"path": "0"}
        if image.interval:
            for axis, unit in zip(axes, ("second", "", *["micrometer"] * 3), strict=True):
                axis |= {"unit": unit} if unit else {}
            scale = [image.interval, 1, *image.size]
            dataset["coordinateTransformations"] = [{"type": "scale", "scale": scale}]
            group.attrs["omero"] = {"channels": [{"label": name} for name in image.names]}
        group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": [dataset]}]
    return path


Writer = Callable[[Path, Sequence[Image]], Path]
WRITERS = {"OME-TIFF": put_tiff, "OME-Zarr": put_zarr}
EACH = pytest.mark.parametrize("put", WRITERS.values(), ids=WRITERS)


@EACH
@pytest.mark.parametrize(
    "images", [LIKE, LONGER, LONGER[::-1], UNSTATED, UNSTATED[1::-1], MORE_CHANNELS],
    ids=["alike", "longer", "shorter", "unstated", "first unstated", "more channels"],
)  # fmt: skip
def test_a_position_shows_what_is_stated_of_it(
    put: Writer, images: Sequence[Image], tmp_path: Path
) -> None:
    path = put(tmp_path, images)
    positions = inspect_folder(path).positions
    assert len(positions) == len(images)
    for number, (image, position) in enumerate(zip(images, positions, strict=True)):
        found = inspect_folder(path, position=position)
        assert (found.position, found.sizes) == (position, (image.times, len(image.names)))
        assert found.voxel_size == image.size
        assert (found.time_interval, found.channel_names) == (image.interval, image.names)
        stack = open_stack(path, position=position, strict=True)
        for t, c in np.ndindex(found.sizes):
            np.testing.assert_array_equal(stack.volume(t, c), image.pixels(number)[t, c])


@EACH
def test_a_recipe_of_a_position_opens_it_again(put: Writer, tmp_path: Path) -> None:
    path = put(tmp_path, LONGER)
    first, second, _ = inspect_folder(path).positions
    stack = open_stack(path, position=second)
    Recipe(pipeline=Pipeline([]), source=stack).save(tmp_path / "recipe.yaml")
    recipe = Recipe.load(tmp_path / "recipe.yaml")
    for again in (recipe.open(), open_other(recipe, recipe.source.folder, second)):
        assert again.stack_spec == stack.stack_spec
        assert (again.shape[0], again.stack_spec.time_interval) == (5, 60.0)
        np.testing.assert_array_equal(again.volume(4, 1), LONGER[1].pixels(1)[4, 1])
    other = open_other(recipe, recipe.source.folder, first)
    assert (other.spec.voxel_size, other.shape[0]) == (LIKE[0].size, 2)
    assert other.stack_spec.time_interval == 1.0


@pytest.mark.parametrize("images", [LONGER[:2], MORE_CHANNELS], ids=["longer", "more channels"])
def test_other_files_are_compared_with_the_position_that_is_shown(
    images: Sequence[Image], tmp_path: Path
) -> None:
    """Not with their own first position, as long as that of the first file is not."""
    for t in range(2):
        put_tiff(tmp_path, images).rename(tmp_path / f"run_t{t}.ome.tif")
    stack = open_stack(tmp_path, "run_t{t}.ome.tif", position="well 1", strict=True)
    times = images[1].times
    assert (stack.shape[0], stack.stack_spec.channels) == (2 * times, images[1].names)
    last = images[1].pixels(1)[times - 1, 1]
    np.testing.assert_array_equal(stack.volume(2 * times - 1, 1), last)
    assert not stack.source.judge.why_incomplete(str(tmp_path / "run_t1.ome.tif"))


@EACH
def test_what_was_open_before_says_nothing_of_a_position(put: Writer, tmp_path: Path) -> None:
    """As the list of positions in the window opens them, one after the other."""
    path, session = put(tmp_path, LONGER), Session()
    positions = inspect_folder(path).positions
    for number in (0, 1, 2, 0):
        session.show(inspect_folder(path, position=positions[number]))
        spec, image = session.stack.stack_spec, LONGER[number]
        assert (spec.volume.voxel_size, spec.time_interval) == (image.size, image.interval)
        assert (spec.channels, spec.times) == (image.names, image.times)
        assert session.recipe().source.position == positions[number]


def test_undo_does_not_name_channels_of_another_position(tmp_path: Path) -> None:
    images = (*MORE_CHANNELS, LIKE[2])
    path, session = put_tiff(tmp_path, images), Session()
    positions = inspect_folder(path).positions
    session.show(inspect_folder(path, position=positions[0]))
    session.state(channel_names=("g", "r"))
    session.state(time_interval=3.0)
    for position in (positions[2], positions[1]):  # the last has three channels
        session.show(inspect_folder(path, position=position))
    session.undo()
    assert session.stack is not None and session.stack.channel_names == LIKE[2].names


def put_set(folder: Path, master: str = "", renamed: str = "") -> None:
    """Two files, each an image of its own, that both describe, or a text beside them."""
    names = [f"f_{n}.ome.tif" for n in range(2)]
    images = "".join(
        f'<Image Name="well {n}"><Pixels DimensionOrder="XYZCT" SizeX="8" SizeY="6" SizeZ="3" '
        f'SizeC="1" SizeT="2" PhysicalSizeX="{x}" PhysicalSizeY="{x}" PhysicalSizeZ="0.5" '
        f'TimeIncrement="{n + 1}"><Channel Name="dye {n}"/><TiffData IFD="0" PlaneCount="6">'
        f'<UUID FileName="{name}">urn:uuid:{name}</UUID></TiffData></Pixels></Image>'
        for n, (name, x) in enumerate(zip(names, (0.1, 0.5), strict=True))
    )
    for n, name in enumerate(names):
        stub = f'<BinaryOnly MetadataFile="{master}" UUID="urn:uuid:{name}"/>'
        uuid = "" if renamed else f' UUID="urn:uuid:{name}"'
        text = f"<OME{uuid}>{stub if master else images}</OME>".encode()
        with tifffile.TiffWriter(folder / name.replace("f_", renamed or "f_"), ome=False) as tif:
            for page in range(6):
                plane, said = np.full((6, 8), 100 * n + page, "u2"), text if page == 0 else None
                tif.write(plane, description=said, metadata=None, contiguous=False)
    if master:
        (folder / master).write_text(f"<OME>{images}</OME>")


@pytest.mark.parametrize("master", ["", "run.companion.ome"])
@pytest.mark.parametrize("pattern", [None, "f_{p}.ome.tif"])
def test_an_image_of_a_set_in_a_file_of_its_own(
    master: str, pattern: str | None, tmp_path: Path
) -> None:
    put_set(tmp_path, master)
    for n, x in enumerate((0.1, 0.5)):
        for where in [tmp_path, *([tmp_path / master] if master and not pattern else [])]:
            found = inspect_folder(where, pattern, position=str(n))
            assert (found.positions, found.voxel_size) == (("0", "1"), (0.5, x, x))
            assert (found.time_interval, found.channel_names) == (n + 1, (f"dye {n}",))
            assert found.stack().volume(1)[:, 0, 0].tolist() == [100 * n + p for p in (3, 4, 5)]


def test_a_file_that_no_image_names_has_what_all_of_them_state(tmp_path: Path) -> None:
    """Files that were renamed: which of the images one is, nothing tells."""
    put_set(tmp_path, renamed="g_")
    found = inspect_folder(tmp_path / "g_1.ome.tif")
    assert found.voxel_size == (None, None, None) and found.time_interval is None
    assert found.channel_names == ("ch0",)


class TwoScenes:
    """What bioio gives of the scene that is set, as far as it is used."""

    scenes = ("first", "second")
    dtype = np.dtype("u2")

    def __init__(self, path: str) -> None:
        self.number = 0

    def set_scene(self, name: str) -> None:
        self.number = self.scenes.index(name)

    @property
    def image(self) -> Image:
        return MORE_CHANNELS[self.number]

    @property
    def channel_names(self) -> list[str]:
        return list(self.image.names)

    @property
    def physical_pixel_sizes(self) -> Any:
        return types.SimpleNamespace(**dict(zip("ZYX", self.image.size, strict=True)))

    @property
    def dims(self) -> Any:
        z, y, x = SHAPE
        sizes = {"T": self.image.times, "C": len(self.image.names), "Z": z, "Y": y, "X": x}
        return types.SimpleNamespace(order="TCZYX", **sizes)

    def get_image_dask_data(self, axes: str, T: int, C: int) -> Any:
        import dask.array as da

        return da.from_array(self.image.pixels(self.number)[T, C])


def test_a_position_that_bioio_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bioio", types.SimpleNamespace(BioImage=TwoScenes))
    (tmp_path / "a.czi").write_bytes(b"x")
    for number, (image, name) in enumerate(zip(MORE_CHANNELS, TwoScenes.scenes, strict=True)):
        found = inspect_folder(tmp_path, position=name)
        assert (found.position, found.sizes) == (name, (image.times, len(image.names)))
        assert (found.voxel_size, found.channel_names) == (image.size, image.names)
        last = image.times - 1, len(image.names) - 1
        np.testing.assert_array_equal(found.stack().volume(*last), image.pixels(number)[last])


def test_a_file_that_ends_within_the_first_position_is_not_taken(tmp_path: Path) -> None:
    """Its text, which was written first, tells of three."""

    def put(t: int, pages: int) -> None:
        plain = 'DimensionOrder="XYZCT" Type="uint16" SizeX="8" SizeY="6" SizeZ="3" SizeC="1"'
        images = "".join(
            f'<Image ID="Image:{i}" Name="pos{i}"><Pixels {plain} SizeT="1">'
            f'<TiffData IFD="{3 * i}" PlaneCount="3"/></Pixels></Image>'
            for i in range(3)
        )
        with tifffile.TiffWriter(tmp_path / f"run_t{t}.ome.tif") as writer:
            for page in range(pages):
                plane = np.full(SHAPE[1:], 10 * t + page // 3, "u2")
                text = f"<OME>{images}</OME>" if page == 0 else None
                writer.write(plane, description=text, metadata=None, contiguous=False)

    for t in range(3):
        put(t, 9)
    stack = open_stack(tmp_path, position="pos2")
    watcher = FolderWatcher(stack.source)
    put(3, 2)
    put(4, 9)
    for _ in range(3):
        source = watcher.poll().source
    assert source.sizes[0] == 5
    assert [int(source.read(t, 0).max()) for t in (0, 2, 4)] == [2, 22, 42]
    with pytest.raises(FileError):
        source.read(3, 0)
