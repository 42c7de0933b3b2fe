"""Specs: what a volume, and a whole stack of them, looks like before a pixel is read."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import product
from typing import Literal, cast

import numpy as np

from napari_lazy_pipeline.errors import GeometryError, VoxelSizeUnknownError
from napari_lazy_pipeline.image.quantity_text import format_lengths
from napari_lazy_pipeline.image.scan_geometry import Scan, Shape, StatedSize, Triple

Frame = Literal["camera", "sample", "coverslip", "other"]
UNKNOWN: StatedSize = (None, None, None)


@dataclass(frozen=True)
class CameraGrid:
    """Which pixels of the camera the voxels of a volume are; voxel 0 is ``start`` (z, y, x)."""

    start: Shape = (0, 0, 0)
    shape: Shape | None = None  # of the volume as it was recorded; None: of the volume itself
    exposures: bool = True  # whether all channels are there, in the order they were exposed

    def moved(self, by: Sequence[int], shape: Shape) -> CameraGrid:
        """The grid of a part that starts so many voxels (z, y, x) into a volume of a shape."""
        z, y, x = (start + n for start, n in zip(self.start, by, strict=True))
        return replace(self, start=(z, y, x), shape=self.shape or shape)


@dataclass(frozen=True, init=False)
class VolumeSpec:
    """Shape, type and place of one volume, known before a pixel is read.

    Attributes
    ----------
    shape
        (z, y, x) [voxel].
    dtype
        Name of the numpy type.
    stated_size
        Spacing (z, y, x) [um], None where it is unknown; in a raw stack, z is the step as it was
        recorded. Stated as ``voxel_size``.
    translate
        Position of the centre of voxel 0 (z, y, x), in the unit of `spacing`.
    scan
        The scan the volume is still skewed by; None once it is not, or if nobody says so.
    outline
        Corners (z, y, x) of the slanted block outside of which a deskewed volume is empty [um];
        none if there is data everywhere.
    camera
        Which pixels of the camera the voxels are; None once they are interpolated.
    frame
        Along what the axes lie: the ``"camera"``, the ``"sample"`` once a skew was undone, or the
        ``"coverslip"`` once the volume was turned; ``"other"`` if z of a deskewed volume was
        exchanged, or some of its channels mirrored, so that it cannot be turned any more.
    """

    shape: Shape
    dtype: str
    stated_size: StatedSize
    translate: Triple
    scan: Scan | None
    outline: tuple[Triple, ...]
    camera: CameraGrid | None
    frame: Frame

    def __init__(
        self,
        shape: Shape,
        dtype: str = "uint16",
        voxel_size: StatedSize | None = None,
        translate: Triple = (0.0, 0.0, 0.0),
        scan: Scan | None = None,
        outline: tuple[Triple, ...] = (),
        camera: CameraGrid | None = CameraGrid(),
        frame: Frame = "camera",
    ) -> None:
        if np.dtype(dtype).kind not in "buif":
            what = f"The values are {dtype}: only real numbers have a picture"
            raise GeometryError(what, hint="Take their magnitude, or another part, first")
        values = shape, dtype, voxel_size or UNKNOWN, translate, scan, outline, camera, frame
        for one, value in zip(fields(self), values, strict=True):
            object.__setattr__(self, one.name, value)

    @property
    def size_known(self) -> bool:
        """Return whether the voxel size is known along all axes."""
        return None not in self.stated_size

    @property
    def voxel_size(self) -> Triple:
        """Spacing (z, y, x) [um].

        Raises
        ------
        VoxelSizeUnknownError
            If it is unknown along one of the axes: nobody stated it.
        """
        if not self.size_known:
            raise VoxelSizeUnknownError.of(self.stated_size)
        return cast(Triple, self.stated_size)

    @property
    def spacing(self) -> Triple:
        """Spacing (z, y, x) for laying volumes out: in um, or in voxels if that is unknown."""
        return self.voxel_size if self.size_known else (1.0, 1.0, 1.0)

    @property
    def unit(self) -> str:
        """Unit of `spacing`: ``"um"``, or ``"pixel"`` while the voxel size is unknown."""
        return "um" if self.size_known else "pixel"

    @property
    def nbytes(self) -> int:
        """Size of one volume [byte]."""
        return int(np.prod(self.shape, dtype=object)) * np.dtype(self.dtype).itemsize

    def blank(self) -> np.ndarray:
        """Stand-in for a volume that cannot be had: NaN for floats, else 0."""
        if np.issubdtype(np.dtype(self.dtype), np.floating):
            return np.full(self.shape, np.nan, self.dtype)
        return np.zeros(self.shape, self.dtype)  # takes no memory until something is written

    def replace(self, **changes: object) -> VolumeSpec:
        """Return a copy with some fields changed."""
        present = vars(self).copy()
        values = {"voxel_size": present.pop("stated_size"), **present, **changes}
        return VolumeSpec(**values)

    def same_grid(self, other: VolumeSpec) -> bool:
        """Return whether voxels lie at the same places."""
        grids = ((spec.shape, spec.spacing, spec.translate) for spec in (self, other))
        return len(set(grids)) == 1

    def corners(self) -> np.ndarray:
        """Centres (8, 3) of the corner voxels, from that of voxel 0 on [unit of `spacing`]."""
        ends = [(0.0, (n - 1) * size) for n, size in zip(self.shape, self.spacing, strict=True)]
        return np.array(list(product(*ends)))


@dataclass(frozen=True)
class StackSpec:
    """What a whole stack looks like at one stage of a pipeline.

    Attributes
    ----------
    volume
        What each volume looks like.
    times
        Number of time points.
    channels
        Name of each channel.
    time_interval
        Time between two time points [s]; None if unknown.
    recorded
        How the planes were scanned, as the data say, along the axes as they are here, also once
        the skew was undone; None if unknown.
    undone
        The same, as the step took it that undid the skew; None if none did.
    colormaps
        Channels that a step made, each with the name of the colormap that suits it.
    background_subtracted
        Whether a step took the offset of the camera away.

    Examples
    --------
    >>> spec = StackSpec(VolumeSpec((8, 24, 30)), times=3, channels=("GFP", "RFP"))
    >>> spec.replace(dtype="float32", channels=("GFP/RFP",)).dtype
    'float32'
    """

    volume: VolumeSpec
    times: int = 1
    channels: tuple[str, ...] = ("ch0",)
    time_interval: float | None = None
    recorded: Scan | None = None
    undone: Scan | None = field(default=None, repr=False)  # journals were written without it
    colormaps: tuple[tuple[str, str], ...] = ()
    background_subtracted: bool = False

    @property
    def shape(self) -> Shape:
        """Shape of each volume (z, y, x)."""
        return self.volume.shape

    @property
    def dtype(self) -> str:
        """Name of the type of the pixels."""
        return self.volume.dtype

    @property
    def voxel_size(self) -> Triple:
        """Spacing (z, y, x) [um]; a `VoxelSizeUnknownError` if nobody stated it."""
        return self.volume.voxel_size

    @property
    def sizes(self) -> tuple[int, int]:
        """Number of time points and channels."""
        return self.times, len(self.channels)

    def place(self, t: int, c: int) -> str:
        """Name a volume in messages, by its time point, from 0, and the name of its channel.

        Examples
        --------
        >>> StackSpec(VolumeSpec((8, 24, 30)), 3, ("488", "560")).place(2, 1)
        't=2, channel 560'
        """
        return f"t={t}, channel {self.channels[c]}"

    def with_channels(self, channels: tuple[str, ...], **changes: object) -> StackSpec:
        """Return a copy with other channels: what was exposed before a plane may not be there."""
        camera = self.volume.camera
        if camera is not None and channels != self.channels:
            changes["camera"] = replace(camera, exposures=False)
        return self.replace(channels=channels, **changes)

    def with_scans(self, move: Callable[[Scan], Scan]) -> StackSpec:
        """Return a copy in which the planes lie along other axes."""
        names = ("recorded", "undone")
        moved = {name: move(scan) for name in names if (scan := getattr(self, name)) is not None}
        scan = self.volume.scan
        return self.replace(scan=scan and move(scan), **moved)

    def replace(self, **changes: object) -> StackSpec:
        """Return a copy with some fields changed, those of its volumes too."""
        of_volume = {name: changes.pop(name) for name in _OF_VOLUME & changes.keys()}
        if of_volume:
            changes["volume"] = self.volume.replace(**of_volume)
        return replace(self, **changes)  # type: ignore[arg-type]


_OF_VOLUME = {field.name for field in fields(VolumeSpec)} | {"voxel_size"}


def checked_size(voxel_size: Sequence[float | None] | None) -> StatedSize:
    """Take a voxel size (z, y, x) [um]; None for what is unknown.

    Raises
    ------
    GeometryError
        If it is not three numbers above 0, or None.

    Examples
    --------
    >>> checked_size((None, 0.1, 0.1))
    (None, 0.1, 0.1)
    """
    try:
        size = tuple(
            None if n is None else float(n) for n in (UNKNOWN if voxel_size is None else voxel_size)
        )
    except (TypeError, ValueError):
        size = ()
    if len(size) != 3 or not all(n is None or (math.isfinite(n) and n > 0) for n in size):
        raise GeometryError(
            f"voxel_size has to be 3 positive numbers (z, y, x) [um], not {voxel_size!r}",
            hint="None stands for what is unknown",
        )
    return size


def size_text(size: StatedSize, unit: str = "um", axes: str = " (z, y, x)") -> str:
    """A voxel size as a person reads it, and what the axes of a whole one are.

    Examples
    --------
    >>> size_text((None, 0.1, 0.1))
    'z step unknown, pixel 0.1 x 0.1 um'
    """
    if None not in size:
        return f"{format_lengths(cast(Triple, size))} {unit}{axes}"
    z, y, x = size
    if y is None or x is None:
        return "unknown" if z is None else f"z step {z:g} {unit}, pixel unknown"
    return f"z step unknown, pixel {y:g} x {x:g} {unit}"


def channel_labels(names: Sequence[str], count: int) -> tuple[str, ...]:
    """Name every channel: those without a name by their number, and none like another.

    Examples
    --------
    >>> channel_labels(("488",), 2)
    ('488', 'ch1')
    """
    labels: list[str] = []
    for c in range(count):
        name = names[c] if c < len(names) and names[c] else f"ch{c}"
        labels.append(f"{name} ({c})" if name in labels else name)
    return tuple(labels)
