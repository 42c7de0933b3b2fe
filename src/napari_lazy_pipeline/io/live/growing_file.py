"""Growing file: how many time points there are in a file that grows from within."""

from __future__ import annotations

import os
from collections.abc import Hashable
from dataclasses import replace

from napari_lazy_pipeline.io.files.file_source import FileSource
from napari_lazy_pipeline.io.live.stack_watcher import StackWatcher
from napari_lazy_pipeline.io.readers import GrowingReader, GrowthState


class GrowingFileWatcher(StackWatcher):
    """Polls a file; reads no pixel.

    A time point is added once all of its planes and channels are recorded, and something after
    them is, too; the last one, once nothing was added between two polls. One that stays
    incomplete while later ones are completed is a blank.
    """

    def __init__(self, source: FileSource) -> None:
        super().__init__(source)
        if not isinstance(source.reader, GrowingReader):
            raise TypeError(f"{source.reader} reads no files that grow")
        self._reader = source.reader
        self._path = os.path.join(source.folder, source.names[0])
        self._run: Hashable = None
        self._state: GrowthState | None = None

    def _update(self, listing: bool) -> tuple[bool, bool]:
        state = self._reader.growth(self._path, self._source.info)
        before, self._state = self._state, state
        self._outdated = self._outdated or self._difference(state)
        if before is None:
            # What is not whole at the end of the axis comes back when it is.
            return self._set_times(max(state.present, 1)), False
        times = state.present if before.mark == state.mark else state.complete
        return self._set_times(max(times, self._source.sizes[0])), False

    def _difference(self, state: GrowthState) -> str:
        """Return why what is recorded does not continue what was opened; empty if it does."""
        info = self._source.info
        self._run = self._run or state.run
        if state.run != self._run:
            return f"{info.name} is another recording now"
        before = f"{info.shape[0]} x {info.inner[1]}"
        now = f"{state.planes} planes x {state.channels} channels"
        alike = (state.planes, state.channels) == (info.shape[0], info.inner[1])
        return "" if alike else f"{info.name} holds {now} by now, not {before}"

    def _set_times(self, times: int) -> bool:
        """Let the axis have so many time points; return whether it had another number."""
        before, channels = self._source.info.inner
        if times == before or self._outdated:
            return False
        self._source = self._source.with_info(lambda info: replace(info, inner=(times, channels)))
        return True
