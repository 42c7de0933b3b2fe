"""Sources that are not TIFF: raw pixels, pictures, OME-Zarr, vendors' files, functions."""

from __future__ import annotations

import builtins
import functools
import importlib.metadata
import itertools
import pickle
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_lazy_pipeline.errors import FileError, FolderError
from napari_lazy_pipeline.io import inspect_folder, open_stack, readers
from napari_lazy_pipeline.io.readers import bioio, zarr

DATA = np.random.default_rng(0).integers(1, 200, (3, 2, 4, 6, 8)).astype(np.uint16)


@pytest.fixture
def fresh_readers() -> Iterator[None]:
    """Forget which readers there are, before and after."""
    for cached in (readers.readers, readers.suffixes):
        cached.cache_clear()
    yield
    for cached in (readers.readers, readers.suffixes):
        cached.cache_clear()


class TestRaw:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        for t, c in itertools.product(range(3), range(2)):
            path = tmp_path / f"SPC00_TM{t:05d}_ANG000_CM{c}_CHN00_PH0.stack"
            DATA[t, c].astype("<u2").tofile(path)
        (tmp_path / "Background_1.tif").touch()
        return tmp_path

    def test_with_a_shape_the_volumes_come_back(self, folder: Path) -> None:
        (folder / "Background_1.tif").unlink()
        stack = open_stack(folder, shape=(4, 6, 8))
        assert stack.shape == DATA.shape
        np.testing.assert_array_equal(stack.volume(2, 1), DATA[2, 1])

    def test_a_picture_of_the_background_does_not_matter(self, folder: Path) -> None:
        assert open_stack(folder, shape=(4, 6, 8)).shape == DATA.shape

    def test_other_types(self, tmp_path: Path) -> None:
        DATA[0, 0].astype(">f4").tofile(tmp_path / "a.raw")
        stack = open_stack(tmp_path, shape=(4, 6, 8), dtype=">f4")
        assert stack.spec.dtype == "float32"
        np.testing.assert_array_equal(stack.volume(), DATA[0, 0])

    def test_without_a_shape_it_is_asked_for(self, folder: Path) -> None:
        (folder / "Background_1.tif").unlink()
        with pytest.raises(FolderError, match=r"no header, but 384 bytes.*Tell its shape"):
            open_stack(folder)

    def test_another_size_is_refused(self, folder: Path) -> None:
        with pytest.raises(FolderError, match=r"384 bytes: 4 planes of \(6, 8\), not 5"):
            open_stack(folder, shape=(5, 6, 8))
        source = open_stack(folder, shape=(4, 6, 8)).source
        path = source.path(1, 1)  # type: ignore[attr-defined]
        Path(path).write_bytes(Path(path).read_bytes()[:-1])
        with pytest.raises(FileError, match="still being written"):
            source.read(1, 1)

    @pytest.mark.parametrize("shape", [(1, 2), (0, 1, 1), (1.5, 1, 1), "abc"])
    def test_nonsense(self, folder: Path, shape: Any) -> None:
        with pytest.raises(FolderError, match="three positive numbers"):
            open_stack(folder, shape=shape)

    def test_no_such_type(self, folder: Path) -> None:
        with pytest.raises(FolderError, match="no dtype 'uint17'"):
            open_stack(folder, shape=(4, 6, 8), dtype="uint17")


class TestPictures:
    def test_planes_as_png(self, tmp_path: Path) -> None:
        imageio = pytest.importorskip("imageio.v3")
        for t, z in itertools.product(range(3), range(4)):
            imageio.imwrite(tmp_path / f"a[1]_t{t}_z{z}.png", DATA[t, 0, z].astype(np.uint8))
        found = inspect_folder(tmp_path)
        assert (found.pattern, found.sizes, found.shape) == (
            "a[1]_t{t}_z{z}.png", (3, 1), (4, 6, 8),
        )  # fmt: skip
        np.testing.assert_array_equal(found.stack().volume(2), DATA[2, 0])

    def test_sixteen_bits_and_bad_files(self, tmp_path: Path) -> None:
        imageio = pytest.importorskip("imageio.v3")
        for t in range(3):
            imageio.imwrite(tmp_path / f"a_t{t}.png", DATA[t, 0, 0] * 200)
        stack = open_stack(tmp_path)
        assert stack.spec.dtype == "uint16"
        np.testing.assert_array_equal(stack.volume(1)[0], DATA[1, 0, 0] * 200)
        whole = (tmp_path / "a_t2.png").read_bytes()
        (tmp_path / "a_t2.png").write_bytes(whole[: len(whole) // 2])
        with pytest.raises(FileError, match=r"a_t2\.png"):
            stack.source.read(2, 0)

    def test_colour_is_refused(self, tmp_path: Path) -> None:
        imageio = pytest.importorskip("imageio.v3")
        imageio.imwrite(tmp_path / "a.png", np.zeros((4, 5, 3), np.uint8))
        with pytest.raises(FolderError, match="in colour"):
            open_stack(tmp_path)

    def test_thumbnails_beside_tiffs_are_no_data(self, tmp_path: Path) -> None:
        for t in range(3):
            tifffile.imwrite(tmp_path / f"a_t{t}.tif", DATA[t, 0], photometric="minisblack")
            (tmp_path / f"a_t{t}_preview.png").touch()
        found = inspect_folder(tmp_path)
        assert (found.matched, found.unmatched) == (3, 0)


class TestZarr:
    def write(
        self,
        folder: Path,
        version: int = 3,
        scale: tuple[float, ...] = (0.4, 0.1, 0.1),
        unit: str | None = "micrometer",
    ) -> Path:
        library = pytest.importorskip("zarr")
        path = folder / "image.ome.zarr"
        if version == 2 and library.__version__ < "3":
            group = library.open_group(str(path), mode="w")
        else:
            group = library.open_group(str(path), mode="w", zarr_format=version)
        array = group.create_array("0", shape=DATA.shape, chunks=(1, 1, 4, 6, 8), dtype=DATA.dtype)
        array[...] = DATA
        units = {"t": ("time", "second"), "c": ("channel", None)}
        axes = [
            {"name": a, "type": units.get(a, ("space", ""))[0],
             "unit": units.get(a, ("", unit))[1]}
            for a in "tczyx"
        ]  # fmt: skip
        scales = [{"type": "scale", "scale": [2.5, 1, *scale]}]
        image = {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": scales}]}
        said = {"multiscales": [image], "omero": {"channels": [{"label": "a"}, {"label": "b"}]}}
        group.attrs.update({"ome": {"version": "0.5", **said}} if version == 3 else said)
        return path

    @pytest.mark.parametrize("version", [2, 3])
    def test_volumes_and_metadata(self, version: int, tmp_path: Path) -> None:
        path = self.write(tmp_path, version)
        for place in (tmp_path, path):
            found = inspect_folder(place)
            assert found.shape == (4, 6, 8) and found.sizes == (3, 2)
            assert found.voxel_size == (0.4, 0.1, 0.1) and found.voxel_source == "OME-Zarr"
            assert (found.time_interval, found.channel_names) == (2.5, ("a", "b"))
            np.testing.assert_array_equal(found.stack().volume(2, 1), DATA[2, 1])

    @pytest.mark.parametrize(
        ("scale", "unit", "voxel_size"),
        [
            ((1, 1, 1), None, (None, None, None)),
            ((1, 0.1, 0.1), None, (None, None, None)),
            ((300, 104, 104), None, (None, None, None)),
            ((1, 1, 1), "micrometer", (1.0, 1.0, 1.0)),
            ((400, 100, 100), "nanometer", (0.4, 0.1, 0.1)),
        ],
    )
    def test_a_scale_without_a_unit_states_nothing(
        self,
        scale: tuple[float, ...],
        unit: str | None,
        voxel_size: tuple[float | None, ...],
        tmp_path: Path,
    ) -> None:
        self.write(tmp_path, scale=scale, unit=unit)
        found = inspect_folder(tmp_path)
        assert found.voxel_size == pytest.approx(voxel_size)
        told = [note for note in found.notes if "without a unit" in note]
        assert len(told) == (unit is None and scale != (1, 1, 1))
        assert found.voxel_source == ("OME-Zarr" if any(voxel_size) else "unknown")

    def test_a_plain_array(self, tmp_path: Path) -> None:
        library = pytest.importorskip("zarr")
        library.save(str(tmp_path / "a.zarr"), DATA)
        stack = open_stack(tmp_path)
        assert stack.shape == DATA.shape
        np.testing.assert_array_equal(stack.volume(1, 0), DATA[1, 0])

    def test_no_image(self, tmp_path: Path) -> None:
        library = pytest.importorskip("zarr")
        library.open_group(str(tmp_path / "a.zarr"), mode="w")
        with pytest.raises(FolderError, match="holds no image"):
            open_stack(tmp_path)

    def test_without_zarr_it_says_what_to_install(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "a.zarr").mkdir()
        monkeypatch.setitem(sys.modules, "zarr", None)
        with pytest.raises(FolderError, match=r"without zarr.*pip install .*\[zarr\]"):
            open_stack(tmp_path)
        assert zarr.READER.accepts("a.ZARR/")


class FakeImage:
    """What bioio gives, as far as it is used."""

    scenes = ("first", "second")
    channel_names = ("a", "b")
    physical_pixel_sizes = types.SimpleNamespace(Z=0.4, Y=0.1, X=0.1)
    dims = types.SimpleNamespace(order="TCZYX", T=3, C=2, Z=4, Y=6, X=8)
    dtype = DATA.dtype

    def __init__(self, path: str) -> None:
        if Path(path).stat().st_size == 0:
            raise ValueError("no plugin reads this")
        self.scene = 0

    def set_scene(self, name: str) -> None:
        self.scene = self.scenes.index(name)

    def get_image_dask_data(self, axes: str, T: int, C: int) -> Any:
        import dask.array as da

        assert axes == "ZYX"
        return da.from_array(DATA[T, C] + np.uint16(self.scene))


class TestBioio:
    def test_volumes_metadata_and_positions(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "bioio", types.SimpleNamespace(BioImage=FakeImage))
        (tmp_path / "a.czi").write_bytes(b"x")
        found = inspect_folder(tmp_path / "a.czi")
        assert (found.sizes, found.shape) == ((3, 2), (4, 6, 8))
        assert (found.voxel_size, found.channel_names) == ((0.4, 0.1, 0.1), ("a", "b"))
        assert found.positions == ("first", "second")
        stack = open_stack(tmp_path, position="second")
        np.testing.assert_array_equal(stack.volume(2, 1), DATA[2, 1] + np.uint16(1))

    def test_a_file_that_the_library_of_the_vendor_wrote(self, tmp_path: Path) -> None:
        pytest.importorskip("bioio_czi", reason="needs: pip install bioio bioio-czi")
        library = pytest.importorskip("pylibCZIrw.czi", reason="needs: pip install pylibCZIrw")
        with library.create_czi(str(tmp_path / "run.czi")) as file:
            for t, c, z in np.ndindex(DATA.shape[:3]):
                file.write(DATA[t, c, z, :, :, np.newaxis], plane={"T": t, "C": c, "Z": z})
            file.write_metadata(
                "run", channel_names={0: "488", 1: "561"}, scale_x=1e-7, scale_y=1e-7, scale_z=4e-7
            )
        found = inspect_folder(tmp_path)
        assert (found.sizes, found.channel_names) == ((3, 2), ("488", "561"))
        assert found.voxel_size == pytest.approx((0.4, 0.1, 0.1))
        for t, c in np.ndindex(found.sizes):
            np.testing.assert_array_equal(found.stack().volume(t, c), DATA[t, c])

    @pytest.mark.parametrize("missing", ["bioio", "plugin"])
    def test_what_to_install_is_said(
        self, missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fake = None if missing == "bioio" else types.SimpleNamespace(BioImage=FakeImage)
        monkeypatch.setitem(sys.modules, "bioio", fake)
        (tmp_path / "a.czi").touch()
        with pytest.raises(FolderError, match="pip install bioio bioio-czi"):
            open_stack(tmp_path)

    def test_every_ending_names_its_plugin(self) -> None:
        assert set(bioio._PLUGINS) == set(bioio.READER.suffixes)


def read_npy(path: str) -> np.ndarray:
    """Any function that takes a path and returns an array."""
    result: np.ndarray = np.load(path)
    return result


class TestFunctions:
    NAME = f"{__name__}:read_npy"

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        for t in range(3):
            np.save(tmp_path / f"a_t{t}.npy", DATA[t, 0])
        (tmp_path / "readme.txt").touch()
        return tmp_path

    def test_a_named_function_reads(self, folder: Path) -> None:
        for pattern in (None, "a_t{t}.npy"):
            stack = open_stack(folder, pattern, reader=self.NAME, trust=True)
            assert stack.shape == (3, 1, 4, 6, 8)
            np.testing.assert_array_equal(stack.volume(2), DATA[2, 0])

    def test_a_function_itself_reads(self, folder: Path) -> None:
        for reader in (read_npy, np.load, functools.partial(np.load, mmap_mode="r")):
            stack = open_stack(folder, "a_t{t}.npy", reader=reader)
            assert stack.shape == (3, 1, 4, 6, 8)
            np.testing.assert_array_equal(stack.volume(2), DATA[2, 0])
        source = open_stack(folder, "a_t{t}.npy", reader=read_npy).source
        again = pickle.loads(pickle.dumps(source))
        assert again == source and again.identity(1, 0) == source.identity(1, 0)

    def test_axes_of_length_one_are_left_out(self, folder: Path) -> None:
        stack = open_stack(folder, "a_t{t}.npy", reader=lambda path: np.load(path)[None, None])
        np.testing.assert_array_equal(stack.volume(2), DATA[2, 0])

    def test_five_axes_are_time_points_and_channels_too(self, folder: Path) -> None:
        stack = open_stack(folder, "a_t0.npy", reader=lambda path: DATA)
        assert stack.shape == DATA.shape and DATA.shape[0] > 1 < DATA.shape[1]
        np.testing.assert_array_equal(stack.volume(1, 1), DATA[1, 1])
        stack = open_stack(folder, "a_t{t}.npy", reader=lambda path: DATA[:1])
        assert stack.shape == (3, *DATA.shape[1:])
        np.testing.assert_array_equal(stack.volume(2, 1), DATA[0, 1])

    def test_two_functions_are_two_stacks(self, folder: Path) -> None:
        stacks = [
            open_stack(folder, "a_t{t}.npy", reader=lambda path, more=more: np.load(path) + more)
            for more in (np.uint16(0), np.uint16(1))
        ]
        first, second = (stack.source for stack in stacks)
        assert first.token != second.token and first.identity(0, 0) != second.identity(0, 0)
        np.testing.assert_array_equal(stacks[1].data[2, 0], DATA[2, 0] + np.uint16(1))

    @pytest.mark.parametrize("error", [ValueError, OSError, MemoryError, KeyError])
    def test_what_a_function_raises_is_its_own(self, folder: Path, error: type[Exception]) -> None:
        def read_badly(path: str) -> np.ndarray:
            raise error("no such header")

        line = read_badly.__code__.co_firstlineno + 1
        with pytest.raises(FolderError) as caught:
            open_stack(folder, "a_t{t}.npy", reader=read_badly)
        message = str(caught.value)
        where = f"in line {line} of {Path(__file__).name}"
        assert f"read_badly raised {error.__name__} {where}" in message
        assert "no such header" in message and "damaged" not in message

    def test_a_file_that_is_gone_is_gone(self, folder: Path) -> None:
        source = open_stack(folder, "a_t{t}.npy", reader=read_npy).source
        (folder / "a_t1.npy").unlink()
        with pytest.raises(FileError, match="The file is gone"):
            source.read(1, 0)

    def test_without_confirmation_nothing_is_imported(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(name: str, *_: object) -> object:
            raise AssertionError(name)

        monkeypatch.setattr("importlib.import_module", _only_ours(refuse))
        with pytest.raises(FolderError, match=r"would run code: evil:run.*trust=True"):
            open_stack(folder, reader="evil:run")

    @pytest.mark.parametrize("name", ["", "a", "a:", ":b", "a b:c", "a:b c", "os:system('x')"])
    def test_a_name_that_is_none(self, folder: Path, name: str) -> None:
        with pytest.raises(FolderError, match="module:function"):
            open_stack(folder, reader=name, trust=True)

    def test_a_function_that_fails_or_is_not_there(self, folder: Path) -> None:
        with pytest.raises(FolderError, match="ModuleNotFoundError"):
            open_stack(folder, reader="no_such_module:read", trust=True)
        with pytest.raises(FolderError, match="AttributeError"):
            open_stack(folder, reader=f"{__name__}:nothing", trust=True)
        np.save(folder / "a_t0.npy", np.zeros((2, 2, 2, 2)))
        stack = open_stack(folder, reader=self.NAME, trust=True)
        with pytest.raises(FileError, match=r"no volume.*axes \(t, c, z, y, x\)"):
            stack.source.read(0, 0)

    def test_another_package_may_register_one(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, fresh_readers: None
    ) -> None:
        group = "napari_lazy_pipeline.readers"
        for path in folder.glob("*.npy"):
            path.rename(path.with_suffix(".vol"))
        point = importlib.metadata.EntryPoint("vol", self.NAME, group)
        monkeypatch.setattr(
            "napari_lazy_pipeline.io.readers._user_function.entry_points",
            lambda group: [point] if group == point.group else [],
        )
        assert ".vol" in readers.suffixes()
        found = inspect_folder(folder)
        assert (found.pattern, found.sizes) == ("a_t{t}.vol", (3, 1))
        np.testing.assert_array_equal(found.stack().volume(1), DATA[1, 0])


def _only_ours(refuse: Any) -> Any:
    real = importlib.import_module

    def load(name: str, *rest: Any) -> Any:
        return real(name, *rest) if name.startswith("napari_lazy_pipeline") else refuse(name)

    return load


def test_the_core_needs_none_of_these_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def guard(name: str, *rest: Any, **more: Any) -> Any:
        assert name.partition(".")[0] not in ("bioio", "zarr", "dask_image", "pims")
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", guard)
    for reader in readers.readers():
        reader.accepts("a.tif")
