"""Context: what a step may know besides the pixels it is given."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import cast

import numpy as np
import tifffile

from napari_lazy_pipeline.engines import Engine, get_engine
from napari_lazy_pipeline.errors import FileError, GeometryError
from napari_lazy_pipeline.image import Block, StackSpec
from napari_lazy_pipeline.image.box import slices
from napari_lazy_pipeline.image.quantity_text import format_count
from napari_lazy_pipeline.io.readers.tiff import check_tiff
from napari_lazy_pipeline.steps._identity import file_state


@dataclass(frozen=True)
class Context:
    """What a step may know besides the pixels it is given.

    Attributes
    ----------
    wanted
        The block to be made: time point, channel, and box [voxel] of the result.
    given
        The blocks of the input that it is made from, as `Step.inputs` asked for them.
    before, after
        What the stack looks like before the step, and after it.
    engine
        Where to compute.
    cancelled
        True once nobody wants the result: long steps ask it and raise `Cancelled`.
    progress
        Told the finished fraction of the step, 0 to 1.
    remark
        Told in a sentence what the person should know of this block; empty: nothing. The card
        shows it, an export lists it, and in Python it is a `RemarkWarning`.
    """

    wanted: Block
    given: tuple[Block, ...]
    before: StackSpec
    after: StackSpec
    engine: Engine = field(default_factory=get_engine)
    cancelled: Callable[[], bool] = lambda: False
    progress: Callable[[float], None] = lambda fraction: None
    remark: Callable[[str], None] = lambda text: None

    @property
    def inner(self) -> tuple[slice, ...]:
        """Return where the wanted box is in the first part given, if voxels keep their places."""
        return slices(self.wanted.box, self.given[0].box)

    @property
    def camera(self) -> tuple[slice, slice]:
        """Rows and columns of the camera that the first part given shows.

        Raises
        ------
        GeometryError
            If the pixels are not those of the camera any more.
        """
        grid = self.before.volume.camera
        if grid is None:
            raise GeometryError(
                "The pixels are not those of the camera any more",
                hint="Put the step before those that interpolate",
            )
        (_, (top, bottom), (left, right)), (_, y, x) = self.given[0].box, grid.start
        return slice(y + top, y + bottom), slice(x + left, x + right)

    def image(self, path: str, planes: int = 0) -> np.ndarray:
        """Read an image (y, x) of the whole camera, float32; once for each state of its file.

        ``image[at.camera]`` is the part of it that the first part given shows. Of a file of several
        ``planes``, all of them (planes, y, x) are returned.

        Raises
        ------
        FileError
            If it cannot be read.
        GeometryError
            If none is chosen, or the volume was recorded with other rows or columns.
        """
        if not path:
            raise GeometryError("No image is chosen", hint="Choose a TIFF file")
        image, grid = _image(path, file_state(path)), self.before.volume.camera
        recorded = ((grid and grid.shape) or self.before.shape)[1:]
        needed = (planes, *recorded) if planes else recorded
        if image.shape != needed:
            several, axes = (
                (f" in each of {planes} planes", "plane, y, x") if planes else ("", "y, x")
            )
            raise GeometryError(
                f"The image has the shape {image.shape}, and the camera recorded {recorded}"
                + several,
                path,
                f"Choose an image ({axes}) of the same part of the camera",
            )
        return image


@lru_cache(maxsize=8)
def _image(path: str, state: Hashable) -> np.ndarray:
    try:
        check_tiff(path)
        image = np.squeeze(tifffile.imread(path)).astype(np.float32)
        if wrong := int(np.count_nonzero(~np.isfinite(image))):
            raise FileError(f"not a finite number in {format_count(wrong, 'pixel')}", path)
    except Exception as error:  # whatever a damaged file makes the decoder raise
        reason = error.what if isinstance(error, FileError) else str(error)
        raise FileError(
            f"The image cannot be read: {reason}", path, "Choose a TIFF file"
        ) from error
    image.flags.writeable = False
    return cast(np.ndarray, image)
