"""Context: what a step may know besides the pixels it is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from napari_lazy_pipeline.engines import Engine, get_engine
from napari_lazy_pipeline.errors import GeometryError
from napari_lazy_pipeline.image import Block, StackSpec
from napari_lazy_pipeline.image.box import slices
from napari_lazy_pipeline.steps._camera_image import camera_image


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
        return camera_image(path, self.before, planes)
