"""Metadata of a TIFF: voxel size, time interval and hyperstack, by OME-XML or ImageJ."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

import tifffile

from napari_lazy_pipeline.io.metadata.claim import MetadataClaims
from napari_lazy_pipeline.io.metadata.units import micrometres, seconds

_IMAGEJ_SIZES = {"planes": "slices", "channels": "channels", "time points": "frames"}
# Each of these looks at a character a few times at most, whatever the text is: "<" ends what is in
# a tag, and what begins in the middle of a word is no name.
_ATTRIBUTE = re.compile(r'(?<![\w:])([\w:]++)\s*+=\s*+"([^"]*)"')
_DATA = re.compile(r"<(?:\w+:)?TiffData\b")
_DATA_END = re.compile(r"/>|</(?:\w+:)?TiffData>")
# (page, t, c, z)
Plane = tuple[int, int, int, int]


@dataclass(frozen=True)
class OmeImage:
    """One image of an OME-XML."""

    name: str
    pixels: dict[str, str]  # the attributes of its Pixels
    channels: tuple[str, ...]  # names, or wavelengths; empty where neither is stated
    planes: tuple[Plane, ...] = ()  # the pages of this very file that belong to it
    promised: int = 0  # number of such planes that are stated, whatever the file holds

    def size(self, axis: str) -> int:
        """Length along ``"T"``, ``"C"`` or ``"Z"``; at least 1."""
        return max(_int(self.pixels.get(f"Size{axis}")), 1)


@dataclass(frozen=True)
class TiffMetadata(MetadataClaims):
    """What a file states, and those images of its OME-XML that have pages in it."""

    images: tuple[OmeImage, ...] = ()


def metadata(tif: tifffile.TiffFile, name: str = "", pages: int = 0) -> TiffMetadata:
    """Read the metadata in the first page of a file called ``name`` of so many pages.

    Of an image that promises more planes than there are pages, one too many is told.
    """
    page = tif.pages.first
    text = page.description or ""
    if text.rstrip("\0 \r\n\t")[-4:] == "OME>":
        return _of_ome(text, name, pages)
    if text.startswith("ImageJ="):
        return _of_imagej(text, page)
    return TiffMetadata("")


def _of_ome(text: str, name: str, pages: int) -> TiffMetadata:
    images = _ome_images(text, name, pages)
    if not images:
        return TiffMetadata("OME")
    pixels = images[0].pixels
    z, y, x = (
        micrometres(pixels.get(f"PhysicalSize{axis}"), pixels.get(f"PhysicalSize{axis}Unit", "um"))
        for axis in "ZYX"
    )
    interval = seconds(pixels.get("TimeIncrement"), pixels.get("TimeIncrementUnit", "s"))
    return TiffMetadata("OME", (z, y, x), interval, images[0].channels, images=tuple(images))


def _of_imagej(text: str, page: tifffile.TiffPage) -> TiffMetadata:
    fields = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    unit = fields.get("unit", "")
    x, y = (micrometres(_pixel(page, f"{axis}Resolution"), unit) for axis in "XY")
    z = micrometres(fields.get("spacing"), fields.get("zunit", unit))
    interval = seconds(fields.get("finterval"), fields.get("tunit", "s"))
    counts = {axis: fields.get(key, "").strip() for axis, key in _IMAGEJ_SIZES.items()}
    sizes = {axis: int(count) for axis, count in counts.items() if count.isdecimal()}
    return TiffMetadata("ImageJ", (z, y, x), interval, sizes=sizes)


def _pixel(page: tifffile.TiffPage, tag: str) -> float | None:
    """Size of a pixel by the number of pixels in a unit."""
    value = page.tags.valueof(tag)
    if not isinstance(value, tuple) or len(value) != 2 or not value[0]:
        return None
    return float(value[1]) / float(value[0])


def _ome_images(text: str, name: str, pages: int) -> list[OmeImage]:
    """Read the images of an OME-XML that have pages in the file of this name.

    Regular expressions, not an XML parser: the headers of interrupted acquisitions are often
    not well-formed, and entities must not be expanded.
    """
    head, *bodies = re.split(r"<(?:\w+:)?Image\b", text)
    uuid = _attributes(re.search(r"<(?:\w+:)?OME\b([^<>]*)>", head)).get("UUID", "?own")
    images = [image for body in bodies if (image := _image(body, name, uuid, pages))]
    present = [image for image in images if image.planes]
    return present or images[:1]


def _image(body: str, name: str, uuid: str, pages: int) -> OmeImage | None:
    pixels = re.search(r"<(?:\w+:)?Pixels\b([^<>]*)>", body)
    if pixels is None:
        return None
    title = _attributes(re.match(r"([^<>]*)>", body)).get("Name", "")
    image = OmeImage(title, _attributes(pixels), _channels(body))
    data = [_tiff_data(part) for part in _DATA.split(body)[1:]]
    files = {file for _, file in data}
    # If all is in one file it is this one, whatever it is called by now.
    own = [
        attributes
        for attributes, file in data
        if len(files) == 1 or not {name, uuid, ""}.isdisjoint(file)
    ]
    blocks = own if data else [{}]
    planes = (plane for block in blocks for plane in _planes(block, image))
    promised = sum(_count(block, image) for block in blocks)
    return replace(image, planes=tuple(islice(planes, pages + 1)), promised=promised)


def _tiff_data(part: str) -> tuple[dict[str, str], tuple[str, str]]:
    """The attributes of a TiffData, and the file that it refers to, in what follows its name."""
    end = _DATA_END.search(part)
    content = part[: end.start()] if end else part
    return _attributes(re.match(r"([^<>]*)", content)), _file(content)


def _file(content: str) -> tuple[str, str]:
    """Name and identifier of the file that a TiffData refers to; empty: this one."""
    match = re.search(r"<(?:\w+:)?UUID\b([^<>]*)>([^<]*)<", content)
    if match is None:
        return "", ""
    path = _attributes(match).get("FileName", "")
    return re.split(r"[/\\]", path)[-1] or "?", match[2].strip() or "?"


def _count(block: dict[str, str], image: OmeImage) -> int:
    """Number of planes of a TiffData, by its attributes."""
    total = image.size("T") * image.size("C") * image.size("Z")
    return min(_int(block.get("PlaneCount")) or (1 if "IFD" in block else total), total)


def _planes(block: dict[str, str], image: OmeImage) -> Iterator[Plane]:
    """Pages and planes of the attributes of a TiffData, in the order of the dimensions."""
    order = image.pixels.get("DimensionOrder", "XYZCT")[2:]
    sizes = {axis: image.size(axis) for axis in "TCZ"}
    place = {axis: _int(block.get(f"First{axis}")) for axis in "TCZ"}
    page = _int(block.get("IFD"))
    for index in range(_count(block, image)):
        yield (page + index, place["T"], place["C"], place["Z"])
        for axis in order:
            place[axis] += 1
            if place[axis] < sizes[axis]:
                break
            place[axis] = 0


def _channels(body: str) -> tuple[str, ...]:
    channels = [_attributes(match) for match in re.finditer(r"<(?:\w+:)?Channel\b([^<>]*)>", body)]
    names = [channel.get("Name") or channel.get("EmissionWavelength", "") for channel in channels]
    return tuple(names) if all(names) and len(set(names)) == len(names) else ()


def _attributes(match: re.Match[str] | None) -> dict[str, str]:
    pairs = _ATTRIBUTE.findall(match[1]) if match else ()
    return {name: html.unescape(value) for name, value in pairs}


def _int(text: str | None) -> int:
    return int(text) if text and text.strip().isdecimal() else 0
