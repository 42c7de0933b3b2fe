"""Data panel: which folder, which files of it, and their metadata; all can be changed."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QCheckBox, QFormLayout, QWidget

from napari_lazy_pipeline._gui.data.folder_row import FolderRow
from napari_lazy_pipeline._gui.data.metadata_panel import MetadataPanel
from napari_lazy_pipeline._gui.data.pages_choice import PagesChoice
from napari_lazy_pipeline._gui.data.pattern_panel import PatternPanel
from napari_lazy_pipeline._gui.data.reader_choice import ReaderChoice
from napari_lazy_pipeline._gui.layers.layers import Layers
from napari_lazy_pipeline._gui.widgets.background_task import BackgroundTask
from napari_lazy_pipeline._gui.widgets.choice import combo_box
from napari_lazy_pipeline._gui.widgets.layout import column, row, tool_button
from napari_lazy_pipeline._gui.widgets.text import Sentence
from napari_lazy_pipeline.errors import LazyPipelineError, ShapeUnknownError
from napari_lazy_pipeline.io import FolderInfo, inspect_folder
from napari_lazy_pipeline.session import Session

_OF_PAGES = ("axes", "planes")
_OF_READER = ("reader", "trust", "shape", "dtype")
Options = dict[str, Any]


class DataPanel(QWidget):
    """Asks for the raw data, opens them in the background, and shows their metadata."""

    def __init__(self, session: Session, layers: Layers, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._folder_info: FolderInfo | None = None
        self._folder = self._pattern = self._new_recent = ""
        self._own_pattern = False
        self.options: Options = {}  # of `open_stack`
        self.opener = BackgroundTask("The folder cannot be opened")
        self.folders, self.files = FolderRow(), PatternPanel()
        self.folder, self.pattern = self.folders.field, self.files.combo
        self.position = combo_box("Position", "Which of several positions is open; steps are kept")
        self.pages = PagesChoice()
        self.reader, self.metadata = ReaderChoice(), MetadataPanel(session, layers)
        fields = self.metadata.form.fields
        self.z_step, self.pixel = fields["z_step"].editors[0], fields["pixel"].editors[0]
        self.summary, self.error = self.files.fold.line, Sentence(error=True)
        self.watch = _switch("Watch folder", "Show new time points as soon as they are complete")
        self.follow = _switch(
            "Follow latest", "Go to the newest complete time point; pauses when you move t"
        )
        self.complete = _switch(
            "Files are complete",
            "Nothing writes to them any more: zeros at their ends are pixels, however new they are",
        )
        tooltip = "Go to the newest time point, and follow again"
        self.resume = tool_button("Resume", tooltip, "Resume following")
        self.resume.setVisible(False)
        self.watch_state = Sentence()
        self._build()
        self._connect()

    def _build(self) -> None:
        form = self._form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        form.setVerticalSpacing(3)
        form.addRow("Folder", self.folders)
        form.addRow("Files", self.files)
        form.addRow("Position", self.position)
        form.addRow("Pages are", self.pages)
        form.addRow("Reader", self.reader)
        form.addRow("", self.complete)
        self._switches = QWidget()
        switches = row(self.watch, self.follow, self.resume, parent=self._switches)
        switches.addStretch(1)
        column(
            form, self.error, self.files.fold, self.metadata, self._switches, self.watch_state,
            parent=self, spacing=3,
        )  # fmt: skip
        # While no folder was chosen, nothing but the folder is asked for.
        self._switches.setVisible(False)
        for part in (self.files, self.position, self.pages, self.reader, self.complete):
            form.setRowVisible(part, False)
        for sentence in (self.error, self.watch_state):
            sentence.say("")

    def _connect(self) -> None:
        self.folders.chosen.connect(self.open)
        self.folders.missing.connect(self._on_missing)
        self.files.entered.connect(self._on_pattern)
        self.position.activated.connect(self._on_position)
        self.pages.changed.connect(self._on_axes)
        self.reader.changed.connect(self._on_reader)
        self.complete.clicked.connect(self._on_complete)
        self.metadata.answered.connect(self._on_answer)

    def close_session(self) -> None:
        """Disconnect from session and viewer; a folder that is being opened is dropped."""
        self.opener.forget()
        self.metadata.close_session()

    # ---- opening --------------------------------------------------------------------------

    def open(self, folder: str, pattern: str = "", options: Options | None = None) -> None:
        """Open a folder, or a single file, as if the person had chosen it; returns at once."""
        self._show_request(folder, pattern, options or {})
        self._open(options or {})

    def reopen(self, folder: str, pattern: str) -> None:
        """Open a folder that was opened before, with the same options."""
        options = self.options
        self.opener.start(folder, lambda _: inspect_folder(folder, pattern or None, **options))

    def propose_reader(self, folder: str, pattern: str, options: Options) -> None:
        """Show data that are read by code: they are opened when the person confirms it."""
        self._show_request(folder, pattern, options)
        self.reader.propose(str(options["reader"]))
        self.show_error("These data are read by code: if you know it, confirm it above")

    @property
    def request(self) -> tuple[str, str]:
        """Folder and pattern that the person chose; an empty pattern is proposed."""
        return self._folder, self._pattern if self._own_pattern else ""

    def _show_request(self, folder: str, pattern: str, options: Options) -> None:
        self._folder, self._pattern, self._own_pattern = folder, pattern, bool(pattern)
        self.options, self._new_recent = options, folder
        self.folders.show_folder(folder)
        self._show_rows()

    def _show_rows(self) -> None:
        """Show what there is to say about a folder that was chosen."""
        self._switches.setVisible(True)
        for part in (self.files, self.reader, self.complete):
            self._form.setRowVisible(part, True)

    def _open(self, options: Options) -> None:
        """Open the same files with other options."""
        self.options = options
        self.show_error("")
        self._set_summary("Looking at the names…")
        self.reopen(self._folder, self._pattern)

    def _on_missing(self, folder: str) -> None:
        self._folder, self._pattern = folder, ""
        self.show_error(f"There is no folder {folder}. Choose another")

    def _on_pattern(self, pattern: str) -> None:
        if self._folder and pattern != self._pattern:
            self._pattern, self._own_pattern = pattern, True
            self._open({key: self.options[key] for key in _OF_READER if key in self.options})

    def _on_position(self, *_: object) -> None:
        self._open({**self.options, "position": self.position.currentText()})

    def _on_axes(self, axes: Options) -> None:
        rest = {key: value for key, value in self.options.items() if key not in _OF_PAGES}
        self._open({**rest, **axes})

    def _on_complete(self, complete: bool) -> None:
        rest = {key: value for key, value in self.options.items() if key != "complete"}
        if self._folder:
            self._open({**rest, "complete": True} if complete else rest)

    def _on_reader(self) -> None:
        rest = {key: value for key, value in self.options.items() if key not in _OF_READER}
        if self._folder:
            self._folder, self._pattern = self.request
            self._open({**rest, **self.reader.options})

    def _on_answer(self, about: str, answer: str) -> None:
        if about == "axes":
            self._on_axes({"axes": answer})
        else:
            self.files.line.setText(answer)
            self._on_pattern(answer)

    # ---- what is open ---------------------------------------------------------------------

    def show_folder_info(self, folder_info: FolderInfo) -> None:
        """Show the data that are open now."""
        options = folder_info.source.options
        self._folder, self._pattern = folder_info.folder, folder_info.pattern
        self.options = {**options, "trust": True} if "reader" in options else dict(options)
        self.folders.show_folder(folder_info.folder)
        self._show_rows()
        if self._new_recent:
            self.folders.add_recent(self._new_recent)
            self._new_recent = ""
        # One without options is the one that the names suggest.
        reader: Any = folder_info.source.reader
        own = reader if getattr(reader, "options", {}) else None
        self.files.set_folder(folder_info.folder, own)
        self.files.show_folder_info(folder_info)
        self.reader.show_options(options)
        self.complete.setChecked("complete" in options)
        self._show_positions(folder_info)
        self.show_error("")
        self._folder_info = folder_info
        self.metadata.show_folder_info(folder_info, self._own_pattern)

    def show_summary(self, folder_info: FolderInfo) -> None:
        """Show what the folder holds now."""
        self._folder_info = folder_info
        self.files.show_summary(folder_info)
        self.metadata.show_values(folder_info)

    def show_error(self, sentence: str) -> None:
        """Show why the data cannot be opened; empty: they can."""
        self.error.say(sentence)
        if sentence:
            info = self._folder_info
            self._set_summary(f"Still showing {info.folder}: {info.summary}" if info else "")

    def _set_summary(self, sentence: str) -> None:
        self.summary.setText(sentence)
        self.files.fold.setVisible(bool(sentence))

    def show_failure(self, error: LazyPipelineError) -> None:
        """Show why the data cannot be opened, and ask for what would help."""
        info = self._folder_info
        if self._folder and (info is None or info.folder != self._folder):
            self.files.set_folder(self._folder)
            self.files.fold.unfold(False)
            for box in (self.position, self.pages):
                self._form.setRowVisible(box, False)
            self.metadata.hide_file_questions()
        self.show_error(str(error))
        if isinstance(error.__cause__, ShapeUnknownError):
            self.reader.ask_shape()

    def _show_positions(self, folder_info: FolderInfo) -> None:
        self.position.clear()
        self.position.addItems(folder_info.positions)
        self.position.setCurrentText(folder_info.position)
        self._form.setRowVisible(self.position, len(folder_info.positions) > 1)
        self._form.setRowVisible(self.pages, self.pages.show_folder_info(folder_info))


def _switch(name: str, tooltip: str) -> QCheckBox:
    switch = QCheckBox(name)
    switch.setToolTip(tooltip)
    switch.setAccessibleName(name)
    return switch
