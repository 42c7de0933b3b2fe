"""The dock widget "Lazy Pipeline": puts the panels together and translates for the session."""

from __future__ import annotations

import weakref
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import napari.viewer
from qtpy.QtCore import QEvent, QTimer
from qtpy.QtWidgets import QSizePolicy, QStackedWidget, QWidget

from napari_lazy_pipeline._gui.data import folder_row
from napari_lazy_pipeline._gui.data.data_panel import DataPanel
from napari_lazy_pipeline._gui.data.watch_control import WATCH_INTERVAL, WatchControl
from napari_lazy_pipeline._gui.data.welcome import Welcome
from napari_lazy_pipeline._gui.first_use import FirstUse, warm_up
from napari_lazy_pipeline._gui.foot import Foot
from napari_lazy_pipeline._gui.layers.compute_thread import ComputeThread
from napari_lazy_pipeline._gui.layers.layer_list import end_changes_first
from napari_lazy_pipeline._gui.layers.layers import Layers
from napari_lazy_pipeline._gui.preferences import dock_state
from napari_lazy_pipeline._gui.preferences.preferences import PreferencesControl
from napari_lazy_pipeline._gui.save.save_bar import SaveBar
from napari_lazy_pipeline._gui.save.written_layers import WrittenLayers
from napari_lazy_pipeline._gui.side_by_side.canvas_room import CanvasRoom
from napari_lazy_pipeline._gui.side_by_side.other_state import OtherState
from napari_lazy_pipeline._gui.side_by_side.side_view import SideView
from napari_lazy_pipeline._gui.side_by_side.state_button import StateButton
from napari_lazy_pipeline._gui.side_by_side.step_overlay import StepOverlay
from napari_lazy_pipeline._gui.side_by_side.value_trial import ValueTrial
from napari_lazy_pipeline._gui.steps import cost_monitor as costs
from napari_lazy_pipeline._gui.steps.card_tools import MakeTool
from napari_lazy_pipeline._gui.steps.steps_panel import StepsPanel
from napari_lazy_pipeline._gui.tools.angle_tool import AngleTool
from napari_lazy_pipeline._gui.tools.crop_region import CropRegion
from napari_lazy_pipeline._gui.tools.estimate_panel import EstimatePanel
from napari_lazy_pipeline._gui.tools.function_panel import FunctionPanel
from napari_lazy_pipeline._gui.tools.psf_workshop import PsfWorkshop
from napari_lazy_pipeline._gui.tools.registration_panel import RegistrationPanel
from napari_lazy_pipeline._gui.tools.scan_link import ScanLink
from napari_lazy_pipeline._gui.tools.step_curve import StepCurve
from napari_lazy_pipeline._gui.view.compare import Comparison
from napari_lazy_pipeline._gui.view.depth_view import DepthView
from napari_lazy_pipeline._gui.view.status_reporter import StatusReporter
from napari_lazy_pipeline._gui.view.view_panel import ViewPanel
from napari_lazy_pipeline._gui.widgets.background_task import BackgroundTask
from napari_lazy_pipeline._gui.widgets.canvas_repairs import CanvasRepairs
from napari_lazy_pipeline._gui.widgets.collapsible import CollapsibleSection
from napari_lazy_pipeline._gui.widgets.colours import with_known_colours
from napari_lazy_pipeline._gui.widgets.layout import column
from napari_lazy_pipeline._gui.widgets.steady_area import SteadyArea
from napari_lazy_pipeline._gui.widgets.tab_order import tab_in_reading_order
from napari_lazy_pipeline._gui.widgets.undo_keys import UndoKeys
from napari_lazy_pipeline.engines import engine_names, get_engine
from napari_lazy_pipeline.errors import LazyPipelineError
from napari_lazy_pipeline.estimate import estimators_of
from napari_lazy_pipeline.io import FolderInfo, MetadataOverrides
from napari_lazy_pipeline.session import Recipe
from napari_lazy_pipeline.session.default_pipeline import default_pipeline
from napari_lazy_pipeline.session.recipe_source import Source
from napari_lazy_pipeline.session.recipe_use import for_folder
from napari_lazy_pipeline.steps import Step, step_types
from napari_lazy_pipeline.steps._scan_step import ScanStep

Colours = tuple[str, ...] | None
_NARROWEST = 340  # px; everything fits in that


class LazyPipelineWidget(QWidget):
    """See processed data while still deciding how to process them."""

    _docked = False
    open_docks: ClassVar[weakref.WeakSet[LazyPipelineWidget]] = weakref.WeakSet()

    def __init__(
        self, napari_viewer: napari.viewer.Viewer, watch_interval: float | None = None
    ) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self._replace_other_dock()
        self.open_docks.add(self)
        state = dock_state.dock_state_of(napari_viewer)
        self.session, self._export_settings = state.session, state.export_settings
        self.session.trials_elsewhere = True
        self.costs = costs.CostMonitor(self.session)
        self.compute_thread = ComputeThread()
        self.canvas_repairs = CanvasRepairs(napari_viewer, self)
        end_changes_first(napari_viewer.layers)
        self.layers = Layers(napari_viewer, self.session, self.compute_thread, screen=state.screen)
        self.data = DataPanel(self.session, self.layers)
        interval = watch_interval or WATCH_INTERVAL
        self.live = WatchControl(self.session, self.layers, self.data, interval)
        self.preferences = PreferencesControl(self.session, self.live, watch_interval)
        self.comparison = Comparison(napari_viewer, self.session, self.layers)
        self.depth_view = DepthView(napari_viewer, self.layers)
        self.results = WrittenLayers(napari_viewer, self.layers)
        self.angles = AngleTool(napari_viewer, self.session, self.layers)
        self.psfs = PsfWorkshop(self.session, self.layers, folder_row.recent_file().parent)
        self.other_state = OtherState(napari_viewer, self.layers)
        self.steps = StepsPanel(self.session, self._card_tools)
        self.region = CropRegion(napari_viewer, self.session)
        self.steps.add_button(self.region.draw, below=self.region)
        self.view = ViewPanel(self.session)
        parts = CanvasRoom(self), napari_viewer, self.layers
        self.side_view, self.trial = SideView(*parts), ValueTrial(*parts)
        self._undo_keys, self._closed = UndoKeys(self, self.session), False
        self._engine_check = BackgroundTask("The engines cannot be checked")
        self._next_recipe: Recipe | None = None
        self._build()
        self.reporter = StatusReporter(self.layers, self.steps, self.status, self.problems)
        self._connect()
        self._show_session()
        self._first_use = FirstUse(self.foot.say, partial(self.compute_thread.run, warm_up), self)
        QTimer.singleShot(0, self._warm_up)

    def open_folder(self, folder: str | Path, pattern: str = "") -> None:
        """Open a folder of raw files, as if the person had chosen it; returns at once."""
        self.data.open(str(folder), pattern)

    def offer(self, folder_info: FolderInfo, overrides: MetadataOverrides) -> list[Any]:
        """Open a small folder at once, and return the layers to be added by napari."""
        with self.layers.swapper.handing_over() as offered:
            self.show_folder(folder_info, overrides)
        return offered

    def _open_source(self, source: Source) -> None:
        """Open the data of a recipe; code that it names runs only if the person says so."""
        show = self.data.propose_reader if source.reader else self.data.open
        show(source.folder, source.pattern, source.opening)

    @property
    def idle(self) -> bool:
        """Return whether what is on screen is what the steps make, and nothing is under way."""
        parts = self.compute_thread, self.layers, self.data.opener, self.psfs, self.depth_view
        busy = any(part.busy for part in parts)
        return not busy and self.layers.settled and self.comparison.idle

    def _build(self) -> None:
        self.save = SaveBar(self.session, self.costs, self._export_settings, self.layers)
        self.foot = Foot(self.session, self.save)
        self.status, self.problems = self.foot.status, self.foot.problems
        self.status.setText("Choose a folder of raw stacks")
        self.welcome = Welcome()
        summary = costs.CostSummary(self.costs), costs.CostWarning(self.costs, error=True)
        self.sections = (
            CollapsibleSection("View", self.view),
            CollapsibleSection("Steps", self.steps, *summary),
        )
        content, data = QWidget(), CollapsibleSection("Data", self.data)
        layout = column(self.welcome, data, *self.sections, parent=content, margins=(4, 4, 4, 4))
        layout.addStretch(1)
        tab_in_reading_order(content)
        self.area = SteadyArea(content)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.area)
        self.pages.addWidget(SteadyArea(self.save.page))
        # napari puts free room below a dock that does not ask for it.
        self.pages.setSizePolicy(*[QSizePolicy.Policy.Expanding] * 2)
        self.setMinimumWidth(_NARROWEST)
        column((self.pages, 1), self.foot, parent=self)

    def _card_tools(self, kind: str) -> list[MakeTool]:
        """Return what stands below the form of a kind of step."""
        tools: dict[str, MakeTool] = {
            "deconvolve": self.psfs.make,
            "deskew": self.angles.make,
            "function": FunctionPanel,
            "register_channels": partial(RegistrationPanel, partial(StepOverlay, self.other_state)),
        }
        own = [tools[kind]] if kind in tools else []
        if issubclass(step_types()[kind], ScanStep):
            own.append(ScanLink)
        if step_types()[kind].curve is not Step.curve:
            own.append(StepCurve)
        if estimators_of(kind):
            own.append(lambda step: EstimatePanel(self.session, self.layers, kind, step))
        return [*own, lambda step: costs.StepCostLine(step, self.costs)]

    def _connect(self) -> None:
        self.data.opener.finished.connect(self._on_opened)
        self.data.opener.failed.connect(self._on_open_failed)
        self._engine_check.finished.connect(self.view.show_engines)
        self._engine_check.finished.connect(self.preferences.on_engines)
        self.view.compare_toggled.connect(self.comparison.switch)
        self.comparison.changed.connect(self.view.show_comparing)
        self.view.side_view_toggled.connect(self.side_view.switch)
        self.view.add_button(StateButton(self.other_state))
        self.view.add_button(self.depth_view.button)
        for hear in (self.status.setText, self.comparison.follow):
            self.other_state.reported.connect(hear)
        self.side_view.changed.connect(self.view.show_side_view)
        self.welcome.folder.clicked.connect(self.data.folders.choose_folder)
        self.welcome.sample_requested.connect(self._open_sample)
        self.welcome.lesson.clicked.connect(self._open_lesson)
        self.session.plan_changed.connect(self._show_extent)
        self.session.stack_changed.connect(self._show_extent)
        self.session.adapted.connect(self.foot.remark.say)
        self.save.process_all.toggled.connect(self._show_page)
        self.view.restore_requested.connect(lambda: self.layers.deleted.restore())
        self.layers.deleted.changed.connect(self.view.offer_restore)
        self.view.offer_restore(bool(self.layers.screen.deleted))
        self.view.contrast_requested.connect(self.layers.contrast.reset)
        self.layers.contrast_set.connect(self.status.setText)
        self.save.recipe_opened.connect(self._on_recipe)
        self.save.reported.connect(self.status.setText)
        self.save.process.result.show_requested.connect(self.results.show)
        self.results.failed.connect(self.save.process.show_error)
        self.layers.rendered.connect(self.costs.update_times)
        self.steps.trial_requested.connect(self.trial.start)
        self.trial.refused.connect(self.status.setText)
        self.steps.selected_changed.connect(self.view.offer_here)
        self.destroyed.connect(self.compute_thread.stop)

    def _show_extent(self, *_: object) -> None:
        """Ask for data only, as long as there is nothing else to do."""
        session, empty = self.session, self.session.stack is None
        self.welcome.setVisible(empty)
        for section in self.sections:
            section.setVisible(not empty or session.can_undo or session.can_redo)

    def _open_sample(self, plugin: str, key: str) -> None:
        self.viewer.open_sample(plugin, key)

    def _open_lesson(self) -> None:
        self.viewer.window.add_plugin_dock_widget("napari-lazy-pipeline", "Lesson")

    def _show_page(self, export: bool) -> None:
        self.pages.setCurrentIndex(int(export))

    def _warm_up(self) -> None:
        """Load what the first volume would else wait for; tell which engines are there."""
        if not self._closed:
            self._first_use.start()
            self._engine_check.start("engines", lambda _: missing_engines())

    def _on_opened(self, folder_info: FolderInfo) -> None:
        (recipe, said), self._next_recipe = for_folder(self._next_recipe, folder_info), None
        self.foot.remark.say("")
        if recipe is not None:
            self.session.load(recipe)
        elif self.session.stack is None and self.session.pipeline == default_pipeline():
            self.session.set_pipeline(default_pipeline(folder_info.angle is not None))
        source = recipe.source if recipe is not None else None
        overrides, colours = (source.overrides, source.channel_colours) if source else (None, None)
        self.show_folder(folder_info, overrides, colours)
        self.foot.remark.say(". ".join(filter(None, (said, self.foot.remark.text()))))

    def show_folder(
        self, folder_info: FolderInfo, overrides: MetadataOverrides | None, colours: Colours = None
    ) -> None:
        """Make a folder the data of the session."""
        open_now = self.session.folder_info
        if overrides is None and (open_now is None or open_now.folder != folder_info.folder):
            overrides = self.data.metadata.stated_of(folder_info.folder)
        try:
            self.session.show(folder_info, overrides, colours)
        except LazyPipelineError as error:
            self._on_open_failed(error)
            return
        assert self.session.stack is not None
        self.data.show_folder_info(folder_info)
        self.reporter.begin(self.session.stack.source.problems)

    def _on_open_failed(self, error: LazyPipelineError) -> None:
        self._next_recipe = None
        self.data.show_failure(error)
        self.reporter.show_state()
        self.live.on_open_failed()

    def _on_recipe(self, recipe: Recipe) -> None:
        """Take over a recipe, and its data if there are none yet."""
        self.foot.remark.say("")
        reason = self.view.engines_missing.get(recipe.engine)
        if reason:
            recipe = recipe.model_copy(update={"engine": "cpu"})
        recipe, complaint = with_known_colours(recipe)
        complaint = complaint or (f"{reason}. The CPU is used instead" if reason else "")
        if complaint:
            self.save.error.say(complaint)
        if self.session.stack is None and recipe.source is not None:
            self._next_recipe = recipe
            self._open_source(recipe.source)
        else:
            self.session.load(recipe)
            self.data.metadata.channels.set_colours(self.session.colours)

    def _replace_other_dock(self) -> None:
        """Close an open dock of this viewer: two would fight over the same layers."""
        for dock in list(self.open_docks):
            if dock_state.unwrapped(dock.viewer) is dock_state.unwrapped(self.viewer):
                dock.shut_down()
                dock.status.setText("Goes on in the other dock")
                QTimer.singleShot(0, dock.leave_window)

    def leave_window(self) -> None:
        if self.parent() is not None:
            self.viewer.window.remove_dock_widget(self)

    def _show_session(self) -> None:
        """Show what an earlier dock of this viewer left."""
        self._show_extent()
        stack, folder_info = self.session.stack, self.session.folder_info
        if stack is not None and folder_info is not None:
            self.data.show_folder_info(folder_info)
            self.reporter.begin(stack.source.problems)
            self.reporter.show_state()

    def shut_down(self) -> None:
        """Stop computing and let go of the viewer; the layers stay. Safe to call twice."""
        if not self._closed:
            self._closed = True
            self._first_use.stop()
            self.open_docks.discard(self)
            for panel in self.findChildren(EstimatePanel):
                panel.task.forget()
            self.trial.shut_down()
            self.side_view.close()
            self.other_state.close()
            self.session.release()  # so that nothing listens while all is closed
            self.save.close_session()
            self.data.close_session()
            for part in (
                self.preferences, self.costs, self.live, self.comparison, self.depth_view,
                self.results, self.layers, self.angles, self.psfs, self.reporter,
            ):  # fmt: skip
                part.close()
            self.region.close_session()
            self.canvas_repairs.close()
            self.compute_thread.stop()
            state = self.session, self.layers.screen, self.save.process.settings
            dock_state.store_dock_state(self.viewer, *state)

    def event(self, event: Any) -> bool:
        """Stop, too, when napari takes the widget out of its window: it is not closed then."""
        if event.type() == QEvent.Type.ParentChange:
            if self.parent() is None and self._docked:
                self.shut_down()
            self._docked = self.parent() is not None
        return super().event(event)

    def closeEvent(self, event: Any) -> None:
        self.shut_down()
        super().closeEvent(event)


def missing_engines() -> dict[str, str | None]:
    """For each engine, why it cannot be used here, or None."""
    return {name: get_engine(name).unavailable() for name in engine_names()}
