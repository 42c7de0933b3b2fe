"""Tile picture: pixels in the colours and the contrast of the layers they stand beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_lazy_pipeline._gui.layers.screen import Screen
from napari_lazy_pipeline._gui.side_by_side.view_region import ViewRegion
from napari_lazy_pipeline.compute import PipelineSource, Progress
from napari_lazy_pipeline.errors import GeometryError
from napari_lazy_pipeline.image import Block
from napari_lazy_pipeline.image.box import Box

_COLOURS = 256


@dataclass(frozen=True)
class ChannelLook:
    """Contrast and colours of a channel, as its layer has them."""

    channel: int
    limits: tuple[float, float]
    gamma: float
    colours: np.ndarray  # (256, 3), from 0 to 1
    additive: bool

    @classmethod
    def of(cls, channel: int, layer: Any) -> ChannelLook:
        colours = np.asarray(layer.colormap.map(np.linspace(0, 1, _COLOURS)))[:, :3]
        low, high = layer.contrast_limits
        additive = layer.blending == "additive"
        return cls(channel, (low, high), layer.gamma, colours * layer.opacity, additive)

    @classmethod
    def all_of(cls, screen: Screen, source: PipelineSource) -> list[ChannelLook]:
        """How each channel of a source looks that is on screen, under its number there."""
        channels = {there: c for c, there in screen.channels_in(source).items()}
        return [cls.of(there, screen.layer(c)) for there, c in channels.items()]

    def paint(self, pixels: np.ndarray) -> np.ndarray:
        """Colours (..., 3) from 0 to 1; what cannot be had is black."""
        low, high = self.limits
        share = (np.nan_to_num(pixels.astype(np.float32), nan=low) - low) / ((high - low) or 1.0)
        index = (share.clip(0, 1) ** self.gamma * (_COLOURS - 1)).astype(np.uint8)
        painted: np.ndarray = self.colours[index]
        return painted


@dataclass(frozen=True)
class TilePicture:
    """Pixels (rows, columns, red green blue alpha), and where they lie.

    ``extent`` is top, left, height and width [um].
    """

    pixels: np.ndarray
    extent: tuple[float, float, float, float]


@dataclass(frozen=True)
class TileRequest:
    """A picture that is wanted: of what, which part, and how it looks."""

    source: PipelineSource
    t: int
    box: Box
    region: ViewRegion
    looks: Sequence[ChannelLook]

    @property
    def has_preview(self) -> bool:
        """Return whether there is something quicker than the result, of about the same look."""
        stages = self.source.plan.stages
        return any(stage.step.draft() != stage.step for stage in stages)

    def make(self, progress: Progress, preview: bool = False) -> TilePicture:
        """Make the picture, from what it needs only; raises what `PipelineSource.part` does.

        And a GeometryError if there is nothing to see.
        """
        if not self.looks:
            raise GeometryError("No channel is visible", hint="Show one")
        painted: Any = 0.0
        source = self.source.draft() if preview else self.source
        for look in self.looks:
            part = source.part(Block(self.t, look.channel, self.box), progress)
            colours = look.paint(self.region.picture(part))
            painted = painted + colours if look.additive else colours
        rows, columns = painted.shape[:2]
        pixels = np.full((rows, columns, 4), 255, np.uint8)
        pixels[..., :3] = painted.clip(0, 1) * 255
        return TilePicture(pixels, self._extent)

    @property
    def _extent(self) -> tuple[float, float, float, float]:
        spec, ends = self.source.spec, []
        for axis in self.region.axes:
            (start, stop), size = self.box[axis], spec.spacing[axis]
            ends.append((spec.translate[axis] + (start - 0.5) * size, (stop - start) * size))
        (top, height), (left, width) = ends
        return top, left, height, width
