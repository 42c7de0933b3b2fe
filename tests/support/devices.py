"""A device without a GPU: numpy, which can be told to fail as a GPU does."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import numpy as np
from scipy import fft

from napari_lazy_pipeline.engines import engine_registry
from napari_lazy_pipeline.engines.array_api.array_engine import ArrayEngine


class NumpyDevice:
    """Keeps its arrays in memory; counts what passes the bus.

    Parameters
    ----------
    memory
        Bytes it says are free.
    """

    xp, fft = np, fft
    failures = (RuntimeError,)

    def __init__(self, memory=2**40):
        self.memory = memory
        self.moved, self.trimmed = [], 0
        self.errors = []

    def put(self, array):
        self._fail()
        self.moved.append(array.nbytes)
        return array.copy()

    def get(self, array):
        return np.ascontiguousarray(array)

    def free(self):
        return self.memory

    def trim(self):
        self.trimmed += 1

    def synchronize(self):
        self._fail()

    def _fail(self):
        """Raise the next error that was asked for; None stands for none."""
        if self.errors and (error := self.errors.pop(0)):
            raise error


class NumpyEngine(ArrayEngine):
    """The array engine on numpy, to be had by a name."""

    def __init__(self):
        self.device = NumpyDevice()
        super().__init__("numpy", lambda: self.device)


def offer_engine(monkeypatch, name, value):
    """Offer an engine, for the time of a test, as another package does."""
    entry = EntryPoint(name, value, engine_registry.ENTRY_POINTS)
    entries = {**engine_registry._entries(), name: entry}
    monkeypatch.setattr(engine_registry, "_entries", lambda: entries)
