"""The dock widget "Lazy Pipeline": puts the panels together and translates for the session."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any, ClassVar

import napari.viewer
from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtWidgets import (
    QApplication,
    QFileDialog,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)
from superqt import QCollapsible

from napari_lazy_pipeline._gui.angle_help import AngleHelp
from napari_lazy_pipeline._gui.background_help import BackgroundPanel
from napari_lazy_pipeline._gui.compare import Comparison
from napari_lazy_pipeline._gui.data_panel import DataPanel
from napari_lazy_pipeline._gui.job import Job
from napari_lazy_pipeline._gui.layers import Layers
from napari_lazy_pipeline._gui.live import WATCH_INTERVAL, Live
from napari_lazy_pipeline._gui.opener import Opener
from napari_lazy_pipeline._gui.region import RegionPanel
from napari_lazy_pipeline._gui.runner import Runner
from napari_lazy_pipeline._gui.step_actions import StepActions, StepPlace
from napari_lazy_pipeline._gui.steps_panel import StepsPanel
from napari_lazy_pipeline._gui.text import Sentence
from napari_lazy_pipeline._gui.view_panel import ViewPanel
from napari_lazy_pipeline.engines import notices
from napari_lazy_pipeline.errors import (
    LazyPipelineError,
    MissingFileError,
    RecipeError,
    StepError,
)
from napari_lazy_pipeline.opening import Survey
from napari_lazy_pipeline.recipe import Recipe
from napari_lazy_pipeline.session import Session, default_pipeline

_RECIPES = "Recipe (*.yaml *.yml *.json)"


class LazyPipelineWidget(QWidget):
    """See processed data while still deciding how to process them.

    Parameters
    ----------
    napari_viewer
        The viewer to show layers in.
    watch_interval
        Time between two looks at a folder that is watched [s].
    """

    open_docks: ClassVar[weakref.WeakSet[LazyPipelineWidget]] = weakref.WeakSet()

    def __init__(
        self, napari_viewer: napari.viewer.Viewer, watch_interval: float = WATCH_INTERVAL
    ) -> None:
        super().__init__()
        self.open_docks.add(self)
        self.viewer = napari_viewer
        self.session = Session()
        self.runner = Runner()
        self.layers = Layers(napari_viewer, self.session, self.runner)
        self.data = DataPanel()
        self.live = Live(self.session, self.layers, self.data, watch_interval)
        self.comparison = Comparison(napari_viewer, self.session, self.layers)
        self.step_actions = StepActions()
        self.angles = AngleHelp(napari_viewer, self.session, self.layers, self.runner)
        self.step_actions.add("deskew", self.angles.make)
        self.step_actions.add("subtract_background", self._background_panel)
        self.steps = StepsPanel(self.session, self.step_actions)
        self.region = RegionPanel(napari_viewer, self.session)
        self.view = ViewPanel(self.session)
        self._opener = Opener()
        self._recipe_wanted: Recipe | None = None
        self._told: set[str] = set()
        self._finished_steps: set[int] = set()
        self._last_shown: Job | None = None
        self._closed = False
        self._build()
        self._connect()
        QTimer.singleShot(0, self._warm_up)

    # ---- for scripts and tests ------------------------------------------------------------

    def open_folder(self, folder: str | Path, pattern: str = "") -> None:
        """Open a folder of raw files, as if the person had chosen it; returns at once."""
        self.data.folder.value = Path(folder)
        self.data.ask(str(folder), pattern)

    def offer(self, found: Survey, voxel_size: tuple[float, float, float]) -> list[Any]:
        """Open a small folder at once, and return the layers to be added by napari."""
        with self.layers.handing_over() as offered:
            self._take(found, voxel_size)
        return offered

    def load_recipe(self, path: str | Path) -> None:
        """Take over a recipe; an error is said in the dock, and nothing changes."""
        try:
            recipe = Recipe.load(path)
        except RecipeError as error:
            self.recipe_error.say(str(error))
            return
        reason = self.view.engines_missing.get(recipe.engine)
        if reason:
            recipe = recipe.model_copy(update={"engine": "cpu"})
        self.recipe_error.say(f"{reason}. The CPU is used instead" if reason else "")
        if self.session.stack is None and recipe.source is not None:
            self._recipe_wanted = recipe
            self.open_folder(recipe.source.folder, recipe.source.pattern)
        else:
            self.session.load(recipe)

    def save_recipe(self, path: str | Path) -> None:
        """Write the recipe; an error is said in the dock."""
        path = Path(path)
        try:
            self.session.recipe().save(path if path.suffix else path.with_suffix(".yaml"))
        except RecipeError as error:
            self.recipe_error.say(str(error))
        else:
            self.recipe_error.say("")
            self.status.setText(f"Recipe saved: {path.name}")

    @property
    def idle(self) -> bool:
        """Whether what is on screen is what the steps make, and nothing is under way."""
        busy = self.runner.busy or self.layers.busy or self._opener.busy
        return not busy and self.layers.settled and self.comparison.idle

    # ---- building -------------------------------------------------------------------------

    def _build(self) -> None:
        self.status = Sentence("Choose a folder of raw stacks")
        self.problems = Sentence(error=True)
        self.problems.setVisible(False)
        content = QWidget()
        layout = QVBoxLayout(content)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.setSpacing(4)
        for title, *panels in (
            ("Data", self.data),
            ("Steps", self.region, self.steps),
            ("View", self.view),
            ("Save", self._save_panel()),
        ):
            layout.addWidget(_section(title, *panels))
        layout.addStretch(1)
        area = _Column(content)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(2)
        outer.addWidget(area, 1)
        outer.addWidget(self.problems)
        outer.addWidget(self.status)
        self.setMinimumWidth(320)

    def _save_panel(self) -> QWidget:
        self.open_recipe = QPushButton("Open recipe…")
        self.open_recipe.setToolTip("Take the steps from a recipe file; nothing in it is executed")
        self.keep_recipe = QPushButton("Save recipe…")
        self.keep_recipe.setToolTip("Write source and steps to a file")
        self.copy = QPushButton("Copy as Python")
        self.copy.setToolTip("Copy a script that gives the same pixels")
        self.recipe_error = Sentence(error=True)
        self.recipe_error.setVisible(False)
        panel = QWidget()
        layout = QVBoxLayout(panel)
        layout.setContentsMargins(0, 0, 0, 0)
        row = QHBoxLayout()
        row.addWidget(self.open_recipe)
        row.addWidget(self.keep_recipe)
        layout.addLayout(row)
        layout.addWidget(self.copy)
        layout.addWidget(self.recipe_error)
        return panel

    def _background_panel(self, place: StepPlace) -> QWidget:
        return BackgroundPanel(self.session, self.layers, self.runner, place)

    def _connect(self) -> None:
        self.data.wanted.connect(self._opener.open)
        self.live.reopen.connect(self._opener.open)
        self.data.voxel_size_changed.connect(self.session.set_voxel_size)
        self._opener.opened.connect(self._on_opened)
        self._opener.failed.connect(self._on_open_failed)
        self._opener.problem.connect(self._show_problems)
        self._opener.engines.connect(self.view.show_engines)
        self.session.pipeline_changed.connect(self._on_edit)
        self.view.compare_toggled.connect(self.comparison.switch)
        self.comparison.changed.connect(self.view.show_comparing)
        self.view.contrast_wanted.connect(self.layers.reset_contrast)
        self.open_recipe.clicked.connect(self._on_open_recipe)
        self.keep_recipe.clicked.connect(self._on_save_recipe)
        self.copy.clicked.connect(self._on_copy)
        self.layers.shown.connect(self._on_shown)
        self.layers.failed.connect(self._on_failed)
        self.layers.misfit.connect(self.steps.show_misfit)
        self.runner.started.connect(self._on_started)
        self.runner.progressed.connect(self._on_progressed)
        self.runner.finished.connect(self._on_finished)
        self.destroyed.connect(self.runner.stop)
        # Problems are met in other threads: a signal brings them here.
        self._tell_problem = self._opener.problem.emit
        notices.listen(self._tell_problem)

    def _warm_up(self) -> None:
        """Compile what the first volume would else wait for; tell which engines are there."""
        if not self._closed:
            self.runner.run(warm_up)
            self._opener.run(self._opener.look_at_engines)

    # ---- data -----------------------------------------------------------------------------

    def _on_opened(self, found: Survey) -> None:
        """Show a folder that was looked at."""
        recipe, self._recipe_wanted = self._recipe_wanted, None
        if recipe is not None:
            self.session.load(recipe)
        elif self.session.stack is None and self.session.pipeline == default_pipeline():
            self.session.set_pipeline(default_pipeline(found.angle))
        self._take(found, recipe.source.voxel_size if recipe and recipe.source else None)
        self._opener.done()

    def _take(self, found: Survey, voxel_size: tuple[float, float, float] | None) -> None:
        """Make a folder the data of the session."""
        self._told.clear()
        self.session.show(found, voxel_size)
        assert self.session.stack is not None
        self.data.show_survey(found, self.session.stack)
        self.session.stack.source.problems.listen(self._tell_problem)
        self._show_problems()

    def _on_open_failed(self, error: LazyPipelineError) -> None:
        self._recipe_wanted = None
        self.data.show_error(str(error))
        self.status.setText("The folder could not be opened")
        self._opener.done()
        self.live.on_open_failed()

    # ---- steps ----------------------------------------------------------------------------

    def _on_edit(self, *_: object) -> None:
        self._finished_steps.clear()

    def _on_started(self, channel: int, index: int) -> None:
        card = self.steps.card(index)
        what = "reading" if index < 0 else card.step.title.lower() if card else "computing"
        self.status.setText(f"{self._where(channel)}: {what}…")
        if card is not None:
            card.show_progress(0.0)

    def _on_progressed(self, channel: int, index: int, fraction: float) -> None:
        card = self.steps.card(index)
        if card is not None:
            card.show_progress(fraction)
            self.status.setText(
                f"{self._where(channel)}: {card.step.title.lower()} {round(100 * fraction)} %"
            )

    def _on_finished(self, channel: int, index: int, seconds: float) -> None:
        card = self.steps.card(index)
        if card is not None:
            card.show_progress(1.0)
            card.set_time(seconds)
            self._finished_steps.add(index)

    def _on_shown(self, job: Job) -> None:
        """Pixels are on screen: what did not run came from the cache."""
        if job.preview:
            self.status.setText(f"{self._where(job.channel, job.t)}: preview")
            return
        first = self._last_shown is None or not job.same_picture(self._last_shown)
        for index, card in enumerate(self.steps.cards):
            card.show_progress(1.0)
            if first and card.step.enabled and index not in self._finished_steps:
                card.set_time(None)
        self._last_shown = job
        self._finished_steps.clear()
        if not self.runner.busy or self.layers.up_to_date:
            self.status.setText(f"{self._where(job.channel, job.t)}: shown")

    def _on_failed(self, job: Job, error: LazyPipelineError) -> None:
        """One card or one line says it; one notification a kind, not one a frame."""
        if isinstance(error, StepError):
            self.steps.show_misfit(error)
        if isinstance(error, MissingFileError):
            self.status.setText(f"{self._where(job.channel, job.t)}: nothing was recorded")
            return
        kind = getattr(error, "kind", type(error).__name__)
        if kind not in self._told:
            self._told.add(kind)
            show_error(str(error))
        self._show_problems()
        self.status.setText(f"{self._where(job.channel, job.t)}: not shown, see above")

    def _show_problems(self, *_: object) -> None:
        """List the problems; the newest in full."""
        stack = self.session.stack
        problems = [*notices, *(stack.source.problems if stack else ())]
        self.problems.setVisible(bool(problems))
        if problems:
            last = problems[-1]
            self.problems.setText(
                f"Problems: {len(problems)}. {last.what} ({last.where}); {last.done}"
            )
            self.problems.setToolTip(
                "\n".join(f"{p.where}: {p.what}; {p.done}" for p in problems[-50:])
            )

    def _where(self, channel: int, t: int | None = None) -> str:
        stack = self.session.stack
        if stack is None:
            return ""
        names = stack.channel_names
        name = names[channel] if channel < len(names) else str(channel)
        moment = f"t {t + 1}/{stack.shape[0]}, " if t is not None else ""
        return f"{moment}channel {name}"

    # ---- save --------------------------------------------------------------------------

    def _on_open_recipe(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open recipe", "", _RECIPES)
        if path:
            self.load_recipe(path)

    def _on_save_recipe(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save recipe", "recipe.yaml", _RECIPES)
        if path:
            self.save_recipe(path)

    def _on_copy(self) -> None:
        clipboard = QApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(self.session.recipe().to_script())
            show_info("The script is in the clipboard")

    # ---- end ------------------------------------------------------------------------------

    def shut_down(self) -> None:
        """Stop computing and let go of the viewer; the layers stay. Safe to call twice."""
        if not self._closed:
            self._closed = True
            self.open_docks.discard(self)
            self.live.close()
            self.comparison.close()
            self.layers.close()
            self.region.close_session()
            self.angles.close_session()
            self.steps.close_session()
            self.view.close_session()
            notices.unlisten(self._tell_problem)
            self.runner.stop()

    def closeEvent(self, event: Any) -> None:
        """Stop when the dock is closed."""
        self.shut_down()
        super().closeEvent(event)


class _Column(QScrollArea):
    """Scrolls up and down, and is never narrower than what it holds."""

    def __init__(self, content: QWidget) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(content)
        content.installEventFilter(self)

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Follow the content when a form is unfolded."""
        content, bar = self.widget(), self.verticalScrollBar()
        if event.type() == QEvent.Type.LayoutRequest and content and bar:
            self.setMinimumWidth(content.minimumSizeHint().width() + bar.sizeHint().width())
        return super().eventFilter(watched, event)


def _section(title: str, *panels: QWidget) -> QCollapsible:
    section = QCollapsible(title)
    section.setDuration(0)
    for panel in panels:
        section.addWidget(panel)
    section.expand(animate=False)
    return section


def warm_up() -> None:
    """Load or compile the kernels of the CPU engine."""
    from napari_lazy_pipeline.engines.cpu import warm_up as warm_up_cpu

    warm_up_cpu()
