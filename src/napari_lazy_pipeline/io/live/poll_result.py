"""Look: what a poll of data that are being recorded found, and whether they could be reached."""

from __future__ import annotations

from dataclasses import dataclass

from napari_lazy_pipeline.io.files.file_source import FileSource

_LONGEST_PAUSE = 16  # polls


@dataclass(frozen=True)
class PollResult:
    """What a poll found.

    Attributes
    ----------
    source
        The volumes that are complete now.
    grown
        Whether that is another source than at the poll before.
    shifted
        Whether time points have other numbers than at the poll before.
    waiting
        Names of files that are not complete yet.
    dropped
        Names of files that stayed incomplete while later ones were completed.
    away
        Why the folder cannot be looked at now; empty if it can.
    outdated
        Why the folder has to be opened anew; empty if it need not.
    strangers
        Number of images that are new and do not belong to the stack.
    """

    source: FileSource
    grown: bool = False
    shifted: bool = False
    waiting: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    away: str = ""
    outdated: str = ""
    strangers: int = 0


class TimeRange:
    """Whether a folder can be reached; one that cannot is given longer and longer pauses.

    After the first failure the next poll does nothing, then the next two, four, at most sixteen.

    Attributes
    ----------
    away
        Why it cannot be reached; empty if it can.
    """

    def __init__(self) -> None:
        self.away = ""
        self._failures = self._pause = 0

    def pauses(self) -> bool:
        """Whether this poll is to be left out."""
        if self._pause == 0:
            return False
        self._pause -= 1
        return True

    def found(self) -> None:
        """Note that it was reached."""
        self._failures, self.away = 0, ""

    def lost(self, error: Exception) -> None:
        """Note that it was not."""
        self._failures += 1
        self._pause = min(2 ** (self._failures - 1), _LONGEST_PAUSE)
        cause = error.__cause__ or error
        missing = isinstance(cause, FileNotFoundError)
        why = getattr(cause, "strerror", "") or str(cause)
        self.away = "is not there" if missing else f"cannot be read ({why})"
