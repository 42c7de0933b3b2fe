"""Known panel: what is known of the data that are open, and what is still asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from time import monotonic
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_lazy_pipeline._gui.data.channels_panel import ChannelsPanel
from napari_lazy_pipeline._gui.data.questions import Questions
from napari_lazy_pipeline._gui.data.voxel_size_panel import VoxelSizePanel
from napari_lazy_pipeline._gui.layers.layers import Layers
from napari_lazy_pipeline._gui.widgets.collapsible import CollapsibleLine
from napari_lazy_pipeline._gui.widgets.tab_order import tab_in_reading_order
from napari_lazy_pipeline._gui.widgets.text import Sentence
from napari_lazy_pipeline.errors import LazyPipelineError
from napari_lazy_pipeline.io.metadata.claim import Question
from napari_lazy_pipeline.io.open_stack import FolderInfo
from napari_lazy_pipeline.session.session import Session

_STATED = ("angle", "step")  # questions whose answers are values; others open the files anew
_PAUSE = 1.0  # s without a change, after which the next one is undone by itself


class MetadataPanel(QWidget):
    """Questions, notes, voxels and channels; what the person states goes to the session.

    Signals
    -------
    answered(str, str)
        A question about how the files are to be opened has this answer.
    """

    answered = Signal(str, str)

    def __init__(self, session: Session, layers: Layers, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._folder_info: FolderInfo | None = None
        self._sure = self._elsewhere = False
        self._hand, self._turned = object(), (frozenset[str](), 0.0)
        self.error = Sentence(error=True)
        self.questions, self.notes = Questions(), MetadataNotes()
        self.voxel, self.channels = VoxelSizePanel(session), ChannelsPanel(session, layers)
        self.voxel_fold = CollapsibleLine(
            "Voxels and time", "Voxel size, angle, time interval", self.voxel
        )
        self.channel_fold = CollapsibleLine(
            "Channels", "Colours and names of the channels", self.channels
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        for widget in (
            self.questions, self.notes, self.voxel_fold, self.error, self.channel_fold,
        ):  # fmt: skip
            layout.addWidget(widget)
        self.error.say("")
        self.setVisible(False)
        self.questions.answered.connect(self._on_answer)
        self.voxel.stated.connect(self._state)
        session.stack_changed.connect(self._on_stack)
        session.pipeline_changed.connect(self._on_steps)

    def close_session(self) -> None:
        """Let go of session and viewer."""
        self._session.stack_changed.disconnect(self._on_stack)
        self._session.pipeline_changed.disconnect(self._on_steps)
        self.channels.close_viewer()

    def show_folder_info(self, folder_info: FolderInfo, sure: bool) -> None:
        """Show what is known of a folder.

        Parameters
        ----------
        survey
            What was found in it.
        sure
            Whether the person chose the pattern: it is not asked about.
        """
        other = self._folder_info is None or self._folder_info.folder != folder_info.folder
        self._folder_info, self._sure, self._elsewhere = folder_info, sure, False
        self.questions.start()
        self.show_grown(folder_info)
        self.channel_fold.line.setToolTip(
            f"Names of the channels from: {folder_info.channel_source}"
        )
        if other:
            self.channel_fold.unfold(folder_info.sizes[1] > 1)
            self.voxel_fold.unfold(
                folder_info.voxel_source == "unknown" or bool(self.questions.cards)
            )

    def show_grown(self, folder_info: FolderInfo) -> None:
        """Show what is known of the same folder now."""
        self._folder_info = folder_info
        self.notes.show_notes(folder_info.notes)
        self.setVisible(True)
        self._show()

    def show_elsewhere(self) -> None:
        """Other data were chosen, that cannot be opened: ask nothing about the files of these."""
        self._elsewhere = True
        self._ask()

    def _show(self) -> None:
        folder_info, stack = self._folder_info, self._session.stack
        if folder_info is None or stack is None:
            return
        self.voxel.show_values(folder_info)
        self.channels.show_names()
        self.channel_fold.tell(f"Channels: {', '.join(stack.channel_names)}")
        self._show_shortly()
        self._ask()
        self._order_tabs()

    def _show_shortly(self) -> None:
        stack, scan = self._session.stack, self._session.scan
        assert stack is not None
        z, _, x = stack.voxel_size
        angle = f", {scan.angle:g}°" if scan else ""
        interval = f", every {stack.time_interval:g} s" if stack.time_interval else ""
        self.voxel_fold.tell(f"Voxels: z step {z:g} µm, pixel {x:g} µm{angle}{interval}")

    def _ask(self) -> None:
        if self.questions.ask(list(self._open_questions())):
            self._order_tabs()

    def _order_tabs(self) -> None:
        """Rows that came later are reached in their places, beginning with what is above them."""
        tab_in_reading_order(self.parentWidget() or self)

    def _open_questions(self) -> Iterator[Question]:
        """What is asked, and neither the person nor a step that is on has answered."""
        overrides, scan = self._session.overrides, self._session.scan
        answered = {
            "angle": overrides.angle is not None or scan is not None,
            "step": overrides.step is not None
            or (scan is not None and scan.step == "perpendicular"),
            "pattern": self._sure,
        }
        asked = self._folder_info.questions if self._folder_info is not None else ()
        left = [one for one in asked if not answered.get(one.about, False)]
        # One thing after the other: without an angle the step means nothing.
        if any(one.about == "angle" for one in left):
            left = [one for one in left if one.about != "step"]
        yield from (one for one in left if one.about in _STATED or not self._elsewhere)

    def _on_answer(self, about: str, answer: Any) -> None:
        if about in _STATED:
            self._state({about: answer})
        else:
            self._sure = self._sure or about == "pattern"
            self.answered.emit(about, answer)
            self._ask()

    def _state(self, values: dict[str, Any]) -> None:
        """State values of the data; those that cannot be are said, and change nothing."""
        try:
            self._session.state(self._gesture(frozenset(values)), **values)
        except LazyPipelineError as error:
            self.error.say(str(error))
        else:
            self.error.say("")

    def _gesture(self, names: frozenset[str]) -> object:
        """The hand that turns on at the same values is undone at once."""
        now = monotonic()
        if self._turned[0] != names or now - self._turned[1] > _PAUSE:
            self._hand = object()
        self._turned = names, now
        return self._hand

    def _on_stack(self, *_: object) -> None:
        """Values were stated of the data that are shown."""
        if self._folder_info is not None and self._session.folder_info is self._folder_info:
            self._show()

    def _on_steps(self, *_: object) -> None:
        """A step may take the scan in another way."""
        if self._folder_info is not None and self._session.folder_info is self._folder_info:
            self.voxel.show_scan(self._folder_info)
            self._show_shortly()
            self._ask()


# Said elsewhere in the panel, where it can be changed.
_ELSEWHERE = ("The voxel size is unknown", "There are ", "The names leave doubt")


class MetadataNotes(CollapsibleLine):
    """A folded list of sentences; hidden if there is none."""

    def __init__(self) -> None:
        self.list = Sentence()
        super().__init__("Notes", "Where texts and files differ, and what else to know", self.list)
        self.setVisible(False)

    def show_notes(self, notes: Sequence[str]) -> None:
        """Show these sentences."""
        kept = [note for note in notes if not note.startswith(_ELSEWHERE)]
        self.setVisible(bool(kept))
        if not kept:
            return
        several = len(kept) > 1
        self.line.setText(f"{len(kept)} notes, the first: {kept[0]}" if several else kept[0])
        self.list.setText("\n".join(f"• {note}" for note in kept))
        self.button.setVisible(several)
        if not several:
            self.unfold(False)
