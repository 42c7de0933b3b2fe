"""What a dock shows, against what the recipe makes of its place without any cache."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dock_helpers import on_screen
from napari_lazy_pipeline.compute import PipelineSource
from napari_lazy_pipeline.errors import LazyPipelineError
from napari_lazy_pipeline.image import VolumeSource, VolumeSpec


def check_pixels(dock: Any) -> bool:
    """Compare every layer of a dock that is at rest; False if there is nothing to compare."""
    session = dock.session
    if session.stack is None or session.plan.misfit is not None:
        return False
    plan = session.pipeline.plan(session.stack.stack_spec).until(session.until)
    made = PipelineSource(session.stack.source, plan.without_waiting())
    processed, raw = dock.layers.screen.channels, dock.comparison.layers
    expected = {c for c in range(made.sizes[1]) if not dock.layers.screen.lacks(c, made)}
    assert set(processed) == expected, f"channels {set(processed)}, not {expected}"
    for channel, entry in processed.items():
        _compare(entry.layer, made, channel, dock.viewer)
    if raw:
        # Each of the raw time point that what stands beside it is made of.
        recorded = _Recorded(
            session.stack.source, [made.plan.origin(t, 0)[0] for t in range(made.sizes[0])]
        )
        for channel, entry in dock.comparison._raw.screen.channels.items():
            _compare(entry.layer, recorded, channel, dock.viewer)
    return True


@dataclass(frozen=True)
class _Recorded:
    """Some time points of a raw source."""

    source: VolumeSource
    times: list[int]

    @property
    def sizes(self) -> tuple[int, int]:
        return len(self.times), self.source.sizes[1]

    @property
    def spec(self) -> VolumeSpec:
        return self.source.spec

    def read(self, t: int, c: int) -> np.ndarray:
        return self.source.read(self.times[t], c)


def _compare(
    layer: Any, source: VolumeSource | PipelineSource | _Recorded, channel: int, viewer: Any
) -> None:
    """The pixels that napari shows are those of the slider's place."""
    if not layer.visible:
        return
    dims = viewer.dims
    first = dims.ndim - 4  # layers of others may have more axes
    point, displayed = dims.point[first:], [axis - first for axis in dims.displayed]
    index: list[Any] = [
        round((place - start) / scale)
        for place, start, scale in zip(point, layer.translate, layer.scale, strict=True)
    ]
    times, shape = source.sizes[0], source.spec.shape
    assert layer.data.shape == (times, *shape), f"{layer.name}: {layer.data.shape}"
    for axis in displayed:
        index[axis] = slice(None)
    for i, n in zip(index, (times, *shape), strict=True):
        if not isinstance(i, slice) and not 0 <= i < n:
            return  # beside another layer, the slider goes beyond this one
    shown = range(times) if 0 in displayed else [index[0]]
    stack = np.stack([_volume(source, t, channel) for t in shown])
    wanted = stack[(slice(None) if 0 in displayed else 0, *index[1:])]
    time = displayed.index(0) if 0 in displayed else None
    wanted = wanted.transpose(np.argsort(np.argsort(displayed)))
    seen = on_screen(layer)
    assert seen.shape == wanted.shape, f"{layer.name}: {seen.shape}, not {wanted.shape}"
    wrong = (seen != wanted) & ~(np.isnan(seen) & np.isnan(wanted))
    if 0 in displayed:  # what was never looked at is blank
        wrong &= seen.any(axis=tuple(i for i in range(seen.ndim) if i != time), keepdims=True)
    assert not wrong.any(), f"{layer.name}: {wrong.sum()} of {wrong.size} pixels are wrong"


def _volume(source: Any, t: int, channel: int) -> np.ndarray:
    """What should be seen of a volume: blank pixels, if its file is no good."""
    try:
        return source.read(t, channel)
    except LazyPipelineError:
        blank: np.ndarray = source.spec.blank()  # NaN for floats
        return blank
