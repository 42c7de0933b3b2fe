"""Identity cache: what each volume depends on, as last seen, so that drawing asks no disk."""

from __future__ import annotations

from collections.abc import Callable, Hashable

import numpy as np

from napari_lazy_pipeline.image import VolumeSource, VolumeSpec
from napari_lazy_pipeline.image.problem_log import ProblemLog
from napari_lazy_pipeline.image.renumbering import Numbers
from napari_lazy_pipeline.io.files.file_access import FOLDER_MISSING


class IdentityCache(VolumeSource):
    """A source whose identities are looked up once, and again on demand.

    A network share can take long to tell the state of a file; the screen must not wait for it.
    A background thread calls `refresh`, which notices a file that was replaced.
    """

    def __init__(self, source: VolumeSource) -> None:
        self.source = source
        self._identities: dict[tuple[int, int], Hashable] = {}

    @property
    def sizes(self) -> tuple[int, int]:
        return self.source.sizes

    @property
    def spec(self) -> VolumeSpec:
        return self.source.spec

    @property
    def token(self) -> str:
        return self.source.token

    @property
    def problems(self) -> ProblemLog:
        return self.source.problems

    @property
    def overhead(self) -> int:
        return self.source.overhead

    def identity(self, t: int, c: int) -> Hashable:
        known = self._identities.get((t, c))
        return known if known is not None else self.refresh(t, c)

    def known(self, t: int, c: int) -> bool:
        """Return whether the identity of a volume was looked up before."""
        return (t, c) in self._identities

    def refresh(self, t: int, c: int) -> Hashable:
        """Look up what the volume depends on now; the last holds while the folder is missing."""
        identity = self.source.identity(t, c)
        if isinstance(identity, tuple) and identity[0] == FOLDER_MISSING:
            identity = self._identities.get((t, c), identity)
        self._identities[t, c] = identity
        return identity

    def grow(self, source: VolumeSource, same: Callable[[int, int], bool]) -> None:
        """Replace the source by one of more volumes; ``same`` tells places (t, c) that hold on."""
        self.source = source
        for place in list(self._identities):
            if not same(*place):
                self._identities.pop(place, None)

    def moved(self, source: VolumeSource, now: Numbers) -> IdentityCache:
        """Make another with the same identities, for time points that have other numbers now."""
        other = IdentityCache(source)
        for (t, c), identity in list(self._identities.items()):
            if t in now:
                other._identities[now[t], c] = identity
        return other

    def read(self, t: int, c: int) -> np.ndarray:
        return self.source.read(t, c)

    @property
    def by_planes(self) -> bool:
        return self.source.by_planes

    def read_planes(self, t: int, c: int, start: int, stop: int) -> np.ndarray:
        return self.source.read_planes(t, c, start, stop)

    def __call__(self, t: int, c: int) -> np.ndarray:
        return self.source(t, c)
