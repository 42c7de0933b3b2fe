"""FFT choice: the compiled transforms, or those of scipy where the others do not work."""

from __future__ import annotations

from functools import cache

import numpy as np

from napari_lazy_pipeline._runtime.threads import Threads
from napari_lazy_pipeline.engines.cpu import preparation
from napari_lazy_pipeline.engines.cpu.fft.scipy_fft import ScipyFft
from napari_lazy_pipeline.engines.engine import DeconvolutionPlan, notices
from napari_lazy_pipeline.engines.richardson_lucy import richardson_lucy
from napari_lazy_pipeline.errors import one_line
from napari_lazy_pipeline.image.problem_log import Problem
from napari_lazy_pipeline.psf import RadialOtf

# Every butterfly is in it; of values about 1.
TRIAL_SHAPE, TOLERANCE = (70, 24, 16), 1e-3
TRIAL = DeconvolutionPlan(RadialOtf(np.ones((5, 8)), 1.0, 1.0), (1.0, 1.0, 1.0), iterations=3)


def fastest_fft() -> type[ScipyFft]:
    """Return the compiled transforms if they compute what scipy does, or else those of scipy.

    So it does while another process compiles.
    """
    return ScipyFft if preparation.is_under_way() else _checked_fft()


@cache
def _checked_fft() -> type[ScipyFft]:
    try:
        from napari_lazy_pipeline.engines.cpu.fft.compiled_fft import CompiledFft

        difference = np.abs(_trial(CompiledFft) - _trial(ScipyFft)).max()
        if difference <= TOLERANCE:  # neither is NaN
            return CompiledFft
        reason = f"its values differ by {difference:g} in a small trial"
    except Exception as error:  # noqa: BLE001 - numba and LLVM fail in many ways
        reason = one_line(error)
    what = f"The compiled FFT cannot be used: {reason}. Reinstall numba and llvmlite"
    notices.report(Problem("cpu", what, "computed with scipy, more slowly"))
    return ScipyFft


def _trial(kind: type[ScipyFft]) -> np.ndarray:
    """Deconvolve a small volume of counts about 1."""
    z, y, x = TRIAL_SHAPE
    image = kind.empty(TRIAL_SHAPE)
    planes = 1 + np.sin(np.arange(z * y * x, dtype=np.float32)).reshape(TRIAL_SHAPE)
    rows, columns = np.arange(y), np.arange(x)
    for constant in (rows, columns):
        constant.flags.writeable = False  # as in earnest: loops are compiled for one kind
    for plane, out in zip(planes, image, strict=True):
        kind.put_plane(plane, rows, columns, np.float32(0), out)
    grid = np.full((z, y, x // 2 + 1), 0.5 + 0.1j, np.complex64)
    grid[0, 0, 0] = 1
    factor = kind.factor(grid, TRIAL_SHAPE)
    factor.flags.writeable = False
    fft = kind(TRIAL_SHAPE, Threads(1), bool)
    result = richardson_lucy(fft, TRIAL, (factor, None), image, image, bool)
    return kind.crop(result, [slice(0, n) for n in TRIAL_SHAPE], Threads(1))
