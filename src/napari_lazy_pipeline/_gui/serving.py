"""Serving: what napari's slicer is given, at once, and what is then asked of the runner."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from napari_lazy_pipeline._gui.lazy_array import LazyArray
from napari_lazy_pipeline._gui.position import Position
from napari_lazy_pipeline._gui.runner import Job, Runner
from napari_lazy_pipeline._gui.shown import Screen, stand_in
from napari_lazy_pipeline.lift import lift
from napari_lazy_pipeline.pipeline import PipelineSource
from napari_lazy_pipeline.remember import RememberedSource


class Server:
    """Gives napari's slicer what there is, and asks for what there is not.

    Parameters
    ----------
    screen
        What is shown, and what should be.
    position
        Where the person is.
    runner
        Makes what is not at hand.
    """

    def __init__(self, screen: Screen, position: Position, runner: Runner) -> None:
        self._screen, self._position, self._runner = screen, position, runner
        self._last_t: dict[int, int] = {}
        self._path: list[int] = []

    def array(
        self, channel: int, source: PipelineSource, picture: np.ndarray | None = None
    ) -> LazyArray:
        """The lazy array of a channel; with a picture, one that always shows that."""
        if picture is not None:
            return LazyArray(lift(source, channel), lambda t: picture)
        return LazyArray(lift(source, channel), lambda t: self._serve(channel, source, t))

    def at_hand(self, channel: int, source: PipelineSource, t: int) -> np.ndarray | None:
        """The volume, if neither the file system nor an engine is needed for it."""
        raw = source.raw
        if isinstance(raw, RememberedSource) and not raw.known(t, channel):
            return None
        shown = self._screen.shown.get(channel)
        if (
            shown is not None
            and (shown.source, shown.t) == (source, t)
            and (shown.identity == source.identity(t, channel))
        ):
            return shown.picture
        return source.cached(t, channel)

    def note(self, channel: int, t: int) -> None:
        """A time point is on screen, without the slicer having asked for it."""
        self._last_t[channel] = t

    def forget_path(self) -> None:
        """Where the person went tells nothing any more."""
        self._path = []

    def prepare_next(self, job: Job) -> None:
        """Who has stepped twice in one direction through time, will do so once more."""
        path = self._path
        if not path or path[-1] != job.t:
            self._path = path = [*path, job.t][-3:]
        steps = {b - a for a, b in pairwise(path)}
        if len(path) == 3 and steps in ({1}, {-1}):
            t = job.t + steps.pop()
            if 0 <= t < job.source.sizes[0]:
                self._runner.prepare(Job(job.channel, t, job.source))

    def _serve(self, channel: int, source: PipelineSource, t: int) -> np.ndarray:
        """A volume for the slicer, at once: the true one, or what was there before."""
        shown, wanted = self._screen.shown.get(channel), self._screen.source
        failed = shown.failed if shown is not None else None
        if failed is not None and failed.t == t and failed.source is source:
            return source.spec.blank()
        volume = self.at_hand(channel, source, t)
        if self._position.swapping or wanted is None:
            return stand_in(volume, shown, source)
        if volume is None or wanted is not source or self._moved(channel, t):
            self._runner.want(Job(channel, t, wanted))
        return stand_in(volume, shown, source)

    def _moved(self, channel: int, t: int) -> bool:
        """Whether the time point is another than at the last call."""
        moved = self._last_t.get(channel) != t
        self._last_t[channel] = t
        return moved
