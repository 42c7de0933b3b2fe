"""State: steps as they are or were, and how the data are or were said to be scanned."""

from __future__ import annotations

from dataclasses import dataclass

from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.image import Scan


@dataclass(frozen=True)
class State:
    """All that pixels depend on, but for the data and the engine.

    Attributes
    ----------
    pipeline
        The steps.
    scan
        How the planes were scanned, as it was stated of the data; None if that was unknown.
    """

    pipeline: Pipeline
    scan: Scan | None = None
