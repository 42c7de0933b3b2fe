"""Viewer updates: napari's viewer counts its sliders and slices its layers once per change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from napari.components import ViewerModel


@contextmanager
def viewer_updated_once(emitters: Iterable[Any]) -> Iterator[None]:
    """Within, no viewer hears of these events; afterwards it does once, whatever they were.

    All others that listen to them hear of each.
    """
    updates: list[Callable[[], None]] = []
    with ExitStack() as quiet:
        for emitter in emitters:
            for update in callbacks_of(ViewerModel, emitter):
                quiet.enter_context(emitter.blocker(update))
                if update not in updates:
                    updates.append(update)
        yield
    for update in updates:
        update()


def callbacks_of(kind: type, emitter: Any) -> Iterator[Callable[[], None]]:
    """Return what objects of a kind do when an event is emitted."""
    for callback in emitter.callbacks:
        owner = callback[0]() if isinstance(callback, tuple) else None
        if isinstance(owner, kind):
            yield getattr(owner, callback[1])
