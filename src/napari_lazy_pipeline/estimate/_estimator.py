"""Estimator: finds values of a step in its data; `Estimate`: what it found."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from napari_lazy_pipeline._runtime.cancellation import not_cancelled
from napari_lazy_pipeline.errors import Cancelled
from napari_lazy_pipeline.image import Block, StackSpec
from napari_lazy_pipeline.image.box import whole


@dataclass(frozen=True)
class StackSample:
    """What an estimator may look at: the input of its step, volume by volume.

    Attributes
    ----------
    spec
        What that looks like, with channels and number of time points.
    make_part
        Makes a part (z, y, x) of a volume; may raise a `FileError` where a file is bad.
    t, c
        The time point and the channel that a person looks at.
    by_planes
        Whether planes are made without the rest of their volume.
    cancelled
        True once nobody wants the estimate any more; then nothing is made.
    progress
        Told the finished fraction, 0 to 1.
    """

    spec: StackSpec
    make_part: Callable[[Block], np.ndarray]
    t: int = 0
    c: int = 0
    by_planes: bool = False
    cancelled: Callable[[], bool] = not_cancelled
    progress: Callable[[float], None] = lambda fraction: None

    def advance(self, fraction: float) -> None:
        """Tell the finished fraction, 0 to 1; raise `Cancelled` if nobody wants it any more."""
        if self.cancelled():
            raise Cancelled
        self.progress(fraction)

    def read(self, t: int, c: int) -> np.ndarray:
        """Make one volume (z, y, x); a `FileError` if its file is bad or missing."""
        return self.read_part(Block(t, c, whole(self.spec.shape)))

    def read_part(self, block: Block) -> np.ndarray:
        """Make a part (z, y, x) of a volume, from what it needs only; raises what `read` does."""
        if self.cancelled():
            raise Cancelled
        return self.make_part(block)


@dataclass(frozen=True)
class Estimate:
    """Values that were found for the fields of a step.

    Attributes
    ----------
    changes
        The values by the names of the fields.
    sentence
        What was found, for the person who asked; without a full stop.
    basis
        What was looked at, in a few words.
    images
        Images that fields name by their path, one or a dictionary by the names of channels: each
        is written to a TIFF file, whose path becomes the value of the field.
    """

    changes: Mapping[str, Any]
    sentence: str
    basis: str = ""
    images: Mapping[str, np.ndarray | Mapping[str, np.ndarray]] = field(default_factory=dict)


class Estimator(ABC):
    """Finds values of a step in its data.

    One class in a file of its own in ``estimate/`` is all: the button in the card of the step, and
    ``napari-lazy-pipeline estimate`` follow. A step may have several.

    Attributes
    ----------
    kind
        Tag of the step whose values it finds.
    title, tooltip
        What its button says, and what it does, what it looks at included.
    order
        Its place among those of the same step, lower first.
    """

    kind: ClassVar[str]
    title: ClassVar[str]
    tooltip: ClassVar[str]
    order: ClassVar[int] = 10

    @abstractmethod
    def estimate(self, values: Mapping[str, Any], stack: StackSample) -> Estimate:
        """Find values, from as little of the data as will do.

        Parameters
        ----------
        values
            The present values of the step by the names of its fields.
        stack
            The input of the step; told between volumes how far it is, by `StackSample.advance`.

        Raises
        ------
        LazyPipelineError
            If the data do not tell: what, where, and what to do.
        """
