"""Metadata of a TIFF: voxel size, time interval and hyperstack, by OME-XML, ImageJ or tifffile."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import tifffile

from napari_lazy_pipeline._runtime.regular_file import open_regular
from napari_lazy_pipeline.image.spec import UNKNOWN
from napari_lazy_pipeline.io.metadata.claim import MetadataClaims
from napari_lazy_pipeline.io.metadata.ome_xml import (
    FilePlace,
    OmeDocument,
    OmeImage,
    Plane,
    TiffData,
    is_ome,
    parse_ome,
)
from napari_lazy_pipeline.io.metadata.units import micrometres, seconds
from napari_lazy_pipeline.io.metadata.written_text import WrittenText

_IMAGEJ_SIZES = {"Z": "slices", "C": "channels", "T": "frames"}
_MOST = 2**28  # bytes of a text; those of a hundred thousand planes have a tenth of that
_HEAD = 65536  # characters of a text that say what an export is
_DESCRIPTION = 270
_NOTHING = WrittenText()


@dataclass(frozen=True)
class FileImage:
    """An image of an OME-XML, as far as it is in one file."""

    image: OmeImage
    planes: tuple[Plane, ...]
    promised: int  # number of planes that it should have in this file
    alone: bool  # whether all of it should be in this file


@dataclass(frozen=True)
class TiffMetadata(MetadataClaims):
    """What a file states of itself.

    Attributes
    ----------
    images
        Images of its OME-XML that have pages in it.
    places
        Where each file of a set begins; empty if the file is alone.
    lengths
        Of the axes T, C and Z, by ImageJ; 1 where it says nothing.
    shape, axes
        Those of the array that tifffile wrote; empty where it says nothing.
    written
        What an export of this package says.
    """

    images: tuple[FileImage, ...] = ()
    places: tuple[FilePlace, ...] = ()
    lengths: Mapping[str, int] | None = None
    shape: tuple[int, ...] = ()
    axes: str = ""
    written: WrittenText = _NOTHING


def metadata(tif: tifffile.TiffFile, path: str = "", pages: int = 0) -> TiffMetadata:
    """Read the metadata in the first page of the file at a path, of so many pages."""
    page = tif.pages.first
    text = page.description or ""
    if text.startswith("ImageJ="):
        beside = (tif.imagej_metadata or {}).get("Info", "")
        return replace(_of_imagej(text, page), written=WrittenText.of(str(beside)))
    data = _description(tif)
    if is_ome(data):
        return replace(_of_ome(data, path, pages), written=WrittenText.of(text[:_HEAD]))
    return _of_array(page)


def _description(tif: tifffile.TiffFile) -> bytes:
    """The text of the first page, as it is in the file."""
    tag = tif.pages.first.tags.get(_DESCRIPTION)
    if tag is None or tag.dtype not in (1, 2, 7):
        return b""
    tif.filehandle.seek(tag.valueoffset)
    data: bytes = tif.filehandle.read(min(tag.count, _MOST))
    return data


def _of_ome(data: bytes, path: str, pages: int) -> TiffMetadata:
    own = document = parse_ome(data)
    notes = [f"The OME-XML is read in part: {own.trouble}"] if own.trouble else []
    if own.elsewhere and not own.images:
        name = os.path.basename(own.elsewhere.replace("\\", "/"))
        document = _companion(os.path.join(os.path.dirname(path), name)) or own
        if document is own:
            notes.append(f"The OME-XML is in {name}, which is not there, or cannot be read")
    # If all is in one file it is this one, whatever it is called by now.
    files = set[tuple[str, str]]().union(*(image.files for image in document.images))
    alone = own is document and len(files) <= 1
    every = [
        _in_file(image, path, own.uuid, pages, alone) for image in document.images if image.pixels
    ]
    images = tuple(each for each in every if each.planes)
    # A file that none of them names is one of them: it has what is stated of all.
    of = [each.image for each in images[:1] or every]
    sizes, intervals = {image.voxel_size for image in of}, {image.interval for image in of}
    names = {image.channel_names for image in of}
    return TiffMetadata(
        "OME", sizes.pop() if len(sizes) == 1 else UNKNOWN,
        intervals.pop() if len(intervals) == 1 else None, names.pop() if len(names) == 1 else (),
        notes=tuple(notes), images=images, places=document.places if of else (),
    )  # fmt: skip


def _in_file(image: OmeImage, path: str, uuid: str, pages: int, alone: bool) -> FileImage:
    """What a file of so many pages has of an image; ``alone``: no other file is described."""
    files, name = image.files, os.path.basename(path)
    own = [
        data for data in image.data
        if alone or data.here or data.file == name or (uuid and data.uuid == uuid)
    ]  # fmt: skip
    blocks = own if image.data else [TiffData({})]
    total = image.size("T") * image.size("C") * image.size("Z")
    stated = sum(
        data.number("PlaneCount") or (1 if "IFD" in data.attributes else 0) for data in blocks
    )
    promised = total if alone or len(files) <= 1 else stated
    return FileImage(image, tuple(image.planes(blocks, pages)), promised, len(files) <= 1)


def _companion(path: str) -> OmeDocument | None:
    """Read the text that other files refer to, of its own or in a TIFF; None if there is none."""
    try:
        status = os.stat(path)
        return _read_companion(path, status.st_size, status.st_mtime_ns)
    except (OSError, tifffile.TiffFileError):
        return None


@lru_cache(maxsize=4)
def _read_companion(path: str, size: int, changed: int) -> OmeDocument:
    """Read it once; ``changed`` tells one file from the next."""
    with open_regular(path) as file:
        if file.read(2) in (b"II", b"MM"):
            file.seek(0)
            with tifffile.TiffFile(file, is_ome=False) as tif:
                return parse_ome(_description(tif))
        file.seek(0)
        return parse_ome(file.read(_MOST))


def _of_imagej(text: str, page: tifffile.TiffPage) -> TiffMetadata:
    fields = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    claims = _sizes(fields, page, "ImageJ")
    counts = {axis: fields.get(key, "").strip() for axis, key in _IMAGEJ_SIZES.items()}
    lengths = {
        axis: max(int(count), 1) if count.isdecimal() and len(count) < 19 else 1
        for axis, count in counts.items()
    }
    rate = seconds(fields.get("fps"), "s")
    if claims.time_interval is None and rate and lengths["T"] > 1:
        note = f"ImageJ states no time interval, but {rate:g} frames per second: {1 / rate:g} s"
        claims = replace(claims, time_interval=1 / rate, notes=(note,))
    return replace(claims, lengths=lengths)


def _sizes(fields: Mapping[str, str], page: tifffile.TiffPage, source: str) -> TiffMetadata:
    """Voxel size and time interval as ImageJ states them."""
    unit = fields.get("unit", "")
    x, y = (
        micrometres(_pixel(page, f"{axis.upper()}Resolution"), fields.get(f"{axis}unit", unit))
        for axis in "xy"
    )
    z = micrometres(fields.get("spacing"), fields.get("zunit", unit))
    interval = seconds(fields.get("finterval"), fields.get("tunit", "s"))
    return TiffMetadata(source, (z, y, x), interval)


def _of_array(page: tifffile.TiffPage) -> TiffMetadata:
    """What tifffile writes of an array: its shape, and what it was given beside it."""
    texts = (page.description or "", getattr(page, "description1", "") or "")
    text = next((text for text in texts if text[:1] == "{" and '"shape":' in text), "{}")
    try:
        stated = json.loads(text)
        shape = tuple(int(length) for length in stated.get("shape", ()))
        fields = {name: str(value) for name, value in stated.items()}
    except (ValueError, TypeError, AttributeError, RecursionError):
        return TiffMetadata("")
    if not shape or min(shape) < 1:
        return TiffMetadata("")
    axes = fields.get("axes", "")
    claims = _sizes(fields, page, "tifffile")
    size = tuple(
        micrometres(fields.get(f"PhysicalSize{axis}"), fields.get(f"PhysicalSize{axis}Unit", "um"))
        or known
        for axis, known in zip("ZYX", claims.voxel_size, strict=True)
    )
    unit = fields.get("TimeIncrementUnit", "s")
    interval = claims.time_interval or seconds(fields.get("TimeIncrement"), unit)
    return replace(
        claims, voxel_size=(size[0], size[1], size[2]), time_interval=interval, shape=shape,
        axes=axes if len(axes) == len(shape) else "",
    )  # fmt: skip


def _pixel(page: tifffile.TiffPage, tag: str) -> float | None:
    """Size of a pixel by the number of pixels in a unit."""
    value = page.tags.valueof(tag)
    if not isinstance(value, tuple) or len(value) != 2 or not value[0]:
        return None
    return float(value[1]) / float(value[0])
