"""The torch engine: deconvolves on GPUs of AMD, Intel and NVIDIA by PyTorch."""

from __future__ import annotations

import importlib
import importlib.util
from contextlib import closing
from functools import lru_cache, partial
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from napari_lazy_pipeline._runtime.worker_process import Worker, WorkerError
from napari_lazy_pipeline.engines.array_api.array_engine import ArrayEngine, Device
from napari_lazy_pipeline.engines.array_api.pure_fft import PureFft, trial
from napari_lazy_pipeline.engines.engine import Planes
from napari_lazy_pipeline.engines.gpu_engine import FAILURES
from napari_lazy_pipeline.errors import one_line
from napari_lazy_pipeline.image.scan_geometry import DeskewPlan

# There is one wheel for each kind of GPU, and no extra that can choose.
PACKAGE = "Install PyTorch as pytorch.org/get-started has it for your GPU"
TRIAL_SECONDS = 120
# Kinds of GPUs by the names of PyTorch; what is built for AMD calls itself cuda, too.
KINDS = ("cuda", "xpu")


class TorchFft(PureFft):
    """Transforms of PyTorch, which has names of its own for some functions of numpy."""

    def _at_least(self, volume: Any, least: float) -> Any:
        return volume.clamp(min=least)

    def _limited(self, volume: Any, least: float, most: float) -> Any:
        return volume.clamp(least, most)

    def _product(self, a: Any, b: Any) -> float:
        return float((a * b).sum(2).cpu().numpy().sum(dtype=np.float64))


class TorchEngine(ArrayEngine):
    """Deconvolves with PyTorch, to the same results as the CPU engine; the CPU deskews."""

    auto_priority = 12
    transforms = TorchFft
    voxel_bytes = TorchFft.voxel_bytes
    frames_on_device = False

    def __init__(
        self, memory_limit: int | None = None, failures: int = FAILURES, kind: str = ""
    ) -> None:
        super().__init__("torch", partial(TorchDevice, kind), memory_limit, failures)

    def gpu_problem(self) -> str | None:
        return _problem()

    def deskews_on_gpu(self, plan: DeskewPlan, planes: Planes) -> bool:
        return False


class TorchDevice(Device):
    """A GPU of the kind that PyTorch was built for, or of another ``kind``."""

    failures = (RuntimeError,)

    def __init__(self, kind: str = "") -> None:
        torch = importlib.import_module("torch")
        self.kind = kind or kind_of_gpu(torch)
        self._torch, self._module = torch, getattr(torch, self.kind)
        self.xp = SimpleNamespace(conjugate=torch.conj, abs=torch.abs, where=torch.where)
        self.fft = SimpleNamespace(
            rfftn=lambda volume, axes: torch.fft.rfftn(volume, dim=axes),
            irfftn=lambda spectrum, s, axes: torch.fft.irfftn(spectrum, s=s, dim=axes),
        )

    def put(self, array: np.ndarray) -> Any:
        return self._torch.tensor(array, device=self.kind)

    def get(self, array: Any) -> np.ndarray:
        return np.ascontiguousarray(array.cpu().numpy())

    def free(self) -> int:
        free, _ = self._module.mem_get_info()
        return int(free + self._module.memory_reserved() - self._module.memory_allocated())

    def trim(self) -> None:
        if self.kind in KINDS:
            self._module.empty_cache()

    def synchronize(self) -> None:
        self._module.synchronize()


def kind_of_gpu(torch: Any) -> str:
    """Name the kind of GPU that is there; empty if there is none."""
    there = (
        kind for kind in KINDS if getattr(torch, kind, None) and getattr(torch, kind).is_available()
    )
    return next(there, "")


@lru_cache(maxsize=1)
def _problem() -> str | None:
    if importlib.util.find_spec("torch") is None:
        return f"The package torch is not installed. {PACKAGE}"
    with closing(Worker(__name__)) as worker:
        try:
            return cast(str | None, worker.call("probe", seconds=TRIAL_SECONDS))
        except WorkerError as error:
            return f"torch failed a small trial: {error.what}. {PACKAGE}"


def probe(*_: object) -> str | None:
    """Say in one line what is wrong with PyTorch or the GPU; runs in a process that may die."""
    try:
        torch = importlib.import_module("torch")
    except Exception as error:  # noqa: BLE001 - a broken installation is a reason, not a crash
        return one_line(f"The package torch cannot be imported: {error!r}. {PACKAGE}")
    if not kind_of_gpu(torch):
        return f"torch finds no GPU that it was built for. {PACKAGE}"
    return trial(TorchEngine().deconvolve_on_gpu)
