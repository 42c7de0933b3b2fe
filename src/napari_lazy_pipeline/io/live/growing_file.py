"""GrowthWatcher: how many time points a file holds that grows from within."""

from __future__ import annotations

import os
from collections.abc import Hashable
from dataclasses import replace

from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.io.files.file_source import FileSource
from napari_lazy_pipeline.io.live.poll_result import PollResult, TimeRange
from napari_lazy_pipeline.io.readers import GrowingReader, GrowthState


class GrowingFileWatcher:
    """Looks into a file whenever it is told to; reads no pixel, and never changes anything.

    A time point is added once all of its planes and channels are recorded, and something after
    them is, too; the last one, once nothing was added between two polls. One that stays
    incomplete while later ones are completed is a blank.

    Parameters
    ----------
    source
        What the file held when it was opened; `FileSource.grows`.
    """

    def __init__(self, source: FileSource) -> None:
        if not isinstance(source.reader, GrowingReader):
            raise TypeError(f"{source.reader} reads no files that grow")
        self._source, self._reader = source, source.reader
        self._path = os.path.join(source.folder, source.names[0])
        self._run: Hashable = None
        self._last: GrowthState | None = None
        self._reach = TimeRange()
        self._outdated = ""

    def poll(self, listing: bool = True) -> PollResult:
        """Look into the file, unless it is given a pause; see `TimeRange`.

        Parameters
        ----------
        listing
            Makes no difference here.
        """
        if self._reach.pauses():
            return self._look()
        try:
            found = self._reader.recorded(self._path, self._source.info)
        except FileError as error:
            self._reach.lost(error)
            return self._look()
        self._reach.found()
        before, self._last = self._last, found
        self._outdated = self._outdated or self._other(found)
        if before is None:
            # What is not whole at the end of the axis comes back when it is.
            return self._look(grown=self._show(max(found.seen, 1)))
        times = found.seen if before.mark == found.mark else found.sure
        return self._look(grown=self._show(max(times, self._source.sizes[0])))

    def _look(self, grown: bool = False) -> PollResult:
        return PollResult(self._source, grown, away=self._reach.away, outdated=self._outdated)

    def _other(self, found: GrowthState) -> str:
        """Why what is recorded does not go on with what was opened; empty if it does."""
        info = self._source.info
        self._run = self._run or found.run
        if found.run != self._run:
            return f"{info.name} is another recording now"
        if (found.planes, found.channels) != (info.shape[0], info.inner[1]):
            return (
                f"{info.name} holds {found.planes} planes x {found.channels} channels by now, not "
                f"{info.shape[0]} x {info.inner[1]}"
            )
        return ""

    def _show(self, times: int) -> bool:
        """Let the axis have so many time points; tell whether it had another number."""
        before, channels = self._source.info.inner
        if times == before or self._outdated:
            return False
        self._source = self._source.with_info(lambda info: replace(info, inner=(times, channels)))
        return True
