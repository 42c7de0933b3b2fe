"""Render request: pixels that are wanted, and how they are made."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from napari_lazy_pipeline.compute import PipelineSource, Progress
from napari_lazy_pipeline.image import Block
from napari_lazy_pipeline.image.box import Box, spec_of, whole
from napari_lazy_pipeline.io.files.identity_cache import IdentityCache

# A preview of a plane is made by the drafts of the steps, or by the drafts of those; one of a
# volume takes all that is quick.
QUICKEST = 2


@dataclass(frozen=True, eq=False)
class RenderRequest:
    """Pixels that are wanted, of a volume or of one plane."""

    channel: int
    t: int
    source: PipelineSource
    plane: int | None = None  # None: the whole volume
    draft: int | None = None  # which draft will do, 0 the better one; None: the result is wanted

    @property
    def preview(self) -> bool:
        """Return whether it makes a preview, and not the result."""
        return self.draft is not None

    @property
    def raw_volumes(self) -> set[tuple[int, int]]:
        """Time point and channel of each raw volume that the pixels are made from."""
        return self.source.plan.raw_volumes(self.t, self.channel)

    @property
    def files_known(self) -> bool:
        """Whether the state of each file that the pixels are made from was looked up before."""
        raw = self.source.raw
        return not isinstance(raw, IdentityCache) or all(raw.known(*at) for at in self.raw_volumes)

    def look_up_files(self) -> None:
        """Notice it if a file that the pixels are made from was replaced."""
        raw = self.source.raw
        if isinstance(raw, IdentityCache):
            for volume in self.raw_volumes:
                raw.refresh(*volume)

    def same_picture(self, other: RenderRequest) -> bool:
        """Return whether the other is for the same moment and steps, perhaps of another channel."""
        return self.source is other.source and self.t == other.t

    def same_as(self, other: RenderRequest | None) -> bool:
        """Return whether the other request makes the same pixels."""
        return (
            other is not None
            and self.same_picture(other)
            and (
                (self.channel, self.plane, self.draft) == (other.channel, other.plane, other.draft)
            )
        )

    def preview_of(self, plane: int | None, draft: int) -> RenderRequest:
        """The request for a preview, of a plane or of the whole volume."""
        return replace(self, plane=plane, draft=draft)

    def make(self, progress: Progress) -> np.ndarray:
        """Make the pixels (z, y, x), on the grid of the result; raises what `read` does."""
        source = self.source
        if self.draft is None and self.plane is None:
            return source.read(self.t, self.channel, progress)
        if self.draft is not None:
            for _ in range(QUICKEST if self.plane is None else 1 + self.draft):
                source = source.draft()
        return source.part(Block(self.t, self.channel, self._box), progress)

    def blank(self) -> np.ndarray:
        """Stand-in for pixels that cannot be had."""
        return spec_of(self._box, self.source.spec).blank()

    @property
    def _box(self) -> Box:
        z, y, x = whole(self.source.spec.shape)
        return z if self.plane is None else (self.plane, self.plane + 1), y, x
