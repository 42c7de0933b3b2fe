"""Micro-Manager: the metadata.txt beside its files, and the summary in them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import tifffile

from napari_lazy_pipeline._runtime.regular_file import open_regular
from napari_lazy_pipeline.io.metadata.claim import MetadataClaims
from napari_lazy_pipeline.io.metadata.text_beside import text_beside
from napari_lazy_pipeline.io.metadata.units import positive_number

# The summary stands first; what follows, a paragraph for each plane, can be large.
_HEAD = 2**18
_NUMBER = r'"?(-?[0-9.]+(?:[eE][-+]?[0-9]+)?)"?'
_NAMES = re.compile(r'"ChNames"\s*:\s*"?(\[.*?\])', re.DOTALL)
_SIZES = {
    "Frames": "time points", "Channels": "channels", "Slices": "planes", "Height": "rows",
    "Width": "columns",
}  # fmt: skip
_KEYS = ("PixelSize_um", "PixelSizeUm", "z-step_um", "Interval_ms", *_SIZES)


def find_metadata(names: Sequence[str], first: str) -> str | None:
    """Choose, among the names in a folder, the metadata.txt of the file ``first``."""
    return text_beside(names, first, "metadata.txt")


def read_metadata(path: str, title: str) -> MetadataClaims:
    """Read the head of a metadata.txt; one that is still being written will do."""
    with open_regular(path) as file:
        return parse_metadata(file.read(_HEAD).decode("utf-8", "replace"), title)


def parse_metadata(text: str, title: str) -> MetadataClaims:
    """Gather from JSON, whole or not, what it states about the stack."""
    matches = {key: re.search(rf'"{key}"\s*:\s*{_NUMBER}', text) for key in _KEYS}
    summary = {key: match[1] for key, match in matches.items() if match}
    # There alone: a search would go through the text from every place that begins like it.
    names = _NAMES.match(text, max(text.find('"ChNames"'), 0))
    return summary_claims(summary, _strings(names[1]) if names else (), title)


def file_summary(path: str) -> dict[str, Any]:
    """Read the summary in the head of a TIFF or NDTiff; empty if there is none."""
    with open_regular(path) as file:
        metadata = tifffile.tifffile.read_micromanager_metadata(file, {"Summary"})
    summary: dict[str, Any] = metadata.get("Summary", {})
    return summary


def summary_claims(
    summary: Mapping[str, object], names: Sequence[str], title: str
) -> MetadataClaims:
    """Return what a summary states, by its keys."""
    pixel = _size(summary, "PixelSize_um") or _size(summary, "PixelSizeUm")
    interval = _size(summary, "Interval_ms")
    voxel_size = _size(summary, "z-step_um"), pixel, pixel
    sizes = {axis: int(_size(summary, key) or 0) for key, axis in _SIZES.items()}
    return MetadataClaims(
        title, voxel_size, interval / 1000 if interval else None, tuple(names),
        sizes={axis: count for axis, count in sizes.items() if count},
    )  # fmt: skip


def _strings(text: str) -> tuple[str, ...]:
    try:
        return tuple(map(str, json.loads(text.replace('\\"', '"').replace("\\n", " "))))
    except ValueError:
        return ()


def _size(summary: Mapping[str, object], key: str) -> float | None:
    # The sign of a z step is the direction of the stage.
    return positive_number(str(summary.get(key)).removeprefix("-"))
