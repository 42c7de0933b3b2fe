"""Reader choice: what reads the files, where their names do not tell: a function, or a shape."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from annotated_types import Unit
from pydantic import BaseModel, Field
from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QCheckBox, QLineEdit, QWidget

from napari_lazy_pipeline._gui.widgets.choice import combo_box
from napari_lazy_pipeline._gui.widgets.escape_key import EscapeKey
from napari_lazy_pipeline._gui.widgets.forms.model_form import ModelForm
from napari_lazy_pipeline._gui.widgets.layout import column, push_button
from napari_lazy_pipeline._gui.widgets.text import Sentence

_KINDS = ("Automatic", "Function…", "Pixels without header…")
_AUTOMATIC, _FUNCTION, _PIXELS = range(3)
_NAMES = {"<u2": "uint16", "|u1": "uint8", "<i2": "int16", "<f4": "float32"}
_OPTIONS = ("reader", "shape", "dtype")
Length = Annotated[int, Field(ge=0, le=1_000_000)]
Dtype = Literal["uint16", "uint8", "int16", "float32", ">u2", ">f4"]


class RawPixels(BaseModel):
    """What files without a header hold."""

    shape: Annotated[tuple[Length, Length, Length], Unit("px")] = Field(
        (0, 0, 0),
        title="Shape",
        description="Number of planes (z), rows (y) and columns (x) in each file",
        json_schema_extra={"zero": "none"},
    )
    dtype: Dtype = Field(
        "uint16",
        title="Data type",
        description="Type of the pixels; > means that the high byte comes first",
    )


class ReaderChoice(QWidget):
    """Asks what reads the files.

    A function is code: it runs only after the person has confirmed this very one.
    """

    changed = Signal()  # `options` are others, and complete

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.options: dict[str, Any] = {}
        tooltip = "What reads the files; automatic: by the endings of their names"
        self.kind = combo_box("Reader", tooltip)
        self.kind.addItems(_KINDS)
        self.kind.activated.connect(self._on_kind)
        self.pages = (QWidget(), self._function_page(), self._pixel_page())
        column(self.kind, *self.pages, parent=self, spacing=2)
        self._show_page(_AUTOMATIC)

    def show_options(self, options: dict[str, Any]) -> None:
        """Show what reads the data that are open."""
        self.options = {key: options[key] for key in _OPTIONS if key in options}
        if "reader" in options:
            self.propose(str(options["reader"]))
            with QSignalBlocker(self.confirm):
                self.confirm.setChecked(True)
            self.options["trust"] = True
        elif "shape" in options:
            self.ask_shape(options["shape"], str(options.get("dtype", "uint16")))
        else:
            self._show_page(_AUTOMATIC)

    def propose(self, function: str) -> None:
        """Show a function from a recipe: it waits for the person to confirm it."""
        self._show_page(_FUNCTION)
        self.function.setText(function)

    def ask_shape(self, shape: Any = None, dtype: str = "") -> None:
        """Ask for the shape of files without a header."""
        self._show_page(_PIXELS)
        pixels: RawPixels = self.pixels.value
        name: Any = _NAMES.get(dtype, dtype)
        lengths: Any = tuple(map(int, shape or pixels.shape))
        name = name if name in get_args(Dtype) else pixels.dtype
        self.pixels.set_value(RawPixels(shape=lengths, dtype=name))
        self._on_pixels()

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
        EscapeKey(self.function)
        self.confirm.toggled.connect(self._on_confirmed)
        warning = Sentence("Opening runs the code of the function: it can do anything.")
        page = QWidget()
        column(self.function, warning, self.confirm, parent=page, spacing=2)
        return page

    def _pixel_page(self) -> QWidget:
        self.pixels = ModelForm(RawPixels())
        self.pixels.margins = (0, 0, 0, 0)
        for box in self.pixels.fields["shape"].editors:
            box.setKeyboardTracking(True)  # Open can be clicked right after the last digit
        self.open = push_button("Open", "Read the files with this shape", self._on_open)
        self.pixels.changed.connect(self._on_pixels)
        self._on_pixels()
        page = QWidget()
        column(self.pixels.native, self.open, parent=page, spacing=2)
        return page

    def _show_page(self, kind: int) -> None:
        """Show what a kind of reader needs."""
        self.kind.setCurrentIndex(kind)
        for index, page in enumerate(self.pages):
            page.setVisible(index == kind != _AUTOMATIC)

    def _on_kind(self, kind: int) -> None:
        self._show_page(kind)
        if kind == _AUTOMATIC and self.options:
            self.options = {}
            self.changed.emit()

    def _on_function(self, text: str) -> None:
        # What was confirmed was another function.
        self.confirm.setChecked(False)
        module, colon, name = text.strip().partition(":")
        valid = all(map(str.isidentifier, module.split("."))) and name.isidentifier()
        self.confirm.setEnabled(bool(colon) and valid)

    def _on_confirmed(self, on: bool) -> None:
        if on:
            self.options = {"reader": self.function.text().strip(), "trust": True}
            self.changed.emit()

    def _on_pixels(self, *_: object) -> None:
        self.open.setEnabled(all(self.pixels.value.shape))

    def _on_open(self) -> None:
        self.options = dict(self.pixels.value)
        self.changed.emit()
