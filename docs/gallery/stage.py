"""Stage: a napari with the dock in it, its hand on mouse and keys, and its camera."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from time import monotonic
from typing import Any

import napari
import numpy as np
import tifffile
from napari.settings import get_settings
from PIL import Image
from qtpy.QtCore import QPoint, QRect, Qt
from qtpy.QtGui import QPainter, QPixmap
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QScrollArea, QWidget

from napari_lazy_pipeline._gui.plugin.dock_registry import dock_of
from napari_lazy_pipeline.samples.samples import psf_path, real_stack_folder
from napari_lazy_pipeline.samples.simulated_cell import write_timelapse

PATIENCE = 120.0  # s
DOCK_WIDTH = 350  # px
Key, Left = Qt.Key, Qt.MouseButton.LeftButton
Control = Qt.KeyboardModifier.ControlModifier


class Stage:
    """One viewer with the dock.

    Parameters
    ----------
    data
        Folder for the sample data; its path is seen in the pictures.
    out
        Where pictures go.
    size
        Width and height of the window [px].
    theme
        Theme of napari.
    mark
        What the names of the pictures end in.
    wanted
        Names of the pictures that are kept; None: all.
    """

    def __init__(
        self,
        data: Path,
        out: Path,
        size: tuple[int, int],
        theme: str,
        mark: str = "",
        wanted: tuple[str, ...] | None = None,
    ) -> None:
        self.data, self.out, self.mark, self.wanted = data, out, mark, wanted
        get_settings().appearance.theme = theme
        self.viewer: Any = napari.Viewer(show=True)
        self.window = self.viewer.window._qt_window
        self.window.setGeometry(0, 0, *size)
        self.dock = dock_of(self.viewer)
        self.frame = self.dock.parent()
        self.window.resizeDocks([self.frame], [DOCK_WIDTH], Qt.Orientation.Horizontal)
        self.settle()

    def close(self) -> None:
        """Leave nothing behind."""
        self.dock.shut_down()
        self.dock.compute_thread.join()
        self.viewer.close()
        self.settle()

    # ---- data -----------------------------------------------------------------------------

    def timelapse(self) -> Path:
        """Folder of the simulated time-lapse."""
        return write_timelapse(self.data / "cell5")

    def real_cell(self) -> Path:
        """Folder of the real stack, under a short path."""
        folder = self.data / "lls_cell"
        if not folder.is_dir():
            shutil.copytree(real_stack_folder(), folder)
        return folder

    def named(self, title: str, names: Iterable[str]) -> Path:
        """Folder of small volumes with these names."""
        folder = self.data / title
        folder.mkdir(exist_ok=True)
        pixels = np.random.default_rng(0).integers(90, 400, (6, 64, 80)).astype("uint16")
        for name in names:
            tifffile.imwrite(folder / name, pixels, photometric="minisblack")
        return folder

    def psf(self) -> Path:
        """The PSF of the real stack, under a short path."""
        return Path(shutil.copy(psf_path(), self.data / "psf.tif"))

    def open(self, folder: Path) -> None:
        """Type the path of a folder, and wait for its first picture."""
        self.type_into(self.dock.data.folder.line_edit.native, str(folder))

        def is_open() -> bool:
            folder_info = self.dock.session.folder_info
            return folder_info is not None and folder_info.folder == str(folder)

        self.wait(is_open, "the folder")
        self.shown()

    def say(self, z: float, pixel: float, angle: float) -> None:
        """Answer what the files do not say."""
        cards = self.dock.data.metadata.questions.cards
        values = {"z step": z, "pixel size": pixel, "angle": angle}
        for about in ("voxel_size", "angle"):
            if about in cards:
                for name, box in cards[about].numbers.items():
                    box.setFocus()
                    box.selectAll()
                    QTest.keyClicks(box, f"{values[name]:g}")
                QTest.keyClick(box, Key.Key_Return)
                self.wait(lambda about=about: about not in cards, "the answer")
        if "step" in cards:
            self.click(cards["step"].buttons[0])
        self.shown()

    # ---- hand -----------------------------------------------------------------------------

    def click(self, widget: QWidget) -> None:
        """Click a widget."""
        QTest.mouseClick(widget, Left)
        self.settle()

    def type_into(self, line: Any, text: str) -> None:
        """Replace what is in a line, and enter it."""
        line.setFocus()
        line.selectAll()
        QTest.keyClicks(line, text)
        QTest.keyClick(line, Key.Key_Return)
        line.deselect()
        self.settle()

    def card(self, kind: str) -> Any:
        """The first card of a kind of step."""
        return next(card for card in self.dock.steps.cards if card.step.kind == kind)

    def switch(self, kind: str, on: bool = True, unfolded: bool = False) -> None:
        """Switch a step on or off, and wait for the picture."""
        card = self.card(kind)
        if card.step.enabled != on:
            self.click(card.switch)
        if card.unfold.isChecked() != unfolded:
            self.click(card.unfold)
        self.shown()

    def in_3d(self, on: bool = True) -> None:
        """Show the volume, or a plane."""
        if (self.viewer.dims.ndisplay == 3) != on:
            self.click(self.viewer.window._qt_viewer.viewerButtons.ndisplayButton)
        self.shown()
        self.viewer.reset_view()
        self.settle()

    # ---- patience -------------------------------------------------------------------------

    def wait(self, ready: Callable[[], bool], what: str) -> None:
        """Let napari work until something is so."""
        start = monotonic()
        while not ready():
            QTest.qWait(1)
            if monotonic() - start > PATIENCE:
                raise SystemExit(f"The gallery waited {PATIENCE:.0f} s for {what}, in vain")

    def shown(self) -> None:
        """Wait until the picture is what the steps make."""
        self.settle()
        self.wait(lambda: self.dock.idle, "the picture")
        self.settle()

    def settle(self) -> None:
        """Let napari draw, and short delays pass."""
        for _ in range(5):
            QTest.qWait(10)

    # ---- camera ---------------------------------------------------------------------------

    def scroll_to(self, widget: QWidget, above: int = 30) -> None:
        """Bring a part of the dock to the top of what is seen of it."""
        (area,) = (a for a in self.dock.findChildren(QScrollArea) if a.isAncestorOf(widget))
        self.settle()
        top = widget.mapTo(area.widget(), QPoint(0, 0)).y()
        area.verticalScrollBar().setValue(max(top - above, 0))
        self.settle()

    def picture_of(self, widget: QWidget, name: str, until: QWidget | None = None) -> None:
        """Keep a picture of a part of the window, or of a dialog; or of all ``until`` another."""
        first, last = (
            QRect(self.window.mapFromGlobal(one.mapToGlobal(QPoint(0, 0))), one.size())
            for one in (widget, until or widget)
        )
        self._keep(name, first.united(last))

    def window_picture(self, name: str) -> None:
        """Keep a picture of the whole window."""
        self.picture_of(self.window, name)

    def dock_picture(self, name: str) -> None:
        """Keep a picture of the dock."""
        self.picture_of(self.frame, name)

    def _keep(self, name: str, area: QRect) -> None:
        if self.wanted is not None and name not in self.wanted:
            return
        path = self.out / f"{name}{self.mark}.png"
        self._seen().copy(area).save(str(path))
        _shrink(path)
        print(f"{path.name}: {path.stat().st_size / 1e3:.0f} kB", flush=True)

    def _seen(self) -> QPixmap:
        """The window, and what stands before it: menus, dialogs."""
        picture = self.window.grab()
        painter = QPainter(picture)
        for widget in QApplication.topLevelWidgets():
            if widget is not self.window and widget.isVisible() and widget.height() > 1:
                corner = self.window.mapFromGlobal(widget.mapToGlobal(QPoint(0, 0)))
                painter.drawPixmap(corner, widget.grab())
        painter.end()
        return picture


def _shrink(path: Path) -> None:
    """Write a picture anew, as small as it gets without loss."""
    with Image.open(path) as image:
        plain = image.convert("RGB")
    plain.save(path, optimize=True)
