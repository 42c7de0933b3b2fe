"""Complete volumes: those of a folder that is being recorded, for whoever writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count

from napari_lazy_pipeline.image import Stack
from napari_lazy_pipeline.io.files.file_source import FileSource
from napari_lazy_pipeline.io.files.stated_interval import stated_interval
from napari_lazy_pipeline.io.live.folder_watcher import stack_watcher
from napari_lazy_pipeline.io.live.stack_watcher import PollResult

_SETTLED = 2  # polls after which the last files of a folder that is opened are judged
ALONE = 10  # polls for which a first time point waits for another, and for more channels


@dataclass(frozen=True)
class CompleteVolumes:
    """What is complete at a poll; time points from ``first`` on are new, or have new numbers."""

    stack: Stack
    first: int
    result: PollResult

    @property
    def new(self) -> range:
        """Time points that are new."""
        return range(self.first, self.stack.shape[0])


def complete_volumes(
    open_raw: Callable[[], Stack | None], pause: Callable[[], bool]
) -> Iterator[CompleteVolumes]:
    """Poll raw data for ever; yield what is complete, once that can be told.

    ``open_raw`` opens them, also anew once they turn out to be others, and returns None while there
    is nothing; ``pause`` waits between polls, and returns whether it was the last.
    """
    while True:
        raw = open_raw()
        if raw is not None:
            yield from _polled(raw, pause)
        if pause():
            return


def _polled(raw: Stack, pause: Callable[[], bool]) -> Iterator[CompleteVolumes]:
    """Poll until the folder has to be opened anew."""
    assert isinstance(raw.source, FileSource)
    watcher, seen, unmatched = stack_watcher(raw.source), 0, 0
    before = raw.source
    for polls in count():
        result = watcher.poll(listing=polls % 2 == 0)
        times = result.source.sizes[0]
        # The names of a first file tell too little of those that come later: which are of the same
        # stack, and the time between two.
        alone = times == 1 and result.unmatched > unmatched
        if result.outdated or alone or raw.shape[0] == 1 < times:
            return
        unmatched = result.unmatched
        if result.source is not before:
            # Also a time point that others had overtaken, or all behind one that came late.
            same, channels = before.same_files(result.source), range(result.source.sizes[1])
            kept = (all(same(t, c) for c in channels) for t in range(seen))
            seen, before = (
                next((t for t, is_same in enumerate(kept) if not is_same), seen),
                result.source,
            )
        if polls >= _SETTLED and (times > 1 or polls >= ALONE):
            stack = replace(
                raw,
                source=result.source.with_spec(raw.spec),
                time_interval=_interval(raw, result.source),
            )
            yield CompleteVolumes(stack, seen, result)
            seen = times
        if pause():
            return


def _interval(raw: Stack, now: FileSource) -> float | None:
    """Time between two time points, which is another once there are more, unless it was stated."""
    assert isinstance(raw.source, FileSource)
    stated_by_files = raw.time_interval == stated_interval(raw.source)
    return stated_interval(now) if stated_by_files else raw.time_interval
