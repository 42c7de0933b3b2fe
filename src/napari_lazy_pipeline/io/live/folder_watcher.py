"""Folder watcher: which volumes of a folder are complete, while it is still being written."""

from __future__ import annotations

import os
from dataclasses import replace

from napari_lazy_pipeline.image.problem_log import Problem
from napari_lazy_pipeline.io.files.file_source import FileSource
from napari_lazy_pipeline.io.files.folder_listing import list_names, without_thumbnails
from napari_lazy_pipeline.io.live.growing_file import GrowingFileWatcher
from napari_lazy_pipeline.io.live.incoming_files import IncomingFile, TimeAxis
from napari_lazy_pipeline.io.live.stack_watcher import PollResult, StackWatcher
from napari_lazy_pipeline.io.patterns.field_values import select
from napari_lazy_pipeline.io.patterns.pattern import compile_pattern
from napari_lazy_pipeline.io.readers import file_stamp_or_empty, hidden

_SEEN = 1000  # names that tell whether all have the same {name}
_RECENT = 4  # time points at the end of a folder that is opened, which may still be written


def stack_watcher(source: FileSource) -> StackWatcher:
    """Make the watcher of a source: of new files, or of more in the one that is there."""
    return GrowingFileWatcher(source) if source.grows else FolderWatcher(source)


class FolderWatcher(StackWatcher):
    """Polls a folder.

    A file counts as complete once its size and time of change are the same at two polls and it
    is a whole volume (see `CompletenessCheck`). A time point is visible once the files of all its
    channels are complete. One that stays incomplete while later ones are completed is given up
    after ``patience`` polls: its bad files are listed as problems, and the rest of it is visible.
    Should they be completed after all, they are visible too.

    Where all files have the same {name}, those of another are another recording, whose numbers may
    be any: its first file is listed as a problem.
    """

    def __init__(self, source: FileSource, patience: int = 8) -> None:
        super().__init__(source)
        self._folder, self._pattern = source.folder, compile_pattern(source.pattern)
        self._axis = TimeAxis(source, _RECENT, patience)
        self._incoming = {name: IncomingFile(visible=True) for name in self._axis.recent}
        self._ignored: set[str] = set()
        self._gone: set[str] = set()
        self._reported: set[str] = set()
        self._reference = IncomingFile(stamp=(source.info.size,))
        self._series = self._series_of(source.names[:_SEEN])

    def _update(self, listing: bool) -> tuple[bool, bool]:
        if listing:
            self._list()
        self._check_files()
        self._check_reference()
        before, self._source = self._source, self._axis.update(self._incoming)
        for name, reason in self._axis.dropped.items():
            self._report(name, f"{reason}. Later files are complete: it was given up")
        if self._source is before:
            return False, False
        self._source.token  # noqa: B018 - it takes long for many files, and is wanted at once
        shifted, self._axis.shifted = self._axis.shifted, False
        return True, shifted

    def _result(self, grown: bool = False, shifted: bool = False) -> PollResult:
        dropped = tuple(self._axis.dropped)
        waiting = tuple(
            name for name, file in self._incoming.items() if not (file.visible or name in dropped)
        )
        return replace(
            super()._result(grown, shifted), waiting=waiting, dropped=dropped,
            outdated=self._outdated or self._axis.outdated, unmatched=len(self._ignored),
        )  # fmt: skip

    def _list(self) -> None:
        """Note which names are new, and which have gone."""
        names = set(list_names(self._folder, self._pattern))
        if not names and self._axis.complete:
            # A share that is not mounted looks like an empty folder.
            raise OSError("it is empty")
        vanished = self._incoming.keys() - names
        for name in vanished:
            self._solve(name)
            del self._incoming[name]
        self._gone |= (self._axis.complete - names) | vanished
        back = self._gone & names
        self._gone -= back
        self._axis.revoke(back)
        self._receive(names - self._axis.complete - self._incoming.keys() - self._ignored)

    def _receive(self, names: set[str]) -> None:
        """Wait for new files that belong to the stack."""
        images = {name for name in names if self._source.reader.accepts(name)}
        images -= hidden(list(images))
        wanted = without_thumbnails(list(images), self._pattern)
        fitting = set(select(wanted, self._pattern)[0])
        if len(self._series) == 1:
            others = {name for name in fitting if self._series_of([name]) != self._series}
            fitting -= others
            for name in sorted(others):
                (other,), (own,) = self._series_of([name]), self._series
                self._report(name, f"It is called {other!r}, not {own!r} as the others", other)
        refused = self._axis.add(fitting)
        self._ignored.update(refused, images - fitting)
        self._incoming.update((name, IncomingFile()) for name in fitting - refused.keys())
        for name, reason in refused.items():
            if reason:
                self._report(name, reason)

    def _series_of(self, names: list[str]) -> set[str]:
        """The different {name} of files; empty if the pattern has none."""
        return {
            values["name"] for values in map(self._pattern.match, names)
            if values is not None and "name" in values
        }  # fmt: skip

    def _check_files(self) -> None:
        """See whether files that are not complete have changed, and judge those that have not."""
        for name, file in list(self._incoming.items()):
            path = os.path.join(self._folder, name)
            stamp = file_stamp_or_empty(path)
            if not stamp:
                continue
            file.update(stamp)
            if file.needs_check:
                came = not file.visible or file.changes > 1
                judge = self._source.files_of(self._axis.column(name)).judge
                file.judge(judge.why_incomplete(path, came))
                if came and file.complete:
                    judge.note_whole(path, stamp)
            if file.visible and file.reason:
                file.visible = False
                self._axis.revoke({name})
            if file.complete:
                self._axis.accept(name)
                self._solve(name)
                del self._incoming[name]

    def _check_reference(self) -> None:
        """Notice that the file which defined the shape of volumes was not complete then."""
        info, file = self._source.info, self._reference
        path = self._source.judge.reference
        stamp = file_stamp_or_empty(path)
        if not stamp or stamp[0] == info.size:
            return
        file.update(stamp)
        if file.needs_check:
            file.judge("")
            if self._source.judge.differs(path):
                self._outdated = f"{info.name} was not complete when the folder was opened"

    def _report(self, name: str, what: str, series: str = "") -> None:
        """List a file as a problem, once; of another series, its first file."""
        key = series or name
        if key not in self._reported:
            self._reported.add(key)
            path = os.path.join(self._folder, name)
            self._source.problems.report(Problem(path, what, "left out"), ("left out", path))

    def _solve(self, name: str) -> None:
        """Take back what was reported of a file: it is complete now, or gone."""
        if name in self._reported:
            self._reported.discard(name)
            path = os.path.join(self._folder, name)
            self._source.problems.withdraw(lambda about: about == ("left out", path))
