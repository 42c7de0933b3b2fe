"""OME-XML: the images that it describes, and where their planes are, also if it is cut off."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple
from xml.parsers import expat

from napari_lazy_pipeline.image.scan_geometry import StatedSize
from napari_lazy_pipeline.image.spec import channel_labels
from napari_lazy_pipeline.io.metadata.units import micrometres, seconds

_OME = re.compile(r"<(?:\w+:)?OME\b")
_HEAD = 8192  # bytes in which the first element begins, after a comment
# What begins an entity, by mistake.
_AMPERSAND = re.compile(r"&(?!#[0-9]+;|#x[0-9a-fA-F]+;|(?:amp|lt|gt|quot|apos);)")


class Plane(NamedTuple):
    """A page, and what it is."""

    page: int
    t: int
    c: int
    z: int


@dataclass
class TiffData:
    """Pages of a file, and which planes they are."""

    attributes: dict[str, str]
    file: str = ""  # name; empty, like the identifier: this one
    uuid: str = ""

    @property
    def here(self) -> bool:
        """Whether no file is named."""
        return not self.file and not self.uuid

    def number(self, name: str) -> int:
        """An attribute as a number; 0 if it is none."""
        return _int(self.attributes.get(name))


@dataclass
class OmeImage:
    """One image of an OME-XML."""

    name: str
    pixels: dict[str, str] = field(default_factory=dict)  # the attributes of its Pixels
    channels: list[str] = field(default_factory=list)  # names; empty where none is stated
    data: list[TiffData] = field(default_factory=list)
    times: dict[int, float] = field(default_factory=dict)  # of time points [s]

    def size(self, axis: str) -> int:
        """Length along ``"T"``, ``"C"`` or ``"Z"``; at least 1."""
        return max(_int(self.pixels.get(f"Size{axis}")), 1)

    @property
    def order(self) -> str:
        """Axes of the planes, the fastest first."""
        order = self.pixels.get("DimensionOrder", "")[2:]
        return order if sorted(order) == sorted("TCZ") else "ZCT"

    @property
    def files(self) -> set[tuple[str, str]]:
        """Names and identifiers of the files that its planes are in."""
        return {(data.file, data.uuid) for data in self.data}

    @property
    def voxel_size(self) -> StatedSize:
        """Size (z, y, x) [um]; None where it is not stated."""
        names = [f"PhysicalSize{axis}" for axis in "ZYX"]
        z, y, x = (
            micrometres(self.pixels.get(name), self.pixels.get(f"{name}Unit", "um"))
            for name in names
        )
        return z, y, x

    @property
    def channel_names(self) -> tuple[str, ...]:
        """Names of all channels, none like another; empty if none is stated."""
        return channel_labels(self.channels, len(self.channels)) if any(self.channels) else ()

    @property
    def interval(self) -> float | None:
        """Time between two time points [s], by what is stated, or by the planes."""
        unit = self.pixels.get("TimeIncrementUnit", "s")
        stated = seconds(self.pixels.get("TimeIncrement"), unit)
        if stated or len(self.times) < 2:
            return stated
        first, last = min(self.times), max(self.times)
        interval = (self.times[last] - self.times[first]) / (last - first)
        return round(interval, 6) if interval > 0 else None

    def planes(self, data: list[TiffData], pages: int) -> list[Plane]:
        """The planes that parts of a file are, of so many pages at most."""
        every = (plane for each in data for plane in self._planes(each, pages))
        # Whatever the text is: it cannot say more than a few things of each page.
        return list(islice(every, 4 * pages))

    def _planes(self, data: TiffData, pages: int) -> Iterator[Plane]:
        place = {axis: data.number(f"First{axis}") for axis in "TCZ"}
        page = data.number("IFD")
        count = data.number("PlaneCount") or (1 if "IFD" in data.attributes else pages)
        for index in range(page, min(page + count, pages)):
            yield Plane(index, place["T"], place["C"], place["Z"])
            for axis in self.order:
                place[axis] += 1
                if place[axis] < self.size(axis):
                    break
                place[axis] = 0
            else:
                return


class FilePlace(NamedTuple):
    """A file of a set, its image, and the plane at which it begins."""

    name: str
    image: int
    t: int
    c: int
    z: int


@dataclass
class OmeDocument:
    """What an OME-XML describes.

    Attributes
    ----------
    uuid
        Identifier of the file that it is in.
    elsewhere
        Name of the file that has the rest; empty if this is all.
    trouble
        Why not all of it could be read; empty if it could.
    """

    uuid: str = ""
    images: list[OmeImage] = field(default_factory=list)
    elsewhere: str = ""
    trouble: str = ""

    @property
    def places(self) -> tuple[FilePlace, ...]:
        """Where the files of a set begin; empty if all is in one, or images share files."""
        starts: dict[tuple[str, int], tuple[int, int, int]] = {}
        for number, image in enumerate(self.images):
            for data in image.data:
                t, c, z = (data.number(f"First{axis}") for axis in "TCZ")
                key = data.file, number
                starts[key] = min(starts.get(key, (t, c, z)), (t, c, z))
        names = {name for name, _ in starts}
        if len(names) < 2 or len(starts) > len(names) or {"", "?"} & names:
            return ()
        return tuple(FilePlace(*key, *start) for key, start in starts.items())


def is_ome(data: bytes) -> bool:
    """Return whether a text is OME-XML, by how it begins."""
    return bool(_OME.search(_text(data[:_HEAD])))


def parse_ome(data: bytes) -> OmeDocument:
    r"""Read an OME-XML in any encoding; of one that is cut off, what there is.

    Entities that it declares are not expanded, and nothing that it refers to is opened.

    Examples
    --------
    >>> text = "<OME><Image Name='a &#38; b'><Pixels SizeT='3'/></Image></OME>"
    >>> (image,) = parse_ome(text.encode("utf-16")).images
    >>> image.name, image.size("T")
    ('a & b', 3)
    """
    wide = b"\0" in data[:64]
    first = _Builder() if wide else _parsed(data.strip(b"\0 \r\n\t"), None)
    if first.whole:
        return first.document
    # Of another encoding than it says, or with an & that is no entity.
    text = _AMPERSAND.sub("&amp;", _text(data).strip("\0 \r\n\t\ufeff"))
    second = _parsed(text.encode("utf-8", "replace"), "utf-8")
    return (second if second.elements >= first.elements else first).document


def _text(data: bytes) -> str:
    """A text as it can be decoded: UTF-16 shows in its zeros, and UTF-8 has to be right."""
    if b"\0" in data[:64]:
        order = "utf-16-be" if data[:1] in (b"\0", b"\xfe") else "utf-16-le"
        return data.decode(order, "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


class _EntityError(Exception):
    """An entity is declared."""


def _parsed(data: bytes, encoding: str | None) -> _Builder:
    builder = _Builder()
    parser = expat.ParserCreate(encoding)
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = builder.start, builder.end
    parser.CharacterDataHandler = builder.characters
    parser.EntityDeclHandler = builder.entity
    try:
        parser.Parse(data, True)
    except _EntityError:
        builder.document = OmeDocument(trouble="it declares entities, which are not expanded")
    except (expat.ExpatError, ValueError, LookupError) as error:
        builder.whole = builder.closed
        if not builder.closed:
            builder.document.trouble = str(error)
    else:
        builder.whole = True
    return builder


class _Builder:
    """Makes a document of the elements of a text."""

    def __init__(self) -> None:
        self.document = OmeDocument()
        self.elements = 0
        self.whole = self.closed = False  # read without an error; to its last element
        self._characters: list[str] | None = None
        self._makers = {
            "OME": self._ome, "BinaryOnly": self._binary_only, "Image": self._image,
            "Pixels": self._pixels, "Channel": self._channel, "TiffData": self._tiff_data,
            "UUID": self._uuid, "Plane": self._plane,
        }  # fmt: skip

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self.elements += 1
        make = self._makers.get(tag.rpartition(":")[2])
        if make is not None:
            make(dict(attributes))

    def end(self, tag: str) -> None:
        name = tag.rpartition(":")[2]
        if name == "UUID" and self._characters is not None:
            self.document.images[-1].data[-1].uuid = "".join(self._characters).strip() or "?"
            self._characters = None
        self.closed = self.closed or name == "OME"

    def characters(self, text: str) -> None:
        if self._characters is not None:
            self._characters.append(text)

    def entity(self, *_: object) -> None:
        raise _EntityError

    def _ome(self, attributes: dict[str, str]) -> None:
        self.document.uuid = attributes.get("UUID", "")

    def _binary_only(self, attributes: dict[str, str]) -> None:
        self.document.elsewhere = attributes.get("MetadataFile", "")

    def _image(self, attributes: dict[str, str]) -> None:
        self.document.images.append(OmeImage(attributes.get("Name") or attributes.get("ID", "")))

    def _pixels(self, attributes: dict[str, str]) -> None:
        for image in self.document.images[-1:]:
            image.pixels = image.pixels or attributes

    def _channel(self, attributes: dict[str, str]) -> None:
        names = (attributes.get(key) for key in ("Name", "Fluor", "EmissionWavelength"))
        for image in self.document.images[-1:]:
            image.channels.append(next(filter(None, names), ""))

    def _tiff_data(self, attributes: dict[str, str]) -> None:
        for image in self.document.images[-1:]:
            image.data.append(TiffData(attributes))

    def _uuid(self, attributes: dict[str, str]) -> None:
        for image in self.document.images[-1:]:
            for data in image.data[-1:]:
                data.file = re.split(r"[/\\]", attributes.get("FileName", ""))[-1] or "?"
                self._characters = []

    def _plane(self, attributes: dict[str, str]) -> None:
        """Note when the first plane of a time point was recorded."""
        if _int(attributes.get("TheC")) or _int(attributes.get("TheZ")):
            return
        try:
            time = float(attributes.get("DeltaT", ""))
        except ValueError:
            return
        factor = seconds(1, attributes.get("DeltaTUnit", "s"))
        for image in self.document.images[-1:]:
            if factor is not None:
                image.times[_int(attributes.get("TheT"))] = time * factor


def _int(text: str | None) -> int:
    """A number of a text, 0 if it is none, or has more digits than any number of planes."""
    text = (text or "").strip()
    return int(text) if text.isdecimal() and len(text) < 19 else 0
