"""Metadata of a TIFF: voxel size, time interval and hyperstack, by OME-XML or ImageJ."""

from __future__ import annotations

from dataclasses import dataclass

import tifffile

from napari_lazy_pipeline.image.scan_geometry import Triple
from napari_lazy_pipeline.io.metadata.claim import voxel_size_or_note
from napari_lazy_pipeline.io.metadata.units import micrometres, seconds
from napari_lazy_pipeline.io.readers._tiff.ome_xml import OmeImage, ome_images


@dataclass(frozen=True)
class Metadata:
    """Metadata of a file; None, 0 or empty where it states nothing.

    Attributes
    ----------
    source
        ``"OME"`` or ``"ImageJ"``.
    voxel_size
        (z, y, x) [um].
    time_interval
        [s].
    planes, channels, frames
        Sizes of the hyperstack.
    notes
        Sentences a person should read.
    images
        The images of an OME-XML that have pages in the file.
    channel_names
        Names of the channels.
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
    """Read the metadata in the first page of a file called ``name``, and nothing else."""
    page = tif.pages.first
    text = page.description or ""
    if text.rstrip("\0 \r\n\t")[-4:] == "OME>":
        return _of_ome(text, name)
    if text.startswith("ImageJ="):
        return _of_imagej(text, page)
    return Metadata()


def _of_ome(text: str, name: str) -> Metadata:
    images = ome_images(text, name)
    if not images:
        return Metadata("OME")
    pixels = images[0].pixels
    z, y, x = (
        micrometres(pixels.get(f"PhysicalSize{axis}"), pixels.get(f"PhysicalSize{axis}Unit", "um"))
        for axis in "ZYX"
    )
    voxel_size, notes = voxel_size_or_note(z, y, x, "OME")
    interval = seconds(pixels.get("TimeIncrement"), pixels.get("TimeIncrementUnit", "s"))
    return Metadata(
        "OME", voxel_size, interval, notes=notes, images=tuple(images),
        channel_names=images[0].channels,
    )  # fmt: skip


def _of_imagej(text: str, page: tifffile.TiffPage) -> Metadata:
    fields = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    unit = fields.get("unit", "")
    x, y = (micrometres(_pixel(page, f"{axis}Resolution"), unit) for axis in "XY")
    z = micrometres(fields.get("spacing"), fields.get("zunit", unit))
    voxel_size, notes = voxel_size_or_note(z, y, x, "ImageJ")
    return Metadata(
        "ImageJ", voxel_size, seconds(fields.get("finterval"), fields.get("tunit", "s")),
        _count(fields.get("slices")), _count(fields.get("channels")), _count(fields.get("frames")),
        notes,
    )  # fmt: skip


def _pixel(page: tifffile.TiffPage, tag: str) -> float | None:
    """Size of a pixel by the number of pixels in a unit."""
    value = page.tags.valueof(tag)
    if not isinstance(value, tuple) or len(value) != 2 or not value[0]:
        return None
    return float(value[1]) / float(value[0])


def _count(value: str | None) -> int:
    return int(value) if value and value.strip().isdecimal() else 0
