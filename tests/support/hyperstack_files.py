"""Files of many volumes, as different programs write them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile

T, C, Z, SHAPE = 3, 2, 4, (6, 8)
DATA = np.random.default_rng(0).integers(1, 60_000, (T, C, Z, *SHAPE)).astype(np.uint16)
Writer = Callable[[Path], None]


def _imagej(path: Path) -> None:
    tifffile.imwrite(path, DATA.swapaxes(1, 2), imagej=True, metadata={"axes": "TZCYX"})


def _ome(axes: str, **options: object) -> Writer:
    order = ["TCZ".index(axis) for axis in axes]

    def write(path: Path) -> None:
        data = np.ascontiguousarray(DATA.transpose(*order, 3, 4))
        tifffile.imwrite(path, data, ome=True, metadata={"axes": axes + "YX"}, **options)

    return write


def _pages(path: Path) -> None:
    """As programs do it that write plane by plane: each with a directory of its own."""
    with tifffile.TiffWriter(path, ome=False) as writer:
        for number, plane in enumerate(DATA.reshape(-1, *SHAPE)):
            text = ome_xml(path.name, "XYZCT") if number == 0 else "x" * number
            writer.write(plane, contiguous=False, metadata=None, description=text.encode())


def _shaped(path: Path) -> None:
    tifffile.imwrite(path, DATA, photometric="minisblack", metadata={"axes": "TCZYX"})


def ome_xml(name: str, order: str, data: str = "") -> str:
    data = data or f'<TiffData IFD="0" PlaneCount="{T * C * Z}"/>'
    return (
        '<?xml version="1.0"?><OME UUID="urn:uuid:1"><Image ID="Image:0" Name="a">'
        f'<Pixels DimensionOrder="{order}" SizeT="{T}" SizeC="{C}" SizeZ="{Z}" SizeX="8" '
        'SizeY="6" Type="uint16"><Channel ID="Channel:0" Name="actin &amp; co"/>'
        f'<Channel ID="Channel:1" Name="DNA"/>{data}</Pixels></Image></OME>'
    )


WRITERS: dict[str, Writer] = {
    "imagej": _imagej,
    **{f"ome {order}": _ome(order) for order in ("TCZ", "TZC", "CTZ", "CZT", "ZTC", "ZCT")},
    "ome zlib": _ome("TZC", compression="zlib"),
    "ome big-endian": _ome("TCZ", byteorder=">"),
    "ome tiles": _ome("TCZ", tile=(16, 16)),
    "pages": _pages,
    "shaped": _shaped,
}
