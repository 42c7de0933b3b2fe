"""Triangulation: loops that napari compiles at its first layer of shapes, while all waits."""

from __future__ import annotations

import numpy as np

from napari_lazy_pipeline.engines.cpu import preparation

# Shapes that are drawn here, in corners (4, 2).
_CORNERS = np.array([[0.0, 0.0], [0.0, 9.0], [9.0, 9.0], [9.0, 0.0]])
_KINDS = ("rectangle", "polygon", "path", "line")


def warm_up() -> None:
    """Compile or load what napari needs to draw shapes; a window is not needed."""
    from napari.layers import Shapes

    for kind in _KINDS:
        corners = _CORNERS[:2] if kind == "line" else _CORNERS
        Shapes([corners], shape_type=kind)


LOOPS = preparation.OtherLoops(__name__, ("napari",))


def is_under_way() -> bool:
    """Return whether another process compiles them: a layer of shapes would do so once more."""
    return preparation.is_running() and not LOOPS.is_prepared()
