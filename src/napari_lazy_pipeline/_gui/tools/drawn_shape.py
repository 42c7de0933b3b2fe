"""Drawn shape: a shape that the person draws over the picture, in a layer that goes away again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_lazy_pipeline._gui import triangulation
from napari_lazy_pipeline._gui.layers.layer_list import take_out
from napari_lazy_pipeline.image import VolumeSpec
from napari_lazy_pipeline.session.crop_box import Extent

Tool = Literal["rectangle", "line"]

COLOUR = "#ffd33d"
PREPARING = "Preparing for this computer, once; the tool comes by itself"
_INTERVAL = 300  # ms between two looks whether that is done
_SPATIAL = 3  # z, y and x are the last axes, whatever stands before them


class DrawnShape(QObject):
    """One shape in a temporary Shapes layer, placed as the volume that is drawn over.

    In a view of y and x, the layer has just these axes, and is seen in every plane. In other
    views the shape is carried along to the plane that is shown.
    """

    # The person drew the shape, or changed it: its corners (n, 3) along z, y, x [um]; NaN along
    # the axis that is not shown.
    drawn = Signal(object)
    ended = Signal()  # the person pressed Escape, or removed the layer
    turned = Signal()  # other axes are shown now
    ready = Signal()  # it waits no more

    def __init__(self, viewer: Any, name: str, tool: Tool = "rectangle") -> None:
        super().__init__()
        self.viewer, self.name, self.tool = viewer, name, tool
        self.layer: Any = None
        self._spec: VolumeSpec | None = None
        self._corners: np.ndarray | None = None
        self._visible = True
        self._before: Any = None
        # Layers come and go on the event loop only, never while napari is changing its own.
        self._stale = self._has_turned = False
        self._later = QTimer(self, singleShot=True, interval=0)
        self._later.timeout.connect(self.update)
        self._wait = QTimer(self, singleShot=True, interval=_INTERVAL)
        self._wait.timeout.connect(self._make_at_last)

    @property
    def is_open(self) -> bool:
        """Return whether there is something to draw on, or would be if the view allowed it."""
        return self._spec is not None

    @property
    def is_waiting(self) -> bool:
        """Return whether the tool is not there yet: napari would compile, and all would stop."""
        return self.is_open and self.layer is None and triangulation.is_under_way()

    @property
    def axes(self) -> tuple[int, int] | None:
        """The two of z, y and x (0, 1, 2) that are shown; None if anything else is."""
        dims = self.viewer.dims
        axes = tuple(sorted(axis - dims.ndim + _SPATIAL for axis in dims.displayed))
        return (axes[0], axes[1]) if len(axes) == 2 and axes[0] >= 0 else None

    def open(self, spec: VolumeSpec) -> None:
        """Let the person draw over a volume, soon, on a new layer with the tool in hand."""
        if not self.is_open:
            self._before = self.viewer.layers.selection.active
            self._listen(True)
        self._spec, self._corners, self._visible = spec, None, True
        self._stale = True
        self._later.start()

    def show(self, spec: VolumeSpec, box: Sequence[Extent], visible: bool = True) -> None:
        """Show a box in a volume, by its edges along z, y and x [um], ready to be dragged."""
        if self._spec != spec:
            self.open(spec)
        self._corners, self._visible = np.transpose(box), visible
        if self.layer is None or self._stale:
            self._later.start()
        else:
            self._show_corners()

    def close(self) -> None:
        """Take the layer away, soon, and select the one that was selected before."""
        if self.is_open:
            self._spec = self._corners = None
            self._wait.stop()
            self._listen(False)
            self._later.start()

    def update(self) -> None:
        """Make the layer what it is to be."""
        self._later.stop()
        if self._stale or self._spec is None:
            self._stale = False
            self._remove()
        if self._spec is None:
            if self._before is not None and self._before in self.viewer.layers:
                self.viewer.layers.selection.active = self._before
            self._before = None
        elif self.layer is None:
            self._make()
        self._show_corners()
        if self._has_turned:
            self._has_turned = False
            self.turned.emit()

    def _listen(self, listening: bool) -> None:
        events = self.viewer.dims.events
        for emitter, slot in (
            (events.order, self._on_turned),
            (events.ndisplay, self._on_turned),
            (events.point, self._carry_along),
            (self.viewer.layers.events.removed, self._on_removed),
        ):
            (emitter.connect if listening else emitter.disconnect)(slot)

    def _remove(self) -> None:
        layer, self.layer = self.layer, None
        if layer is not None:
            layer.events.data.disconnect(self._on_data)
            take_out(self.viewer.layers, layer)

    def _make_at_last(self) -> None:
        self.update()
        if self.layer is not None:
            self.ready.emit()

    def _make(self) -> None:
        """Make the layer for the axes that are shown, as soon as that stops nothing."""
        spec, axes = self._spec, self.axes
        if spec is None or axes is None:
            return
        if self.is_waiting:
            self._wait.start()
            return
        first = axes[0]
        self.layer = self.viewer.add_shapes(
            ndim=_SPATIAL - first,
            name=self.name,
            scale=spec.spacing[first:],
            translate=spec.translate[first:],
            units=(spec.unit,) * (_SPATIAL - first),
            axis_labels=("z", "y", "x")[first:],
            edge_color=COLOUR,
            face_color="transparent",
            edge_width=max(*spec.shape, 250) / 250,
        )
        self.layer.mode = f"add_{self.tool}"
        self.layer.events.data.connect(self._on_data)
        self.layer.bind_key("Escape", self._on_escape, overwrite=True)
        self._carry_along()

    def _show_corners(self) -> None:
        """Show the shape, to be dragged; with none, the tool stays in hand."""
        axes = self.axes
        if self.layer is None or axes is None:
            return
        if self.layer.visible != self._visible:
            # napari puts the tool away when the visibility is set.
            self.layer.visible = self._visible
        if self._corners is not None:
            with self.layer.events.data.blocker(self._on_data):
                self.layer.data = [(self._outline(axes), self.tool)]
            self.layer.mode = "select"
            self.layer.selected_data = {0}

    def _outline(self, axes: tuple[int, int]) -> np.ndarray:
        """Corners of the shape in the coordinates of the layer."""
        assert self._corners is not None
        assert self._spec is not None
        ends = (self._corners - self._spec.translate) / self._spec.spacing
        order = [(0, 0), (0, 1), (1, 1), (1, 0)] if self.tool == "rectangle" else [(0, 0), (1, 1)]
        points = np.zeros((len(order), _SPATIAL))
        points[:, axes] = [[ends[i, axes[0]], ends[j, axes[1]]] for i, j in order]
        return points[:, axes[0] :]

    def _carry_along(self, _: Any = None) -> None:
        """Keep the shape in the plane that is shown: it lies at 0 of the axis across."""
        axes = self.axes
        if self.layer is None or axes is None or self._spec is None or self._stale:
            return
        (across,) = {0, 1, 2} - set(axes)
        if across >= axes[0]:
            translate = np.array(self._spec.translate)
            translate[across] = self.viewer.dims.point[across - _SPATIAL]
            if not np.array_equal(self.layer.translate, translate[axes[0] :]):
                self.layer.translate = translate[axes[0] :]

    def _on_data(self, event: Any) -> None:
        """The mouse was let go; napari is not quite done with it yet."""
        if str(event.action) in ("added", "changed"):
            layer = self.layer
            QTimer.singleShot(0, lambda: self._report(layer))

    def _report(self, layer: Any) -> None:
        """Tell of the shape that was drawn last."""
        axes = self.axes
        current = layer is not None and layer is self.layer and not self._stale
        if not current or axes is None or not len(layer.data):
            return
        points = np.full((len(layer.data[-1]), _SPATIAL), np.nan)
        world = layer.data[-1] * layer.scale + layer.translate
        points[:, axes] = world[:, np.subtract(axes, axes[0])]
        self.drawn.emit(points)

    def _on_escape(self, _: Any) -> None:
        QTimer.singleShot(0, self._end)

    def _on_removed(self, event: Any) -> None:
        if self.layer is not None and event.value == self.layer:
            self.layer.events.data.disconnect(self._on_data)
            self.layer = None
            QTimer.singleShot(0, self._end)

    def _end(self) -> None:
        if self.is_open:
            self.close()
            self.ended.emit()

    def _on_turned(self, _: Any) -> None:
        self._stale = self._has_turned = True
        self._later.start()
