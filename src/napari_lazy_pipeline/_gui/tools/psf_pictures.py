"""PSF pictures: PSFs from the front and from the side, on the card; no layer, no slider moves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from qtpy.QtCore import QRectF, QSize
from qtpy.QtGui import QImage, QPainter
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_lazy_pipeline._gui.widgets.layout import column
from napari_lazy_pipeline._gui.widgets.text import Sentence
from napari_lazy_pipeline.image.quantity_text import format_lengths
from napari_lazy_pipeline.psf.psf_view import PsfPicture

_HEIGHT, _GAP = 110, 8  # px


class PsfPictures(QWidget):
    """Shows PSFs below each other; hidden if there are none."""

    def __init__(self) -> None:
        super().__init__()
        self.views: list[PsfProjections] = []
        self._column = column(parent=self)
        self.setVisible(False)

    def show_pictures(self, pictures: Sequence[PsfPicture]) -> None:
        """Show PSFs instead of the last ones."""
        while (item := self._column.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self.views = [PsfProjections(picture) for picture in pictures]
        for view in self.views:
            size = format_lengths(view.picture.voxel_size)
            self._column.addWidget(Sentence(f"{view.picture.name}: x-y, x-z; voxel {size} µm"))
            self._column.addWidget(view)
        self.setVisible(bool(pictures))


class PsfProjections(QWidget):
    """Paints the largest values along z and along y, beside each other and to one scale."""

    def __init__(self, picture: PsfPicture) -> None:
        super().__init__()
        self.picture = picture
        self._images = [_image(picture.projection(axis)) for axis in (0, 1)]
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(f"Picture of {picture.name}")
        self.setToolTip("Largest values along z and along y; dark parts are brightened")

    def sizeHint(self) -> QSize:
        return QSize(2 * _HEIGHT + _GAP, _HEIGHT)

    def paintEvent(self, event: Any) -> None:
        painter = QPainter(self)
        for image, place in zip(self._images, self._places(), strict=True):
            painter.drawImage(place, image)
        painter.end()

    def _places(self) -> tuple[QRectF, QRectF]:
        z, y, x = np.multiply(self.picture.volume.shape, self.picture.voxel_size).tolist()
        scale = min((self.width() - _GAP) / (2 * x), self.height() / max(y, z))
        width = scale * x
        return QRectF(0, 0, width, scale * y), QRectF(width + _GAP, 0, width, scale * z)


def _image(pixels: np.ndarray) -> QImage:
    grey = np.ascontiguousarray(255 * pixels, np.uint8)
    height, width = grey.shape
    image = QImage(grey.tobytes(), width, height, width, QImage.Format.Format_Grayscale8)
    return image.copy()
