"""Curve plot: values over a range, painted; the mouse reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QFontMetrics, QPainter, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from napari_lazy_pipeline._gui.widgets.text import on_dark, plain
from napari_lazy_pipeline.image.curve import Curve, Range, Series, ticks

# Told apart with any colour vision (after Okabe and Ito), on dark and on light ground.
ON_DARK = ("#56b4e9", "#e69f00", "#3fc79a", "#cc79a7", "#f0e442", "#ff7f50")
ON_LIGHT = ("#0072b2", "#b36b00", "#007a57", "#a8558a", "#6b6400", "#c24e00")
_DASHES = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine)
_PLOT, _GAP, _SAMPLE, _DOT = 110, 4, 18, 2.2  # px
_MARGIN = 0.04  # of a range
_LEFT, _RIGHT, _CENTRE = (
    flag | Qt.AlignmentFlag.AlignVCenter
    for flag in (
        Qt.AlignmentFlag.AlignLeft,
        Qt.AlignmentFlag.AlignRight,
        Qt.AlignmentFlag.AlignHCenter,
    )
)


class CurvePlot(QWidget):
    """Paints one `Curve` with its axes and legend; hidden while there is none."""

    def __init__(self) -> None:
        super().__init__()
        self.curve: Curve | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        self.setVisible(False)

    def show_curve(self, curve: Curve | None) -> None:
        """Show a curve instead of the last one."""
        self.curve = curve
        self.setAccessibleName("" if curve is None else f"Plot: {curve.title}")
        self.setAccessibleDescription("" if curve is None else curve.in_words())
        self.setVisible(curve is not None)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(280, _PLOT + 4 * self.fontMetrics().height() + 2 * _GAP)

    def paintEvent(self, event: Any) -> None:
        if self.curve is None:
            return
        painter, axes = QPainter(self), self.axes(self.curve)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_grid(painter, axes)
        self._paint_labels(painter, self.curve, axes.frame)
        painter.setClipRect(axes.frame.adjusted(-_DOT, -_DOT, _DOT, _DOT))
        for number, name in enumerate(self.curve.names):
            if name in self.curve.lines:
                self._paint_line(painter, axes.runs(self.curve.lines[name]), number)
            if name in self.curve.dots:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(self.colour(number))
                for place in axes.places(self.curve.dots[name]):
                    painter.drawEllipse(place, _DOT, _DOT)
        painter.end()

    def mouseMoveEvent(self, event: Any) -> None:
        axes = None if self.curve is None else self.axes(self.curve)
        if self.curve is None or axes is None or not axes.frame.contains(event.position()):
            QToolTip.hideText()
            return
        points = self.curve.at(axes.x_at(event.position().x()))
        lines = [self.curve.x_label + " → " + self.curve.y_label]
        lines += [f"{name}: {x:.4g} → {y:.4g}" for name, (x, y) in points.items()]
        QToolTip.showText(event.globalPosition().toPoint(), plain("\n".join(lines)), self)

    def axes(self, curve: Curve) -> Axes:
        """Where the curve is painted: right of the numbers, between legend and label."""
        metrics, y_range = self.fontMetrics(), _wider(curve.y_range)
        line = metrics.height()
        widest = max(metrics.horizontalAdvance(_number(y)) for y in ticks(*y_range))
        left, top = widest + 2 * _GAP, 2 * line + _GAP
        frame = QRectF(left, top, self.width() - left - 2 * _GAP, self.height() - top - 2 * line)
        return Axes(frame.adjusted(0, 0, 0, -_GAP), _wider(curve.x_range), y_range)

    def colour(self, number: int) -> QColor:
        """Colour of a series, by its place among the names."""
        colours = ON_DARK if on_dark(self) else ON_LIGHT
        return QColor(colours[number % len(colours)])

    def _paint_grid(self, painter: QPainter, axes: Axes) -> None:
        """Lines at round numbers, and the numbers."""
        frame, line = axes.frame, self.fontMetrics().height()
        text = self.palette().windowText().color()
        faint = QColor(text)
        faint.setAlpha(60)
        for y in ticks(*axes.y_range):
            place = axes.place(axes.x_range[0], y).y()
            painter.setPen(faint)
            painter.drawLine(QPointF(frame.left(), place), QPointF(frame.right(), place))
            painter.setPen(text)
            room = QRectF(0, place - line / 2, frame.left() - _GAP, line)
            painter.drawText(room, _RIGHT, _number(y))
        for x in ticks(*axes.x_range, max(2, int(frame.width() / (4 * line)))):
            place = axes.place(x, axes.y_range[0]).x()
            painter.setPen(faint)
            painter.drawLine(QPointF(place, frame.top()), QPointF(place, frame.bottom()))
            painter.setPen(text)
            room = QRectF(place - 4 * line, frame.bottom() + _GAP / 2, 8 * line, line)
            painter.drawText(room, _CENTRE, _number(x))

    def _paint_labels(self, painter: QPainter, curve: Curve, frame: QRectF) -> None:
        """Title, what the axes are, and the legend."""
        metrics, width = self.fontMetrics(), float(self.width())
        line = metrics.height()
        painter.setPen(self.palette().windowText().color())
        painter.drawText(QRectF(0, 0, width, line), _LEFT, _elided(metrics, curve.title, width))
        below = QRectF(frame.left(), frame.bottom() + line, frame.width(), line + _GAP)
        painter.drawText(below, _CENTRE, _elided(metrics, curve.x_label, frame.width()))
        free = max(width - metrics.horizontalAdvance(curve.y_label) - 2 * _GAP, width / 2)
        texts = _fitted(metrics, curve.names, free - len(curve.names) * (_SAMPLE + 3 * _GAP))
        left = width
        for number, text in reversed(list(enumerate(texts))):
            left -= metrics.horizontalAdvance(text) + _SAMPLE + 3 * _GAP
            start = QPointF(left + 2 * _GAP, 1.5 * line)
            end = start + QPointF(_SAMPLE, 0)
            self._paint_sample(painter, curve, number, start, end)
            painter.setPen(self.palette().windowText().color())
            painter.drawText(QRectF(end.x() + _GAP, line, width, line), _LEFT, text)
        label = _elided(metrics, curve.y_label, left)
        painter.drawText(QRectF(0, line, left, line), _LEFT, label)

    def _paint_sample(
        self, painter: QPainter, curve: Curve, number: int, start: QPointF, end: QPointF
    ) -> None:
        """What a series looks like, in the legend."""
        name = curve.names[number]
        if name in curve.lines:
            self._paint_line(painter, [[start, end]], number)
        if name in curve.dots:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self.colour(number))
            painter.drawEllipse((start + end) / 2, _DOT, _DOT)

    def _paint_line(self, painter: QPainter, runs: list[list[QPointF]], number: int) -> None:
        style = _DASHES[number // len(ON_DARK) % len(_DASHES)]
        painter.setPen(QPen(self.colour(number), 1.6, style))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for run in runs:
            painter.drawPolyline(QPolygonF(run))


@dataclass(frozen=True)
class Axes:
    """How points lie in the picture."""

    frame: QRectF  # of the picture [px]
    x_range: Range  # what it shows
    y_range: Range

    def place(self, x: float, y: float) -> QPointF:
        """Where a point is painted [px]."""
        (left, right), (bottom, top) = self.x_range, self.y_range
        return QPointF(
            self.frame.left() + self.frame.width() * (x - left) / (right - left),
            self.frame.bottom() - self.frame.height() * (y - bottom) / (top - bottom),
        )

    def places(self, series: Series) -> list[QPointF]:
        """Where the finite points of a series are painted [px]."""
        return [place for run in self.runs(series) for place in run]

    def runs(self, series: Series) -> list[list[QPointF]]:
        """The same, parted where points are not finite [px]."""
        runs: list[list[QPointF]] = [[]]
        for x, y in np.column_stack(series).astype(float).tolist():
            if np.isfinite(x) and np.isfinite(y):
                runs[-1].append(self.place(x, y))
            elif runs[-1]:
                runs.append([])
        return [run for run in runs if run]

    def x_at(self, pixel: float) -> float:
        """The x that is painted in a column [px]."""
        low, high = self.x_range
        return low + (high - low) * (pixel - self.frame.left()) / self.frame.width()


def _wider(span: Range) -> Range:
    """A range with some room at both ends."""
    low, high = span
    room = _MARGIN * (high - low) or abs(low) / 2 or 1.0
    return low - room, high + room


def _number(value: float) -> str:
    return f"{value:.6g}"


def _fitted(metrics: QFontMetrics, texts: Sequence[str], width: float) -> list[str]:
    """Shorten the longest of several texts until all fit beside each other."""
    widths = [metrics.horizontalAdvance(text) for text in texts]
    share, left = 0.0, width
    for done, wide in enumerate(sorted(widths)):
        share = max(left / (len(widths) - done), 0)
        if wide > share:
            break
        left, share = left - wide, width
    return [
        _elided(metrics, text, min(share, wide)) for text, wide in zip(texts, widths, strict=True)
    ]


def _elided(metrics: QFontMetrics, text: str, width: float) -> str:
    return metrics.elidedText(text, Qt.TextElideMode.ElideRight, int(width))
