"""The geometry of a tilted light-sheet scan, and of deskewing it; no pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from napari_lazy_pipeline.errors import GeometryError

SkewAxis = Literal["x", "y"]
StepKind = Literal["stage", "perpendicular"]
Triple = tuple[float, float, float]
StatedSize = tuple[float | None, float | None, float | None]  # (z, y, x); None: unknown
Shape = tuple[int, int, int]
Points = Sequence[tuple[float, float]]


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
    def text(self) -> str:
        """Angle, axis and meaning of the z step, as a person reads them.

        Examples
        --------
        >>> Scan(31.5).text
        '31.5° along x, z step along the stage'
        """
        how = "along the stage" if self.step == "stage" else "perpendicular to the planes"
        return f"{self.angle:g}° along {self.skew_axis}, z step {how}"

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

    @property
    def turn(self) -> float:
        """Angle between the planes and the scan, from -90 to 90 [degree].

        The scan runs along the turned axis, or against it: it is not mirrored.
        """
        angle = self.angle % 180
        return angle if angle <= 90 else angle - 180

    def alike(self, other: Scan) -> bool:
        """Whether planes lie as those of another scan, whichever way it counts the angle."""
        return replace(self, angle=self.turn) == replace(other, angle=other.turn)

    def stage_step(self, z_step: float) -> float:
        """Way of the stage between two planes [um]."""
        return z_step if self.step == "stage" else z_step / self.sine

    def normal_step(self, z_step: float) -> float:
        """Distance of two planes, perpendicular to them [um]."""
        return z_step * self.sine if self.step == "stage" else z_step

    def deskewing(self, voxel_size: Triple) -> np.ndarray:
        """Matrix (3, 3) from raw positions (z, y, x) to those in the sample; both in um."""
        matrix = np.eye(3)
        pixel = voxel_size[self.axis]
        matrix[0, 0] = self.normal_step(1.0)
        matrix[self.axis, 0] = pixel * self.shear(voxel_size) / voxel_size[0]
        return matrix

    def turning(self) -> np.ndarray:
        """Matrix (3, 3) from positions (z, y, x) in the sample to those over the coverslip."""
        matrix = np.eye(3)
        ends = turned([(1.0, 0.0), (0.0, 1.0)], self.turn)
        matrix[np.ix_([0, self.axis], [0, self.axis])] = np.transpose(ends)
        return matrix

    @property
    def axis(self) -> int:
        """Number of the skew axis among (z, y, x)."""
        return "zyx".index(self.skew_axis)

    def shear(self, voxel_size: Triple) -> float:
        """Displacement of consecutive planes along the skew axis [pixel]."""
        pixel = voxel_size[self.axis]
        step = float(np.float32(self.stage_step(voxel_size[0])))
        return self.cosine * step / float(np.float32(pixel))

    def displacement(self, voxel_size: Triple) -> tuple[float, float]:
        """Displacement (y, x) of consecutive planes [pixel]."""
        shear = self.shear(voxel_size)
        return (shear, 0.0) if self.skew_axis == "y" else (0.0, shear)


@dataclass(frozen=True)
class DeskewPlan:
    """Where each output pixel of a deskew comes from.

    The sample position of output pixel ``o`` of plane ``k`` along the skew axis is
    ``float32((o - width/2 + shift) - shear * (k - nz/2) + n/2)``.
    """

    shape: Shape
    skew_axis: SkewAxis
    shear: float  # displacement of consecutive planes [pixel]
    width: int  # of the output along the skew axis [pixel]
    shift: int = 0  # of the output window [pixel]; positive moves the content to lower coordinates

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

    def position(self, o: int, plane: int) -> float:
        """Return where along the skew axis of a raw plane output pixel ``o`` of it lies [pixel]."""
        middle = self.shear * (plane - self.shape[0] / 2)
        return (o - self.width / 2 + self.shift) - middle + self.length / 2

    def window(self, start: int, stop: int, part: Shape) -> DeskewPlan:
        """Plan the output pixels along the skew axis from ``start`` on, up to ``stop`` or one more.

        ``part`` is the shape (z, y, x) of what they are made from: all of the skew axis, any number
        of planes, and of lines along the third axis.
        """
        # Positions are counted from the middle: only an even difference keeps them exactly.
        width = stop - start + (self.width - stop + start) % 2
        shift = self.shift + start + (width - self.width) // 2
        return replace(self, shape=(self.shape[0], *part[1:]), width=width, shift=shift)

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


@dataclass(frozen=True)
class RotationPlan:
    """Where each output voxel of a rotation to the coverslip comes from.

    Positions in the sample are counted in pixels from the first voxel of the volume: along the
    normal of the planes, and along the axis of the skew. The output is spaced by one pixel
    along both. The third axis is left alone.
    """

    shape: Shape
    skew_axis: SkewAxis
    angle: float  # between the planes and the coverslip, -90 to 90 [degree]
    plane_step: float  # distance of the planes, perpendicular to them [pixel]
    shear: float  # displacement of consecutive planes [pixel]; 0 if they were deskewed before
    size: tuple[int, int]  # output voxels along the normal of the coverslip, and along the scan
    origin: tuple[float, float]  # position of the first of them in the turned sample [pixel]

    @classmethod
    def of(
        cls,
        shape: Shape,
        voxel_size: Triple,
        scan: Scan,
        skewed: bool = True,
        outline: Points = (),
    ) -> RotationPlan:
        """Plan the rotation of a volume (z, y, x), voxel size in um; all voxels with data are kept.

        Of one that is still ``skewed``, deskew and rotation are one interpolation. ``outline`` has
        the corners of the region with data [pixel], if the volume has empty parts.

        Examples
        --------
        >>> RotationPlan.of((64, 256, 280), (0.5, 0.1, 0.1), Scan(31.5)).out_shape
        (146, 256, 553)
        """
        pixel = voxel_size[scan.axis]
        shear = scan.shear(voxel_size) if skewed else 0.0
        normal = scan.normal_step(voxel_size[0]) if skewed else voxel_size[0]
        last = shape[scan.axis] - 1
        corners = tuple(
            (k * normal / pixel, i + k * shear) for k in (0, shape[0] - 1) for i in (0, last)
        )
        boxes = [_bounds(turned(points, scan.turn)) for points in (corners, outline) if points]
        size, origin = zip(*map(_cells, *boxes), strict=True)
        return cls(shape, scan.skew_axis, scan.turn, normal / pixel, shear, size, origin)

    def window(
        self, start: tuple[int, int], size: tuple[int, int], first: tuple[int, int], part: Shape
    ) -> RotationPlan:
        """Plan ``size`` output voxels from ``start`` on, along the normal and the scan.

        They are made from a ``part`` (z, y, x) that begins at the plane, and the pixel along the
        skew axis, ``first``.
        """
        plane, pixel = first
        place = (plane * self.plane_step, pixel + plane * self.shear)
        ((normal, along),) = turned([place], self.angle)
        origin = (self.origin[0] + start[0] - normal, self.origin[1] + start[1] - along)
        return replace(self, shape=part, size=size, origin=origin)

    @property
    def out_shape(self) -> Shape:
        """Shape of the rotated volume (z, y, x)."""
        depth, length = self.size
        _, y, x = self.shape
        return (depth, y, length) if self.skew_axis == "x" else (depth, length, x)


def turned(points: Points, angle: float) -> Points:
    """Turn positions (normal, along) so that the planes lie ``angle`` degrees from the scan.

    Examples
    --------
    >>> (normal, along), = turned([(1.0, 0.0)], 30)
    >>> round(normal, 3), round(along, 3)
    (0.866, 0.5)
    """
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return [(c * normal - s * along, s * normal + c * along) for normal, along in points]


def _bounds(points: Points) -> tuple[tuple[float, float], tuple[float, float]]:
    """Lowest and highest coordinate along each of the two axes."""
    normal, along = zip(*points, strict=True)
    return (min(normal), max(normal)), (min(along), max(along))


def _cells(*ranges: tuple[float, float]) -> tuple[int, float]:
    """Number and first position of points one apart that fit into all ranges, in the middle."""
    low, high = max(r[0] for r in ranges), min(r[1] for r in ranges)
    count = max(math.floor(high - low + 1e-6), 0) + 1
    return count, (low + high - (count - 1)) / 2
