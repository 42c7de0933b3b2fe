"""Written origin: where the volumes that an export wrote lie, as the files themselves say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tifffile

from napari_lazy_pipeline._runtime.regular_file import open_regular, read_text
from napari_lazy_pipeline.image.scan_geometry import Triple
from napari_lazy_pipeline.io.metadata.written_text import WrittenText


def written_origin(path: Path) -> Triple:
    """Position (z, y, x) of voxel 0 [um], of a folder of TIFFs or a store; 0 if nothing is said."""
    if (path / "zarr.json").is_file():
        return _in_zarr(json.loads(read_text(path / "zarr.json")))
    files = sorted(path.glob("*.tif")) if path.is_dir() else [path]
    for file in files[:1]:
        with open_regular(file) as opened, tifffile.TiffFile(opened) as tiff:
            texts = (tiff.imagej_metadata or {}).get("Info", ""), tiff.ome_metadata or ""
            origin = next(filter(None, (WrittenText.of(text).origin for text in texts)), None)
        if origin is not None:
            return origin
    return 0.0, 0.0, 0.0


def _in_zarr(attributes: dict[str, Any]) -> Triple:
    for node in _nodes(attributes):
        if node.get("type") == "translation":
            z, y, x = (float(number) for number in node["translation"][-3:])
            return z, y, x
    return 0.0, 0.0, 0.0


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """All mappings within a value, outer ones and first ones first."""
    if isinstance(value, dict):
        yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        yield from _nodes(one)
