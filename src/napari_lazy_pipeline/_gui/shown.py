"""Shown: what one channel shows, and how a layer is given something else to show."""

from __future__ import annotations

from collections.abc import Hashable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from napari_lazy_pipeline._gui.lazy_array import LazyArray
from napari_lazy_pipeline._gui.runner import Job
from napari_lazy_pipeline.pipeline import PipelineSource


@dataclass
class Shown:
    """What one channel shows.

    Attributes
    ----------
    layer
        The napari layer.
    source
        What made the picture.
    picture
        The volume (z, y, x) that was delivered last.
    t, identity
        Its time point, and what it was made from.
    failed
        The job that could not be done, if that is what is on screen: shown blank.
    auto_name
        The name we gave the layer; another one is the person's.
    """

    layer: Any
    source: PipelineSource
    picture: np.ndarray
    t: int
    identity: Hashable
    failed: Job | None = None
    auto_name: str = ""

    def _first_contrast(self, volume: np.ndarray) -> None:
        """Set the contrast after a blank, unless the person did."""
        if tuple(self.layer.contrast_limits) == contrast_limits(self.picture):
            self.layer.contrast_limits = contrast_limits(volume)

    def put(self, job: Job, volume: np.ndarray) -> None:
        """Note what is on screen now."""
        if not has_content(self.picture) and has_content(volume):
            self._first_contrast(volume)
        self.picture, self.t, self.failed = volume, job.t, None
        self.identity = job.source.identity(job.t, job.channel)


@dataclass
class Screen:
    """What all channels show.

    Attributes
    ----------
    shown
        What each channel shows.
    source
        What makes the pictures that should be on screen; those that are there may be older.
    """

    shown: dict[int, Shown] = field(default_factory=dict)
    source: PipelineSource | None = None

    @property
    def visible(self) -> dict[int, Shown]:
        """What each channel shows whose layer is visible."""
        return {c: shown for c, shown in self.shown.items() if shown.layer.visible}

    @property
    def first(self) -> Any:
        """The layer that all others lie upon; None if there is none."""
        return next((shown.layer for shown in self.shown.values()), None)

    @property
    def up_to_date(self) -> bool:
        """Whether each visible layer shows the present steps."""
        return bool(self.shown) and all(
            shown.source is self.source for shown in self.visible.values()
        )


def replace_data(layer: Any, data: LazyArray, place: dict[str, Any]) -> None:
    """Give a layer other data in another place, drawing it once instead of for each change.

    A layer that is hidden is not drawn; nobody needs to know that it was, for a moment.
    """
    events, visible = layer.events, layer.visible
    moved = [what for what, value in place.items() if tuple(getattr(layer, what)) != value]
    with ExitStack() as quiet:
        for what in ("visible", "data", "scale", "translate"):
            quiet.enter_context(getattr(events, what).blocker())
        layer.visible = False
        layer.data = data
        # A hidden layer notices its new size only when it is moved.
        for what in moved or ["scale"]:
            setattr(layer, what, place[what])
        layer.visible = visible
    events.data(value=data)
    for what in moved:
        getattr(events, what)()


def stand_in(volume: np.ndarray | None, shown: Shown | None, source: PipelineSource) -> np.ndarray:
    """The volume; if it is not there, the last picture; if that does not fit, zeros."""
    if volume is not None:
        return volume
    if shown is not None and shown.picture.shape == source.spec.shape:
        return shown.picture
    return np.zeros(source.spec.shape, source.spec.dtype)


def has_content(volume: np.ndarray) -> bool:
    """Whether a volume is more than a stand-in for one that could not be had."""
    sample = volume[volume.shape[0] // 2]
    return bool(np.nanmax(sample, initial=0) > 0)


def contrast_limits(volume: np.ndarray) -> tuple[float, float]:
    """Limits that show a volume well: all but its darkest and brightest voxels."""
    sample = volume[:: max(volume.shape[0] // 16, 1), ::2, ::2]
    sample = sample[np.isfinite(sample)]
    if not sample.size:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(sample, (1.0, 99.9)))
    return (low, high) if high > low else (low, low + 1.0)
