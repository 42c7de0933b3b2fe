"""Data panel: which folder, which files of it, and how large their voxels are."""

from __future__ import annotations

from pathlib import Path

from magicgui.types import FileDialogMode
from magicgui.widgets import FileEdit
from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)
from superqt.utils import qdebounced

from napari_lazy_pipeline._gui.text import ERROR_STYLE, Sentence
from napari_lazy_pipeline.opening import Survey
from napari_lazy_pipeline.stack import Stack


class DataPanel(QWidget):
    """Asks for the raw data.

    Signals
    -------
    wanted(str, str)
        The person chose a folder and a pattern; an empty pattern is to be proposed.
    voxel_size_changed(tuple)
        The person stated the voxel size (z, y, x) [um].
    """

    wanted = Signal(str, str)
    voxel_size_changed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._asked: tuple[str, str] = ("", "")
        self._typed = False
        self.folder = FileEdit(mode=FileDialogMode.EXISTING_DIRECTORY, nullable=True)
        self.folder.native.setToolTip("Folder that holds the raw files; nothing is written to it")
        self.folder.native.setAccessibleName("Folder")
        self.folder.choose_btn.text = "…"
        self.folder.choose_btn.tooltip = "Choose a folder"
        self.folder.changed.connect(self._on_folder)
        self.pattern = QComboBox()
        self.pattern.setEditable(True)
        self.pattern.setMinimumContentsLength(12)
        self.pattern.setToolTip(
            "Names of the files: {t} is the time point, {c} the channel, other {fields} are "
            "read too, * is anything"
        )
        self.pattern.setAccessibleName("File pattern")
        self.pattern.activated.connect(lambda _: self._on_pattern())
        line = self.pattern.lineEdit()
        if line is not None:
            line.setPlaceholderText("proposed from the names")
            line.editingFinished.connect(self._on_pattern)
        self.z_step = _length("Distance of two planes, as the microscope recorded it", "Z step")
        self.pixel = _length("Size of a pixel in the sample", "Pixel size")
        self.origin = QLabel()
        self.origin.setToolTip("Where the voxel size comes from")
        self.summary = Sentence()
        self.error = Sentence(error=True)
        self.watch = _switch("Watch folder", "Show new time points as soon as they are complete")
        self.follow = _switch(
            "Follow latest", "Go to the newest complete time point; pauses when you move t"
        )
        self.watch_state = Sentence()
        self._build()
        self.show_error("")

    def _build(self) -> None:
        voxel = QHBoxLayout()
        voxel.setContentsMargins(0, 0, 0, 0)
        for label, box in (("z step", self.z_step), ("pixel", self.pixel)):
            text = QLabel(label)
            text.setToolTip(box.toolTip())
            voxel.addWidget(text)
            voxel.addWidget(box, 1)
            box.valueChanged.connect(lambda _: self._on_voxel())
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        form.addRow("Folder", self.folder.native)
        form.addRow("Files", self.pattern)
        form.addRow("Voxel (µm)", voxel)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        switches = QHBoxLayout()
        switches.addWidget(self.watch)
        switches.addWidget(self.follow)
        switches.addStretch(1)
        layout.addLayout(form)
        for widget in (self.origin, self.summary, self.error):
            layout.addWidget(widget)
        layout.addLayout(switches)
        layout.addWidget(self.watch_state)
        self.watch_state.say("")

    def set_folder(self, folder: str) -> None:
        """Ask for a folder, as if the person had chosen it."""
        self.folder.value = Path(folder)
        self.ask(folder, "")

    def ask(self, folder: str, pattern: str) -> None:
        """Ask for a folder and a pattern, even if they were asked for before."""
        self._asked, self._typed = (folder, pattern), bool(pattern)
        self.show_error("")
        self.summary.say("Looking at the names…")
        self.wanted.emit(folder, pattern)

    @property
    def asked(self) -> tuple[str, str]:
        """Folder and pattern the person wants; an empty pattern is to be proposed."""
        return self._asked[0], self._asked[1] if self._typed else ""

    def show_survey(self, survey: Survey, stack: Stack) -> None:
        """Show what was found."""
        proposals = [proposal.pattern for proposal in survey.proposals]
        self._asked = (str(survey.folder), survey.pattern)
        with self.folder.changed.blocked():
            self.folder.value = Path(survey.folder)
        for widget in (self.pattern, self.z_step, self.pixel):
            widget.blockSignals(True)
        self.pattern.clear()
        self.pattern.addItems(list(dict.fromkeys([survey.pattern, *proposals])))
        self.pattern.setCurrentText(survey.pattern)
        self.z_step.setValue(stack.voxel_size[0])
        self.pixel.setValue(stack.voxel_size[2])
        for widget in (self.pattern, self.z_step, self.pixel):
            widget.blockSignals(False)
        typed = stack.voxel_size != survey.voxel_size
        unknown = survey.voxel_source == "unknown" and not typed
        origin = "typed" if typed else survey.voxel_source
        self.origin.setText(
            "Voxel size unknown: type it" if unknown else f"Voxel size from: {origin}"
        )
        self.origin.setStyleSheet(ERROR_STYLE if unknown else "")
        self.show_summary(survey)
        line = self.pattern.lineEdit()
        if line is not None:
            line.setCursorPosition(0)
        self.show_error("")

    def show_summary(self, survey: Survey) -> None:
        """Say what the folder holds."""
        notes = [note for note in survey.notes if "voxel size is unknown" not in note]
        self.summary.say("\n".join([survey.summary, *notes]))

    def show_error(self, sentence: str) -> None:
        """Say why the data cannot be opened; empty: they can."""
        self.error.say(sentence)
        if sentence:
            self.summary.say("")

    @qdebounced(timeout=300)
    def _on_folder(self, folder: Path | None) -> None:
        # The control tells of each letter that is typed; most of them are no folder yet.
        if folder is None or str(folder) == self._asked[0] or folder == Path():
            return
        if folder.is_dir():
            self.ask(str(folder), "")
        else:
            self._asked = (str(folder), "")
            self.show_error(f"There is no folder {folder}. Choose another")

    def _on_pattern(self) -> None:
        pattern = self.pattern.currentText().strip()
        if self._asked[0] and pattern and pattern != self._asked[1]:
            self.ask(self._asked[0], pattern)

    def _on_voxel(self) -> None:
        pixel = self.pixel.value()
        self.origin.setText("Voxel size from: typed")
        self.origin.setStyleSheet("")
        self.voxel_size_changed.emit((self.z_step.value(), pixel, pixel))


def _switch(name: str, tooltip: str) -> QCheckBox:
    switch = QCheckBox(name)
    switch.setToolTip(tooltip)
    switch.setAccessibleName(name)
    return switch


def _length(tooltip: str, name: str) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(0.001, 1000.0)
    box.setDecimals(4)
    box.setSingleStep(0.01)
    box.setToolTip(tooltip)
    box.setAccessibleName(f"{name} (µm)")
    box.setKeyboardTracking(False)
    box.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
    box.setStyleSheet("min-width: 48px; padding: 1px 2px;")
    return box
