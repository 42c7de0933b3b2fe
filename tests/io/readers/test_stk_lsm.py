"""MetaMorph and LSM: files put together tag by tag, as tifffile does not write them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_lazy_pipeline import open_stack
from napari_lazy_pipeline.errors import FileError, FolderError
from napari_lazy_pipeline.io import inspect_folder
from napari_lazy_pipeline.io.live.folder_watcher import FolderWatcher

SHAPE = (4, 9, 11)
DATA = np.random.default_rng(0).integers(0, 4000, (3, 2, *SHAPE)).astype("<u2")
_SIZES = {3: 2, 4: 4, 5: 8}
Tag = tuple[int, int, int, bytes]  # code, type, count and value


def directory(start: int, tags: Sequence[Tag], last: bool) -> bytes:
    """An image file directory at a place of the file, with what does not fit into it behind it."""
    after, entries, far = start + 6 + 12 * len(tags), b"", b""
    for code, kind, count, value in sorted(tags):
        # LSM keeps two numbers of bits elsewhere, though they would fit.
        if len(value) > 4 or (code, count) == (258, 2):
            entries += struct.pack("<HHII", code, kind, count, after + len(far))
            far += value + b"\0" * (len(value) % 2)
        else:
            entries += struct.pack("<HHI4s", code, kind, count, value)
    following = 0 if last else after + len(far)
    return struct.pack("<H", len(tags)) + entries + struct.pack("<I", following) + far


def image_tags(shape: Sequence[int], place: int, samples: int = 1) -> list[Tag]:
    y, x = shape
    numbers = {
        254: 0,
        256: x,
        257: y,
        258: 16,
        259: 1,
        262: 1,
        277: samples,
        278: y,
        279: 2 * y * x,
    }
    tags = [(code, 4, 1, struct.pack("<I", number)) for code, number in numbers.items()]
    return [*tags, (273, 4, 1, struct.pack("<I", place))]


def write_stk(path: Path, volume: np.ndarray, step: float) -> None:
    """All planes behind one directory, their distances in a tag of MetaMorph."""
    planes, y, x = volume.shape
    positions = b"".join(struct.pack("<IIIIII", int(1000 * step), 1000, 1, 0, 1, 0) for _ in volume)
    calibration = {0: 1, 4: (104, 1000), 5: (104, 1000), 6: b"um\0"}
    pixels = volume.tobytes()
    tags = image_tags((y, x), 8)
    # Values of the first of its tags that are longer than a number lie elsewhere.
    far, entries = 8 + len(pixels), b""
    extra = b""
    for code, value in calibration.items():
        if isinstance(value, int):
            entries += struct.pack("<II", code, value)
            continue
        text = isinstance(value, bytes)
        packed = struct.pack("<I", len(value)) + value if text else struct.pack("<II", *value)
        entries += struct.pack("<II", code, far + len(extra))
        extra += packed
    start = far + len(extra) + len(extra) % 2
    tags += [
        (33628, 4, len(calibration), entries),
        (33629, 5, planes, positions),
    ]
    head = b"II*\0" + struct.pack("<I", start)
    blank = b"\0" * (start - far - len(extra))
    path.write_bytes(head + pixels + extra + blank + directory(start, tags, True))


def write_lsm(path: Path, times: int, planes: int) -> None:
    """A page with both channels a plane, each followed by that of a small picture."""
    _, y, x = SHAPE
    info = struct.pack("<IiiiiiiiiiddddddHHI", 0x0400494C, 130, x, y, planes, 2, times, 2, 5, 4,
                       1.04e-7, 1.04e-7, 4e-7, 0, 0, 0, 6, 0, 0)  # fmt: skip
    info += struct.pack("<IIIId", 0, 0, 0, 0, 2.5)
    info += b"\0" * (130 - len(info))
    count = times * planes
    pixels = b"".join(
        DATA[n // planes, c, n % planes].tobytes() for n in range(count) for c in (0, 1)
    )
    small = 8 + len(pixels)
    start = small + 2 * 2 * 4 * 5
    body = b"II*\0" + struct.pack("<I", start) + pixels + b"\0" * (start - small)
    for number in range(count):
        place = 8 + number * 2 * (2 * y * x)
        tags = [tag for tag in image_tags((y, x), place) if tag[0] not in (258, 273, 277, 279)]
        tags += [
            (258, 3, 2, struct.pack("<HH", 16, 16)), (277, 3, 1, struct.pack("<H", 2)),
            (284, 3, 1, struct.pack("<H", 2)),
            (273, 4, 2, struct.pack("<II", place, place + 2 * y * x)),
            (279, 4, 2, struct.pack("<II", 2 * y * x, 2 * y * x)),
        ]  # fmt: skip
        tags += [(34412, 1, len(info), info)] if number == 0 else []
        body += directory(len(body), tags, False)
        thumbnail = [tag for tag in image_tags((4, 5), small) if tag[0] not in (254,)]
        thumbnail += [(254, 4, 1, struct.pack("<I", 1))]
        body += directory(len(body), thumbnail, number == count - 1)
    path.write_bytes(body)


def test_a_stack_of_metamorph(tmp_path: Path) -> None:
    for t in range(3):
        write_stk(tmp_path / f"cell_t{t}.stk", DATA[t, 0], 0.4)
    found = inspect_folder(tmp_path)
    assert (found.voxel_size, found.voxel_source) == ((0.4, 0.104, 0.104), "MetaMorph")
    stack = found.stack()
    assert stack.shape == (3, 1, *SHAPE)
    np.testing.assert_array_equal(stack.volume(2), DATA[2, 0])
    np.testing.assert_array_equal(stack.source.read_planes(1, 0, 1, 3), DATA[1, 0, 1:3])


def test_an_lsm_of_two_channels_over_time(tmp_path: Path) -> None:
    write_lsm(tmp_path / "cell.lsm", 3, 4)
    found = inspect_folder(tmp_path)
    assert (found.voxel_size, found.voxel_source) == ((0.4, 0.104, 0.104), "LSM")
    stack = found.stack()
    assert (stack.shape, stack.time_interval) == ((3, 2, *SHAPE), 2.5)
    for t in range(3):
        for c in range(2):
            np.testing.assert_array_equal(stack.volume(t, c), DATA[t, c])
    np.testing.assert_array_equal(stack.source.read_planes(1, 1, 1, 3), DATA[1, 1, 1:3])


@pytest.mark.parametrize("ending", [".stk", ".lsm", ".btf", ".tf8"])
def test_other_tiffs_under_such_names(ending: str, tmp_path: Path) -> None:
    for t in range(3):
        path = tmp_path / f"brain_t{t}{ending}"
        large = ending in (".btf", ".tf8")
        tifffile.imwrite(path, DATA[t, 0], photometric="minisblack", bigtiff=large)
    stack = open_stack(tmp_path)
    assert stack.shape == (3, 1, *SHAPE)
    np.testing.assert_array_equal(stack.volume(1), DATA[1, 0])


def test_numpy_files(tmp_path: Path) -> None:
    for t in range(3):
        np.save(tmp_path / f"a_t{t}.npy", DATA[t, 0])
    stack = open_stack(tmp_path)
    assert stack.shape == (3, 1, *SHAPE)
    np.testing.assert_array_equal(stack.volume(2), DATA[2, 0])
    np.save(tmp_path / "b.npy", DATA)
    with pytest.raises(FolderError, match=r"array of \(3, 2, 4\) planes, and does not say"):
        open_stack(tmp_path / "b.npy")


@pytest.mark.parametrize("order", ["C", "F"])
def test_numpy_files_of_stated_axes(order: str, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.asarray(DATA, order=order))  # type: ignore[call-overload]
    stack = open_stack(tmp_path / "a.npy", axes="TCZYX")
    assert stack.shape == DATA.shape
    for t, c in np.ndindex(DATA.shape[:2]):
        np.testing.assert_array_equal(stack.volume(t, c), DATA[t, c])
    swapped = open_stack(tmp_path / "a.npy", axes="CZTYX")
    np.testing.assert_array_equal(swapped.volume(3, 2), DATA[2, :, 3])
    np.save(tmp_path / "b.npy", DATA[0])
    with pytest.raises(FolderError, match=r"\(2, 4\) planes.*State axes=TZYX or CZYX"):
        open_stack(tmp_path / "b.npy")
    np.testing.assert_array_equal(
        open_stack(tmp_path / "b.npy", axes="CZYX").volume(0, 1), DATA[0, 1]
    )
    np.save(tmp_path / "c.npy", DATA[0, 0])
    np.testing.assert_array_equal(
        open_stack(tmp_path / "c.npy", axes="TYX").volume(3), DATA[0, 0, 3:4]
    )


def test_a_numpy_file_of_other_axes_than_the_first_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a_t0.npy", DATA[0])
    np.save(tmp_path / "a_t1.npy", DATA[0, :, 1:])
    stack = open_stack(tmp_path, axes="CZYX", strict=True)
    with pytest.raises(FileError, match=r"array \(2, 3, 9, 11\)"):
        stack.source.read(1, 0)


def test_a_single_file_of_any_kind_and_its_name(tmp_path: Path) -> None:
    """The layer and what is written are called like the file."""
    write_stk(tmp_path / "cell 7.stk", DATA[0, 0], 0.4)
    np.save(tmp_path / "fish.npy", DATA[1, 0])
    for name in ("cell 7.stk", "fish.npy"):
        found = inspect_folder(tmp_path / name)
        assert found.sizes == (1, 1) and found.pattern == name


def write_metamorph(folder: Path, ending: str) -> np.ndarray:
    """A folder as MetaMorph writes it: two wavelengths, three times, and a thumbnail of each."""
    (folder / "exp.nd").write_text('"NDInfoFile", Version 1.0\n')
    for c, wave in enumerate(("w1GFP", "w2Cy3")):
        for t in range(3):
            write_stk(folder / f"exp_{wave}_t{t + 1}{ending}", DATA[t, c], 0.25)
            thumbnail = folder / f"exp_thumb_{wave}_t{t + 1}.TIF"
            tifffile.imwrite(thumbnail, DATA[t, c, 0, ::2, ::2], photometric="minisblack")
    return DATA


@pytest.mark.parametrize("ending", [".stk", ".STK", ".TIF"])
def test_thumbnails_beside_stacks_are_no_data(ending: str, tmp_path: Path) -> None:
    data = write_metamorph(tmp_path, ending)
    found = inspect_folder(tmp_path)
    assert (found.channel_names, found.sizes, found.unmatched) == (("w1GFP", "w2Cy3"), (3, 2), 0)
    assert not any("Left out" in note for note in found.notes)
    assert inspect_folder(tmp_path, found.pattern).channel_names == ("w1GFP", "w2Cy3")
    thumbnails = inspect_folder(tmp_path, "exp_thumb_{c}_t{t}.TIF")
    assert (thumbnails.sizes, thumbnails.shape) == ((3, 2), (1, 5, 6))
    stack = open_stack(tmp_path)
    for t in range(3):
        for c in range(2):
            np.testing.assert_array_equal(stack.volume(t, c), data[t, c])


def test_a_thumbnail_that_comes_while_the_folder_is_watched_is_no_channel(tmp_path: Path) -> None:
    write_metamorph(tmp_path, ".TIF")
    watcher = FolderWatcher(inspect_folder(tmp_path).source)
    for wave in ("thumb_w1GFP", "thumb_w2Cy3", "w1GFP", "w2Cy3"):
        write_stk(tmp_path / f"exp_{wave}_t4.TIF", DATA[0, 0], 0.25)
        for _ in range(3):
            look = watcher.poll()
    assert (look.source.sizes, look.outdated) == ((4, 2), "")


def test_images_are_data_if_all_are_called_thumbnails(tmp_path: Path) -> None:
    for t in range(2):
        tifffile.imwrite(tmp_path / f"thumb_t{t}.tif", DATA[t, 0], photometric="minisblack")
    assert inspect_folder(tmp_path).sizes == (2, 1)


def test_stacks_of_another_kind_beside_tiffs_are_told(tmp_path: Path) -> None:
    """A wavelength without a stack is a TIFF beside them."""
    write_stk(tmp_path / "exp_w1GFP_t1.stk", DATA[0, 0], 0.25)
    for t in range(2):
        tifffile.imwrite(tmp_path / f"exp_w2DIC_t{t + 1}.TIF", DATA[t, 1, 0])
    found = inspect_folder(tmp_path)
    assert "Left out: 1 .stk file; a pattern can name them" in found.notes
    assert found.stack().spec.shape == (1, 9, 11)
    stacks = open_stack(tmp_path, "exp_w1GFP_t{t}.stk")
    np.testing.assert_array_equal(stacks.volume(0), DATA[0, 0])


def test_as_many_planes_in_other_axes_are_refused(tmp_path: Path) -> None:
    """Channels would be taken for planes, and planes for channels."""
    np.save(tmp_path / "a_t0.npy", DATA[0])
    np.save(tmp_path / "a_t1.npy", DATA[1].swapaxes(0, 1))
    np.save(tmp_path / "a_t2.npy", DATA[2].reshape(-1, *SHAPE[1:]))
    stack = open_stack(tmp_path, axes="CZYX", strict=True)
    np.testing.assert_array_equal(stack.volume(0, 1), DATA[0, 1])
    for t, said in ((1, r"array \(4, 2, 9, 11\)"), (2, r"array \(8, 9, 11\)")):
        with pytest.raises(FileError, match=said):
            stack.source.read(t, 0)


@pytest.mark.parametrize("order", ["C", "F"])
def test_the_axes_of_one_plane_may_be_stated(order: str, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.asarray(DATA[0, 0, 0], order=order))  # type: ignore[call-overload]
    stack = open_stack(tmp_path / "a.npy", axes="TYX", strict=True)
    np.testing.assert_array_equal(stack.volume(0), DATA[0, 0, :1])
