"""Queue list: the exports that run one after the other, and buttons that add some."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_lazy_pipeline._gui.save.queue_row import QueueRow
from napari_lazy_pipeline._gui.widgets.layout import column, push_button, row
from napari_lazy_pipeline._gui.widgets.text import Sentence
from napari_lazy_pipeline.errors import LazyPipelineError, RecipeError
from napari_lazy_pipeline.exports.job import Job
from napari_lazy_pipeline.exports.queue import ExportQueue
from napari_lazy_pipeline.session import Recipe, Session

_RECIPES = "Recipe (*.yaml *.yml *.json)"


class QueueList(QWidget):
    """Shows a queue: first the data that are open, then what the person adds."""

    changed = Signal()  # the person added, changed or removed a job

    def __init__(self, session: Session, queue: ExportQueue) -> None:
        super().__init__()
        self.session, self.queue = session, queue
        self.current: Job | None = None  # that of the data that are open
        self.open_data: tuple[Path | None, str | None] = None, None  # folder and position
        self.rows: list[QueueRow] = []
        tooltip = "Process another folder, too, with the steps as they are when you press Start"
        self.add_folder = push_button("Add folder…", tooltip, self._on_add_folder)
        tooltip = "Process all other positions of the open data, too"
        self.add_positions = push_button("Add positions", tooltip, self._on_add_positions)
        self.error = Sentence(error=True)
        self._rows = column(spacing=1)
        buttons = row(self.add_folder, self.add_positions, (QWidget(), 1))
        column(self._rows, self.error, buttons, parent=self, spacing=3)
        self.error.say("")
        self.show_data()

    def show_data(self) -> None:
        """Let the first job be that of the data that are open."""
        folder_info = self.session.folder_info
        several = folder_info is not None and len(folder_info.positions) > 1
        self.add_positions.setVisible(several)
        raw = Path(folder_info.folder) if folder_info is not None else None
        position = folder_info.position if folder_info is not None and several else None
        if self.session.stack is not None and (
            self.current is None or self.open_data != (raw, position)
        ):
            title = raw.name if raw is not None else "Open data"
            title += f", {position}" if position else ""
            self._replace_current(Job(title, position=position))
            self.open_data = raw, position
        self.show_jobs()

    def add(self, jobs: Iterable[Job]) -> None:
        """Put jobs at the end."""
        self.queue.jobs += jobs
        self.show_jobs()
        self.changed.emit()

    def show_jobs(self) -> None:
        """Show the jobs of the queue, a row for each."""
        there = {(id(shown.job), shown.is_open): shown for shown in self.rows}
        keys = [(id(job), job is self.current) for job in self.queue.jobs]
        self.rows = [
            there.pop(key) if key in there else self._row(job)
            for key, job in zip(keys, self.queue.jobs, strict=True)
        ]
        for gone in there.values():
            self._rows.removeWidget(gone)
            gone.hide()  # at once: its buttons are those of jobs that may be gone
            gone.deleteLater()
        for place, shown in enumerate(self.rows):
            if self._rows.indexOf(shown) != place:
                self._rows.insertWidget(place, shown)
        for shown in self.rows:
            shown.update_state()

    def add_path(self, path: Path) -> None:
        """Add a folder, with the present steps."""
        self.add([Job(path.name, raw=path)])

    def give_recipe(self, job: Job, path: Path) -> None:
        """Give a job its own recipe; an error is shown here."""
        try:
            recipe = Recipe.load(path)
        except RecipeError as error:
            self.show_error(error)
            return
        self.error.say("")
        job.recipe, job.own_recipe, job.channels, job.view = recipe, True, None, None
        self._again(job)

    def show_error(self, error: LazyPipelineError) -> None:
        """Show what went wrong with the queue itself."""
        self.error.say(str(error))

    def _replace_current(self, job: Job) -> None:
        """Put the job of other data first; one that was begun goes on as it was begun."""
        before, self.current = self.current, job
        if before is not None and before.state == "waiting":
            self.queue.jobs.remove(before)
        elif before is not None:
            before.own_recipe = True
        self.queue.jobs.insert(0, job)

    def _row(self, job: Job) -> QueueRow:
        made = QueueRow(job, job is self.current)
        made.removed.connect(self._on_remove)
        made.folder_requested.connect(self._on_folder)
        made.recipe_requested.connect(self._on_recipe)
        made.recipe_dropped.connect(self._on_recipe_dropped)
        self._rows.addWidget(made)
        return made

    def _again(self, job: Job) -> None:
        """Let a job that was changed wait for its turn."""
        job.restart()
        job.done = job.total = 0
        job.out = None
        self.show_jobs()
        self.changed.emit()

    def _on_add_folder(self) -> None:
        raw, _ = self.open_data
        start = str(raw.parent) if raw is not None else ""
        path = QFileDialog.getExistingDirectory(self, "Add a folder of raw files", start)
        if path:
            self.add_path(Path(path))

    def _on_add_positions(self) -> None:
        folder_info = self.session.folder_info
        if folder_info is None:
            return
        raw = Path(folder_info.folder)
        there = {self.open_data, *((job.raw, job.position) for job in self.queue.jobs)}
        self.add(
            Job(f"{raw.name}, {position}", raw=raw, position=position)
            for position in folder_info.positions
            if (raw, position) not in there
        )

    def _on_remove(self, job: Job) -> None:
        self.queue.jobs.remove(job)
        self.show_jobs()
        self.changed.emit()

    def _on_folder(self, job: Job) -> None:
        path = QFileDialog.getExistingDirectory(self, f"Write {job.title} to")
        if path:
            job.settings = job.settings.model_copy(update={"folder": Path(path)})
            self._again(job)

    def _on_recipe(self, job: Job) -> None:
        path, _ = QFileDialog.getOpenFileName(self, f"Recipe for {job.title}", "", _RECIPES)
        if path:
            self.give_recipe(job, Path(path))

    def _on_recipe_dropped(self, job: Job) -> None:
        job.recipe, job.own_recipe = None, False
        self._again(job)
