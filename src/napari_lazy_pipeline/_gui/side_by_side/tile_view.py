"""Tile view: pictures side by side, which are moved and enlarged together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import QPointF, QRectF, Qt, Signal
from qtpy.QtGui import QColor, QImage, QPainter, QPen
from qtpy.QtWidgets import QWidget

from napari_lazy_pipeline._gui.side_by_side.tile_picture import TilePicture
from napari_lazy_pipeline._gui.steps.card_frame import ACCENT
from napari_lazy_pipeline._gui.widgets.text import plain

_GAP, _STRIP = 3, 22  # px; between tiles, and below each for its label
_CLICK = 4  # px; the mouse moves so far without dragging
_GREY, _WHITE, _RED = QColor("#262930"), QColor("#f0f1f2"), QColor("#ff6b6b")
_Key, _Align = Qt.Key, Qt.AlignmentFlag
_STEPS = {
    _Key.Key_Left: (0, -1), _Key.Key_Right: (0, 1), _Key.Key_Up: (-1, 0), _Key.Key_Down: (1, 0),
}  # fmt: skip
_ZOOMS = {_Key.Key_Plus: 1.25, _Key.Key_Equal: 1.25, _Key.Key_Minus: 0.8}


@dataclass
class Tile:
    """One picture, with its label below; an error in the place of what cannot be made."""

    label: str
    picture: TilePicture | None = None
    error: str = ""


class TileView(QWidget):
    """Draws tiles in rows and columns; one of them is selected."""

    chosen = Signal(int)  # a tile was clicked, or taken with Enter
    closed = Signal()  # Escape was pressed

    def __init__(self, name: str) -> None:
        super().__init__()
        self.tiles: list[Tile] = []
        self.selected = 0
        self.pickable = True
        self._columns = 1
        self._centre: QPointF | None = None  # um, in the middle of each tile; None: all is seen
        self._zoom = 1.0  # px per um
        self._pressed: QPointF | None = None
        self._dragged = False
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setMinimumSize(60, 60)

    def show_tiles(self, tiles: list[Tile], columns: int, selected: int) -> None:
        """Show other tiles, all of each."""
        self.tiles, self._columns, self.selected = tiles, columns, selected
        self.fit()

    def put(self, index: int, tile: Tile) -> None:
        """Show what is ready; the first picture sets what of all is seen."""
        self.tiles[index] = tile
        self.update()

    def fit(self) -> None:
        """See all of each picture again."""
        self._centre = None
        self.update()

    def select(self, index: int) -> None:
        if 0 <= index < len(self.tiles) and index != self.selected:
            self.selected = index
            self.setAccessibleDescription(self.tiles[index].label)
            self.update()

    # ---- where things are -----------------------------------------------------------------

    def cell(self, index: int) -> QRectF:
        """Return where a tile is [px], with its label."""
        rows = -(-len(self.tiles) // self._columns)
        width, height = self.width() / self._columns, self.height() / rows
        row, column = divmod(index, self._columns)
        cell = QRectF(column * width, row * height, width, height)
        return cell.adjusted(_GAP, _GAP, -_GAP, -_GAP)

    def _room(self, index: int) -> QRectF:
        """Return where the picture of a tile is [px]."""
        return self.cell(index).adjusted(0, 0, 0, -_STRIP)

    def _tile_at(self, place: QPointF) -> int | None:
        return next((i for i in range(len(self.tiles)) if self.cell(i).contains(place)), None)

    def _view(self) -> tuple[QPointF, float]:
        """Centre [um] and zoom [px/um]; as much as all pictures need, unless a person chose."""
        pictures = [tile.picture for tile in self.tiles if tile.picture is not None]
        if self._centre is not None or not pictures:
            return self._centre or QPointF(), self._zoom
        all_of_them = QRectF()
        for picture in pictures:
            all_of_them |= _rect(picture)
        room = self._room(0)
        zoom = min(room.width() / all_of_them.width(), room.height() / all_of_them.height())
        return all_of_them.center(), max(zoom, 1e-6)

    # ---- drawing --------------------------------------------------------------------------

    def paintEvent(self, event: Any) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor("black"))
        centre, zoom = self._view()
        for index, tile in enumerate(self.tiles):
            room, cell = self._room(index), self.cell(index)
            painter.fillRect(cell, _GREY)
            if tile.picture is not None:
                painter.save()
                painter.setClipRect(room)
                painter.translate(room.center())
                painter.scale(zoom, zoom)
                painter.translate(-centre)
                painter.drawImage(_rect(tile.picture), _image(tile.picture))
                painter.restore()
            text = tile.error or ("" if tile.picture is not None else "computing…")
            painter.setPen(_RED if tile.error else _WHITE)
            inner = room.adjusted(8, 8, -8, -8)
            painter.drawText(inner, int(_Align.AlignCenter) | int(Qt.TextFlag.TextWordWrap), text)
            self._label(painter, tile.label, cell, index == self.selected and self.pickable)
        painter.end()

    def _label(self, painter: QPainter, label: str, cell: QRectF, selected: bool) -> None:
        strip = QRectF(cell.left(), cell.bottom() - _STRIP, cell.width(), _STRIP)
        if selected:
            painter.fillRect(strip, ACCENT)
            painter.setPen(QPen(ACCENT, 2))
            painter.drawRect(cell)
        painter.setPen(_WHITE)
        short = painter.fontMetrics().elidedText(
            label, Qt.TextElideMode.ElideRight, int(strip.width()) - 8
        )
        painter.drawText(strip, int(_Align.AlignCenter), short)

    # ---- mouse and keys -------------------------------------------------------------------

    def mousePressEvent(self, event: Any) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed, self._dragged = event.position(), False

    def mouseMoveEvent(self, event: Any) -> None:
        place = event.position()
        if self._pressed is None:
            index = self._tile_at(place)
            self.select(self.selected if index is None else index)
            self.setToolTip("" if index is None else plain(self.tiles[index].label))
            return
        way = place - self._pressed
        self._dragged = self._dragged or way.manhattanLength() > _CLICK
        if self._dragged:
            self._centre, self._zoom = self._view()
            self._centre = self._centre - way / self._zoom
            self._pressed = place
            self.update()

    def mouseReleaseEvent(self, event: Any) -> None:
        pressed, self._pressed = self._pressed, None
        index = self._tile_at(event.position())
        if pressed is not None and not self._dragged and index is not None:
            self._choose(index)

    def wheelEvent(self, event: Any) -> None:
        """Enlarge all tiles about the place under the pointer."""
        index = self._tile_at(event.position())
        centre, zoom = self._view()
        away = event.position() - self._room(index or 0).center()
        self._zoom = zoom * 1.1 ** (event.angleDelta().y() / 60)
        self._centre = centre + away / zoom - away / self._zoom
        self.update()

    def keyPressEvent(self, event: Any) -> None:
        key = event.key()
        if key in _STEPS:
            down, right = _STEPS[key]
            column = self.selected % self._columns + right
            if 0 <= column < self._columns:
                self.select(self.selected + down * self._columns + right)
        elif key in (_Key.Key_Return, _Key.Key_Enter):
            self._choose(self.selected)
        elif key == _Key.Key_Escape:
            self.closed.emit()
        elif key in _ZOOMS:
            self._centre, zoom = self._view()
            self._zoom = zoom * _ZOOMS[key]
            self.update()
        elif key == _Key.Key_Home:
            self.fit()
        else:
            super().keyPressEvent(event)

    def _choose(self, index: int) -> None:
        if self.pickable and index < len(self.tiles) and not self.tiles[index].error:
            self.select(index)
            self.chosen.emit(index)


def _rect(picture: TilePicture) -> QRectF:
    top, left, height, width = picture.extent
    return QRectF(left, top, width, height)


def _image(picture: TilePicture) -> QImage:
    rows, columns = picture.pixels.shape[:2]
    data: Any = picture.pixels.data
    return QImage(data, columns, rows, 4 * columns, QImage.Format.Format_RGBX8888)
