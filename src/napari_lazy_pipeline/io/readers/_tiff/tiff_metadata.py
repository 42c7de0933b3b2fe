"""Metadata of a TIFF: voxel size, time interval and hyperstack, by OME-XML or ImageJ."""

from __future__ import annotations

from dataclasses import dataclass

import tifffile

from napari_lazy_pipeline.io.metadata.claim import MetadataClaims, voxel_size_or_note
from napari_lazy_pipeline.io.metadata.units import micrometres, seconds
from napari_lazy_pipeline.io.readers._tiff.ome_xml import OmeImage, ome_images

_IMAGEJ_SIZES = {"planes": "slices", "channels": "channels", "time points": "frames"}


@dataclass(frozen=True)
class TiffMetadata(MetadataClaims):
    """What a file states, and those images of its OME-XML that have pages in it."""

    images: tuple[OmeImage, ...] = ()


def metadata(tif: tifffile.TiffFile, name: str = "") -> TiffMetadata:
    """Read the metadata in the first page of a file called ``name``, and nothing else."""
    page = tif.pages.first
    text = page.description or ""
    if text.rstrip("\0 \r\n\t")[-4:] == "OME>":
        return _of_ome(text, name)
    if text.startswith("ImageJ="):
        return _of_imagej(text, page)
    return TiffMetadata("")


def _of_ome(text: str, name: str) -> TiffMetadata:
    images = ome_images(text, name)
    if not images:
        return TiffMetadata("OME")
    pixels = images[0].pixels
    z, y, x = (
        micrometres(pixels.get(f"PhysicalSize{axis}"), pixels.get(f"PhysicalSize{axis}Unit", "um"))
        for axis in "ZYX"
    )
    voxel_size, notes = voxel_size_or_note(z, y, x, "OME")
    interval = seconds(pixels.get("TimeIncrement"), pixels.get("TimeIncrementUnit", "s"))
    return TiffMetadata(
        "OME", voxel_size, interval, images[0].channels, notes=notes, images=tuple(images)
    )


def _of_imagej(text: str, page: tifffile.TiffPage) -> TiffMetadata:
    fields = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    unit = fields.get("unit", "")
    x, y = (micrometres(_pixel(page, f"{axis}Resolution"), unit) for axis in "XY")
    z = micrometres(fields.get("spacing"), fields.get("zunit", unit))
    voxel_size, notes = voxel_size_or_note(z, y, x, "ImageJ")
    interval = seconds(fields.get("finterval"), fields.get("tunit", "s"))
    counts = {axis: fields.get(key, "").strip() for axis, key in _IMAGEJ_SIZES.items()}
    sizes = {axis: int(count) for axis, count in counts.items() if count.isdecimal()}
    return TiffMetadata("ImageJ", voxel_size, interval, sizes=sizes, notes=notes)


def _pixel(page: tifffile.TiffPage, tag: str) -> float | None:
    """Size of a pixel by the number of pixels in a unit."""
    value = page.tags.valueof(tag)
    if not isinstance(value, tuple) or len(value) != 2 or not value[0]:
        return None
    return float(value[1]) / float(value[0])
