"""Engine: what computes a deskew, a rotation or a deconvolution, and the plans it works by."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np

from napari_lazy_pipeline._runtime.cancellation import no_progress, not_cancelled
from napari_lazy_pipeline.errors import EngineError
from napari_lazy_pipeline.image import Shape, Triple
from napari_lazy_pipeline.image.problem_log import ProblemLog
from napari_lazy_pipeline.image.scan_geometry import DeskewPlan, RotationPlan, SkewAxis
from napari_lazy_pipeline.psf import RadialOtf

Rounding = Literal["nearest", "down"]
Method = Literal["auto", "accelerated", "rl", "fast"]
Start = Literal["image", "flat"]
Edges = Literal["reflect", "background", "periodic"]
# The planes [start, stop) of a volume; None for all of them.
Planes: TypeAlias = tuple[int, int] | None

# What an engine did otherwise than it should have, each once: to listen to, and to show.
notices = ProblemLog()


@dataclass(frozen=True)
class DeconvolutionPlan:
    """Parameters and OTF with which an engine deconvolves one volume.

    Attributes
    ----------
    voxel_size
        (z, y, x) [um]; the distance of the planes is measured perpendicular to them.
    method
        ``"auto"`` Richardson-Lucy with gradient consensus; ``"rl"`` plain Richardson-Lucy,
        ``"accelerated"`` Biggs-Andrews; ``"fast"`` two Wiener-Butterworth iterations and a plain
        one. The first and the last have a number of iterations of their own.
    start
        What ``rl`` and ``accelerated`` start from: the image, as cudaDecon, or ``"flat"``, an
        estimate that is the same everywhere.
    background
        Counts subtracted first; what is below becomes 0.
    edges, apodize
        ``"periodic"``: as cudaDecon, with opposite edges blended over ``apodize`` pixels in x and
        y; otherwise the volume is continued by its mirror image, or by zero, over half the extent
        of the PSF.
    shear, skew_axis
        Displacement of consecutive planes [pixel], and its axis: 0 unless the volume is skewed.
    """

    otf: RadialOtf
    voxel_size: Triple
    method: Method = "accelerated"
    iterations: int = 10
    background: float = 0.0
    edges: Edges = "reflect"
    apodize: int = 15
    start: Start = "image"
    shear: float = 0.0
    skew_axis: SkewAxis = "x"


@dataclass(frozen=True)
class Need:
    """Memory that the work on one volume takes beside its input and its result.

    Attributes
    ----------
    memory, device
        Main memory, and memory of the graphics card [byte].
    tiles
        In how many parts it is done; 0: not even a small part fits.
    """

    memory: int = 0
    device: int = 0
    tiles: int = 1


@runtime_checkable
class Engine(Protocol):
    """Protocol of a compute engine; stateless as far as its caller can see.

    Attributes
    ----------
    name
        As it is chosen in the dock, on the command line and in a script.
    auto_priority
        ``auto`` tries engines with a higher one first, and those with 0 never.
    """

    name: str
    auto_priority: int = 0

    @abstractmethod
    def unavailable(self) -> str | None:
        """Say in one line why the engine cannot be used here; None if it can."""

    @abstractmethod
    def need(self, shape: Shape, plan: DeconvolutionPlan) -> Need:
        """Estimate what the deconvolution of a volume (z, y, x) takes; nothing is computed."""

    @abstractmethod
    def deskew(
        self,
        volume: np.ndarray,
        plan: DeskewPlan,
        fill: float = 0.0,
        rounding: Rounding = "nearest",
        planes: Planes = None,
    ) -> np.ndarray:
        """Shear a volume (z, y, x) of uint16 or float32 to ``plan.out_shape``, dtype kept.

        Parameters
        ----------
        fill
            Value of pixels no plane covers.
        rounding
            For uint16: to the nearest integer, or down as cudaDecon does.
        planes
            (start, stop), if ``volume`` holds only these planes of what the plan describes; only
            they are returned: the same, bit for bit, as in the whole.

        Raises
        ------
        EngineError
            If the volume is of another type or does not fit the plan, or the engine cannot be
            used or fails.
        """

    @abstractmethod
    def rotate(
        self,
        volume: np.ndarray,
        plan: RotationPlan,
        fill: float = 0.0,
        rounding: Rounding = "nearest",
    ) -> np.ndarray:
        """Turn a volume (z, y, x) of uint16 or float32 to ``plan.out_shape``, dtype kept.

        Parameters and errors are those of `deskew`; the volume is skewed or not, as the plan has
        it, and voxels that lie between no two planes are filled.
        """

    @abstractmethod
    def deconvolve(
        self,
        volume: np.ndarray,
        plan: DeconvolutionPlan,
        cancelled: Callable[[], bool] = not_cancelled,
        progress: Callable[[float], None] = no_progress,
    ) -> np.ndarray:
        """Deconvolve a volume (z, y, x) of any real type; float32 of the same shape.

        The volume is not changed; the result is in counts above the background. Values that are not
        finite count as background. What is too large for the memory is done in overlapping tiles.

        Parameters
        ----------
        cancelled
            Called between iterations or more often, in the calling thread.
        progress
            Called with the finished fraction after each iteration.

        Raises
        ------
        Cancelled
            As soon as ``cancelled`` returns true.
        EngineError
            If the volume is no volume, the plan has no iteration or is beyond the engine, the
            memory does not suffice even for a small part, or the engine cannot be used or fails.
        """


def check_deskew(volume: np.ndarray, plan: DeskewPlan, planes: Planes) -> int:
    """Raise an `EngineError` unless the planes can be deskewed; return the number of the first."""
    _check_dtype(volume, "deskewed")
    start, stop = planes or (0, plan.shape[0])
    if not 0 <= start <= stop <= plan.shape[0]:
        raise EngineError(f"There are no planes {start} to {stop} in a volume of {plan.shape}")
    _check_shape(volume, (stop - start, *plan.shape[1:]))
    return start


def check_rotation(volume: np.ndarray, plan: RotationPlan) -> None:
    """Raise an `EngineError` unless the volume can be rotated."""
    _check_dtype(volume, "rotated")
    _check_shape(volume, plan.shape)


def check_deconvolution(volume: np.ndarray, plan: DeconvolutionPlan) -> None:
    """Raise an `EngineError` unless the volume can be deconvolved."""
    if volume.ndim != 3 or not volume.size:
        raise EngineError(f"A volume of shape {volume.shape} cannot be deconvolved")
    if volume.dtype.kind not in "buif":
        raise EngineError(f"Volumes of {volume.dtype} cannot be deconvolved")
    if plan.iterations < 1:
        raise EngineError("Deconvolution needs at least 1 iteration")
    if not math.isfinite(plan.background):
        raise EngineError("The background must be a finite number")


def _check_dtype(volume: np.ndarray, verb: str) -> None:
    if volume.dtype.newbyteorder("=") not in (np.uint16, np.float32):
        raise EngineError(
            f"Volumes of {volume.dtype} cannot be {verb}", hint="Convert them to uint16 or float32"
        )


def _check_shape(volume: np.ndarray, expected: Shape) -> None:
    if volume.shape != expected:
        raise EngineError(f"The volume has shape {volume.shape}, the plan is for {expected}")
