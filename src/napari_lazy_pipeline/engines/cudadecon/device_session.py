"""Device session: the worker process of the pycudadecon engine, its trial, and OTF files for it."""

from __future__ import annotations

import importlib.util
import tempfile
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from napari_lazy_pipeline._runtime.cancellation import not_cancelled
from napari_lazy_pipeline._runtime.worker_process import Worker, WorkerError
from napari_lazy_pipeline.engines.gpu_engine import USE_CPU, DeviceError
from napari_lazy_pipeline.psf import RadialOtf
from napari_lazy_pipeline.psf.radial_otf import save_otf

TRIAL_SECONDS = 60
# Bytes of an OTF, and planes of a PSF that are left in any case: as pycudadecon has them.
LARGEST_OTF, FEWEST_PLANES = 60_000, 20
NOT_INSTALLED = (
    "The package pycudadecon is not installed: conda install -c conda-forge pycudadecon cudadecon"
)


def fitted(otf: RadialOtf) -> RadialOtf:
    """Crop the PSF of an OTF along z as far as the library has to have it.

    Its versions before 0.6 keep the OTF in the constant memory of the GPU.
    """
    rings, planes = otf.values.shape
    most = max(LARGEST_OTF // (rings * otf.values.itemsize), FEWEST_PLANES)
    if planes <= most:
        return otf
    below = most // 2  # of the peak, which is at index 0
    lines = np.fft.ifft(otf.values, axis=1)
    kept = np.concatenate([lines[:, : most - below], lines[:, planes - below :]], axis=1)
    return RadialOtf(np.fft.fft(kept, axis=1), otf.dkr, otf.dkz * planes / most)


class DeviceSession:
    """Share of one process in the library: a worker process, and a folder of OTF files."""

    def __init__(self) -> None:
        self.worker = Worker(f"{__package__}.worker")
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.memory = 0  # of the GPU that was free at first [byte], as far as it is known
        self._problem: str | None = None
        self._tried = False
        self._lock = threading.Lock()

    def problem(self) -> str | None:
        """Return why the library cannot be used, None if it can; tried out once."""
        with self._lock:
            if not self._tried:
                self._problem, self.memory = self._probe()
                self._tried = True
            return self._problem

    def transform(
        self,
        name: str,
        image: np.ndarray,
        shape: tuple[int, ...],
        cancelled: Callable[[], bool] = not_cancelled,
        **options: Any,
    ) -> np.ndarray:
        """Let the library make a float32 array of a shape out of another one."""
        try:
            return self.worker.transform(name, image, shape, cancelled, **options)
        except WorkerError as error:
            raise DeviceError(f"pycudadecon failed: {error.what}", hint=USE_CPU) from error

    def free_memory(self) -> int:
        """Memory of the GPU that a volume can have now [byte]; 0 if that is not known."""
        try:
            return int(self.worker.call("free_memory", seconds=TRIAL_SECONDS)) or self.memory
        except WorkerError:
            return self.memory  # whatever ails the worker, the volume will tell

    def otf_file(self, otf: RadialOtf) -> Path:
        """Write the OTF to where the library can read it, as large as it may be."""
        otf = fitted(otf)
        with self._lock:
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(prefix="lazy-pipeline-otf-")
            path = Path(self._folder.name) / f"{otf.key}.tif"
            if not path.exists():
                save_otf(otf, path)
            return path

    def close(self) -> None:
        """End the worker process."""
        self.worker.close()
        with self._lock:
            if self._folder is not None:
                self._folder.cleanup()
                self._folder = None

    def _probe(self) -> tuple[str | None, int]:
        if importlib.util.find_spec("pycudadecon") is None:
            return NOT_INSTALLED, 0
        try:
            problem, memory = self.worker.call("probe", seconds=TRIAL_SECONDS)
        except WorkerError as error:
            problem, memory = f"cudaDecon failed a small trial: {error.what}. Check nvidia-smi", 0
        if problem is not None:
            self.worker.close()
        return problem, memory


@cache
def session(process: int) -> DeviceSession:
    """Return the session of a process: one that is forked has no part in that of its parent."""
    return DeviceSession()
