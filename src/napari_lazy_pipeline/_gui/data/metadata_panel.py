"""Metadata panel: questions, notes, voxels and channels of the data that are open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QWidget

from napari_lazy_pipeline._gui.data.channels_panel import ChannelsPanel
from napari_lazy_pipeline._gui.data.metadata_form import MetadataForm
from napari_lazy_pipeline._gui.data.questions import Questions
from napari_lazy_pipeline._gui.layers.layers import Layers
from napari_lazy_pipeline._gui.widgets.collapsible import CollapsibleLine
from napari_lazy_pipeline._gui.widgets.layout import column
from napari_lazy_pipeline._gui.widgets.tab_order import tab_in_reading_order
from napari_lazy_pipeline._gui.widgets.text import Sentence
from napari_lazy_pipeline.errors import LazyPipelineError
from napari_lazy_pipeline.io import FolderInfo
from napari_lazy_pipeline.io.metadata.claim import Question
from napari_lazy_pipeline.session import Session

_STATED = ("angle", "step")  # questions whose answers are values; others open the files anew


class MetadataPanel(QWidget):
    """Shows metadata and open questions; what the person states goes to the session."""

    answered = Signal(str, str)  # question about how the files are to be opened, and the answer

    def __init__(self, session: Session, layers: Layers, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._folder_info: FolderInfo | None = None
        self._own_pattern = self._other_folder = False
        self.error = Sentence(error=True)
        self.questions, self.notes = Questions(), MetadataNotes()
        self.form, self.channels = MetadataForm(session), ChannelsPanel(session, layers)
        self.voxel_fold = CollapsibleLine(
            "Voxels and time", "Voxel size, angle, time interval", self.form.native
        )
        self.channel_fold = CollapsibleLine(
            "Channels", "Colours and names of the channels", self.channels
        )
        column(
            self.questions, self.notes, self.voxel_fold, self.error, self.channel_fold,
            parent=self, spacing=3,
        )  # fmt: skip
        self.error.say("")
        self.setVisible(False)
        self.questions.answered.connect(self._on_answer)
        self.form.changed.connect(self._on_edited)
        session.stack_changed.connect(self._on_stack)
        session.plan_changed.connect(self._on_steps)

    def close_session(self) -> None:
        """Disconnect from session and viewer."""
        self._session.stack_changed.disconnect(self._on_stack)
        self._session.plan_changed.disconnect(self._on_steps)
        self.channels.close_viewer()

    def show_folder_info(self, folder_info: FolderInfo, own_pattern: bool) -> None:
        """Show the metadata of a folder; nothing is asked about a pattern of the person's own."""
        other = self._folder_info is None or self._folder_info.folder != folder_info.folder
        self._own_pattern, self._other_folder = own_pattern, False
        self.questions.start()
        self.show_values(folder_info)
        self.channel_fold.line.setToolTip(
            f"Names of the channels from: {folder_info.channel_source}"
        )
        if other:
            self.channel_fold.unfold(folder_info.sizes[1] > 1)
            self.voxel_fold.unfold(
                folder_info.voxel_source == "unknown" or bool(self.questions.cards)
            )

    def show_values(self, folder_info: FolderInfo) -> None:
        """Show what the same folder holds now."""
        self._folder_info = folder_info
        self.notes.show_notes(folder_info.notes)
        self.setVisible(True)
        self._show()

    def hide_file_questions(self) -> None:
        """Ask nothing about the files: others were chosen, which cannot be opened."""
        self._other_folder = True
        self._show_questions()

    def _show(self) -> None:
        folder_info, stack = self._folder_info, self._session.stack
        if folder_info is None or stack is None:
            return
        self.form.show_values(folder_info)
        self.channels.show_names()
        self.channel_fold.set_summary(f"Channels: {', '.join(stack.channel_names)}")
        self._show_summary()
        self._show_questions()
        self._order_tabs()

    def _show_summary(self) -> None:
        stack, scan = self._session.stack, self._session.scan
        assert stack is not None
        z, _, x = stack.voxel_size
        angle = f", {scan.angle:g}°" if scan else ""
        interval = f", every {stack.time_interval:g} s" if stack.time_interval else ""
        self.voxel_fold.set_summary(f"Voxels: z step {z:g} µm, pixel {x:g} µm{angle}{interval}")

    def _show_questions(self) -> None:
        if self.questions.show_questions(list(self._open_questions())):
            self._order_tabs()

    def _order_tabs(self) -> None:
        """Let Tab reach new rows in their places, from what is above them on."""
        tab_in_reading_order(self.parentWidget() or self)

    def _open_questions(self) -> Iterator[Question]:
        """Yield the questions that neither the person nor a step that is on has answered."""
        overrides, scan = self._session.overrides, self._session.scan
        answered = {
            "angle": overrides.angle is not None or scan is not None,
            "step": overrides.step is not None
            or (scan is not None and scan.step == "perpendicular"),
            "pattern": self._own_pattern,
        }
        questions = self._folder_info.questions if self._folder_info is not None else ()
        answered["step"] |= any(q.about == "angle" for q in questions) and not answered["angle"]
        for question in questions:
            of_file = question.about not in _STATED
            if not answered.get(question.about, False) and not (of_file and self._other_folder):
                yield question

    def _on_answer(self, about: str, answer: Any) -> None:
        if about in _STATED:
            self._state({about: answer})
        else:
            self._own_pattern = self._own_pattern or about == "pattern"
            self.answered.emit(about, answer)
            self._show_questions()

    def _on_edited(self, _: object) -> None:
        self._state(self.form.edit, self.form.gesture)
        # What changed nothing, or is refused, is not what is open.
        self.form.restore()

    def _state(self, values: dict[str, Any], gesture: object = None) -> None:
        """State values of the data; an impossible one changes nothing but the error shown."""
        try:
            self._session.state(gesture, **values)
        except LazyPipelineError as error:
            self.error.say(str(error))
        else:
            self.error.say("")

    def _on_stack(self, *_: object) -> None:
        """Show values that were stated of the data on display."""
        if self._folder_info is not None and self._session.folder_info is self._folder_info:
            self._show()

    def _on_steps(self, *_: object) -> None:
        """Show how the steps take the scan now."""
        if self._folder_info is not None and self._session.folder_info is self._folder_info:
            self.form.show_values(self._folder_info)
            self._show_summary()
            self._show_questions()


# Notes on what another part of the panel shows, where it can be changed.
_DUPLICATES = ("The voxel size is unknown", "There are ", "The names leave doubt")


class MetadataNotes(CollapsibleLine):
    """A folded list of sentences; hidden if there is none."""

    def __init__(self) -> None:
        self.list = Sentence()
        super().__init__("Notes", "Where texts and files differ, and what else to know", self.list)
        self.setVisible(False)

    def show_notes(self, notes: Sequence[str]) -> None:
        """Show these sentences."""
        notes = [note for note in notes if not note.startswith(_DUPLICATES)]
        self.setVisible(bool(notes))
        if not notes:
            return
        several = len(notes) > 1
        self.line.setText(f"{len(notes)} notes, the first: {notes[0]}" if several else notes[0])
        self.list.setText("\n".join(f"• {note}" for note in notes))
        self.button.setVisible(several)
        if not several:
            self.unfold(False)
