"""OME-Zarr place: voxel size, time interval and position that an image states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from napari_lazy_pipeline.image.scan_geometry import Triple
from napari_lazy_pipeline.io.metadata.claim import MetadataClaims
from napari_lazy_pipeline.io.metadata.units import micrometres, seconds

_ORIGIN: Triple = (0.0, 0.0, 0.0)


def placement(image: Mapping[str, Any], axes: str) -> tuple[MetadataClaims, Triple]:
    """Voxel size (z, y, x) [um], time interval [s], and position of the first voxel [um].

    Those of the full resolution, by its own transformations and then by those of all resolutions.

    Examples
    --------
    >>> axes = [{"name": name, "type": "space", "unit": "nanometer"} for name in "zyx"]
    >>> datasets = [{"coordinateTransformations": [{"type": "scale", "scale": [5, 1, 1]}]}]
    >>> outer = [{"type": "scale", "scale": [100, 100, 100]}]
    >>> image = {"axes": axes, "datasets": datasets, "coordinateTransformations": outer}
    >>> placement(image, "zyx")[0].voxel_size
    (0.5, 0.1, 0.1)
    """
    claims = MetadataClaims("OME-Zarr")
    if not image or image.get("axes") is None:
        return claims, _ORIGIN
    own = image["datasets"][0].get("coordinateTransformations") or []
    try:
        place = _scale_and_start([*own, *(image.get("coordinateTransformations") or [])], len(axes))
    except (TypeError, ValueError, AttributeError):
        note = "OME-Zarr states a scale or translation that cannot be read: it is unknown"
        return replace(claims, notes=(note,)), _ORIGIN
    if place is None:
        return claims, _ORIGIN
    scale, start = place
    named = [axis for axis in image["axes"] if isinstance(axis, dict)]
    units = {axis["name"].lower(): axis.get("unit") for axis in named}
    steps = dict(zip(axes, scale.tolist(), strict=True))
    z, y, x = (micrometres(steps.get(a), units.get(a) or "") for a in "zyx")
    interval = seconds(steps.get("t"), units.get("t") or "")
    claims = replace(claims, voxel_size=(z, y, x), time_interval=interval)
    # A scale of 1 without a unit is what is written where nothing is known.
    bare = [f"{steps[a]:g}" for a in "zyx" if not units.get(a) and steps.get(a, 1) != 1]
    if bare:
        note = f"OME-Zarr states a scale of {' x '.join(bare)} without a unit: it is not used"
        claims = replace(claims, notes=(note,))
    sizes = dict(zip("zyx", claims.voxel_size, strict=True))
    if any(sizes[a] is None for a in "zyx" if a in steps):
        return claims, _ORIGIN  # then a position is in voxels, whatever the unit
    # Along an axis that runs backwards, voxel 0 is the last one of those who wrote it.
    starts = dict(zip(axes, np.where(scale < 0, 0, start).tolist(), strict=True))
    factors = {a: micrometres(1, units.get(a) or "") or 0.0 for a in "zyx"}
    z, y, x = (round(starts.get(a, 0.0) * factors[a], 9) for a in "zyx")
    return claims, (z, y, x)


def _scale_and_start(
    transformations: Sequence[Mapping[str, Any]], count: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Scale and translation along so many axes by transformations, in this order; None: none.

    Raise ValueError or TypeError if they are no numbers, one for each axis.
    """
    if not any(each.get("type") == "scale" for each in transformations):
        return None
    scale, start = np.ones(count), np.zeros(count)
    for each in transformations:
        if each.get("type") == "scale":
            by = _numbers(each.get("scale"), count)
            scale, start = scale * by, start * by
        elif each.get("type") == "translation":
            start = start + _numbers(each.get("translation"), count)
    return scale, start


def _numbers(values: object, count: int) -> np.ndarray:
    numbers = np.asarray(values, float)
    if numbers.shape != (count,) or not np.isfinite(numbers).all():
        raise ValueError(f"{values!r} are not {count} numbers")
    return numbers
