"""Flash residual: what the exposure before has left in the pixels of an sCMOS camera."""

from __future__ import annotations

from pathlib import PurePath
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from napari_lazy_pipeline.errors import GeometryError, IncompleteError
from napari_lazy_pipeline.image import Block, StackSpec
from napari_lazy_pipeline.steps._base import Context, Step
from napari_lazy_pipeline.steps._camera_image import check_size

PART = np.float32(0.88)  # of the residual that was calibrated, as LLSpy subtracts it


class FlashResidual(Step):
    """Subtract offset and residual charge: ``raw - offset - 0.88 a (1 - exp(-b (p - offset)))``.

    ``p`` is what the pixel had in the exposure before; a, b and offset are calibrated for each
    pixel, and are the three planes of one file, as LLSpy has it. What would be negative becomes 0.
    The very first exposure has none before: of it, the offset alone is subtracted. Needs raw
    pixels: it stands first. The result is float32.

    Examples
    --------
    >>> from napari_lazy_pipeline import VolumeSpec
    >>> spec = StackSpec(VolumeSpec((8, 24, 30)), channels=("488", "560"))
    >>> before = FlashResidual().inputs(Block(0, 0, ((2, 5), (0, 24), (0, 30))), spec)[1]
    >>> before.c, before.box[0]
    (1, (1, 4))

    References
    ----------
    T. Lambert and L. Shao, LLSpy, https://doi.org/10.5281/zenodo.1059099.
    """

    title: ClassVar[str] = "Flash residual"
    summary: ClassVar[str] = "Charge that earlier exposures leave in an sCMOS camera"
    group: ClassVar[str] = "Camera"
    order: ClassVar[int] = 4
    keeps_grid: ClassVar[bool] = True
    depends_on: ClassVar[frozenset[str]] = frozenset({"c"})

    calibration: Annotated[
        str,
        Field(
            title="Calibration",
            description="TIFF of three planes (a, b, offset) with the pixels that were recorded.",
            json_schema_extra={"format": "path", "planes": 3},
        ),
    ] = ""
    cycle: Annotated[
        Literal["plane", "stack"],
        Field(
            title="Channels change",
            description="After each plane: the exposure before is that of another channel. After "
            "each stack: it is the plane before of the same channel.",
            json_schema_extra={"words": {"plane": "after each plane", "stack": "after each stack"}},
        ),
    ] = "plane"

    def brief(self) -> str:
        return PurePath(self.calibration).name or "no calibration"

    def output(self, before: StackSpec) -> StackSpec:
        if before.volume.camera is None:
            raise GeometryError(
                "The pixels are not those of the camera any more", hint="Put Flash residual first"
            )
        if before.background_subtracted:
            raise GeometryError(
                "A step before has subtracted the offset, which Flash residual does itself",
                hint="Put Flash residual first",
            )
        if self.cycle == "plane" and not before.volume.camera.exposures:
            raise GeometryError(
                "Channels were chosen, exchanged or made before: what was exposed before each "
                "plane is not there",
                hint="Put Flash residual first",
            )
        if self.calibration:
            check_size(self.calibration, before, planes=3)
        return before.replace(dtype="float32", background_subtracted=True)

    def require(self, before: StackSpec) -> None:
        if not self.calibration:
            raise IncompleteError(
                "No calibration is chosen", hint="Choose a TIFF of three planes: a, b, offset"
            )

    def caution(self, before: StackSpec) -> str:
        camera = before.volume.camera
        if camera is None or not camera.start[0]:
            return ""
        return "The plane before the first one is cropped away: put Flash residual before Crop"

    def inputs(self, wanted: Block, before: StackSpec) -> tuple[Block, ...]:
        """The block, and what was exposed before its planes, as far as there was anything."""
        (start, stop), y, x = wanted.box
        c, back = wanted.c, 1
        if self.cycle == "plane":
            c, back = (wanted.c or len(before.channels)) - 1, int(wanted.c == 0)
        first, last = max(start - back, 0), stop - back
        if first >= last:
            return (wanted,)
        return wanted, wanted.replace(c=c, box=((first, last), y, x))

    def run(self, parts: tuple[np.ndarray, ...], at: Context) -> np.ndarray:
        a, b, offset = at.image(self.calibration, planes=3)[(slice(None), *at.camera)]
        result = np.subtract(parts[0], offset, dtype=np.float32)
        if len(parts) > 1:
            earlier = np.subtract(parts[1], offset, dtype=np.float32)
            # The very first plane of all has none before it.
            result[len(result) - len(earlier) :] -= PART * a * -np.expm1(-b * earlier)
        return np.asarray(np.maximum(result, 0, out=result))
