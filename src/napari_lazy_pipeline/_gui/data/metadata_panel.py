"""Metadata panel: questions, notes, voxels and channels of the data that are open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QWidget

from napari_lazy_pipeline._gui.data import folder_row
from napari_lazy_pipeline._gui.data.channels_panel import ChannelsPanel
from napari_lazy_pipeline._gui.data.metadata_form import MetadataForm
from napari_lazy_pipeline._gui.data.questions import Questions
from napari_lazy_pipeline._gui.data.stated_values import StatedValues
from napari_lazy_pipeline._gui.layers.layers import Layers
from napari_lazy_pipeline._gui.widgets.collapsible import CollapsibleLine
from napari_lazy_pipeline._gui.widgets.layout import column
from napari_lazy_pipeline._gui.widgets.tab_order import tab_in_reading_order
from napari_lazy_pipeline._gui.widgets.text import Sentence
from napari_lazy_pipeline.errors import LazyPipelineError
from napari_lazy_pipeline.image.spec import UNKNOWN
from napari_lazy_pipeline.io import FolderInfo, MetadataOverrides
from napari_lazy_pipeline.io.metadata.claim import Question, missing_lengths
from napari_lazy_pipeline.session import Session

# Questions whose answers are values; others open the files anew.
_STATED = ("voxel_size", "angle", "step", "offer")
_REST = 1000  # ms without an edit, before what is stated is remembered


class MetadataPanel(QWidget):
    """Shows metadata and open questions; what the person states goes to the session."""

    answered = Signal(str, str)  # question about how the files are to be opened, and the answer

    def __init__(self, session: Session, layers: Layers, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._folder_info: FolderInfo | None = None
        self._own_pattern = self._other_folder = False
        self.stated = StatedValues(folder_row.recent_file().with_name("stated.json"))
        self._stated_last: tuple[str, MetadataOverrides] | None = None  # not remembered yet
        self._rest = QTimer(self, singleShot=True, interval=_REST)
        self._rest.timeout.connect(self._note)
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
        self._note()

    def stated_of(self, folder: str) -> MetadataOverrides | None:
        """Return what the person stated about a folder that is to be opened; None: nothing."""
        self._note()
        return self.stated.of(folder)

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
            self.voxel_fold.unfold(False)

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
        z, _, x = (f"{size:g} µm" if size else "unknown" for size in stack.spec.stated_size)
        angle = f", {scan.angle:g}°" if scan else ""
        angle = ", not oblique" if self._session.overrides.angle == 0 else angle
        interval = f", every {stack.time_interval:g} s" if stack.time_interval else ""
        self.voxel_fold.set_summary(f"Voxels: z step {z}, pixel {x}{angle}{interval}")

    def _show_questions(self) -> None:
        if self.questions.show_questions(list(self._open_questions())):
            self._order_tabs()

    def _order_tabs(self) -> None:
        """Let Tab reach new rows in their places, from what is above them on."""
        tab_in_reading_order(self.parentWidget() or self)

    def _open_questions(self) -> Iterator[Question]:
        """Yield the questions that nobody has answered, and what would answer them."""
        overrides, stack, info = self._session.overrides, self._session.stack, self._folder_info
        if info is None or stack is None:
            return
        offer = self.stated.offer(info, overrides)
        if offer is not None and not self._other_folder:
            yield Question("offer", f"As for {offer[0].name}: {_words(offer[1])}?", ("use",))
        answered = {
            "voxel_size": stack.spec.size_known,
            "angle": overrides.angle is not None,
            "step": overrides.step is not None,
            "pattern": self._own_pattern,
        }
        asks_angle = any(question.about == "angle" for question in info.questions)
        answered["step"] |= overrides.angle == 0 or (asks_angle and not answered["angle"])
        for question in info.questions:
            if question.about == "voxel_size":
                missing = missing_lengths(stack.spec.stated_size)
                text = f"{' and '.join(missing)}?".capitalize()
                question = replace(question, text=text, choices=missing)
            of_file = question.about not in _STATED
            if not answered.get(question.about, False) and not (of_file and self._other_folder):
                yield question

    def _on_answer(self, about: str, answer: Any) -> None:
        if about == "offer":
            assert self._folder_info is not None
            offer = self.stated.offer(self._folder_info, self._session.overrides)
            if offer is not None:
                self._state(vars(offer[1]))
        elif about == "voxel_size":
            size = self._session.overrides.voxel_size or UNKNOWN
            self._state({about: tuple(a or b for a, b in zip(answer, size, strict=True))})
        elif about in _STATED:
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
            self._note_soon()

    def _on_steps(self, *_: object) -> None:
        """Show how the steps take the scan now."""
        if self._folder_info is not None and self._session.folder_info is self._folder_info:
            self.form.show_values(self._folder_info)
            self._show_summary()
            self._show_questions()
            self._note_soon()

    def _note_soon(self) -> None:
        """Remember what is stated once the person pauses, or opens another folder."""
        assert self._folder_info is not None
        if self._stated_last is not None and self._stated_last[0] != self._folder_info.folder:
            self._note()
        self._stated_last = self._folder_info.folder, self._session.overrides
        self._rest.start()

    def _note(self) -> None:
        """Remember what was stated last, for that folder and for the next."""
        self._rest.stop()
        if self._stated_last is not None:
            self.stated.note(*self._stated_last)
            self._stated_last = None


def _words(overrides: MetadataOverrides) -> str:
    """Return what is stated, in words."""
    z, _, x = overrides.voxel_size or UNKNOWN
    parts = [f"z step {z:g} µm"] if z else []
    parts += [f"pixel {x:g} µm"] if x else []
    if overrides.angle is not None:
        parts.append(f"{overrides.angle:g}°" if overrides.angle else "not oblique")
    how = {"stage": "along the stage", "perpendicular": "perpendicular to the planes"}
    parts += [how[overrides.step]] if overrides.step else []
    return ", ".join(parts)


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
