"""Errors that say what is wrong, where, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

# What is obeyed instead of shown: controls, breaks of lines, turns of the direction of writing; and
# bytes of a name that are no text.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def one_line(error: BaseException | str) -> str:
    """Tell an error by its type and text, or a text as it is, in one line."""
    text = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())


def too_little_memory(purpose: str, error: MemoryError) -> str:
    """Say that there is not enough memory for a purpose, and how much it would have to be."""
    return f"There is not enough memory to {purpose}{f': {error}' if str(error) else ''}"


def printable(text: str) -> str:
    r"""Write out what a window or a terminal would obey instead of showing it.

    Examples
    --------
    >>> printable("a\x1b[31m.tif"), printable("b\n.tif"), printable("c\udcff.tif")
    ('a\\x1b[31m.tif', 'b\\n.tif', 'c\\udcff.tif')
    """
    return _UNSEEN.sub(lambda match: repr(match[0])[1:-1], text)


class LazyPipelineError(Exception):
    """Base of every error this package raises on purpose.

    Parameters
    ----------
    what
        One sentence: what is wrong.
    where
        The path, field or position it concerns; empty if ``what`` says it.
    hint
        What the reader can do about it; empty if that is obvious.

    Attributes
    ----------
    about
        What has to be in order again for the error to be solved; see `ProblemLog`.
    """

    about: Hashable = None

    def __init__(self, what: str, where: str = "", hint: str = "") -> None:
        self.what, self.where, self.hint = what, where, hint
        super().__init__(what, where, hint)

    def __str__(self) -> str:
        what, where = printable(" ".join(self.what.split())), printable(self.where)
        located = f"{what} ({where})" if where else what
        return f"{located}. {self.hint}" if self.hint else located


def sentence(error: LazyPipelineError | OSError) -> str:
    """Tell an error, of this package or of the system, to a person: what, and where."""
    if isinstance(error, LazyPipelineError):
        return str(error)
    where = f" ({error.filename})" if error.filename else ""
    return f"{error.strerror or error}{where}"


class FolderError(LazyPipelineError):
    """A folder cannot be opened as a stack."""


class PatternError(LazyPipelineError):
    """A file pattern cannot be read, or does not fit the files."""


class FileError(LazyPipelineError):
    """One file cannot be read as the volume it should hold."""


class MissingFileError(FileError):
    """Nothing was recorded at this time point and channel; no fault of any file."""


class NotRecordedError(MissingFileError):
    """Nothing was meant to be recorded there: of a channel at every n-th time point, say."""


class FolderMissingError(FileError):
    """The whole folder is not there at the moment, as a share that is not mounted."""


class ShapeUnknownError(FileError):
    """A file has no header, and nobody told the shape of its volume."""


class PsfError(LazyPipelineError):
    """A PSF or OTF cannot be used."""


class GeometryError(LazyPipelineError):
    """A step does not fit the volume it meets."""


class IncompleteError(LazyPipelineError):
    """A step lacks a value that only a person can state; it is not wrong, it waits."""


class PsfIncompleteError(IncompleteError, PsfError):
    """No PSF is chosen, or nobody stated its voxel size."""


class VoxelSizeUnknownError(IncompleteError, GeometryError):
    """The voxel size is needed, and neither the files nor a person stated it."""

    @classmethod
    def of(cls, size: Sequence[float | None]) -> VoxelSizeUnknownError:
        """Say what of a voxel size (z, y, x) is unknown."""
        z, y, x = size
        pixel = y is None or x is None
        what = "voxel size" if pixel and z is None else "pixel size" if pixel else "z step"
        return cls(
            f"The {what} is unknown",
            hint="State it: voxel_size=(z, y, x) in um, in a recipe under source",
        )


class ScanUnknownError(IncompleteError, GeometryError):
    """How the planes were scanned is needed, and neither the files nor a person stated it."""

    @classmethod
    def of(cls) -> ScanUnknownError:
        """Say what is to be stated."""
        return cls(
            "How the planes were scanned is unknown",
            hint="State the light-sheet angle, and what the z step measures",
        )


class EngineError(LazyPipelineError):
    """A compute engine cannot do what it was asked."""


class RecipeError(LazyPipelineError):
    """A recipe cannot be read."""


class ParameterError(RecipeError):
    """A step has no such parameter, or it cannot have the value."""


@dataclass(frozen=True)
class StepFailure:
    """Topic of a `StepError`: a step of the pipeline, by its position, and a volume."""

    index: int
    t: int
    c: int


class StepError(LazyPipelineError):
    """A step failed on one volume.

    Attributes
    ----------
    kind
        The step's tag, for instance ``"deskew"``.
    index
        Position of the step among the steps of the pipeline.
    """

    def __init__(self, what: str, where: str, hint: str, kind: str, index: int) -> None:
        super().__init__(what, where, hint)
        self.kind, self.index = kind, index
        self.args = (what, where, hint, kind, index)


class StepFileChangedError(StepError):
    """A file that a step names was changed since the steps were resolved."""


class Cancelled(Exception):
    """Nobody wants the result any more; never cached, never shown."""


class ExportError(LazyPipelineError):
    """Processed volumes cannot be written."""


class OccupiedError(LazyPipelineError):
    """Something that is not of an export has the name of a file that would be written."""


class BadFileWarning(UserWarning):
    """A file could not be read, and its volume is blank."""


class RemarkWarning(UserWarning):
    """What a step has to say of a volume: that values were clipped, say."""


class WorkerLostWarning(UserWarning):
    """A worker of a cluster does not answer, and others do its part."""
