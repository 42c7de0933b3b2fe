"""Makes the moving picture of the front page: napari and the dock, used by mouse."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image
from qtpy.QtCore import QEvent, QPoint, QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QFont, QImage, QMouseEvent, QPainter, QPixmap, QPolygonF
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QSlider, QStyle, QWidget

from gallery.stage import Key, Left, Stage

OUT = Path(__file__).parent.parent / "images" / "film.webp"
WINDOW, WIDTH = (1152, 768), 960  # px
FRAME = 200  # ms
LONGEST_WAIT = 3  # frames: what takes longer is cut
LONGEST, LARGEST = 20.0, 3.0  # s, MB
ARROW = [(0, 0), (0, 22), (5, 17), (9, 26), (13, 24), (9, 16), (16, 16)]  # px


class Film:
    """Frames of a stage, with the pointer and a line that says what is done."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.frames = stage, list[Image.Image]()
        self.pointer = QPointF(WINDOW[0] / 2, WINDOW[1] / 2)
        self.line = ""

    def say(self, line: str, hold: int = 3) -> None:
        """Say what comes, and hold the picture for so many frames."""
        self.line = line
        self.hold(hold)

    def hold(self, frames: int) -> None:
        """Let some time pass."""
        for _ in range(frames):
            QTest.qWait(30)
            self.take()

    def take(self) -> None:
        """Take one frame."""
        picture = self.stage._seen()
        self._draw(picture)
        image = picture.toImage().convertToFormat(QImage.Format.Format_RGB888)
        rows = image.constBits().asarray(image.sizeInBytes())
        pixels = np.array(rows, np.uint8).reshape(image.height(), image.bytesPerLine())
        frame = Image.fromarray(pixels[:, : image.width() * 3].reshape(image.height(), -1, 3))
        height = round(frame.height * WIDTH / frame.width)
        self.frames.append(frame.resize((WIDTH, height), Image.Resampling.LANCZOS))

    def go(self, widget: QWidget, place: QPoint | None = None, frames: int = 3) -> None:
        """Move the pointer to a place in a widget."""
        place = place or widget.rect().center()
        goal = QPointF(self.stage.window.mapFromGlobal(widget.mapToGlobal(place)))
        start = self.pointer
        for part in np.linspace(0, 1, frames + 1)[1:]:
            self.pointer = start + (goal - start) * float(part)
            self.hold(1)

    def click(self, widget: QWidget, place: QPoint | None = None) -> None:
        """Go there and click."""
        self.go(widget, place)
        QTest.mouseClick(widget, Left, pos=place or widget.rect().center())
        self.hold(1)

    def until(self, ready: Callable[[], bool], what: str) -> None:
        """Wait, and leave out what makes the film long."""
        shown = 0

        def looked() -> bool:
            nonlocal shown
            if shown < LONGEST_WAIT and not ready():
                QTest.qWait(FRAME)
                self.take()
                shown += 1
            return ready()

        self.stage.wait(looked, what)
        self.stage.settle()
        self.take()

    def shown(self) -> None:
        """Wait for the picture that the steps make."""
        QTest.qWait(20)
        self.until(lambda: self.stage.dock.idle, "the picture")

    def drag(self, slider: QSlider, values: list[int], frames: int) -> None:
        """Drag the handle of a slider from value to value."""
        self.go(slider, _handle(slider))
        _mouse(slider, QEvent.Type.MouseButtonPress, _handle(slider))
        for value in values:
            for step in np.linspace(slider.value(), value, frames + 1)[1:]:
                place = _handle(slider, round(step))
                _mouse(slider, QEvent.Type.MouseMove, place)
                self.go(slider, place, frames=1)
                QTest.qWait(150)
        _mouse(slider, QEvent.Type.MouseButtonRelease, _handle(slider))

    def _draw(self, picture: QPixmap) -> None:
        painter = QPainter(picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.line:
            font = QFont()
            font.setPixelSize(24)
            painter.setFont(font)
            width = painter.fontMetrics().horizontalAdvance(self.line) + 40
            box = QRectF(20, WINDOW[1] - 110, width, 44)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(0, 0, 0, 190))
            painter.drawRoundedRect(box, 8, 8)
            painter.setPen(QColor("white"))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, self.line)
        painter.setPen(QColor("black"))
        painter.setBrush(QColor("white"))
        painter.drawPolygon(QPolygonF([self.pointer + QPointF(x, y) for x, y in ARROW]))
        painter.end()

    def save(self, path: Path) -> None:
        """Write the film; one that is too long or too large is refused."""
        seconds = len(self.frames) * FRAME / 1000
        first, *rest = self.frames
        first.save(
            path, save_all=True, append_images=rest, duration=FRAME, loop=0, quality=70, method=4
        )
        size = path.stat().st_size / 1e6
        print(f"{path.name}: {seconds:.1f} s, {size:.2f} MB")
        if seconds > LONGEST or size > LARGEST:
            raise SystemExit(f"The film may be {LONGEST:g} s long, and {LARGEST:g} MB large")


def play(film: Film) -> None:
    """From an empty dock to a deconvolved cell, and through the time points of another one."""
    stage, dock = film.stage, film.stage.dock
    for panel in ("dockLayerControls", "dockLayerList"):
        getattr(stage.viewer.window._qt_viewer, panel).hide()  # the picture gets their place
    film.say("Open a folder, or a sample: nothing is read but what is shown", 3)
    menu, sample = dock.welcome.menu, dock.welcome.sample
    film.go(sample)
    menu.popup(sample.mapToGlobal(QPoint(0, sample.height())))
    film.hold(1)
    film.click(menu, menu.actionGeometry(menu.actions()[-1]).center())
    menu.close()
    film.until(lambda: dock.session.stack is not None and dock.idle, "the cell")
    _scroll(film, dock.steps)
    view = stage.viewer.window._qt_viewer
    film.click(view.viewerButtons.ndisplayButton)
    film.shown()
    _turn(film)
    film.say("Switch a step: the picture follows. Deskew off, and on", 1)
    deskew = stage.card("deskew")
    for _ in range(2):
        film.click(deskew.switch)
        film.shown()
        film.hold(2)
    film.say("Turn the angle until the cell looks right", 1)
    film.click(deskew.unfold)
    slider = deskew.form.fields["angle"].controls[0].slider
    _scroll(film, deskew)
    here, there = slider.value(), slider.maximum()
    film.drag(slider, [(here + there) // 2, here], frames=4)
    while slider.value() != here:
        QTest.keyClick(slider, Key.Key_Left if slider.value() > here else Key.Key_Right)
    film.shown()
    film.click(deskew.unfold)
    _scroll(film, dock.steps)
    film.say("Deconvolve: a preview at once, then the result", 1)
    film.click(stage.card("deconvolve").switch)
    film.shown()
    _brighten(film)
    film.hold(5)
    film.say("Another time point: the same steps, for what you look at", 1)
    film.click(view.viewerButtons.ndisplayButton)
    stage.viewer.open_sample("napari-lazy-pipeline", "timelapse")
    film.shown()
    stage.viewer.reset_view()
    stage.viewer.scene.camera.zoom *= 1.4
    bar = view.dims.slider_widgets[0].slider
    for t in (2, 5, 8, 11):
        place = QPoint(round(bar.width() * (t + 0.5) / 12), bar.height() // 2)
        film.go(bar, place, frames=1)
        QTest.mouseClick(bar, Left, pos=place)
        film.shown()
    film.hold(3)


def _turn(film: Film) -> None:
    """Look at the volume from the side, where one sees it lean."""
    viewer = film.stage.viewer
    for part in np.linspace(0, 1, 5)[1:]:
        direction = (1 - 0.8 * part, part, 0)
        viewer.scene.camera.set_view_direction(direction, up_direction=(-part, -0.01, 0))
        film.hold(1)
    viewer.reset_view(reset_camera_angle=False)
    _brighten(film)
    film.hold(2)


def _brighten(film: Film) -> None:
    """Set the contrast to the brightest of the volume: what napari shows of it in 3-D."""
    (layer,) = film.stage.viewer.layers
    brightest = np.asarray(layer._data_view).max(axis=0)
    layer.contrast_limits = np.percentile(brightest, (20, 99.8)).tolist()
    layer.gamma = 0.7


def _scroll(film: Film, widget: QWidget) -> None:
    film.stage.scroll_to(widget)
    film.take()


def _handle(slider: QSlider, value: int | None = None) -> QPoint:
    """Where the handle of a slider is at a value."""
    length = slider.style().pixelMetric(QStyle.PixelMetric.PM_SliderLength, None, slider)
    x = QStyle.sliderPositionFromValue(
        slider.minimum(),
        slider.maximum(),
        slider.value() if value is None else value,
        slider.width() - length,
    )
    return QPoint(x + length // 2, slider.height() // 2)


def _mouse(widget: QWidget, kind: Any, place: QPoint) -> None:
    """Send one event of the left button: QTest would move the mouse of the screen."""
    held = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseButtonRelease else Left
    button = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseMove else Left
    there = QPointF(widget.mapToGlobal(place))
    none = Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(widget, QMouseEvent(kind, QPointF(place), there, button, held, none))


def main() -> int:
    """Make the film."""
    parser = argparse.ArgumentParser(prog="gallery film", description=__doc__)
    parser.add_argument("--out", type=Path, default=OUT, help="the film, .webp or .gif")
    out = parser.parse_args().out
    with TemporaryDirectory() as data:
        stage = Stage(Path(data), out.parent, WINDOW, "dark")
        film = Film(stage)
        try:
            play(film)
        finally:
            stage.close()
    film.save(out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
