"""FolderWatcher: which volumes of a folder are complete now, while it is still being written."""

from __future__ import annotations

import os
from typing import Protocol

from napari_lazy_pipeline.errors import FolderError
from napari_lazy_pipeline.image.problem_log import Problem
from napari_lazy_pipeline.io.files.file_source import FileSource
from napari_lazy_pipeline.io.files.folder_listing import list_names
from napari_lazy_pipeline.io.live.growing_file import GrowingFileWatcher
from napari_lazy_pipeline.io.live.incoming_files import IncomingFiles, TimeAxis
from napari_lazy_pipeline.io.live.poll_result import PollResult, TimeRange
from napari_lazy_pipeline.io.patterns.field_values import select
from napari_lazy_pipeline.io.patterns.pattern import compile_pattern
from napari_lazy_pipeline.io.readers import hidden

_RECENT = 4  # time points at the end of a folder that is opened, which may still be written


class StackWatcher(Protocol):
    """Looks for more of a source."""

    def poll(self, listing: bool = True) -> PollResult:
        """Look; ``listing`` says whether also for new files."""


def stack_watcher(source: FileSource) -> StackWatcher:
    """Make what looks for more of a source: new files, or more in the one that is there."""
    return GrowingFileWatcher(source) if source.grows else FolderWatcher(source)


class FolderWatcher:
    """Looks at a folder whenever it is told to; reads, and never changes, what is there.

    A file counts as complete once its size and time of change are the same at two polls and it
    is a whole volume (see `CompletenessCheck`). A time point is shown once the files of all its
    channels are complete. One that stays incomplete while later ones are completed is given up: its
    bad files are listed as problems, and the rest of it is shown. Should they be completed after
    all, they are shown too.

    Parameters
    ----------
    source
        What the folder held when it was opened.
    patience
        Number of polls without any change after which a time point is given up.
    """

    def __init__(self, source: FileSource, patience: int = 8) -> None:
        self._source, self._folder = source, source.folder
        self._pattern = compile_pattern(source.pattern)
        self._axis = TimeAxis(source, _RECENT, patience)
        self._incoming = {name: IncomingFiles(shown=True) for name in self._axis.recent}
        self._ignored: set[str] = set()
        self._gone: set[str] = set()
        self._told: set[str] = set()
        self._reference = IncomingFiles(stamp=(source.info.size,))
        self._outdated = ""
        self._reach = TimeRange()

    def poll(self, listing: bool = True) -> PollResult:
        """Look at the folder, unless it is given a pause; see `TimeRange`.

        Parameters
        ----------
        listing
            Whether to look for new files; else only for changes of those that are not complete.
            That is quick, and the second look that a file needs.
        """
        if self._reach.pauses():
            return self._look()
        try:
            if listing:
                self._list()
            self._look_at_files()
            self._look_at_reference()
        except (OSError, FolderError) as error:
            self._reach.lost(error)
            return self._look()
        self._reach.found()
        before, self._source = self._source, self._axis.update(self._incoming)
        self._report()
        if self._source is before:
            return self._look()
        self._source.token  # noqa: B018 - it takes long for many files, and is wanted at once
        shifted, self._axis.shifted = self._axis.shifted, False
        return self._look(grown=True, shifted=shifted)

    def _look(self, grown: bool = False, shifted: bool = False) -> PollResult:
        dropped = tuple(self._axis.dropped)
        waiting = tuple(
            name for name, file in self._incoming.items() if not (file.shown or name in dropped)
        )
        outdated = self._outdated or self._axis.outdated
        return PollResult(
            self._source, grown, shifted, waiting, dropped, self._reach.away, outdated,
            len(self._ignored),
        )  # fmt: skip

    def _list(self) -> None:
        """Note which names are new, and which have gone."""
        names = set(list_names(self._folder, self._pattern))
        if not names and self._axis.complete:
            # A share that is not mounted looks like an empty folder.
            raise OSError("it is empty")
        vanished = self._incoming.keys() - names
        for name in vanished:
            del self._incoming[name]
        self._gone |= (self._axis.complete - names) | vanished
        back = self._gone & names
        self._gone -= back
        self._axis.revoke(back)
        self._receive(names - self._axis.complete - self._incoming.keys() - self._ignored)

    def _receive(self, names: set[str]) -> None:
        """Wait for new files that belong to the stack."""
        accepts = self._source.reader.accepts
        images = {name for name in names if accepts(name)}
        images -= hidden(list(images))
        fitting = set(select(list(images), self._pattern)[0])
        refused = self._axis.add(fitting)
        self._ignored.update(refused, images - fitting)
        self._incoming.update((name, IncomingFiles()) for name in fitting - refused.keys())
        for name, reason in refused.items():
            if reason:
                self._tell(name, reason)

    def _look_at_files(self) -> None:
        """See whether files that are not complete have changed, and judge those that have not."""
        for name, file in list(self._incoming.items()):
            path = os.path.join(self._folder, name)
            stamp = _stamp(path)
            if not stamp:
                continue
            file.see(stamp)
            if file.to_be_judged:
                file.judge(self._source.judge.why_incomplete(path))
            if file.shown and file.reason:
                file.shown = False
                self._axis.revoke({name})
            if file.complete:
                self._axis.accept(name)
                del self._incoming[name]

    def _look_at_reference(self) -> None:
        """Notice that the file which told what volumes look like was not complete then."""
        info, file = self._source.info, self._reference
        path = self._source.judge.reference
        stamp = _stamp(path)
        if not stamp or stamp[0] == info.size:
            return
        file.see(stamp)
        if file.to_be_judged:
            file.judge("")
            if self._source.judge.differs(path):
                self._outdated = f"{info.name} was not complete when the folder was opened"

    def _report(self) -> None:
        """List the files that were given up, each once."""
        for name, reason in self._axis.dropped.items():
            self._tell(name, f"{reason}. Later files are complete: it was given up")

    def _tell(self, name: str, what: str) -> None:
        if name not in self._told:
            self._told.add(name)
            problem = Problem(os.path.join(self._folder, name), what, "left out")
            self._source.problems.report(problem)


def _stamp(path: str) -> tuple[int, ...]:
    """Size [byte] and time of change [ns] of a file; empty if it is gone."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return ()
    return status.st_size, status.st_mtime_ns
