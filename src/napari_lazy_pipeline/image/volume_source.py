"""Volume source: where the volumes of a stack come from."""

from __future__ import annotations

import inspect
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable
from functools import cached_property, partial
from operator import eq

import numpy as np

from napari_lazy_pipeline.errors import (
    BadFileWarning,
    FileError,
    LazyPipelineError,
    MissingFileError,
    NotRecordedError,
)
from napari_lazy_pipeline.image.problem_log import Problem, ProblemLog
from napari_lazy_pipeline.image.spec import VolumeSpec


def calls_of_ours() -> int:
    """How many calls up whoever asked for a volume is: a warning names his line, not ours."""
    depth, frame = 1, inspect.currentframe()
    package = __name__.partition(".")[0]
    while frame is not None and frame.f_globals.get("__name__", "").startswith(package):
        depth, frame = depth + 1, frame.f_back
    return depth - 1


class VolumeSource(ABC):
    """Where the volumes of a stack come from; cheap to build, pickles small.

    A source of its own needs `sizes`, `spec`, `token`, `identity` and `read`; class attributes
    will do for the first three.
    """

    @cached_property
    def problems(self) -> ProblemLog:
        """Return what went wrong with single volumes."""
        return ProblemLog()

    @property
    def strict(self) -> bool:
        """Return whether a bad or missing file is an error, instead of a blank volume."""
        return False

    @property
    @abstractmethod
    def sizes(self) -> tuple[int, int]:
        """Number of time points and channels."""

    @property
    @abstractmethod
    def spec(self) -> VolumeSpec:
        """Shape, type and place of each volume."""

    @property
    @abstractmethod
    def token(self) -> str:
        """Name of the content; equal for equal sources, in any process."""

    @abstractmethod
    def identity(self, t: int, c: int) -> Hashable:
        """Return what the volume depends on: path, size and time of change of its file, say."""

    @abstractmethod
    def read(self, t: int, c: int) -> np.ndarray:
        """Make one volume (z, y, x).

        Raises
        ------
        LazyPipelineError
            If it cannot be had.
        """

    @property
    def overhead(self) -> int:
        """Memory that reading a volume takes besides its pixels [byte]."""
        return 0

    @property
    def by_planes(self) -> bool:
        """Return whether `read_planes` makes planes without the rest of their volume."""
        return False

    def read_planes(self, t: int, c: int, start: int, stop: int) -> np.ndarray:
        """Make the planes from ``start`` to just before ``stop`` of a volume (z, y, x).

        Raises
        ------
        LazyPipelineError
            If they cannot be had.
        """
        return self.read(t, c)[start:stop]

    def __call__(self, t: int, c: int) -> np.ndarray:
        """Make one volume (z, y, x); blank, and a problem, if its file is bad or missing."""
        return self.or_blank(t, c, self.spec, lambda: self.read(t, c))

    def read_unless(self, cancelled: Callable[[], bool], t: int, c: int) -> np.ndarray:
        """Make one volume as `read` does; what takes long raises `Cancelled` if unwanted."""
        return self.read(t, c)

    def or_blank(
        self, t: int, c: int, spec: VolumeSpec, make: Callable[[], np.ndarray]
    ) -> np.ndarray:
        """Make pixels; blank ones of ``spec``, and a problem, if the file of (t, c) is bad.

        A `BadFileWarning` tells of it once. If the source is `strict`, the error is raised.
        """
        try:
            pixels = make()
        except NotRecordedError:
            return spec.blank()
        except FileError as error:
            if self.strict:
                raise
            # A place for which there is no file is no problem, but nor may it pass for a dark one.
            missing = isinstance(error, MissingFileError) and self.problems.first(MissingFileError)
            if self.report(error, t, c) or missing:
                warnings.warn(f"{error}; shown blank", BadFileWarning, calls_of_ours())
            return spec.blank()
        if len(self.problems):
            self.problems.withdraw(partial(eq, ("volume", t, c)))
        return pixels

    def report(self, error: LazyPipelineError, t: int, c: int) -> bool:
        """List what went wrong with a volume; return whether it is new.

        A time point that was not recorded is no problem.
        """
        if isinstance(error, MissingFileError):
            return False
        about = error.about or ("volume", t, c)
        return self.problems.report(Problem.of(error, self.place(t, c)), about)

    def place(self, t: int, c: int) -> str:
        """Name a volume in messages."""
        return f"t={t}, c={c}"
