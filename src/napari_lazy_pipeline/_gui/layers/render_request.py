"""Job: pixels that are wanted, and how they are made."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from napari_lazy_pipeline.compute import preview as previews
from napari_lazy_pipeline.compute.pipeline import PipelineSource, Progress

# How a quick look at a plane is made, the better one first: with pixels twice as large, and by
# quicker methods, too. A look at a volume takes all that is quick.
LOOKS = ({"draft": False, "coarse": True}, {"draft": True, "coarse": True})


@dataclass(frozen=True, eq=False)
class RenderRequest:
    """Pixels that are wanted.

    Attributes
    ----------
    channel, t
        Of which volume.
    source
        What makes it.
    plane
        The one plane that is wanted; None for the whole volume.
    look
        Which of `LOOKS` will do, which are not exact; None: the result is wanted.
    """

    channel: int
    t: int
    source: PipelineSource
    plane: int | None = None
    look: int | None = None

    @property
    def preview(self) -> bool:
        """Whether it makes a quick look, and not the result."""
        return self.look is not None

    def same_picture(self, other: RenderRequest) -> bool:
        """Whether the other job is for the same moment and steps, perhaps of another channel."""
        return self.source is other.source and self.t == other.t

    def same_as(self, other: RenderRequest | None) -> bool:
        """Whether the other job makes the same pixels."""
        return (
            other is not None
            and self.source is other.source
            and (self.channel, self.t, self.plane, self.look)
            == (other.channel, other.t, other.plane, other.look)
        )

    def quick_look(self, plane: int | None, look: int) -> RenderRequest:
        """The job of having a quick look, at a plane or at the whole volume."""
        return replace(self, plane=plane, look=look)

    def make(self, progress: Progress) -> np.ndarray:
        """Make the pixels (z, y, x), on the grid of the result; a plane has one pixel along z.

        Raises
        ------
        LazyPipelineError, Cancelled
            As `PipelineSource.read` does.
        """
        t, c = self.t, self.channel
        if self.look is not None:
            return self._view(LOOKS[self.look]).read_on_grid(t, c, progress)
        if self.plane is None:
            return self.source.read(t, c, progress)
        return self.source.read_planes(t, c, self.plane, self.plane + 1, progress)

    def _view(self, how: dict[str, bool]) -> previews.Preview:
        if self.plane is None:
            return previews.half(self.source, sparse=True)
        return previews.slab(self.source, self.plane, **how)

    def blank(self) -> np.ndarray:
        """Stand-in for pixels that cannot be had."""
        spec = self.source.spec
        if self.plane is not None:
            spec = spec.replace(shape=(1, *spec.shape[1:]))
        return spec.blank()
