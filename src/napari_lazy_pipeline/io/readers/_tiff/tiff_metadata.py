"""What the metadata of one TIFF says about voxel size, time interval and hyperstacks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import tifffile

from napari_lazy_pipeline.image.scan_geometry import Triple
from napari_lazy_pipeline.io.readers._tiff.ome_xml import OmeImage, ome_images

_UM = {
    "um": 1.0, "µm": 1.0, "μm": 1.0, "\\u00b5m": 1.0, "micron": 1.0, "microns": 1.0,
    "micrometer": 1.0, "micrometre": 1.0, "nm": 1e-3, "nanometer": 1e-3, "mm": 1e3,
    "millimeter": 1e3, "cm": 1e4, "m": 1e6, "inch": 25400.0, "å": 1e-4,
}  # fmt: skip
_SECONDS = {"s": 1.0, "sec": 1.0, "ms": 1e-3, "msec": 1e-3, "min": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Metadata:
    """What a file says about itself.

    Attributes
    ----------
    source
        ``"OME"``, ``"ImageJ"``, ``"Micro-Manager"`` or empty.
    voxel_size
        (z, y, x) [um]; None if not said.
    time_interval
        [s]; None if not said.
    planes, channels, frames
        Sizes of the hyperstack it says it is; 0 if not said.
    notes
        Sentences a person should read.
    images
        The images of an OME-XML that have pages in the file.
    channel_names
        Names of the channels; empty if not said.
    """

    source: str = ""
    voxel_size: Triple | None = None
    time_interval: float | None = None
    planes: int = 0
    channels: int = 0
    frames: int = 0
    notes: tuple[str, ...] = ()
    images: tuple[OmeImage, ...] = ()
    channel_names: tuple[str, ...] = ()


def metadata(tif: tifffile.TiffFile, name: str = "") -> Metadata:
    """Gather what the first page of a file says; nothing else is read."""
    page = tif.pages.first
    text = page.description or ""
    if text.rstrip("\0 \r\n\t")[-4:] == "OME>":
        return _ome(text, name)
    if text.startswith("ImageJ="):
        return _imagej(text, page)
    return Metadata()


def _ome(text: str, name: str) -> Metadata:
    images = ome_images(text, name)
    if not images:
        return Metadata("OME")
    first = images[0]
    found = first.pixels
    z, y, x = (
        _length(found.get(f"PhysicalSize{axis}"), found.get(f"PhysicalSize{axis}Unit", "um"))
        for axis in "ZYX"
    )
    interval = _number(found.get("TimeIncrement"))
    factor = _SECONDS.get(found.get("TimeIncrementUnit", "s"), 0.0)
    voxel_size, notes = _voxel_size(z, y, x, "OME")
    return Metadata(
        "OME", voxel_size, interval * factor if interval and factor else None,
        notes=notes, images=tuple(images), channel_names=first.channels,
    )  # fmt: skip


def _imagej(text: str, page: tifffile.TiffPage) -> Metadata:
    said = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    unit = said.get("unit", "").strip()
    x, y = (_length(_spacing(page, f"{axis}Resolution"), unit) for axis in "XY")
    z = _length(said.get("spacing"), said.get("zunit", unit))
    voxel_size, notes = _voxel_size(z, y, x, "ImageJ")
    return Metadata(
        "ImageJ", voxel_size, _number(said.get("finterval")),
        _count(said.get("slices")), _count(said.get("channels")), _count(said.get("frames")), notes,
    )  # fmt: skip


def _voxel_size(
    z: float | None, y: float | None, x: float | None, source: str
) -> tuple[Triple | None, tuple[str, ...]]:
    if y is None or x is None:
        return None, ()
    if z is None:
        return (1.0, y, x), (f"{source} gives the pixel size but no z step: 1 um is assumed",)
    return (z, y, x), ()


def _spacing(page: tifffile.TiffPage, tag: str) -> float | None:
    value = page.tags.valueof(tag)
    if not isinstance(value, tuple) or len(value) != 2 or not value[0]:
        return None
    return float(value[1]) / float(value[0])


def _length(value: object, unit: str) -> float | None:
    number = _number(value)
    factor = _UM.get(unit.lower())
    return round(number * factor, 9) if number and factor else None


def _number(value: object) -> float | None:
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number if math.isfinite(number) and number > 0 else None


def _count(value: str | None) -> int:
    return int(value) if value and value.strip().isdecimal() else 0
