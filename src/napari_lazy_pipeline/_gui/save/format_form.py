"""Format form: asks which kind of files to write, and with which pixels."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QWidget

from napari_lazy_pipeline._gui.save.export_job import ExportSettings
from napari_lazy_pipeline._gui.widgets.choice import Choice
from napari_lazy_pipeline._gui.widgets.text import Sentence
from napari_lazy_pipeline.exports.formats import Format, FormatName, format_names, get_format

_FORMATS: dict[FormatName, tuple[str, str]] = {
    "tiff": ("TIFF", "One TIFF file for each volume, as ImageJ opens it"),
    "ome-zarr": (
        "OME-Zarr",
        "One OME-Zarr with smaller resolutions, too; compressed, so usually smaller than estimated",
    ),
}


class FormatForm(QWidget):
    """Asks for the format.

    Parameters
    ----------
    wishes
        What was chosen before; choices are noted there.

    Signals
    -------
    changed()
        The person wants something else.
    """

    changed = Signal()

    def __init__(self, wishes: ExportSettings) -> None:
        super().__init__()
        self._wishes = wishes
        words: dict[str, tuple[str, str]] = {name: _FORMATS[name] for name in format_names()}
        self.choice = Choice("Format", words)
        self.choice.set(wishes.format)
        self.about = Sentence()
        self.dtype = QComboBox()
        self.dtype.setToolTip(
            "Type of the pixels; integers are rounded, and clipped to what they can hold"
        )
        self.dtype.setAccessibleName("Pixel type")
        form = QFormLayout(self)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("Format", self.choice)
        form.addRow(self.about)
        form.addRow("Pixels", self.dtype)
        self.choice.chosen.connect(self._on_chosen)
        self.dtype.currentIndexChanged.connect(self._on_dtype)
        self._show()

    @property
    def format(self) -> Format:
        """The one that is chosen."""
        return get_format(self._wishes.format)

    def show_missing(self, reasons: dict[FormatName, str | None]) -> None:
        """Grey the formats that cannot be written here, and say why."""
        for name, reason in reasons.items():
            self.choice.enable(name, reason is None, reason or _FORMATS[name][1])
        if reasons.get(self._wishes.format):
            self.choice.set("tiff")
            self._on_chosen("tiff")

    def _on_chosen(self, name: FormatName) -> None:
        self._wishes.format = name
        self._show()
        self.changed.emit()

    def _on_dtype(self) -> None:
        self._wishes.dtype = self.dtype.currentData()
        self.changed.emit()

    def _show(self) -> None:
        """Say what the format is, and offer the pixels that it can hold."""
        self.about.say(f"{_FORMATS[self._wishes.format][1]}.")
        names = (None, *self.format.dtypes)
        self.dtype.blockSignals(True)
        self.dtype.clear()
        for name in names:
            self.dtype.addItem(name or "as computed", name)
        if self._wishes.dtype not in names:
            self._wishes.dtype = None
        self.dtype.setCurrentIndex(names.index(self._wishes.dtype))
        self.dtype.blockSignals(False)
