"""Job: pixels that are wanted, and how they are made."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from napari_lazy_pipeline import preview
from napari_lazy_pipeline.pipeline import PipelineSource, Watcher


@dataclass(frozen=True, eq=False)
class Job:
    """Pixels that are wanted.

    Attributes
    ----------
    channel, t
        Of which volume.
    source
        What makes it.
    plane
        The one plane that is wanted; None for the whole volume.
    preview
        Whether a quick look will do, which is not exact.
    """

    channel: int
    t: int
    source: PipelineSource
    plane: int | None = None
    preview: bool = False

    def same_picture(self, other: Job) -> bool:
        """Whether the other job is for the same moment and steps, perhaps of another channel."""
        return self.source is other.source and self.t == other.t

    def same_as(self, other: Job | None) -> bool:
        """Whether the other job makes the same pixels."""
        return (
            other is not None
            and self.source is other.source
            and (self.channel, self.t, self.plane, self.preview)
            == (other.channel, other.t, other.plane, other.preview)
        )

    def quick_look(self, plane: int | None) -> Job:
        """The job of having a quick look, at a plane or at the whole volume."""
        return replace(self, plane=plane, preview=True)

    def make(self, watcher: Watcher) -> np.ndarray:
        """Make the pixels (z, y, x), on the grid of the result; a plane has one pixel along z.

        Raises
        ------
        LazyPipelineError, Cancelled
            As `PipelineSource.read` does.
        """
        t, c, source = self.t, self.channel, self.source
        if self.preview:
            look = preview.half(source) if self.plane is None else preview.slab(source, self.plane)
            return look.read_on_grid(t, c, watcher)
        if self.plane is None:
            return source.read(t, c, watcher)
        return source.read_planes(t, c, self.plane, self.plane + 1, watcher)

    def blank(self) -> np.ndarray:
        """Stand-in for pixels that cannot be had."""
        spec = self.source.spec
        if self.plane is not None:
            spec = spec.replace(shape=(1, *spec.shape[1:]))
        return spec.blank()
