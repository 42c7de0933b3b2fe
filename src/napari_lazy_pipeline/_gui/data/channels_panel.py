"""Channels panel: colour, name and visibility of each channel, as the layers have them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from qtpy.QtCore import QPoint, QSignalBlocker, QSize, Signal
from qtpy.QtGui import QIcon, QImage, QPixmap
from qtpy.QtWidgets import QCheckBox, QLineEdit, QMenu, QWidget

from napari_lazy_pipeline._gui.layers.layers import Layers
from napari_lazy_pipeline._gui.widgets import layout
from napari_lazy_pipeline._gui.widgets.colours import USUAL, chosen, is_colour
from napari_lazy_pipeline._gui.widgets.escape_key import EscapeKey
from napari_lazy_pipeline.session import Session

_COLOURS = ("gray", *USUAL, "bop orange", "bop blue", "viridis", "magma")
_SWATCH = QSize(18, 12)


class ChannelsPanel(QWidget):
    """One row a channel; names are the session's, colour and visibility the layers'."""

    def __init__(self, session: Session, layers: Layers, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._layers = session, layers
        self.rows: list[ChannelRow] = []
        self._layout = layout.column(parent=self, spacing=2)
        layers.rendered.connect(self._find_layers)
        layers.viewer.layers.events.removed.connect(self._find_layers)

    def close_viewer(self) -> None:
        """Disconnect from the viewer and its layers."""
        self._layers.viewer.layers.events.removed.disconnect(self._find_layers)
        for row in self.rows:
            row.follow(None)

    def show_names(self) -> None:
        """Show the channels of the data that are open."""
        stack = self._session.stack
        names = stack.channel_names if stack is not None else ()
        while len(self.rows) > len(names):
            row = self.rows.pop()
            row.follow(None)
            self._layout.removeWidget(row)
            row.hide()
            row.deleteLater()
        while len(self.rows) < len(names):
            row = ChannelRow(len(self.rows))
            row.renamed.connect(self._on_renamed)
            row.recoloured.connect(self._on_recoloured)
            row.wanted.connect(self._on_wanted)
            self.rows.append(row)
            self._layout.addWidget(row)
        for row, name in zip(self.rows, names, strict=True):
            if not (row.name.hasFocus() and row.name.isModified()):  # else it is being typed
                row.name.setText(name)
        self._find_layers()

    def _find_layers(self, *_: object) -> None:
        """Follow the present layers."""
        for row in self.rows:
            row.follow(self._layers.screen.layer_of_recorded(row.channel))

    def set_colours(self, colours: Sequence[str]) -> None:
        """Give all channels these colours, also layers that come later; ignored if too few."""
        if len(colours) == len(self.rows):
            self._session.colours = tuple(colours)
            for row, colour in zip(self.rows, colours, strict=True):
                row.set_colour(colour)

    def _on_recoloured(self, channel: int, colour: str) -> None:
        """Store a colour for recipes and later layers; one without a name is the usual one."""
        if not self.rows[channel].follows(self._layers.screen.layer_of_recorded(channel)):
            return  # the layer shows another channel now
        if self._layers.screen.lent:
            return
        session, several = self._session, len(self.rows) > 1
        colours = [chosen(c, several, session.colours) for c in range(len(self.rows))]
        colours[channel] = colour if is_colour(colour) else chosen(channel, several, ())
        session.colours = tuple(colours)

    def _on_wanted(self, channel: int) -> None:
        """Bring the layer of a channel back, if the steps leave the channel in."""
        self._layers.deleted.restore(channel)
        self._find_layers()

    def _on_renamed(self, channel: int, name: str) -> None:
        """State a name; an empty one is that of the files again."""
        session = self._session
        if session.stack is None or session.folder_info is None:
            return
        names = list(session.stack.channel_names)
        names[channel] = name or session.folder_info.channel_names[channel]
        same = tuple(names) == session.folder_info.channel_names
        session.state(channel_names=None if same else tuple(names))
        self.show_names()


class ChannelRow(QWidget):
    """A channel."""

    renamed = Signal(int, str)  # channel, name
    recoloured = Signal(int, str)  # channel, name of the colormap of its layer
    wanted = Signal(int)  # channel, whose layer was deleted and is to come back

    def __init__(self, channel: int) -> None:
        super().__init__()
        self.channel = channel
        self._layer: Any = None
        number = f"channel {channel + 1}"
        self.colour = layout.small_button("", "Colour of the layer", f"Colour of {number}")
        self.colour.setIconSize(_SWATCH)
        self.colour.clicked.connect(self._show_colours)
        self.menu = QMenu(self)
        for colour in _COLOURS:
            action = self.menu.addAction(_swatch(colour), colour)
            action.triggered.connect(lambda _=False, colour=colour: self.set_colour(colour))
        self.name = QLineEdit()
        self.name.setAccessibleName(f"Name of {number}")
        self.name.setToolTip("Name of the channel, in layers and recipes; empty: as the files say")
        self.name.editingFinished.connect(self._on_name)
        EscapeKey(self.name)
        self.visible = QCheckBox("show")
        self.visible.setAccessibleName(f"Show {number}")
        self.visible.setToolTip(
            "Whether the layer is visible; brings a deleted one back. Hidden channels cost no time"
        )
        self.visible.toggled.connect(self._on_visible)
        layout.row(self.colour, (self.name, 1), self.visible, parent=self)
        self.follow(None)

    def follow(self, layer: Any) -> None:
        """Show the colour and the visibility of a layer from now on; None: of none."""
        if layer is self._layer and layer is not None:
            return
        if self._layer is not None:
            self._layer.events.colormap.disconnect(self._on_colour)
            self._layer.events.visible.disconnect(self._on_layer)
        self._layer = layer
        if layer is not None:
            layer.events.colormap.connect(self._on_colour)
            layer.events.visible.connect(self._on_layer)
        self.colour.setEnabled(layer is not None)
        self._on_layer()

    def follows(self, layer: Any) -> bool:
        """Return whether it is this layer that it follows."""
        return self._layer is layer

    def _on_colour(self, *_: object) -> None:
        self._on_layer()
        self.recoloured.emit(self.channel, self._layer.colormap.name)

    def _on_layer(self, *_: object) -> None:
        layer = self._layer
        colour = layer.colormap.name if layer is not None else ""
        self.colour.setIcon(_swatch(layer.colormap) if layer is not None else QIcon())
        self.colour.setToolTip(f"Colour of the layer: {colour or 'there is none'}")
        with QSignalBlocker(self.visible):
            self.visible.setChecked(layer is not None and layer.visible)

    def _show_colours(self) -> None:
        self.menu.popup(self.colour.mapToGlobal(QPoint(0, self.colour.height())))

    def set_colour(self, colour: str) -> None:
        """Give the layer a colour, by the name of the colormap."""
        if self._layer is not None:
            self._layer.colormap = colour

    def _on_visible(self, on: bool) -> None:
        if self._layer is not None:
            self._layer.visible = on
        elif on:
            self.wanted.emit(self.channel)

    def _on_name(self) -> None:
        self.name.setModified(False)
        self.renamed.emit(self.channel, self.name.text().strip())


def _swatch(colormap: Any) -> QIcon:
    """Icon of a colormap, from dark to bright."""
    from napari.utils.colormaps import ensure_colormap

    width, height = _SWATCH.width(), _SWATCH.height()
    row = ensure_colormap(colormap).map(np.linspace(0, 1, width)) * 255
    pixels = np.broadcast_to(np.rint(row).astype("uint8"), (height, width, 4)).tobytes()
    image = QImage(pixels, width, height, QImage.Format.Format_RGBA8888)
    return QIcon(QPixmap.fromImage(image))
