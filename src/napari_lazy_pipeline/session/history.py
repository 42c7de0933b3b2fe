"""History: what each edit replaced, so that it can be undone and made again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import zip_longest

from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.io import MetadataOverrides
from napari_lazy_pipeline.io.metadata_overrides import OF_SCAN
from napari_lazy_pipeline.session.pipeline_difference import difference
from napari_lazy_pipeline.steps import Step

LENGTH = 200  # edits that can be undone
LAST_GESTURE = object()  # the gesture of an edit that completes the last one


@dataclass(frozen=True)
class Edit:
    """What an edit replaces, or brings; None where the edit is not about it."""

    pipeline: Pipeline | None = None
    engine: str | None = None
    overrides: MetadataOverrides | None = None  # of what the files say
    deleted: frozenset[int | str] | None = None  # channels whose layers are not wanted

    def changing(self, now: Edit) -> Edit:
        """Return what of it is not so yet."""
        there = vars(now)
        return Edit(**{name: value for name, value in vars(self).items() if value != there[name]})

    def opposite(self, now: Edit) -> Edit:
        """Return what is there now of the things that this edit is about."""
        about = [one.name for one in fields(self) if getattr(self, one.name) is not None]
        return Edit(**{name: getattr(now, name) for name in about})


class History:
    """The edits so far, and those that were undone.

    Examples
    --------
    >>> one, two = Edit(Pipeline(), "cpu"), Edit(Pipeline(), "auto")
    >>> history = History()
    >>> history.note(one, two)
    >>> history.undo(now=two) == one and history.redo(now=one) == two
    True
    """

    def __init__(self) -> None:
        self.past: deque[Edit] = deque(maxlen=LENGTH)
        self.future: list[Edit] = []
        self._gesture: object = None

    def note(self, before: Edit, after: Edit, gesture: object = None) -> None:
        """Remember what an edit replaces, and what it brings.

        Edits in a row with an equal ``gesture``, one movement of the hand, are undone together;
        an edit of the steps with `LAST_GESTURE` together with the one before.
        """
        self.future.clear()
        if gesture is LAST_GESTURE:
            if self.past and self.past[-1].pipeline is not None:
                return
            gesture = None
        if gesture is None or gesture != self._gesture:
            self.past.append(before)
            self._gesture = gesture
        elif after == self.past[-1]:
            # The hand is back where it began: there is nothing to undo.
            self.past.pop()
            self._gesture = None
        else:
            first = {name: one for name, one in vars(self.past[-1]).items() if one is not None}
            self.past[-1] = replace(before, **first)

    def undo(self, now: Edit) -> Edit | None:
        """Return what to go back to; None if there is nothing to undo."""
        if not self.past:
            return None
        edit, self._gesture = self.past.pop(), None
        self.future.append(edit.opposite(now))
        return edit

    def redo(self, now: Edit) -> Edit | None:
        """Return what to go on to; None if nothing was undone."""
        if not self.future:
            return None
        edit = self.future.pop()
        self.past.append(edit.opposite(now))
        return edit

    def states(
        self, pipeline: Pipeline, overrides: MetadataOverrides
    ) -> Iterator[tuple[str, Pipeline, MetadataOverrides]]:
        """Return what each edit of steps or scan changed, and both before it; the latest first."""
        for edit in reversed(self.past):
            steps, stated = edit.pipeline or pipeline, edit.overrides or overrides
            texts = [difference(steps, pipeline)] if steps != pipeline else []
            texts += [
                f"{name.replace('_', ' ')} {getattr(stated, name)} → {getattr(overrides, name)}"
                for name in OF_SCAN
                if getattr(stated, name) != getattr(overrides, name)
            ]
            pipeline, overrides = steps, stated
            if texts:
                yield ", ".join(texts), pipeline, overrides

    def replace_pipelines(self, change: Callable[[Pipeline], Pipeline]) -> None:
        """Change the steps of all edits: something happened that no undo takes back."""
        for edits in (self.past, self.future):
            changed = [
                replace(edit, pipeline=change(edit.pipeline)) if edit.pipeline is not None else edit
                for edit in edits
            ]
            edits.clear()
            edits.extend(changed)
        self._gesture = None

    def forget_overrides(self) -> None:
        """Forget what was stated about the raw data, and their layers: others are open now."""
        for edits in (self.past, self.future):
            left = [replace(edit, overrides=None, deleted=None) for edit in edits]
            edits.clear()
            edits.extend(edit for edit in left if edit != Edit())
        self._gesture = None


def until_in(until: int | None, old: Sequence[Step], new: Sequence[Step]) -> int | None:
    """Number of steps to show once the list is another: the step shown last stays the last.

    If that step is gone, the nearest before it that is left; if none is, all are shown.
    """
    changed = [a is not b for a, b in zip_longest(old, new)]
    if not until or (len(old) == len(new) and sum(changed) <= 1):
        return until
    counts = {id(step): count for count, step in enumerate(new, start=1)}
    left = (counts[id(step)] for step in reversed(old[:until]) if id(step) in counts)
    return next(left, None)
