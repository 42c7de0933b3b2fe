"""The geometry of a tilted light-sheet scan, and of deskewing it; no pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from napari_lazy_pipeline.errors import GeometryError

SkewAxis = Literal["x", "y"]
StepKind = Literal["stage", "perpendicular"]
Triple = tuple[float, float, float]
Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Scan:
    """How the planes of a raw stack lie in the sample.

    Attributes
    ----------
    angle
        Angle between the light sheet and the direction of the scan [degree].
        Negative, or above 90: later planes move towards lower coordinates.
    skew_axis
        Image axis along which consecutive planes are displaced.
    step
        What the z step of the file means: the way of the stage between two
        planes, or the distance of the planes measured perpendicular to them.
    """

    angle: float
    skew_axis: SkewAxis = "x"
    step: StepKind = "stage"

    @property
    def cosine(self) -> float:
        """Cosine of the angle, taken as cudaDecon does (float32 angle)."""
        angle = np.float32(self.angle)
        if angle < 0:
            angle = np.float32(angle + 180)
        return math.cos(float(angle) * math.pi / 180)

    @property
    def sine(self) -> float:
        """Sine of the angle between sheet and scan; always positive."""
        return abs(math.sin(math.radians(self.angle)))

    def stage_step(self, z_step: float) -> float:
        """Way of the stage between two planes [um]."""
        return z_step if self.step == "stage" else z_step / self.sine

    def normal_step(self, z_step: float) -> float:
        """Distance of two planes, perpendicular to them [um]."""
        return z_step * self.sine if self.step == "stage" else z_step

    def shear(self, voxel_size: Triple) -> float:
        """Displacement of consecutive planes along the skew axis [pixel]."""
        pixel = voxel_size[2] if self.skew_axis == "x" else voxel_size[1]
        step = float(np.float32(self.stage_step(voxel_size[0])))
        return self.cosine * step / float(np.float32(pixel))


@dataclass(frozen=True)
class DeskewPlan:
    """Where each output pixel of a deskew comes from.

    The sample position of output pixel ``o`` of plane ``k`` along the skew axis is
    ``float32((o - width/2 + shift) - shear * (k - nz/2) + n/2)``.

    Attributes
    ----------
    shape
        Shape of the raw volume (z, y, x).
    skew_axis
        ``"x"`` or ``"y"``.
    shear
        Displacement of consecutive planes [pixel].
    width
        Length of the output along the skew axis [pixel].
    shift
        Displacement of the output window [pixel]; positive moves the content
        towards lower coordinates.
    """

    shape: Shape
    skew_axis: SkewAxis
    shear: float
    width: int
    shift: int = 0

    @classmethod
    def of(
        cls, shape: Shape, voxel_size: Triple, scan: Scan, width: int = 0, shift: int = 0
    ) -> DeskewPlan:
        """Plan the deskew of a raw volume; ``width`` 0 keeps everything.

        Examples
        --------
        >>> DeskewPlan.of((88, 320, 256), (0.3, 0.1, 0.1), Scan(31.5)).out_shape
        (88, 320, 481)
        """
        shear = scan.shear(voxel_size)
        length = shape[2] if scan.skew_axis == "x" else shape[1]
        if not width:
            width = int(length + math.floor(shape[0] * abs(shear)))
        if width > 2**31 - 1:
            raise GeometryError(
                f"Deskewing would make {width} pixels along {scan.skew_axis}",
                hint="Check the angle, the z step and the pixel size",
            )
        return cls(shape, scan.skew_axis, shear, width, shift)

    @property
    def length(self) -> int:
        """Length of the raw volume along the skew axis [pixel]."""
        return self.shape[2] if self.skew_axis == "x" else self.shape[1]

    @property
    def out_shape(self) -> Shape:
        """Shape of the deskewed volume (z, y, x)."""
        z, y, x = self.shape
        return (z, y, self.width) if self.skew_axis == "x" else (z, self.width, x)

    @property
    def origin(self) -> float:
        """Position of output pixel 0 in the frame of raw plane 0 [pixel]."""
        return self.length / 2 - self.width / 2 + self.shift + self.shear * self.shape[0] / 2
