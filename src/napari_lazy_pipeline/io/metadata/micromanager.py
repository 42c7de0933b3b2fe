"""Reads what Micro-Manager writes beside its files: metadata.txt, the summary of a stack."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from napari_lazy_pipeline.image.scan_geometry import Triple
from napari_lazy_pipeline.io.metadata.claim import MetadataClaims

# The summary stands first; what follows, a paragraph for each plane, can be large.
_HEAD = 2**18
_NUMBER = r'"?(-?[0-9.]+(?:[eE][-+]?[0-9]+)?)"?'


def find_metadata(names: Sequence[str], first: str) -> str | None:
    """Choose, among the names in a folder, the metadata.txt of the file ``first``."""
    found = [name for name in names if name.endswith("metadata.txt")]
    folder = first.rpartition("/")[0]
    here = [name for name in found if name.rpartition("/")[0] == folder]
    return min(here or found, default=None)


def read_metadata(path: str, title: str) -> MetadataClaims:
    """Read the head of a metadata.txt; one that is still being written will do."""
    with open(path, encoding="utf-8", errors="replace") as file:
        return parse_metadata(file.read(_HEAD), title)


def parse_metadata(text: str, title: str) -> MetadataClaims:
    """Gather from JSON, whole or not, what it says about the stack.

    Examples
    --------
    >>> parse_metadata('{"Summary": {"PixelSize_um": 0.1, "z-step_um": 0.3', "a").voxel_size
    (0.3, 0.1, 0.1)
    """
    said = {
        key: match[1]
        for key in ("PixelSize_um", "PixelSizeUm", "z-step_um", "Interval_ms", "Frames",
                    "Channels", "Slices", "Width", "Height")
        if (match := re.search(rf'"{key}"\s*:\s*{_NUMBER}', text))
    }  # fmt: skip
    names = re.search(r'"ChNames"\s*:\s*"?(\[.*?\])', text, re.DOTALL)
    return claims_of(said, _strings(names[1]) if names else (), title)


def claims_of(said: Mapping[str, object], names: Sequence[str], title: str) -> MetadataClaims:
    """Tell what a summary says, by its keys."""
    pixel = _positive(said.get("PixelSize_um")) or _positive(said.get("PixelSizeUm"))
    step = _positive(said.get("z-step_um"))
    interval = _positive(said.get("Interval_ms"))
    size: Triple | None = (step or 1.0, pixel, pixel) if pixel else None
    notes = (f"{title} gives the pixel size but no z step: 1 um is assumed",)
    keys = {"Frames": "time points", "Channels": "channels", "Slices": "planes",
            "Height": "rows", "Width": "columns"}  # fmt: skip
    counts = {what: int(_positive(said.get(key)) or 0) for key, what in keys.items()}
    return MetadataClaims(
        title, size, interval / 1000 if interval else None, tuple(names),
        sizes={what: count for what, count in counts.items() if count},
        notes=notes if size and not step else (),
    )  # fmt: skip


def _strings(text: str) -> tuple[str, ...]:
    try:
        found = json.loads(text.replace('\\"', '"').replace("\\n", " "))
    except ValueError:
        return ()
    return tuple(map(str, found))


def _positive(value: object) -> float | None:
    try:
        number = abs(float(str(value)))
    except ValueError:
        return None
    return number if 0 < number < float("inf") else None
