"""BigDataViewer: what the XML beside a file says of the setups in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from napari_lazy_pipeline._runtime.regular_file import open_regular
from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.io.metadata.claim import MetadataClaims
from napari_lazy_pipeline.io.metadata.units import micrometres

_MOST_BYTES = 2**26
_VIEWS = ("angle", "tile", "illumination")


@dataclass(frozen=True)
class SetupTable:
    """By the number of a setup, its channel, angle, tile and side of illumination."""

    setups: dict[int, dict[str, str]] = field(default_factory=dict)
    claims: MetadataClaims | None = None

    def views(self, numbers: Iterable[int]) -> dict[str, dict[str, int]]:
        """By the name of a view, the setups of its channels.

        Examples
        --------
        >>> SetupTable({0: {"channel": "488", "angle": "1"}}).views([0])
        {'angle 1': {'488': 0}}
        >>> SetupTable().views([0, 1])  # nothing is known: they may be anything
        {'setup 0': {'': 0}, 'setup 1': {'': 1}}
        """
        found: dict[str, dict[str, int]] = {}
        for number in numbers:
            stated = self.setups.get(number, {})
            names = [f"{kind} {stated[kind]}" for kind in _VIEWS if kind in stated]
            view = ", ".join(names) if stated else f"setup {number}"
            found.setdefault(view, {})[stated.get("channel", "")] = number
        if sum(map(len, found.values())) < len(set(numbers)):
            return {f"setup {number}": {"": number} for number in numbers}
        return found


def read_setups(path: Path) -> SetupTable:
    """Read the setups of an XML of BigDataViewer; raise FileError if it is none.

    The format: T. Pietzsch et al., Nature Methods 12, 481 (2015).
    """
    with open_regular(str(path)) as file:
        text = file.read(_MOST_BYTES)
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise FileError("The XML defines entities, which none of BigDataViewer does", str(path))
    try:
        sequence = ElementTree.fromstring(text).find("SequenceDescription")
    except ElementTree.ParseError as error:
        raise FileError(f"The XML is damaged ({error})", str(path), "Export it again") from error
    if sequence is None:
        raise FileError("The XML is none of BigDataViewer", str(path))
    names = {
        (attributes.get("name", ""), entry.findtext("id", "")): entry.findtext("name", "")
        for attributes in sequence.iter("Attributes")
        for entry in attributes
    }
    setups, sizes = {}, set()
    for setup in sequence.iter("ViewSetup"):
        stated = {
            one.tag: names.get((one.tag, one.text or "")) or (one.text or "").strip()
            for one in setup.iterfind("attributes/*")
        }
        setups[int(setup.findtext("id", "-1"))] = stated
        size = setup.findtext("voxelSize/size")
        sizes.add((size, setup.findtext("voxelSize/unit", "")) if size else None)
    claims = _claims(*sizes) if len(sizes) == 1 else None
    return SetupTable(setups, claims)


def _claims(stated: tuple[str, str] | None) -> MetadataClaims | None:
    if stated is None:
        return None
    x, y, z = (micrometres(float(number), stated[1]) for number in stated[0].split())
    return MetadataClaims("BigDataViewer", (z, y, x))
