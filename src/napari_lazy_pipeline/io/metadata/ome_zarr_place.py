"""OME-Zarr place: voxel size, time interval and position that an image states."""

from __future__ import annotations

from collections.abc import Mapping
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
    transformations = [*own, *(image.get("coordinateTransformations") or [])]
    if not any(each.get("type") == "scale" for each in transformations):
        return claims, _ORIGIN
    scale, start = np.ones(len(axes)), np.zeros(len(axes))
    for each in transformations:
        if each.get("type") == "scale":
            scale, start = scale * each["scale"], start * each["scale"]
        elif each.get("type") == "translation":
            start = start + each["translation"]
    named = [axis for axis in image["axes"] if isinstance(axis, dict)]
    units = {axis["name"].lower(): axis.get("unit") for axis in named}
    steps = dict(zip(axes, scale.tolist(), strict=True))
    # A scale of 1 without a unit is what is written where nothing is known.
    stated = {a: steps.get(a) for a in "zyx" if units.get(a) or steps.get(a) != 1}
    z, y, x = (micrometres(stated.get(a), units.get(a) or "um") for a in "zyx")
    interval = seconds(steps.get("t"), units.get("t") or "")
    claims = replace(claims, voxel_size=(z, y, x), time_interval=interval)
    if None in claims.voxel_size:
        return claims, _ORIGIN  # then a position is in voxels, whatever the unit
    starts = dict(zip(axes, start.tolist(), strict=True))
    factors = {a: micrometres(1, units.get(a) or "um") or 0.0 for a in "zyx"}
    z, y, x = (round(starts[a] * factors[a], 9) for a in "zyx")
    return claims, (z, y, x)
