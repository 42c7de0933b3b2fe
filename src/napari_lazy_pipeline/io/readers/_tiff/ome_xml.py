"""What the OME-XML of one TIFF says: sizes, lengths, and which of its pages is which plane."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_ATTRIBUTE = re.compile(r'([\w:]+)\s*=\s*"([^"]*)"')
_DATA = re.compile(r"<(?:\w+:)?TiffData\b([^>]*?)(?:/>|>(.*?)</(?:\w+:)?TiffData>)", re.DOTALL)
_ESCAPED = {"&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'", "&amp;": "&"}
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
        Names of its channels, or their wavelengths; empty where neither is said.
    planes
        The pages of this very file that belong to it.
    """

    name: str
    pixels: dict[str, str]
    channels: tuple[str, ...]
    planes: tuple[Plane, ...]

    def size(self, axis: str) -> int:
        """Length along ``"T"``, ``"C"`` or ``"Z"``; at least 1."""
        value = self.pixels.get(f"Size{axis}", "")
        return max(int(value), 1) if value.strip().isdecimal() else 1


def ome_images(text: str, name: str) -> list[OmeImage]:
    """Read the images of an OME-XML that have pages in the file of this name.

    Regular expressions, not an XML parser: the headers of interrupted acquisitions are often
    not well-formed, and entities must not be expanded.
    """
    head, *bodies = re.split(r"<(?:\w+:)?Image\b", text)
    own = _attributes(re.search(r"<(?:\w+:)?OME\b([^>]*)>", head)).get("UUID", "?own")
    images = [image for body in bodies if (image := _image(body, name, own))]
    here = [image for image in images if image.planes]
    return here or images[:1]


def _image(body: str, name: str, own: str) -> OmeImage | None:
    pixels = re.search(r"<(?:\w+:)?Pixels\b([^>]*)>", body)
    if pixels is None:
        return None
    title = _attributes(re.match(r"([^>]*)>", body)).get("Name", "")
    image = OmeImage(_plain(title), _attributes(pixels), _channels(body), ())
    data = [(_attributes(found), _file(found[2] or "")) for found in _DATA.finditer(body)]
    files = {file for _, file in data}
    # If all is in one file it is this one, whatever it is called by now.
    mine = [said for said, file in data if len(files) == 1 or not {name, own, ""}.isdisjoint(file)]
    planes = tuple(plane for said in mine or [{}][: not data] for plane in _planes(said, image))
    return OmeImage(image.name, image.pixels, image.channels, planes)


def _file(inside: str) -> tuple[str, str]:
    """Name and identifier of the file that a TiffData speaks of; empty: this one."""
    said = re.search(r"<(?:\w+:)?UUID\b([^>]*)>([^<]*)<", inside)
    if said is None:
        return "", ""
    named = _plain(_attributes(said).get("FileName", ""))
    return re.split(r"[/\\]", named)[-1] or "?", said[2].strip() or "?"


def _planes(said: dict[str, str], image: OmeImage) -> Iterator[Plane]:
    """Pages and planes of one TiffData: so many, in the order of the dimensions."""
    order = image.pixels.get("DimensionOrder", "XYZCT")[2:]
    sizes = {axis: image.size(axis) for axis in "TCZ"}
    place = {axis: _int(said.get(f"First{axis}")) for axis in "TCZ"}
    total = sizes["T"] * sizes["C"] * sizes["Z"]
    page = _int(said.get("IFD"))
    count = _int(said.get("PlaneCount")) or (1 if "IFD" in said else total)
    for index in range(min(count, total)):
        yield (page + index, place["T"], place["C"], place["Z"])
        for axis in order:
            place[axis] += 1
            if place[axis] < sizes[axis]:
                break
            place[axis] = 0


def _channels(body: str) -> tuple[str, ...]:
    found = [_attributes(match) for match in re.finditer(r"<(?:\w+:)?Channel\b([^>]*)>", body)]
    names = [_plain(one.get("Name", "")) or one.get("EmissionWavelength", "") for one in found]
    return tuple(names) if all(names) and len(set(names)) == len(names) else ()


def _attributes(match: re.Match[str] | None) -> dict[str, str]:
    return dict(_ATTRIBUTE.findall(match[1])) if match else {}


def _plain(text: str) -> str:
    for escaped, character in _ESCAPED.items():
        text = text.replace(escaped, character)
    return text


def _int(text: str | None) -> int:
    return int(text) if text and text.strip().isdecimal() else 0
