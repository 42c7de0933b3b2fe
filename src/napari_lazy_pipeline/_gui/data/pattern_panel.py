"""Pattern panel: which files of a folder, and what the pattern makes of their names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QLineEdit, QWidget
from superqt.utils import qdebounced

from napari_lazy_pipeline._gui.data.names_table import NamesTable
from napari_lazy_pipeline._gui.widgets.background_task import BackgroundTask
from napari_lazy_pipeline._gui.widgets.choice import combo_box
from napari_lazy_pipeline._gui.widgets.collapsible import CollapsibleLine
from napari_lazy_pipeline._gui.widgets.escape_key import is_escape, leave
from napari_lazy_pipeline._gui.widgets.layout import column
from napari_lazy_pipeline._gui.widgets.text import Sentence
from napari_lazy_pipeline.errors import LazyPipelineError
from napari_lazy_pipeline.image.quantity_text import format_count
from napari_lazy_pipeline.io import FolderInfo
from napari_lazy_pipeline.io.pattern_preview import PatternPreview, PatternPreviews
from napari_lazy_pipeline.io.patterns.field_table import FieldRow, field_rows
from napari_lazy_pipeline.io.patterns.file_table import FileTable
from napari_lazy_pipeline.io.patterns.pattern import compile_pattern
from napari_lazy_pipeline.io.readers import Reader

_MARGIN, _WIDEST = 30, 700  # px
_PAUSE = 200  # ms without a letter, after which a pattern is tried


class PatternPanel(QWidget):
    """A field for the pattern, and `fold`: a table of what it reads off the names.

    While the pattern is edited, the table is of the edit; nothing is opened before Enter, and no
    file is read. The names are listed once, in the background.
    """

    entered = Signal(str)  # the pattern

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.current = ""
        self.refused = ""
        self._position: str | None = None
        self._stated: FileTable | None = None  # what is open, if a text and no name tells places
        self._previews: PatternPreviews | None = None
        self._summary = self._preview_pattern = ""
        self._rows: Sequence[FieldRow] = ()
        self.line = QLineEdit()
        self.combo = _pattern_box(self.line)
        self.combo.activated.connect(lambda _: self._on_entered())
        self.line.setPlaceholderText("proposed from the names")
        self.line.editingFinished.connect(self._on_entered)
        self.line.textEdited.connect(self._on_edited)
        self.line.installEventFilter(self)
        self.problem = Sentence(error=True)
        self.table = NamesTable()
        self.fold = CollapsibleLine(
            "Names of the files", "What the pattern reads off the names", self.table
        )
        self.fold.toggled.connect(self._on_unfolded)
        self._preview_task, self._size_task = BackgroundTask(), BackgroundTask()
        self._preview_task.finished.connect(self._on_preview)
        self._preview_task.failed.connect(self._on_refused)
        self._size_task.finished.connect(self._on_sizes)
        column(self.combo, self.problem, parent=self, spacing=2)
        self.problem.say("")
        self.fold.setVisible(False)

    def set_folder(self, folder: str, reader: Reader | None = None) -> None:
        """Use the names of this folder from now on, as they are now."""
        self._previews = PatternPreviews(folder, reader)
        self.current = self.refused = ""
        self.line.clear()
        self.table.show_rows(())
        self.fold.setVisible(False)

    def show_folder_info(self, folder_info: FolderInfo) -> None:
        """Show which pattern is in use, and those that are proposed."""
        self.current, self._position = folder_info.pattern, folder_info.position or None
        told = compile_pattern(self.current).places_files
        self._stated = None if told else folder_info.source.layout
        proposals = [proposal.pattern for proposal in folder_info.proposals]
        self._show_patterns(list(dict.fromkeys([folder_info.pattern, *proposals])))
        self._summary = _summary_of(folder_info)
        self.problem.say("")
        self.fold.setVisible(True)
        self.fold.line.setText(self._summary)
        # The table of many names takes a moment: it is made where it is seen.
        if self.fold.unfolded:
            self._preview(self.current)

    def show_summary(self, folder_info: FolderInfo) -> None:
        """Show how many files there are now, unless an edit is under way."""
        self._summary = _summary_of(folder_info)
        if self.line.text() == self.current:
            self.fold.line.setText(self._summary)

    def _show_patterns(self, patterns: Sequence[str]) -> None:
        self.combo.blockSignals(True)
        self.combo.clear()
        self.combo.addItems(patterns)
        self.combo.setCurrentText(self.current)
        self.combo.blockSignals(False)
        self.line.setCursorPosition(0)
        # The dock is narrow, patterns are long: the list may be wider.
        widest = max(map(self.line.fontMetrics().horizontalAdvance, patterns), default=0)
        view = self.combo.view()
        assert view is not None
        view.setMinimumWidth(min(widest + _MARGIN, _WIDEST))

    # ---- what the person does -------------------------------------------------------------

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Escape takes an edit back; without one, it leaves the line."""
        if watched is not self.line or not is_escape(event):
            return super().eventFilter(watched, event)
        if self.line.text() != self.current:
            self.line.setText(self.current)
            self._restore()
        else:
            leave(self.line)
        return True

    def _on_edited(self, text: str) -> None:
        if self._previews is not None:
            self._preview_edit()

    @qdebounced(timeout=_PAUSE)
    def _preview_edit(self) -> None:
        text = self.line.text().strip()
        if text == self.current:
            self._restore()
        elif text:
            self._preview(text)

    def _restore(self) -> None:
        """Show what is open again, after an edit."""
        self._preview_task.forget()
        self.refused = ""
        self.problem.say("")
        self.fold.line.setText(self._summary)
        if self.fold.unfolded:
            self._preview(self.current)

    def _on_entered(self) -> None:
        pattern = self.combo.currentText().strip()
        if pattern and pattern not in (self.current, self.refused):
            self.entered.emit(pattern)

    def _on_unfolded(self, on: bool) -> None:
        text = self.line.text().strip()
        if on and text and not self.table.rowCount():
            self._preview(text)

    # ---- previews -------------------------------------------------------------------------

    def _preview(self, pattern: str) -> None:
        previews, position = self._previews, self._position
        if previews is not None:
            self._preview_pattern = pattern
            stated = self._stated if pattern == self.current else None
            self._preview_task.start(
                previews.folder,
                lambda _: (
                    PatternPreview(pattern, stated, field_rows(stated))
                    if stated
                    else previews.attempt(pattern, position)
                ),
            )

    def _on_preview(self, preview: PatternPreview) -> None:
        self.refused = ""
        self.problem.say("")
        edited = preview.pattern != self.current
        self.fold.setVisible(True)
        self.fold.line.setText(f"Enter opens: {preview.summary}." if edited else self._summary)
        self._rows = preview.rows
        self.table.show_rows(preview.rows)
        self.fold.unfold()
        previews = self._previews
        if previews is not None:
            self._size_task.start(previews.folder, lambda _: previews.sizes(preview))

    def _on_refused(self, error: LazyPipelineError) -> None:
        """Show why the edit is no pattern, or fits nothing; what is open stays."""
        self.refused = self._preview_pattern
        self.problem.say(str(error))
        self.fold.line.setText(self._summary)

    def _on_sizes(self, row: FieldRow | None) -> None:
        if row is not None:
            self.table.show_rows([*self._rows, row])


def _pattern_box(line: QLineEdit) -> QComboBox:
    box = combo_box(
        "File pattern",
        "Names of the files: {t} is the time point, {c} the channel, {z} the plane, {p} the "
        "position; other {fields} are read too, * is anything. Enter opens, Escape takes back",
    )
    box.setLineEdit(line)
    box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
    # Completion would write proposals into what is being typed.
    line.setCompleter(None)  # type: ignore[arg-type]
    return box


def _summary_of(folder_info: FolderInfo) -> str:
    more = folder_info.unmatched
    rest = f" {format_count(more, 'more name')} in the folder." if more else ""
    return f"{folder_info.summary}{rest}"
