"""ImageJ TIFF: one file a volume, with its voxel size."""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_lazy_pipeline.image.stack import Stack

DTYPES = ("uint8", "uint16", "float32")
# ImageJ counts bytes with 32 bits; some of them are needed for what is not pixels.
IMAGEJ_LIMIT = 2**32 - 2**25


@dataclass(frozen=True)
class TiffFiles:
    """Files ``{name}_ch{c}_t{t}.tif``."""

    title: str = "TIFF, a file per volume"
    dtypes: tuple[str, ...] = DTYPES
    overhead: float = 1.01

    def unavailable(self) -> str | None:
        """It always can."""
        return None

    def path(self, folder: Path, name: str, t: int, c: int) -> Path:
        """The file of a volume."""
        return folder / f"{name}_ch{c}_t{t:04d}.tif"

    def place(self, folder: Path, name: str) -> Path:
        """The folder of the files."""
        return folder

    def strangers(self, folder: Path, name: str) -> list[Path]:
        """Files of these names."""
        return sorted(folder.glob(f"{glob.escape(name)}_ch*_t*.tif"))

    def create(self, folder: Path, name: str, stack: Stack, dtype: str, about: Any) -> None:
        """Nothing: each file stands for itself."""

    def write(
        self, folder: Path, name: str, stack: Stack, t: int, c: int, volume: np.ndarray
    ) -> None:
        """Write a file under another name, and give it its own when it is complete."""
        path = self.path(folder, name, t, c)
        part = path.with_name(path.name + ".part")
        try:
            write_volume(part, volume, stack, c)
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)

    def finished(self, folder: Path, name: str, t: int, c: int) -> None:
        """Nothing: each file stands for itself."""


def converted(volume: np.ndarray, dtype: str) -> np.ndarray:
    """Give the pixels another type: integers are rounded and clipped, NaN becomes 0.

    Examples
    --------
    >>> converted(np.array([-3, 0.6, 70000, np.nan], "float32"), "uint16").tolist()
    [0, 1, 65535, 0]
    """
    final: np.dtype[Any] = np.dtype(dtype)
    if volume.dtype == final or final.kind == "f":
        return volume.astype(final, copy=False)
    limits = np.iinfo(final)
    rounded = np.nan_to_num(np.rint(volume)) if volume.dtype.kind == "f" else volume
    clipped: np.ndarray = np.clip(rounded, limits.min, limits.max)
    return clipped.astype(final)


def write_volume(path: Path, volume: np.ndarray, stack: Stack, c: int) -> None:
    """Write a volume (z, y, x) of channel ``c``; as OME-BigTIFF if ImageJ's TIFF is too small.

    The file is on the disk, not in a buffer, when this returns.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    import tifffile

    large = volume.nbytes >= IMAGEJ_LIMIT
    _, y, x = stack.voxel_size
    with path.open("wb") as file:
        tifffile.imwrite(
            file,
            volume,
            imagej=not large,
            ome=large,
            bigtiff=large,
            metadata=_ome_metadata(stack, c) if large else _imagej_metadata(stack, c),
            resolution=(1 / x, 1 / y),
        )
        file.flush()
        os.fsync(file.fileno())


def _imagej_metadata(stack: Stack, c: int) -> dict[str, Any]:
    info = f"Channel = {_channel(stack, c)}\nOrigin (z, y, x) [um] = {stack.spec.translate}"
    said = {"axes": "ZYX", "spacing": stack.voxel_size[0], "unit": "um", "Info": info}
    return said if stack.time_interval is None else {**said, "finterval": stack.time_interval}


def _ome_metadata(stack: Stack, c: int) -> dict[str, Any]:
    sizes = {f"PhysicalSize{a}": size for a, size in zip("ZYX", stack.voxel_size, strict=True)}
    said = {"axes": "ZYX", "Channel": {"Name": [_channel(stack, c)]}, **sizes}
    return said if stack.time_interval is None else {**said, "TimeIncrement": stack.time_interval}


def _channel(stack: Stack, c: int) -> str:
    return stack.channel_names[c] if c < len(stack.channel_names) else str(c)
