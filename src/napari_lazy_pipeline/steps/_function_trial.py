"""Function trial: what functions make is found out by calling them once, on made-up voxels."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

from napari_lazy_pipeline.errors import GeometryError
from napari_lazy_pipeline.image import StackSpec

Trial = tuple[tuple[int, ...], str]  # shape and type
_at_once: ContextVar[bool] = ContextVar("at_once", default=True)
_tried: dict[Hashable, tuple[Trial | Exception, Any]] = {}


class Tried(Protocol):
    """A step whose result is found out by a trial."""

    @property
    def label(self) -> str:
        """How it is called in messages."""

    def trial(self, before: StackSpec) -> Trial:
        """Call it on made-up voxels; shape and type of what comes out."""

    def note_trial(self, before: StackSpec, result: Trial | Exception) -> None:
        """Remember what came out, or was raised, for stacks of this shape and type."""


@contextmanager
def trials(at_once: bool) -> Iterator[None]:
    """Let functions be tried to see what they make, or not: a window does that elsewhere."""
    before = _at_once.set(at_once)
    try:
        yield
    finally:
        _at_once.reset(before)


class NotTriedError(GeometryError):
    """What a function makes is not known before it was tried; `try_it` does that."""

    def __init__(self, step: Tried, before: StackSpec) -> None:
        super().__init__(f"{step.label} is being tried", hint="Wait a moment")
        self.step, self.before = step, before

    def try_it(self) -> None:
        """Call the function, in any thread; what it raises is raised when it is asked again."""
        try:
            self.step.trial(self.before)
        except Exception as error:  # noqa: BLE001 - whatever it is, the step's card shows it
            self.step.note_trial(self.before, error)


def note(key: Hashable, result: Trial | Exception, kept: Any) -> None:
    """Remember what came out of a trial, or was raised; what is ``kept`` keeps its number."""
    _tried[key] = result, kept


def noted(key: Hashable, step: Tried, before: StackSpec) -> Trial:
    """What came out of the trial of a step; it is tried if it may be, else a `NotTriedError`."""
    tried, _ = _tried.get(key, (None, None))
    if isinstance(tried, Exception):
        raise tried
    if tried is not None:
        return tried
    if not _at_once.get():
        raise NotTriedError(step, before)
    return step.trial(before)
