"""Compute engines: one file each, behind one protocol."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

import numpy as np

from napari_lazy_pipeline._runtime.cancellation import no_progress, not_cancelled
from napari_lazy_pipeline.errors import EngineError
from napari_lazy_pipeline.image.problem_log import ProblemLog
from napari_lazy_pipeline.image.scan_geometry import DeskewPlan, RotationPlan, SkewAxis, Triple

if TYPE_CHECKING:
    from napari_lazy_pipeline.psf.radial_otf import RadialOtf

Rounding = Literal["nearest", "down"]
Method = Literal["rl", "accelerated", "fast"]
Edges = Literal["reflect", "background", "periodic"]

# What an engine did otherwise than asked, each told once: to listen to, and to show.
notices = ProblemLog()


@dataclass(frozen=True)
class DeconvolutionPlan:
    """What an engine needs to know to deconvolve one volume.

    Attributes
    ----------
    otf
        The radially averaged OTF, on its own frequency grid.
    voxel_size
        Spacing of the planes measured perpendicular to them, and of the pixels:
        (z, y, x) [um].
    method
        ``"rl"`` plain Richardson-Lucy, ``"accelerated"`` Biggs-Andrews, ``"fast"`` two
        Wiener-Butterworth iterations and a plain one.
    iterations
        Number of iterations, at least 1; ``"fast"`` takes no notice.
    background
        Counts subtracted first; what is below becomes 0.
    edges
        ``"periodic"``: as cudaDecon, with opposite edges blended over
        ``apodize`` pixels in x and y; otherwise the volume is continued by its
        mirror image, or by zero, over half the extent of the PSF.
    apodize
        Width of the blend for periodic edges [pixel].
    shear
        Displacement of consecutive planes [pixel]: 0 unless the volume is still skewed.
    skew_axis
        The axis of that displacement.
    """

    otf: RadialOtf
    voxel_size: Triple
    method: Method = "accelerated"
    iterations: int = 10
    background: float = 0.0
    edges: Edges = "reflect"
    apodize: int = 15
    shear: float = 0.0
    skew_axis: SkewAxis = "x"


@runtime_checkable
class Engine(Protocol):
    """What a compute engine can do; stateless as far as its caller can see."""

    name: str

    def unavailable(self) -> str | None:
        """Say in one line why the engine cannot be used here; None if it can."""

    def deskew(
        self,
        volume: np.ndarray,
        plan: DeskewPlan,
        fill: float = 0.0,
        rounding: Rounding = "nearest",
        planes: tuple[int, int] | None = None,
    ) -> np.ndarray:
        """Shear a volume (z, y, x) of uint16 or float32 to ``plan.out_shape``, dtype kept.

        With ``planes`` (start, stop), ``volume`` holds only these planes of what the plan
        describes, and only they come back: the same, bit for bit, as in the whole.
        """

    def rotate(
        self,
        volume: np.ndarray,
        plan: RotationPlan,
        fill: float = 0.0,
        rounding: Rounding = "nearest",
    ) -> np.ndarray:
        """Turn a volume (z, y, x) of uint16 or float32 to ``plan.out_shape``, dtype kept."""

    def deconvolve(
        self,
        volume: np.ndarray,
        plan: DeconvolutionPlan,
        cancelled: Callable[[], bool] = not_cancelled,
        progress: Callable[[float], None] = no_progress,
    ) -> np.ndarray:
        """Deconvolve a volume (z, y, x); float32 of the same shape.

        ``cancelled`` is asked between iterations: if true, `Cancelled` is raised.
        ``progress`` is told the finished fraction after each iteration.
        """


_ENGINES = {
    "cpu": "napari_lazy_pipeline.engines.cpu.cpu_engine:CpuEngine",
    "auto": "napari_lazy_pipeline.engines.auto:AutoEngine",
    "cupy": "napari_lazy_pipeline.engines.array_api.cupy:CupyEngine",
    "pycudadecon": "napari_lazy_pipeline.engines.cudadecon.cudadecon_engine:PycudadeconEngine",
}


def engine_names() -> tuple[str, ...]:
    """Names of all engines, the default first."""
    return tuple(_ENGINES)


def get_engine(name: str = "cpu") -> Engine:
    """Return the engine of that name, whether or not it can be used here; always the same one.

    Raises
    ------
    EngineError
        If there is no engine of that name.
    """
    if name not in _ENGINES:
        raise EngineError(
            f"There is no engine {name!r}", hint=f"Choose one of: {', '.join(_ENGINES)}"
        )
    return _made(name)


@cache
def _made(name: str) -> Engine:
    module, attribute = _ENGINES[name].split(":")
    return getattr(importlib.import_module(module), attribute)()  # type: ignore[no-any-return]
