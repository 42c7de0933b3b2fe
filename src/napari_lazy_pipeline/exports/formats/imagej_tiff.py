"""ImageJ TIFF: one file a volume, with its voxel size."""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_lazy_pipeline._runtime.fresh_file import fresh_file
from napari_lazy_pipeline.exports.formats import Format, channel_name
from napari_lazy_pipeline.image import Stack, Triple, VolumeSpec
from napari_lazy_pipeline.io.files.completeness import END_MARK

# ImageJ counts bytes with 32 bits; some of them are needed for what is not pixels.
IMAGEJ_LIMIT = 2**32 - 2**25


@dataclass(frozen=True)
class TiffFiles(Format):
    """Files ``{name}_ch{c}_t{t}.tif``."""

    title: str = "TIFF"
    summary: str = "One TIFF file for each volume, as ImageJ opens it"

    def path(self, folder: Path, name: str, t: int, c: int) -> Path:
        return folder / f"{name}_ch{c}_t{t:04d}.tif"

    def result(self, folder: Path, name: str) -> Path:
        return folder

    def existing(self, folder: Path, name: str) -> list[Path]:
        return sorted(folder.glob(f"{glob.escape(name)}_ch*_t*.tif"))

    def write(
        self,
        folder: Path,
        name: str,
        stack: Stack,
        t: int,
        c: int,
        encoded: np.ndarray,
        replace: bool,
    ) -> None:
        path = self.path(folder, name, t, c)
        write_whole(path, encoded, stack, c, stack.spec, folder, replace)


def write_whole(
    path: Path,
    volume: np.ndarray,
    stack: Stack,
    c: int,
    spec: VolumeSpec,
    within: Path,
    replace: bool,
) -> None:
    """Write a volume (z, y, x) of channel ``c``; as OME-BigTIFF if ImageJ's TIFF is too small.

    Voxel size, place and frame are those of ``spec``. It appears when it is complete; ``within``
    and ``replace`` are those of `fresh_file`.
    """
    import tifffile

    large = volume.nbytes >= IMAGEJ_LIMIT
    _, y, x = spec.voxel_size
    metadata = _ome_metadata if large else _imagej_metadata
    with fresh_file(path, within=within, replace=replace) as file:
        tifffile.imwrite(
            file,
            # With all axes of ImageJ: a last one of one pixel would be left out of them.
            volume if large else volume[np.newaxis, :, np.newaxis, :, :, np.newaxis],
            imagej=not large,
            ome=large,
            bigtiff=large,
            metadata=metadata(stack, c, spec.voxel_size, about(stack, volume.shape, spec)),
            resolution=(1 / x, 1 / y),
        )
        file.seek(0, os.SEEK_END)
        file.write(END_MARK)


def _imagej_metadata(stack: Stack, c: int, voxel_size: Triple, text: str) -> dict[str, Any]:
    info = f"Channel = {channel_name(stack, c)}\n{text}"
    metadata = {"axes": "TZCYXS", "spacing": voxel_size[0], "unit": "um", "Info": info}
    interval = stack.time_interval
    return metadata if interval is None else {**metadata, "finterval": interval}


def _ome_metadata(stack: Stack, c: int, voxel_size: Triple, text: str) -> dict[str, Any]:
    sizes = {f"PhysicalSize{a}": size for a, size in zip("ZYX", voxel_size, strict=True)}
    channel = {"Name": [channel_name(stack, c)]}
    metadata = {
        "axes": "ZYX",
        "Channel": channel,
        "Description": text,
        **sizes,
    }
    interval = stack.time_interval
    return metadata if interval is None else {**metadata, "TimeIncrement": interval}


def about(stack: Stack, shape: Sequence[int], spec: VolumeSpec) -> str:
    """Return what `WrittenText` reads again: channels, shape, frame, place of voxel 0."""
    names = [channel_name(stack, c) for c in range(stack.shape[1])]
    lines = f"Channels = {json.dumps(names)}", f"Shape (z, y, x) = {json.dumps([*shape])}"
    return "\n".join((*lines, f"Frame = {spec.frame}", origin_text(spec.translate)))


def origin_text(place: Triple) -> str:
    """Return where voxel 0 lies (z, y, x) [um]; `written_origin` of the dock reads it."""
    return f"Origin (z, y, x) [um] = {tuple(place)}"
