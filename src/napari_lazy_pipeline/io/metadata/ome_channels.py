"""OME channels: the wavelengths of the channels, as the OME-XML of a TIFF file states them."""

from __future__ import annotations

import re
from pathlib import Path

import tifffile

from napari_lazy_pipeline._runtime.regular_file import open_regular
from napari_lazy_pipeline.io.metadata.units import micrometres

_CHANNEL = re.compile(r"<(?:\w+:)?Channel\b([^<>]*)>")
_IMAGE = re.compile(r"<(?:\w+:)?Image\b")


def channel_wavelengths(path: str | Path) -> tuple[tuple[int, ...], ...]:
    """Wavelengths of each channel of the first image [nm]: of excitation, emission, both or none.

    Empty for a file that is no TIFF, or has no OME-XML.
    """
    try:
        with open_regular(path) as file, tifffile.TiffFile(file) as tif:
            text = tif.pages.first.description or ""
    except Exception:  # noqa: BLE001 - what is wrong with it is an error where pixels are read
        return ()
    return wavelengths_in(text)


def wavelengths_in(text: str) -> tuple[tuple[int, ...], ...]:
    """Wavelengths of each channel of the first image of an OME-XML [nm].

    Examples
    --------
    >>> wavelengths_in('<Image><Channel Name="GFP" EmissionWavelength="525"/><Channel/></Image>')
    ((525,), ())
    """
    _, first, *_ = [*_IMAGE.split(text, maxsplit=2), ""]
    return tuple(_of_channel(match[1]) for match in _CHANNEL.finditer(first))


def _of_channel(attributes: str) -> tuple[int, ...]:
    found = []
    for light in ("Excitation", "Emission"):
        value = _value(attributes, f"{light}Wavelength")
        unit = _value(attributes, f"{light}WavelengthUnit") or "nm"
        length = micrometres(value, unit) if value else None
        found += [round(1000 * length)] if length else []
    return tuple(found)


def _value(attributes: str, name: str) -> str:
    match = re.search(rf'(?<![\w:]){name}\s*=\s*"([^"]*)"', attributes)
    return match[1] if match else ""
