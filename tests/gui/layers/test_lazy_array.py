"""What hangs on the one private module of napari that is used here.

`LazyArray` answers napari's slicer at once, with pixels or a stand-in, and everybody else with
computed values. It tells the slicer by the module it calls from. If napari moves that module,
nothing crashes and no pixel is wrong, but every slice is computed while the window waits: then
`_SLICER` in `_gui/layers/lazy_array.py` has to name the new one.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import dask.array as da
import numpy as np
import pytest

from napari_lazy_pipeline._gui.layers.lazy_array import _SLICER, LazyArray

pytestmark = pytest.mark.gui


def no_values(block: np.ndarray) -> np.ndarray:
    raise AssertionError("napari computed values while the window waits: see the top of this file")


def test_napari_slices_from_the_module_that_is_named() -> None:
    assert importlib.util.find_spec(_SLICER) is not None


def test_napari_is_served_and_computes_nothing(make_napari_viewer: Callable[..., Any]) -> None:
    served: list[tuple[int, int | None]] = []

    def serve(t: int, plane: int | None) -> np.ndarray:
        served.append((t, plane))
        return np.full((1 if plane is not None else 3, 4, 5), 7, "uint16")

    lazy = da.zeros((2, 3, 4, 5), dtype="uint16", chunks=(1, 3, 4, 5)).map_blocks(
        no_values, dtype="uint16", meta=np.empty((0, 0, 0, 0), "uint16")
    )
    viewer = make_napari_viewer()
    layer = viewer.add_image(
        LazyArray(lazy, serve), contrast_limits=(0, 9), multiscale=False, cache=False
    )
    viewer.dims.set_current_step(0, 1)
    assert (1, 1) in served
    assert np.all(np.asarray(layer._slice.image.raw) == 7)
    viewer.dims.ndisplay = 3
    assert (1, None) in served


def test_everybody_else_gets_computed_values() -> None:
    values = da.arange(120, dtype="uint16", chunks=-1).reshape((2, 3, 4, 5))
    lazy = LazyArray(values, lambda t, plane: np.zeros((3, 4, 5), "uint16"))
    assert int(lazy[1, 2, 3, 4]) == 119
    assert np.asarray(lazy[1]).max() == 119
