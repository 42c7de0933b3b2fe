"""Shared window: tests of the dock take place in one window of napari, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from typing import Any
from unittest.mock import patch

import numpy as np
from app_model import Application
from napari import Viewer
from napari._app_model._app import NapariApplication, _napari_names
from napari._qt._qapp_model.qactions import init_qactions
from napari._qt.qt_viewer import QtViewer
from napari.plugins import _initialize_plugins
from napari.settings import get_settings
from qtpy.QtCore import Qt

from napari_lazy_pipeline._gui.preferences.dock_state import _STATES

_NAME = "shared"
_TOUCHED = Qt.WidgetAttribute.WA_WState_ExplicitShowHide  # shown once, or hidden


class SharedWindow:
    """A window that is as a new one for each test: to make one takes as long as a test."""

    def __init__(self) -> None:
        self.viewer: Any = None

    @contextmanager
    def open(self, failed: Callable[[], bool]) -> Iterator[Any]:
        """Give its viewer to a test; after one that ``failed``, it is not used again."""
        if self.viewer is None:
            self._commands = NapariApplication(_NAME)
            self._commands.injection_store.namespace = _napari_names
            _initialize_plugins.cache_clear()
            init_qactions.cache_clear()
        # Commands of plugins are those of this window, as `make_napari_viewer` has its own.
        with patch.object(NapariApplication, "get_app_model", return_value=self._commands):
            well = False
            try:
                yield self._viewer()
                well = not failed()
            finally:
                self._clear() if well else self.close()

    def _viewer(self) -> Any:
        if self.viewer is None:
            self.viewer = Viewer(show=False, show_welcome_screen=False)
            QtViewer._instances.clear()  # those who count them count their own
            self._values = list(_values(self.viewer))
            self._size = self.viewer.window._qt_window.size()
            self._widgets = set(self.viewer.window._wrapped_dock_widgets)
        return self.viewer

    def _clear(self) -> None:
        """Take out what a test left; a window that it closed, showed or sized is not used again."""
        viewer = self.viewer
        closed = not hasattr(viewer.window, "_qt_window")
        if (
            closed
            or self._qt_window.testAttribute(_TOUCHED)
            or self._qt_window.size() != self._size
        ):
            self.close()
            return
        for name, widget in list(viewer.window._wrapped_dock_widgets.items()):
            if name not in self._widgets:
                viewer.window.remove_dock_widget(widget)
        viewer.layers.clear()
        for model, name, value in self._values:
            if not np.array_equal(getattr(model, name), value):
                setattr(model, name, value)
        _STATES.pop(id(viewer), None)
        get_settings().reset()

    def close(self) -> None:
        """End it."""
        if self.viewer is not None and hasattr(self.viewer.window, "_qt_window"):
            self.viewer.close()
        self.viewer = None
        Application.destroy(_NAME)


def _values(model: Any) -> Iterator[tuple[Any, str, Any]]:
    """All that can be set of a model of napari, and of those in it: model, name, value."""
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if name == "layers" or name.endswith("callbacks"):
            continue
        if hasattr(type(value), "model_fields"):
            yield from _values(value)
        elif name == "overlays":
            for one in value.values():
                yield from _values(one)
        elif not field.frozen:
            yield model, name, copy(value)
