"""Render request: pixels that are wanted, and how they are made."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from napari_lazy_pipeline.compute import PipelineSource, Progress
from napari_lazy_pipeline.image import Block
from napari_lazy_pipeline.image.box import whole
from napari_lazy_pipeline.io.files.identity_cache import IdentityCache

# A preview of a plane is made by the drafts of the steps, or by the drafts of those; one of a
# volume takes all that is quick.
QUICKEST = 2


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
    draft
        Which draft will do, 0 the better one; None: the result is wanted.
    """

    channel: int
    t: int
    source: PipelineSource
    plane: int | None = None
    draft: int | None = None

    @property
    def preview(self) -> bool:
        """Whether it makes a preview, and not the result."""
        return self.draft is not None

    @property
    def files_known(self) -> bool:
        """Whether the state of each file that the pixels are made from was looked up before."""
        raw = self.source.raw
        volumes = self.source.plan.raw_volumes(self.t, self.channel)
        return not isinstance(raw, IdentityCache) or all(raw.known(*volume) for volume in volumes)

    def same_picture(self, other: RenderRequest) -> bool:
        """Whether the other is for the same moment and steps, perhaps of another channel."""
        return self.source is other.source and self.t == other.t

    def same_as(self, other: RenderRequest | None) -> bool:
        """Whether the other request makes the same pixels."""
        return (
            other is not None
            and self.source is other.source
            and (self.channel, self.t, self.plane, self.draft)
            == (other.channel, other.t, other.plane, other.draft)
        )

    def preview_of(self, plane: int | None, draft: int) -> RenderRequest:
        """The request for a preview, of a plane or of the whole volume."""
        return replace(self, plane=plane, draft=draft)

    def make(self, progress: Progress) -> np.ndarray:
        """Make the pixels (z, y, x), on the grid of the result; a plane has one pixel along z.

        Raises
        ------
        LazyPipelineError, Cancelled
            As `PipelineSource.read` does.
        """
        t, c = self.t, self.channel
        if self.draft is not None:
            return self._drafted().part(self._block(), progress)
        if self.plane is None:
            return self.source.read(t, c, progress)
        return self.source.read_planes(t, c, self.plane, self.plane + 1, progress)

    def _drafted(self) -> PipelineSource:
        source = self.source
        for _ in range(QUICKEST if self.plane is None else 1 + (self.draft or 0)):
            source = source.draft()
        return source

    def _block(self) -> Block:
        box = whole(self.source.spec.shape)
        planes = box[0] if self.plane is None else (self.plane, self.plane + 1)
        return Block(self.t, self.channel, (planes, *box[1:]))

    def blank(self) -> np.ndarray:
        """Stand-in for pixels that cannot be had."""
        spec = self.source.spec
        if self.plane is not None:
            spec = spec.replace(shape=(1, *spec.shape[1:]))
        return spec.blank()
