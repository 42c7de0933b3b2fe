"""OME-XML of one TIFF: sizes, lengths, and which of its pages is which plane."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

_ATTRIBUTE = re.compile(r'([\w:]+)\s*=\s*"([^"]*)"')
_DATA = re.compile(r"<(?:\w+:)?TiffData\b([^>]*?)(?:/>|>(.*?)</(?:\w+:)?TiffData>)", re.DOTALL)
# (page, t, c, z)
Plane = tuple[int, int, int, int]


@dataclass(frozen=True)
class OmeImage:
    """One image of an OME-XML.

    Attributes
    ----------
    name
        Its name.
    pixels
        The attributes of its Pixels.
    channels
        Names of its channels, or their wavelengths; empty where neither is stated.
    planes
        The pages of this very file that belong to it.
    """

    name: str
    pixels: dict[str, str]
    channels: tuple[str, ...]
    planes: tuple[Plane, ...] = ()

    def size(self, axis: str) -> int:
        """Length along ``"T"``, ``"C"`` or ``"Z"``; at least 1."""
        return max(_int(self.pixels.get(f"Size{axis}")), 1)


def ome_images(text: str, name: str) -> list[OmeImage]:
    """Read the images of an OME-XML that have pages in the file of this name.

    Regular expressions, not an XML parser: the headers of interrupted acquisitions are often
    not well-formed, and entities must not be expanded.
    """
    head, *bodies = re.split(r"<(?:\w+:)?Image\b", text)
    uuid = _attributes(re.search(r"<(?:\w+:)?OME\b([^>]*)>", head)).get("UUID", "?own")
    images = [image for body in bodies if (image := _image(body, name, uuid))]
    present = [image for image in images if image.planes]
    return present or images[:1]


def _image(body: str, name: str, uuid: str) -> OmeImage | None:
    pixels = re.search(r"<(?:\w+:)?Pixels\b([^>]*)>", body)
    if pixels is None:
        return None
    title = _attributes(re.match(r"([^>]*)>", body)).get("Name", "")
    image = OmeImage(title, _attributes(pixels), _channels(body))
    data = [(_attributes(match), _file(match[2] or "")) for match in _DATA.finditer(body)]
    files = {file for _, file in data}
    # If all is in one file it is this one, whatever it is called by now.
    own = [
        attributes
        for attributes, file in data
        if len(files) == 1 or not {name, uuid, ""}.isdisjoint(file)
    ]
    blocks = own if data else [{}]
    planes = (plane for block in blocks for plane in _planes(block, image))
    return replace(image, planes=tuple(planes))


def _file(content: str) -> tuple[str, str]:
    """Name and identifier of the file that a TiffData refers to; empty: this one."""
    match = re.search(r"<(?:\w+:)?UUID\b([^>]*)>([^<]*)<", content)
    if match is None:
        return "", ""
    path = _attributes(match).get("FileName", "")
    return re.split(r"[/\\]", path)[-1] or "?", match[2].strip() or "?"


def _planes(block: dict[str, str], image: OmeImage) -> Iterator[Plane]:
    """Pages and planes of the attributes of a TiffData, in the order of the dimensions."""
    order = image.pixels.get("DimensionOrder", "XYZCT")[2:]
    sizes = {axis: image.size(axis) for axis in "TCZ"}
    place = {axis: _int(block.get(f"First{axis}")) for axis in "TCZ"}
    total = sizes["T"] * sizes["C"] * sizes["Z"]
    page = _int(block.get("IFD"))
    count = _int(block.get("PlaneCount")) or (1 if "IFD" in block else total)
    for index in range(min(count, total)):
        yield (page + index, place["T"], place["C"], place["Z"])
        for axis in order:
            place[axis] += 1
            if place[axis] < sizes[axis]:
                break
            place[axis] = 0


def _channels(body: str) -> tuple[str, ...]:
    channels = [_attributes(match) for match in re.finditer(r"<(?:\w+:)?Channel\b([^>]*)>", body)]
    names = [channel.get("Name") or channel.get("EmissionWavelength", "") for channel in channels]
    return tuple(names) if all(names) and len(set(names)) == len(names) else ()


def _attributes(match: re.Match[str] | None) -> dict[str, str]:
    pairs = _ATTRIBUTE.findall(match[1]) if match else ()
    return {name: html.unescape(value) for name, value in pairs}


def _int(text: str | None) -> int:
    return int(text) if text and text.strip().isdecimal() else 0
