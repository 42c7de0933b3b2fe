"""Reader row: what reads the files, where their names do not tell: a function, or a shape."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_lazy_pipeline._gui.widgets.text import Sentence

_KINDS = ("Automatic", "Function…", "Pixels without header…")
_AUTOMATIC, _FUNCTION, _PIXELS = range(3)
_TYPES = ("uint16", "uint8", "int16", "float32", ">u2", ">f4")
_LARGEST = 1_000_000


class ReaderChoice(QWidget):
    """Asks what reads the files.

    A function is code: it runs only after the person has confirmed this very one.

    Signals
    -------
    changed()
        `options` are others, and complete.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.options: dict[str, Any] = {}
        self.kind = QComboBox()
        self.kind.addItems(_KINDS)
        self.kind.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.kind.setAccessibleName("Reader")
        self.kind.setToolTip("What reads the files; automatic: by the endings of their names")
        self.kind.activated.connect(self._on_kind)
        self.pages = (QWidget(), self._function_page(), self._pixel_page())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.kind)
        for page in self.pages:
            layout.addWidget(page)
        self._turn(_AUTOMATIC)

    def show_options(self, options: dict[str, Any]) -> None:
        """Show what reads the data that are open."""
        self.options = {key: options[key] for key in ("reader", "shape", "dtype") if key in options}
        if "reader" in options:
            self.propose(str(options["reader"]))
            self.confirm.blockSignals(True)
            self.confirm.setChecked(True)
            self.confirm.blockSignals(False)
            self.options["trust"] = True
        elif "shape" in options:
            self.ask_shape(options["shape"], str(options.get("dtype", "uint16")))
        else:
            self._turn(_AUTOMATIC)

    def propose(self, function: str) -> None:
        """Show a function that somebody else named: it waits for the person to confirm it."""
        self._turn(_FUNCTION)
        self.function.setText(function)

    def ask_shape(self, shape: Any = None, dtype: str = "uint16") -> None:
        """Let the person tell the shape of files without a header."""
        self._turn(_PIXELS)
        for box, length in zip(self.lengths, shape or (), strict=False):
            box.setValue(int(length))
        dtype = {"<u2": "uint16", "|u1": "uint8", "<i2": "int16", "<f4": "float32"}.get(
            dtype, dtype
        )
        self.dtype.setCurrentText(dtype)

    def _function_page(self) -> QWidget:
        self.function = QLineEdit()
        self.function.setPlaceholderText("module:function")
        self.function.setAccessibleName("Function that reads a file")
        self.function.setToolTip(
            "A function of an installed module that takes a path and returns an array (z, y, x)"
        )
        self.confirm = QCheckBox("I know this code, it may run")
        self.confirm.setAccessibleName("Run the code of this function")
        self.confirm.setToolTip("The function is called for every file, with all your rights")
        self.confirm.setEnabled(False)
        self.function.textChanged.connect(self._on_function)
        self.confirm.toggled.connect(self._on_confirmed)
        self.warning = Sentence("Opening runs the code of the function: it can do anything.")
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        for widget in (self.function, self.warning, self.confirm):
            layout.addWidget(widget)
        return page

    def _pixel_page(self) -> QWidget:
        self.lengths = [_length(axis) for axis in ("planes (z)", "rows (y)", "columns (x)")]
        self.dtype = QComboBox()
        self.dtype.addItems(_TYPES)
        self.dtype.setAccessibleName("Type of the pixels")
        self.dtype.setToolTip("Type of the pixels; > means that the high byte comes first")
        self.open = QPushButton("Open")
        self.open.setToolTip("Read the files with this shape")
        self.open.setAccessibleName("Open with this shape")
        self.open.clicked.connect(self._on_shape)
        boxes, kind = QHBoxLayout(), QHBoxLayout()
        for box in self.lengths:
            boxes.addWidget(box)
            box.valueChanged.connect(self._on_length)
        kind.addWidget(self.dtype, 1)
        kind.addWidget(self.open)
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(QLabel("Shape of each file z, y, x (px)"))
        layout.addLayout(boxes)
        layout.addLayout(kind)
        self._on_length()
        return page

    def _turn(self, kind: int) -> None:
        """Show what has to be told for a kind."""
        self.kind.setCurrentIndex(kind)
        for index, page in enumerate(self.pages):
            page.setVisible(index == kind != _AUTOMATIC)

    def _on_kind(self, kind: int) -> None:
        self._turn(kind)
        if kind == _AUTOMATIC and self.options:
            self.options = {}
            self.changed.emit()

    def _on_function(self, text: str) -> None:
        # What was confirmed was another function.
        self.confirm.setChecked(False)
        module, colon, name = text.strip().partition(":")
        named = all(map(str.isidentifier, module.split("."))) and name.isidentifier()
        self.confirm.setEnabled(bool(colon) and named)

    def _on_confirmed(self, on: bool) -> None:
        if on:
            self.options = {"reader": self.function.text().strip(), "trust": True}
            self.changed.emit()

    def _on_length(self, *_: object) -> None:
        self.open.setEnabled(all(box.value() > 0 for box in self.lengths))

    def _on_shape(self) -> None:
        shape = tuple(box.value() for box in self.lengths)
        self.options = {"shape": shape, "dtype": self.dtype.currentText()}
        self.changed.emit()


def _length(axis: str) -> QSpinBox:
    box = QSpinBox()
    box.setRange(0, _LARGEST)
    box.setSpecialValueText("?")
    box.setAccessibleName(f"Number of {axis}")
    box.setToolTip(f"Number of {axis} in each file")
    box.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
    box.setStyleSheet("min-width: 36px; padding: 1px 2px;")
    return box
