"""Projections: the brightest voxels along an axis, written along with each volume."""

from __future__ import annotations

import glob
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from napari_lazy_pipeline.errors import ExportError
from napari_lazy_pipeline.exports.formats.imagej_tiff import write_whole
from napari_lazy_pipeline.image import Stack, VolumeSpec

Axis = Literal["z", "y", "x"]
AXES: tuple[Axis, ...] = get_args(Axis)


def checked_axes(axes: Iterable[str]) -> tuple[Axis, ...]:
    """Axes in their order; an `ExportError` if one is none."""
    wanted = set(axes)
    unknown = sorted(wanted.difference(AXES))
    if unknown:
        raise ExportError(f"There is no axis {unknown[0]!r} to project along", hint="Use z, y or x")
    return tuple(axis for axis in AXES if axis in wanted)


def projection_path(folder: Path, name: str, axis: Axis, t: int, c: int) -> Path:
    """Path of the maximum projection of a volume along an axis."""
    return folder / f"mip_{axis}" / f"{name}_ch{c}_t{t:04d}.tif"


def existing_projections(folder: Path, name: str, axes: Iterable[Axis]) -> list[Path]:
    """Paths that exist already under the names that would be written."""
    pattern = f"{glob.escape(name)}_ch*_t*.tif"
    return [path for axis in axes for path in sorted((folder / f"mip_{axis}").glob(pattern))]


def projection(volume: np.ndarray, axis: Axis) -> np.ndarray:
    """Maximum (1, rows, columns) of a volume; voxels that are not a number are left out."""
    largest: np.ndarray = np.fmax.reduce(volume, axis=AXES.index(axis))
    return largest[np.newaxis]


def write_projection(
    path: Path, largest: np.ndarray, stack: Stack, c: int, axis: Axis, replace: bool
) -> None:
    """Write a `projection`; it appears complete, over another file only if ``replace`` says so."""
    write_whole(path, largest, stack, c, _laid(stack.spec, axis), path.parent.parent, replace)


def _laid(spec: VolumeSpec, axis: Axis) -> VolumeSpec:
    """Size, place and frame of a projection: in its file, the axis it is made along is the z."""
    number = AXES.index(axis)
    order = (number, *(other for other in range(3) if other != number))
    return spec.replace(
        voxel_size=tuple(spec.voxel_size[i] for i in order),
        translate=tuple(spec.translate[i] for i in order),
        frame="other" if number and spec.frame == "sample" else spec.frame,
    )
