"""What happens to the volumes of a GPU that fails: at first an error, then the CPU does them."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from napari_lazy_pipeline.engines import notices
from napari_lazy_pipeline.errors import EngineError
from napari_lazy_pipeline.image.problem_log import Problem

FAILURES = 2


class DeviceError(EngineError):
    """The GPU failed at something it should be able to do."""


class Fallback:
    """Counts failures in a row; from some number on, everything is computed on the CPU.

    Parameters
    ----------
    name
        The engine, as the user knows it.
    failures
        At which failure the CPU takes over, for that volume and all following ones. Those
        before raise their `DeviceError`.
    """

    def __init__(self, name: str, failures: int = FAILURES) -> None:
        self.name, self.failures = name, failures
        self._lock = threading.Lock()
        self._count = 0
        self._reason: str | None = None

    @property
    def reason(self) -> str | None:
        """Why the GPU is not used any more; None while it is."""
        return self._reason

    def run(
        self, on_device: Callable[[], np.ndarray], on_cpu: Callable[[], np.ndarray]
    ) -> np.ndarray:
        """Make one volume.

        Raises
        ------
        DeviceError
            If the GPU fails, and has not yet failed too often.
        """
        if self._reason is not None:
            return on_cpu()
        try:
            result = on_device()
        except DeviceError as error:
            if not self._failed(error):
                raise
            return on_cpu()
        with self._lock:
            self._count = 0
        return result

    def forget(self) -> None:
        """Give the GPU another chance."""
        with self._lock:
            self._count, self._reason = 0, None

    def _failed(self, error: DeviceError) -> bool:
        """Note a failure; return whether it was one too many."""
        with self._lock:
            self._count += 1
            if self._count < self.failures:
                return False
            first, self._reason = self._reason is None, f"It failed {self._count} times: {error}"
        if first:
            notices.report(Problem(self.name, error.what, "computed on the CPU from now on"))
        return True
