"""Docks: finds the Lazy Pipeline dock of a viewer, or opens one."""

from __future__ import annotations

from typing import Any

import napari

from napari_lazy_pipeline._gui.dock import LazyPipelineWidget
from napari_lazy_pipeline._gui.preferences.dock_state import unwrapped
from napari_lazy_pipeline.errors import LazyPipelineError


def dock_of(viewer: Any = None) -> LazyPipelineWidget:
    """Return the open dock of a viewer, the current one by default; open it if need be."""
    viewer = viewer or napari.current_viewer()
    if viewer is None:
        raise LazyPipelineError("There is no viewer", hint="Open napari first")
    dock = open_dock_of(viewer)
    if dock is not None:
        return dock
    _, widget = viewer.window.add_plugin_dock_widget("napari-lazy-pipeline", "Lazy Pipeline")
    assert isinstance(widget, LazyPipelineWidget)
    return widget


def open_dock_of(viewer: Any) -> LazyPipelineWidget | None:
    docks = LazyPipelineWidget.open_docks
    return next((d for d in docks if unwrapped(d.viewer) is unwrapped(viewer)), None)
