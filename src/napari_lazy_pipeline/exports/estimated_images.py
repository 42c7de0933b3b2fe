"""Estimated images: those that an estimate made become files that fields of a step name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_lazy_pipeline._runtime.fresh_file import fresh_file
from napari_lazy_pipeline.errors import ExportError
from napari_lazy_pipeline.estimate import Estimate
from napari_lazy_pipeline.exports.refusals import refuse_folder


def save_images(estimate: Estimate, folder: Path, stem: str, raw: Path | None) -> dict[str, Any]:
    """Write the images of an estimate as TIFF; return the paths by the names of their fields.

    No file that is there is written over: the name of a new one then ends with a number. A path is
    that of one image, or a dictionary by the names of channels.

    Raises
    ------
    ExportError
        If the folder is that of the raw data, or cannot be written to.
    """
    refuse_folder(folder, raw)
    paths: dict[str, Any] = {}
    for field, images in estimate.images.items():
        if isinstance(images, Mapping):
            paths[field] = {
                name: _saved(image, folder, f"{stem}_{field}_{name}")
                for name, image in images.items()
            }
        else:
            paths[field] = _saved(images, folder, f"{stem}_{field}")
    return paths


def _saved(image: np.ndarray, folder: Path, name: str) -> str:
    path = _free(folder, re.sub(r"[^\w.-]+", "_", name))
    try:
        with fresh_file(path, replace=False) as file:
            tifffile.imwrite(file, image.astype(np.float32))
    except OSError as error:
        what = f"The image cannot be written: {error.strerror or error}"
        raise ExportError(what, str(path), "Choose another folder") from error
    return str(path)


def _free(folder: Path, stem: str) -> Path:
    """A name that no file has."""
    names = (f"{stem}{f'_{number}' if number > 1 else ''}.tif" for number in count(1))
    return next(folder / name for name in names if not (folder / name).exists())
