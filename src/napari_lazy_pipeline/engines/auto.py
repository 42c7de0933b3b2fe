"""The auto engine: the fastest one that can be used here, and the CPU for what that cannot do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from operator import eq
from typing import Any

import numpy as np

from napari_lazy_pipeline.engines.engine import (
    DeconvolutionPlan,
    Engine,
    Need,
    Planes,
    Rounding,
    check_deconvolution,
    check_deskew,
    notices,
)
from napari_lazy_pipeline.engines.engine_registry import engine_names, get_engine
from napari_lazy_pipeline.errors import EngineError
from napari_lazy_pipeline.image import Shape
from napari_lazy_pipeline.image.problem_log import Problem
from napari_lazy_pipeline.image.scan_geometry import DeskewPlan


def best_engine() -> str:
    """Name the engine that comes first: cupy, mlx, torch, pycudadecon, then the CPU.

    Engines of other packages take the place that their ``auto_priority`` gives them. A GPU is
    tried out in another process, once per process: the first call may take some seconds.
    """
    return next(_usable_engines(), "cpu")


class AutoEngine(Engine):
    """Hands each volume to the first engine that can be used here and does it."""

    name = "auto"

    def unavailable(self) -> str | None:
        return None  # there is always a CPU

    def need(self, shape: Shape, plan: DeconvolutionPlan) -> Need:
        return get_engine(best_engine()).need(shape, plan)

    def deskew(
        self,
        volume: np.ndarray,
        plan: DeskewPlan,
        fill: float = 0.0,
        rounding: Rounding = "nearest",
        planes: Planes = None,
    ) -> np.ndarray:
        check_deskew(volume, plan, planes)
        return _first_result(lambda engine: engine.deskew(volume, plan, fill, rounding, planes))

    def rotate(self, *arguments: Any, **options: Any) -> np.ndarray:
        return get_engine().rotate(*arguments, **options)

    def deconvolve(
        self, volume: np.ndarray, plan: DeconvolutionPlan, *rest: Any, **options: Any
    ) -> np.ndarray:
        check_deconvolution(volume, plan)
        return _first_result(lambda engine: engine.deconvolve(volume, plan, *rest, **options))


def _usable_engines() -> Iterator[str]:
    """Engines with a priority that can be used here, the highest first; none is tried in vain."""
    priorities = {name: get_engine(name).auto_priority for name in engine_names()}
    for name in sorted(priorities, key=priorities.__getitem__, reverse=True):
        if priorities[name] and get_engine(name).unavailable() is None:
            yield name


def _first_result(compute: Callable[[Engine], np.ndarray]) -> np.ndarray:
    """Return what the first engine computes that can; the others' reasons are noted once."""
    for name in _usable_engines():
        about = "auto", name
        try:
            result = compute(get_engine(name))
        except EngineError as error:
            notices.report(Problem(name, error.what, "computed by another engine"), about)
        else:
            notices.withdraw(partial(eq, about))
            return result
    return compute(get_engine())
