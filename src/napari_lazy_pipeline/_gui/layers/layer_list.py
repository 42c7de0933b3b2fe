"""Layer list: napari's list of layers stays whole, whatever those who listen to it raise."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from qtpy.QtCore import QAbstractItemModel, QTimer

from napari_lazy_pipeline._gui.layers.viewer_updates import callbacks_of


def end_changes_first(layers: Any) -> None:
    """Let what shows the list hear of the end of a change before all others.

    They may raise, and whoever comes after them is not told: the rows of the list would never be
    those of the layers again (docs/upstream.md, 2).
    """
    for emitter in (layers.events.inserted, layers.events.removed, layers.events.moved):
        for ending in list(callbacks_of(QAbstractItemModel, emitter)):
            emitter.disconnect(ending)
            emitter.connect(ending, position="first")


def put_in(viewer: Any, data: Any, **options: Any) -> Any:
    """Add an image layer: as a whole, or not at all.

    What others raise once it is drawn is told, and ends nothing. If they raise before, because
    there are more sliders, napari would never draw it: it is taken out again.
    """
    try:
        return viewer.add_image(data, **options)
    except Exception as error:
        there = [layer for layer in viewer.layers if layer.data is data]
        if not any(map(_is_drawn, there)):
            take_out(viewer.layers, *there)
            raise
        sys.excepthook(type(error), error, error.__traceback__)
        return there[0]


def _is_drawn(layer: Any) -> bool:
    """Return whether a canvas listens to a layer."""
    listeners = (told.__self__ for told in callbacks_of(object, layer.events.visible))  # type: ignore[attr-defined]
    return any(type(one).__module__.startswith("napari._vispy") for one in listeners)


@contextmanager
def arranged_once(viewer: Any) -> Iterator[None]:
    """Let napari arrange a grid of pictures once, after all that is done to layers and grid.

    It makes a new grid at each change, which takes it seconds in all if there are many pictures.
    """
    grid = viewer.canvas.grid
    pause = viewer.layers.batched_update() if grid.enabled else nullcontext()
    with pause:
        yield


class GridPause:
    """Lets napari arrange a grid of pictures once for all layers that come one after the other.

    They come in turns of their own, as they are ready: `begin` is for each of them.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer, self._timer = viewer, QTimer(singleShot=True, interval=0)
        self._timer.timeout.connect(viewer.layers.events.end_batch)

    def begin(self) -> None:
        """Arrange nothing until Qt has nothing else to do."""
        if self._viewer.canvas.grid.enabled and not self._timer.isActive():
            self._viewer.layers.events.begin_batch()
            self._timer.start()

    def end(self) -> None:
        """Arrange what there is at once."""
        if self._timer.isActive():
            self._timer.stop()
            self._viewer.layers.events.end_batch()


def take_out(layers: Any, *gone: Any) -> None:
    """Remove those layers that are there; napari arranges what it draws once, after all are gone.

    What others raise once a layer is gone is told, and ends nothing.

    Raises
    ------
    Exception
        Whatever kept a layer in the list.
    """
    there = [layer for layer in gone if layer in layers]
    with layers.batched_update() if len(there) > 1 else nullcontext():
        for layer in there:
            try:
                layers.remove(layer)
            except Exception as error:
                if layer in layers:
                    raise
                sys.excepthook(type(error), error, error.__traceback__)
