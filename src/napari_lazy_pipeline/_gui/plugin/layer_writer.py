"""Layer writer: an image layer as OME-TIFF, with voxel size and place, by File > Save of napari."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_lazy_pipeline._runtime.fresh_file import fresh_file
from napari_lazy_pipeline.errors import ExportError
from napari_lazy_pipeline.exports.formats.imagej_tiff import origin_text

_AXES = "TZYX"
_LARGE = 2**32 - 2**25  # bytes from which on a TIFF has to be a BigTIFF


def write_layer(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write an image layer, one volume after the other; return the path.

    Parameters
    ----------
    path
        The file; what is there is replaced once the new one is complete.
    data
        Pixels (y, x), (z, y, x) or (t, z, y, x): an array, also a lazy one.
    attributes
        Of the layer, with its scale and translation [um, or voxels] and its units.

    Raises
    ------
    ExportError
        If the layer has more axes, or colours, or the file cannot be written.
    """
    if data.ndim > len(_AXES) or attributes.get("rgb"):
        what = "Only grey images of t, z, y and x can be written with their place"
        raise ExportError(what, path, "Choose another type of file")
    try:
        with fresh_file(Path(path)) as file:
            tifffile.imwrite(
                file, _planes(data), shape=data.shape, dtype=data.dtype, ome=True,
                bigtiff=data.nbytes >= _LARGE, photometric="minisblack",
                metadata=_metadata(data.shape, attributes),
            )  # fmt: skip
    except OSError as error:
        what = f"The layer cannot be written: {error.strerror or error}"
        raise ExportError(what, path, "Choose another place") from error
    return [path]


def _planes(data: Any) -> Iterator[np.ndarray]:
    """All planes (y, x), computed a volume at a time."""
    if data.ndim > 3:
        for volume in data:
            yield from _planes(volume)
    else:
        pixels = np.asarray(data)
        yield from pixels if data.ndim == 3 else [pixels]


def _metadata(shape: tuple[int, ...], attributes: dict[str, Any]) -> dict[str, Any]:
    """Voxel size and place, as far as they are known, as OME has them."""
    scale, translate = (np.asarray(attributes[name], float) for name in ("scale", "translate"))
    metadata: dict[str, Any] = {"axes": _AXES[-len(shape) :]}
    if {str(unit) for unit in (attributes.get("units") or ("",))[-3:]} != {"micrometer"}:
        return metadata  # how large the voxels are is not known in µm
    place = (0.0,) * (3 - len(translate[-3:])) + tuple(translate[-3:].tolist())
    plane: dict[str, Any] = {}
    planes = int(np.prod(shape[:-2]))
    for axis, size, origin in zip("ZYX", (1.0, *scale)[-3:], place, strict=True):
        metadata |= {f"PhysicalSize{axis}": float(size), f"PhysicalSize{axis}Unit": "µm"}
        plane |= {f"Position{axis}": [origin] * planes, f"Position{axis}Unit": ["µm"] * planes}
    return metadata | {"Plane": plane, "Description": origin_text(place)}
