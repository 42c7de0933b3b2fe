"""Curves are painted where their values are, and read by the mouse."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import QPoint
from qtpy.QtGui import QColor
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QToolTip

from napari_lazy_pipeline._gui.widgets.curve_plot import CurvePlot
from napari_lazy_pipeline.image.curve import Curve


def near(image: Any, place: Any, colour: QColor) -> bool:
    """Whether a pixel around a place has about that colour."""
    spots = [(place.x() + i, place.y() + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    seen = [QColor(image.pixel(round(x), round(y))) for x, y in spots]
    return any(max(abs(s.red() - colour.red()), abs(s.green() - colour.green())) < 40 for s in seen)


def test_lines_and_dots_are_where_their_values_are(qtbot: Any) -> None:
    plot = CurvePlot()
    qtbot.addWidget(plot)
    x = np.linspace(0, 10, 11)
    level = np.full(11, 4.0)
    level[3] = np.nan
    curve = Curve("Drift", "Time (min)", "Shift (µm)", {"x": (x, level)}, {"y": (x[:2], x[:2])})
    plot.resize(300, 200)
    plot.show_curve(curve)
    assert plot.isVisible() and "x: 4 to 4 for 0 to 10" in plot.accessibleDescription()
    image, axes = plot.grab().toImage(), plot.axes(curve)
    assert near(image, axes.place(7.5, 4), plot.colour(0))
    assert not near(image, axes.place(3.5, 4), plot.colour(0))  # beside a gap
    assert near(image, axes.place(1, 1), plot.colour(1))
    assert not near(image, axes.place(0.5, 0.5), plot.colour(1))  # dots are not joined
    place = axes.place(6.2, 2)
    assert abs(axes.x_at(place.x()) - 6.2) < 1e-9
    plot.show_curve(None)
    assert not plot.isVisible()


def test_the_mouse_reads_values(qtbot: Any) -> None:
    plot = CurvePlot()
    qtbot.addWidget(plot)
    curve = Curve("", "Time (s)", "a", {"<b>": (np.array([0.0, 1.0]), np.array([2.0, 3.0]))})
    plot.show_curve(curve)
    place = plot.axes(curve).place(0.9, 2.5)
    QTest.mouseMove(plot, QPoint(round(place.x()), round(place.y())))
    qtbot.waitUntil(lambda: "1 → 3" in QToolTip.text(), timeout=5000)
    QToolTip.hideText()
