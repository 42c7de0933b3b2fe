"""Files that were made, or damaged, to exhaust whoever reads them, or to run code of their own."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

SHAPE = (6, 20, 24)
PIXELS = np.random.default_rng(0).integers(100, 4000, SHAPE).astype("uint16")
_LONG = 4  # TIFF type


def tiff(path: Path, **options: Any) -> Path:
    """Write a good stack, whose planes each have a directory."""
    with tifffile.TiffWriter(path, ome=False) as tif:
        for plane in PIXELS:
            settings = {"contiguous": False, "metadata": None, "photometric": "minisblack"}
            tif.write(plane, **{**settings, **options})
    return path


def set_tag(path: Path, page: int, tag: int, value: int) -> None:
    """Give a tag of a page another value."""
    with tifffile.TiffFile(path) as tif:
        entry = tif.pages[page].tags[tag].offset
    data = bytearray(path.read_bytes())
    struct.pack_into("<HII", data, entry + 2, _LONG, 1, value)
    path.write_bytes(data)


def huge(folder: Path, compression: str | None = None) -> None:
    """A few kilobytes that claim to be terabytes."""
    path = tiff(folder / "a_t0.tif", compression=compression)
    for page in range(len(PIXELS)):
        for tag in (256, 257, 278):
            set_tag(path, page, tag, 2**20)


def one_large_page(folder: Path) -> None:
    """One flipped bit in the size of a later plane."""
    path = folder / "a_t0.tif"
    tifffile.imwrite(path, PIXELS, compression="lzw", predictor=2, metadata={"axes": "ZYX"})
    set_tag(path, 4, 257, 8388628)


def large_tile(folder: Path) -> None:
    """Tiles far larger than the planes that are cut into them."""
    path = tiff(folder / "a_t0.tif", compression="zlib", tile=(16, 16))
    for page in range(len(PIXELS)):
        for tag in (322, 323):
            set_tag(path, page, tag, 2**17)


def bomb_in_a_strip(folder: Path) -> None:
    """A strip that unpacks to a thousand times the plane that it is."""
    path = tiff(folder / "a_t0.tif", compression="zlib")
    bomb = zlib.compress(bytes(2**29), 9)
    with tifffile.TiffFile(path) as tif:
        entries = {tag: tif.pages[0].tags[tag].offset for tag in (273, 279)}
    data = bytearray(path.read_bytes())
    struct.pack_into("<HII", data, entries[273] + 2, _LONG, 1, len(data))
    struct.pack_into("<HII", data, entries[279] + 2, _LONG, 1, len(bomb))
    path.write_bytes(bytes(data) + bomb)


def described(text: str) -> Callable[[Path], None]:
    """A good stack with such a description."""

    def make(folder: Path) -> None:
        with tifffile.TiffWriter(folder / "a_t0.tif", ome=False) as tif:
            for index, plane in enumerate(PIXELS):
                own = text.encode() if index == 0 else None
                tif.write(plane, contiguous=False, metadata=None, description=own)

    return make


SIZES = 'SizeX="24" SizeY="20" SizeZ="6" SizeC="1" SizeT="1" '


def ome(pixels: str = SIZES, data: str = "<TiffData/>", head: str = "") -> str:
    """An OME-XML of one image."""
    return (
        f'{head}<OME><Image Name="&a;"><Pixels {pixels} DimensionOrder="XYZCT">'
        f"{data}</Pixels></Image></OME>"
    )


LAUGHS = "".join(
    f'<!ENTITY {name} "{f"&{before};" * 10}">'
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
ENTITIES = f'<!DOCTYPE OME [<!ENTITY a "ha">{LAUGHS}<!ENTITY file SYSTEM "file:///etc/passwd">]>'


def zip_of(folder: Path, *members: tuple[str, bytes]) -> None:
    with zipfile.ZipFile(folder / "a.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in members:
            archive.writestr(name, data)


def tiff_bytes() -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, PIXELS, imagej=True, metadata={"axes": "ZYX"})
    return buffer.getvalue()


def zip_bomb(folder: Path) -> None:
    """Half a gigabyte of nothing behind a TIFF."""
    zip_of(folder, ("a.tif", tiff_bytes() + bytes(2**29)))


def zip_that_lies(folder: Path) -> None:
    """A member that says it is four gigabytes long."""
    zip_of(folder, ("a.tif", tiff_bytes()))
    path = folder / "a.zip"
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, data.rfind(b"PK\1\2") + 24, 2**32 - 2)
    path.write_bytes(data)


def zip_of_many(folder: Path) -> None:
    """A hundred thousand names, and one image."""
    names = [(f"{number}.txt", b"") for number in range(100_000)]
    zip_of(folder, *names, ("a.tif", tiff_bytes()))


def zip_that_climbs(folder: Path) -> None:
    """Members that would be written over what lies beside the folder."""
    zip_of(folder, ("../../climbed.tif", tiff_bytes()))


class Trap:
    """Writes a file once it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.path), "w")


def zarr_array(folder: Path, chunk: bytes = b"", **changes: Any) -> None:
    """An array of one plane, written by hand in version 2, in one chunk."""
    path = folder / "a.zarr"
    path.mkdir()
    about: dict[str, Any] = {
        "zarr_format": 2, "shape": [1, 4, 4], "chunks": [1, 4, 4], "dtype": "<u2", "order": "C",
        "compressor": None, "filters": None, "fill_value": 0,
    }  # fmt: skip
    (path / ".zarray").write_text(json.dumps({**about, **changes}))
    (path / "0.0.0").write_bytes(chunk)


def pickled_pixels(folder: Path) -> None:
    """Numbers, as the header says, that are unpacked by pickle."""
    chunk = pickle.dumps(Trap(folder / "it_ran"))
    zarr_array(folder, chunk, filters=[{"id": "pickle", "protocol": 5}])


def pickled_by_compressor(folder: Path) -> None:
    zarr_array(folder, pickle.dumps(Trap(folder / "it_ran")), compressor={"id": "pickle"})


def pickled_objects(folder: Path) -> None:
    """Objects, as the header says."""
    chunk = pickle.dumps(Trap(folder / "it_ran"))
    zarr_array(folder, chunk, dtype="|O", filters=[{"id": "pickle", "protocol": 5}])


def pickled_array(folder: Path) -> None:
    """A npy file of objects under the name of a TIFF."""
    objects = np.array([Trap(folder / "it_ran")], object)
    with open(folder / "a_t0.tif", "wb") as file:
        np.save(file, objects, allow_pickle=True)


def zarr_of_crumbs(folder: Path) -> None:
    """A volume of a trillion chunks, none of which is there."""
    zarr_array(folder, shape=[10_000] * 3, chunks=[1] * 3)


def zarr_of_one_chunk(folder: Path) -> None:
    """A small volume in a chunk of terabytes."""
    zarr_array(folder, chunks=[1, 2**20, 2**20])


def zarr_that_climbs(folder: Path) -> None:
    """A group whose image is in another folder."""
    zarr_array(folder)
    path = folder / "inner" / "b.zarr"
    path.mkdir(parents=True)
    (path / ".zgroup").write_text('{"zarr_format": 2}')
    image = {"axes": ["z", "y", "x"], "datasets": [{"path": "../../a.zarr"}]}
    (path / ".zattrs").write_text(json.dumps({"multiscales": [image]}))


def mmstack(folder: Path) -> None:
    """An index in which one bit of a time point is flipped."""
    entries = np.zeros((3, 5), "<u4")
    entries[:, 1] = [0, 1, 2]
    entries[2, 2] = 2**31
    entries[:, 4] = 1000
    head = struct.pack("<2sHI8I", b"II", 42, 8, 54773648, 40, 483765892, 0, 99384722, 0, 2355492, 0)
    body = struct.pack("<2I", 3453623, len(entries)) + entries.tobytes()
    (folder / "a_MMStack_Pos0.ome.tif").write_bytes(head + body)


def picture(folder: Path) -> None:
    """A PNG of ten thousand million pixels."""
    head = struct.pack(">2I5B", 100_000, 100_000, 16, 0, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n"
    for kind, content in ((b"IHDR", head), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")):
        data += struct.pack(">I", len(content)) + kind + content
        data += struct.pack(">I", zlib.crc32(kind + content))
    (folder / "a_t0.png").write_bytes(data)


def beside(name: str, text: str) -> Callable[[Path], None]:
    """A good stack, and a text."""

    def make(folder: Path) -> None:
        tiff(folder / "a_t0.tif")
        (folder / name).write_text(text)

    return make


def named(name: str | bytes) -> Callable[[Path], None]:
    """A good stack, by its name."""

    def make(folder: Path) -> None:
        tiff(folder / "a.tif")
        os.rename(folder / "a.tif", os.path.join(folder, os.fsdecode(name)))

    return make
