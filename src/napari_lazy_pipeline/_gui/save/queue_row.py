"""Queue row: one export of the queue, its state, and what can be done with it."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QMenu, QWidget

from napari_lazy_pipeline._gui.widgets.layout import column, row, small_button
from napari_lazy_pipeline._gui.widgets.text import Elided, Sentence, plain
from napari_lazy_pipeline.exports.job import Job
from napari_lazy_pipeline.exports.proposed_folder import first_proposal


class QueueRow(QWidget):
    """Name and state of a job; its menu has what can be changed of it."""

    removed = Signal(object)  # Job
    folder_requested = Signal(object)  # the Job that is to be written elsewhere
    recipe_requested = Signal(object)  # the Job that is to have its own recipe
    recipe_dropped = Signal(object)  # the Job that is to have the present steps

    def __init__(self, job: Job, is_open: bool) -> None:
        super().__init__()
        self.job, self.is_open = job, is_open
        self.title, self.state = Elided(job.title), Elided()
        self.error = Sentence(error=True)
        self.menu = QMenu(self)
        self.options = small_button("⋯", "Where to write, and which steps", "")
        self.options.clicked.connect(self.show_menu)
        self.remove = small_button("✕", "", "")
        self.remove.clicked.connect(self._on_remove)
        line = row((self.title, 2), (self.state, 3), self.options, self.remove)
        column(line, self.error, parent=self, spacing=1)
        self.update_state()

    def update_state(self) -> None:
        """Show how far the job is."""
        job, running = self.job, self.job.state == "running"
        failed = job.state == "failed"
        self.title.setText(job.title)
        self.title.set_tooltip(self._places())
        self.state.setText("Failed" if failed else self._waiting() or _short(job.description))
        self.state.set_tooltip(job.description)
        self.error.say(job.error if failed else "")
        word = "Cancel" if running else "Remove"
        self.remove.setToolTip(plain(f"{word} {job.title}; what is written stays"))
        self.remove.setAccessibleName(f"{word} {job.title}")
        self.remove.setEnabled(running or not self.is_open)
        self.options.setAccessibleName(f"Options of {job.title}")
        self.options.setEnabled(not running and not self.is_open)

    def show_menu(self) -> None:
        """Open the menu."""
        self.menu.clear()
        for text, signal, offered in (
            ("Write to…", self.folder_requested, True),
            ("Its own recipe…", self.recipe_requested, True),
            ("The present steps", self.recipe_dropped, self.job.own_recipe),
        ):
            action: Any = self.menu.addAction(text)
            action.setEnabled(offered)
            action.triggered.connect(lambda _=False, signal=signal: signal.emit(self.job))
        self.menu.popup(self.options.mapToGlobal(self.options.rect().bottomLeft()))

    def _waiting(self) -> str:
        """Return what it waits with, before it is run; empty afterwards."""
        if self.job.state != "waiting":
            return ""
        return "Waiting, own recipe" if self.job.own_recipe else "Waiting"

    def _places(self) -> str:
        """Return where its data are, and where it is written to."""
        job = self.job
        source = job.recipe.source if job.recipe else None
        raw = job.raw or (source.folder if source else None)
        out = job.out or job.settings.folder
        if out is None and job.raw is not None:
            out = first_proposal(job.raw, job.position)
        places = str(raw or ""), f"Position {job.position}" if job.position else ""
        return "\n".join(filter(None, (*places, f"Written to {out}" if out else "")))

    def _on_remove(self) -> None:
        if self.job.state == "running":
            self.job.stop.set()
        else:
            self.removed.emit(self.job)


def _short(description: str) -> str:
    """A description as it fits a row."""
    return (
        description.removesuffix(" written") if description.startswith("Cancelled") else description
    )
