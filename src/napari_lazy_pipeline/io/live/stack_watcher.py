"""Stack watcher: polls data that are being recorded, and waits longer where there are none."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from napari_lazy_pipeline.errors import FileError, FolderError
from napari_lazy_pipeline.io.files.file_source import FileSource

_LONGEST_PAUSE = 16  # polls


@dataclass(frozen=True)
class PollResult:
    """State of data that are being recorded."""

    source: FileSource  # the volumes that are complete now
    grown: bool = False  # whether that is another source than at the poll before
    shifted: bool = False  # whether time points have other numbers than at the poll before
    waiting: tuple[str, ...] = ()  # names of files that are not complete yet
    dropped: tuple[str, ...] = ()  # of files that stayed so while later ones were completed
    unreachable: str = ""  # why the folder cannot be read now
    outdated: str = ""  # why the folder has to be opened anew
    unmatched: int = 0  # images that are new and do not belong to the stack


class StackWatcher(ABC):
    """Polls for more of a source; reads, and never changes, what is there.

    After the first failure the next poll does nothing, then the next two, four, at most sixteen.
    """

    def __init__(self, source: FileSource) -> None:
        self._source = source
        self._outdated = self._unreachable = ""
        self._failures = self._pause = 0

    def poll(self, listing: bool = True) -> PollResult:
        """See what there is now.

        Without ``listing``, only for changes of files that are not complete: that is quick, and
        the second poll that a file needs.
        """
        if self._pause:
            self._pause -= 1
            return self._result()
        try:
            grown, shifted = self._update(listing)
        except (OSError, FolderError, FileError) as error:
            self._postpone(error)
            return self._result()
        self._failures, self._unreachable = 0, ""
        return self._result(grown, shifted)

    @abstractmethod
    def _update(self, listing: bool) -> tuple[bool, bool]:
        """Bring the source up to date; return whether it has grown, and has shifted."""

    def _result(self, grown: bool = False, shifted: bool = False) -> PollResult:
        return PollResult(
            self._source, grown, shifted, unreachable=self._unreachable, outdated=self._outdated
        )

    def _postpone(self, error: Exception) -> None:
        self._failures += 1
        self._pause = min(2 ** (self._failures - 1), _LONGEST_PAUSE)
        cause = error.__cause__ or error
        reason = getattr(cause, "strerror", "") or str(cause)
        missing = isinstance(cause, FileNotFoundError)
        self._unreachable = "is not there" if missing else f"cannot be read ({reason})"
