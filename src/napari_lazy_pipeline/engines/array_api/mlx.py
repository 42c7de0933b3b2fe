"""The mlx engine: deconvolves on the GPU of an Apple computer."""

from __future__ import annotations

import importlib
import importlib.util
from contextlib import closing
from functools import lru_cache
from typing import Any, cast

import numpy as np

from napari_lazy_pipeline._runtime.free_memory import available
from napari_lazy_pipeline._runtime.worker_process import Worker, WorkerError
from napari_lazy_pipeline.engines.array_api.array_engine import ArrayEngine, Device
from napari_lazy_pipeline.engines.array_api.pure_fft import PureFft, trial
from napari_lazy_pipeline.engines.engine import Planes
from napari_lazy_pipeline.engines.gpu_engine import FAILURES
from napari_lazy_pipeline.errors import one_line
from napari_lazy_pipeline.image.scan_geometry import DeskewPlan

PACKAGE = 'pip install "napari-lazy-pipeline[mlx]", on an Apple computer with an M chip'
TRIAL_SECONDS = 120


class MlxFft(PureFft):
    """Transforms of mlx, which computes what is asked for only."""

    def settle(self, *arrays: Any) -> None:
        self.xp.eval(*arrays)


class MlxEngine(ArrayEngine):
    """Deconvolves with mlx, to the same results as the CPU engine.

    The CPU deskews: these GPUs have no double precision, which its last bit takes, and their memory
    is that of the CPU.
    """

    auto_priority = 15
    transforms = MlxFft
    voxel_bytes = MlxFft.voxel_bytes
    frames_on_device = False

    def __init__(self, memory_limit: int | None = None, failures: int = FAILURES) -> None:
        super().__init__("mlx", MlxDevice, memory_limit, failures)

    def gpu_problem(self) -> str | None:
        return _problem()

    def deskews_on_gpu(self, plan: DeskewPlan, planes: Planes) -> bool:
        return False


class MlxDevice(Device):
    """The device that mlx has chosen."""

    failures = (RuntimeError, ValueError)

    def __init__(self) -> None:
        self.xp = importlib.import_module("mlx.core")
        self.fft = self.xp.fft

    def put(self, array: np.ndarray) -> Any:
        return self.xp.array(array)

    def get(self, array: Any) -> np.ndarray:
        return np.array(array)

    def free(self) -> int:
        """What the system has, and what Metal lets one process have of it."""
        here = available() + int(self.xp.get_cache_memory())
        most = self.xp.device_info().get("max_recommended_working_set_size")
        return here if most is None else min(here, int(most - self.xp.get_active_memory()))

    def trim(self) -> None:
        self.xp.clear_cache()

    def synchronize(self) -> None:
        self.xp.synchronize()


@lru_cache(maxsize=1)
def _problem() -> str | None:
    if importlib.util.find_spec("mlx") is None:
        return f"The package mlx is not installed: {PACKAGE}"
    with closing(Worker(__name__)) as worker:
        try:
            return cast(str | None, worker.call("probe", seconds=TRIAL_SECONDS))
        except WorkerError as error:
            return f"mlx failed a small trial: {error.what}. Install it anew: {PACKAGE}"


def probe(*_: object) -> str | None:
    """Say in one line what is wrong with mlx or the GPU; runs in a process that may die."""
    try:
        mlx = importlib.import_module("mlx.core")
    except Exception as error:  # noqa: BLE001 - a broken installation is a reason, not a crash
        return one_line(f"The package mlx cannot be imported: {error!r}. {PACKAGE}")
    if mlx.default_device().type != mlx.gpu:
        return f"mlx finds no GPU: {PACKAGE}"
    return trial(MlxEngine().deconvolve_on_gpu)
