"""Chunk map: a picture of all chunks, stage by stage; what is not computed is grey."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QRect, QSize, Qt
from qtpy.QtGui import QColor, QImage, QPainter
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from napari_lazy_pipeline._gui.widgets.text import plain

_TITLE, _ROW, _GAP = 96, 10, 5  # px


class ChunkState(IntEnum):
    """State of a chunk; of several that share a pixel, the last of these is shown."""

    UNTOUCHED = 0
    PART = 1
    MADE = 2
    CACHED = 3
    FAILED = 4
    RUNNING = 5


# Told apart by brightness, too, on dark and on light ground.
_LEGEND = {
    ChunkState.UNTOUCHED: ("#8a8f98", "not computed"),
    ChunkState.PART: ("#5fb3b3", "partly computed"),
    ChunkState.MADE: ("#9ccf7a", "computed, not cached"),
    ChunkState.CACHED: ("#2e9e4f", "cached"),
    ChunkState.FAILED: ("#e04f4f", "failed"),
    ChunkState.RUNNING: ("#f2b134", "computing"),
}
COLOURS = {tile: colour for tile, (colour, _) in _LEGEND.items()}
WORDS = {tile: word for tile, (_, word) in _LEGEND.items()}


@dataclass(frozen=True)
class MapRow:
    """One stage."""

    title: str  # its name
    tiles: NDArray[np.uint8]  # state of each chunk (c, t), of `ChunkState`
    channels: tuple[str, ...] = ()


class ChunkMap(QWidget):
    """Paints one strip for each stage: channels downwards, time points to the right."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: Sequence[MapRow] = ()
        self.setMouseTracking(True)
        self.setAccessibleName("Map of chunks")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_rows(self, rows: Sequence[MapRow]) -> None:
        self.rows = rows
        self.setMinimumHeight(self.sizeHint().height())
        self.setAccessibleDescription(self.words())
        self.update()

    def words(self) -> str:
        """The map in words, for screen readers."""
        lines = []
        for row in self.rows:
            counts = np.bincount(row.tiles.ravel(), minlength=len(ChunkState))
            text = ", ".join(f"{counts[tile]} {WORDS[tile]}" for tile in ChunkState if counts[tile])
            lines.append(f"{row.title}: {text}")
        return "\n".join(lines)

    def sizeHint(self) -> QSize:
        heights = [_ROW * row.tiles.shape[0] + _GAP for row in self.rows]
        return QSize(300, max(sum(heights), _ROW))

    def paintEvent(self, event: Any) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        painter.setPen(self.palette().windowText().color())
        for row, place in zip(self.rows, self._places(), strict=True):
            title = QRect(0, place.top(), _TITLE - 6, place.height())
            metrics, mode = painter.fontMetrics(), Qt.TextElideMode.ElideRight
            text = metrics.elidedText(row.title, mode, title.width())
            painter.drawText(title, Qt.AlignmentFlag.AlignVCenter, text)
            painter.drawImage(place, _image(row.tiles, place.width()))
        painter.end()

    def mouseMoveEvent(self, event: Any) -> None:
        spot = event.position().toPoint()
        for row, place in zip(self.rows, self._places(), strict=True):
            if place.contains(spot):
                channels, times = row.tiles.shape
                t = min((spot.x() - place.left()) * times // max(place.width(), 1), times - 1)
                c = min((spot.y() - place.top()) // _ROW, channels - 1)
                name = row.channels[c] if c < len(row.channels) else str(c)
                word = WORDS[ChunkState(int(row.tiles[c, t]))]
                text = f"{row.title}, t {t}, channel {name}: {word}"
                QToolTip.showText(event.globalPosition().toPoint(), plain(text), self)
                return
        QToolTip.hideText()

    def _places(self) -> list[QRect]:
        places, top = [], 0
        for row in self.rows:
            height = _ROW * row.tiles.shape[0]
            places.append(QRect(_TITLE, top, max(self.width() - _TITLE, 1), height))
            top += height + _GAP
        return places


def _image(tiles: NDArray[np.uint8], width: int) -> QImage:
    """One pixel a chunk; where there are more of them than pixels, the liveliest of several."""
    channels, times = tiles.shape
    if times > width:
        starts = np.linspace(0, times, width, endpoint=False).astype(int)
        tiles = np.maximum.reduceat(tiles, starts, axis=1)
    colours = np.array([QColor(COLOURS[tile]).rgb() for tile in ChunkState], np.uint32)
    pixels = np.ascontiguousarray(colours[tiles])
    image = QImage(
        pixels.tobytes(), pixels.shape[1], channels, 4 * pixels.shape[1],
        QImage.Format.Format_RGB32,
    )  # fmt: skip
    return image.copy()
