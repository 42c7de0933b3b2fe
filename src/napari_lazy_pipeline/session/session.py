"""Session: the only mutable state; every edit replaces a frozen value and raises one signal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal, get_args

from psygnal import Signal

from napari_lazy_pipeline.compute import ComputeLog, Pipeline, PipelineSource, Plan, StageCache
from napari_lazy_pipeline.engines.engine_registry import retry_engines
from napari_lazy_pipeline.image import Scan, Stack, StackSpec
from napari_lazy_pipeline.image.renumbering import is_same
from napari_lazy_pipeline.io import FolderInfo, MetadataOverrides
from napari_lazy_pipeline.io.files.file_source import FileSource
from napari_lazy_pipeline.io.files.identity_cache import IdentityCache
from napari_lazy_pipeline.session.crop_refit import CropFit, crops_of, refitted
from napari_lazy_pipeline.session.default_pipeline import default_pipeline
from napari_lazy_pipeline.session.history import Edit, History, until_in
from napari_lazy_pipeline.session.linked_steps import shown_step, split_edit
from napari_lazy_pipeline.session.recipe import Recipe
from napari_lazy_pipeline.session.recipe_source import Source
from napari_lazy_pipeline.session.recipe_use import RecipeUse
from napari_lazy_pipeline.session.renumbered_steps import RenumberedSteps, told
from napari_lazy_pipeline.session.state import State
from napari_lazy_pipeline.session.table_places import TablePlaces
from napari_lazy_pipeline.steps._base import Step
from napari_lazy_pipeline.steps._function_trial import trials

Quality = Literal["auto", "full"]


class Session:
    """What is open, how it is processed, and where.

    Attributes
    ----------
    stack, overrides
        The raw data, None before a folder is opened; what the person stated over what files say.
    colours
        Names of the colormaps that a person chose, one a channel; empty: the usual ones.
    pipeline, engine
        The steps, and the name of the engine.
    plan
        The steps resolved against the stack, once per edit; None before a folder is opened.
    cache
        Results of all stages.
    compute_log
        What was read and computed so far.
    deleted
        Channels whose layers the person deleted: recorded ones, and names of those steps made.
    until
        Number of steps whose result is shown: None for all, 0 for the raw data.
    quality
        "auto": while something moves, a preview may stand in for the result; "full": never.
    trials_elsewhere
        Whether somebody else tries what functions make, and calls `refresh` then.
    """

    # Other data are open, or other values are stated about them: Stack; `plan_changed` follows.
    stack_changed = Signal(object)
    # There are more volumes: a function of an old time point to its recorded one now, or None.
    stack_grown = Signal(object)
    # Steps, engine or data are others: Plan.
    plan_changed = Signal(object)
    view_changed = Signal()  # another part of the steps is shown, or in another way
    adapted = Signal(str)  # what was fitted to other data, or taken from a recipe, in words

    def __init__(self, cache: StageCache | None = None) -> None:
        self.stack: Stack | None = None
        self.folder_info: FolderInfo | None = None
        self.overrides, self.colours = MetadataOverrides(), tuple[str, ...]()
        self.pipeline, self.engine = default_pipeline(), "cpu"
        self.plan: Plan | None = None
        self.cache = StageCache() if cache is None else cache
        self.compute_log, self.deleted = ComputeLog(), frozenset[int | str]()
        self.until: int | None = None
        self.quality: Quality = "auto"
        self.trials_elsewhere, self._history = False, History()
        self._raw: IdentityCache | None = None
        self._crops_made_for: StackSpec | None = None  # until these data are known
        self._tables = TablePlaces()

    def show(
        self,
        folder_info: FolderInfo,
        overrides: MetadataOverrides | None = None,
        colours: tuple[str, ...] | None = None,
    ) -> None:
        """Make what a folder holds the data of this session.

        Stated metadata and colours that are not given stay as they were for the same folder. What
        is open stays open where that raises a `LazyPipelineError`.
        """
        was = self.folder_info
        same = was is not None and was.folder == folder_info.folder
        overrides = overrides or (self.overrides if same else MetadataOverrides())
        overrides = overrides.fitting(folder_info)
        spec = (stack := overrides.stack(folder_info)).stack_spec
        # Whatever cannot be is refused before anything changes.
        made_for, before = self._crops_made_for, self.stack.stack_spec if self.stack else None
        if before is not None and not (same and before.shape == spec.shape):
            made_for = made_for or before
        moved = RenumberedSteps.reopened(self.plan, self.folder_info, folder_info)
        fit = CropFit.of(moved.pipeline if moved else self.pipeline, made_for, spec)
        stated = overrides.against(folder_info, was if same else None)
        self._tables.note(self.pipeline, was)
        said = [stated, moved.sentence if moved else "", *fit.sentences]
        self.stack, self.overrides, self.folder_info = stack, overrides, folder_info
        self._crops_made_for = fit.made_for
        if made_for is not None and fit.made_for is None:  # crops that an undo brings back, too
            self._history.replace_pipelines(lambda one: refitted(one, made_for, spec)[0])
        if was is None or was.place[:2] != folder_info.place[:2]:
            self._history.forget_overrides()
        if was is None or was.place != folder_info.place:
            said.append(self._tables.elsewhere(self.pipeline, stack))
        self.colours = self.colours if same and colours is None else colours or ()
        self.compute_log.clear()
        self._raw = IdentityCache(self.stack.source)
        if moved is not None:
            self._renumber(moved, before)
        if fit.pipeline != self.pipeline:
            self._history.note(Edit(self.pipeline), Edit(fit.pipeline))
            self.pipeline = fit.pipeline
        if any(said):
            self.adapted.emit(". ".join(filter(None, said)))
        self.plan = self.plan_of(self.pipeline)
        self.stack_changed.emit(self.stack)
        self.plan_changed.emit(self.plan)

    def grow(self, source: FileSource, shifted: bool = False) -> None:
        """Take over the same files and more, ``shifted`` if time points have other numbers now."""
        if self.stack is None or self.folder_info is None or self.plan is None:
            raise RuntimeError("no stack is open")
        before, raw, spec = self.folder_info.source, self.raw, self.stack.stack_spec
        self.folder_info = replace(self.folder_info, source=source)
        self.stack = replace(self.stack, source=source.with_spec(self.stack.spec))
        now = before.moved_to(source) if shifted else {t: t for t in range(spec.times)}
        if shifted:
            self._raw = raw.moved(self.stack.source, now)
            self.compute_log.clear()
        else:
            raw.grow(self.stack.source, before.same_files(source))
        old, moved = self.plan, RenumberedSteps.of(self.plan, self.stack.shape[0], now)
        self.plan = old.grown(moved.times, moved.steps)
        self._renumber(moved, spec)
        if moved.sentence:
            self.adapted.emit(moved.sentence)
        self.stack_grown.emit(moved.recorded(self.until, self.plan, shifted))
        if told(self.plan) != told(old):
            self.plan_changed.emit(self.plan)

    def _renumber(self, moved: RenumberedSteps, raw: StackSpec | None) -> None:
        """Take over steps that no undo takes back, and renumber those that were set on ``raw``."""
        self.pipeline = self._tables.follow(self.pipeline, moved.pipeline)
        if moved.sentence or not is_same(moved.numbers[0]):
            self._tables.forget_times()
            self._history.replace_pipelines(
                lambda one: self._tables.follow(one, moved.follow(self.plan_of(one, raw)))
            )

    def state(self, gesture: object = None, **values: Any) -> None:
        """State values of the raw data, as named in `MetadataOverrides`; None: as the files say.

        Steps that undo the scan follow, unless they state it themselves. A `LazyPipelineError` if
        a value cannot be.
        """
        if self.folder_info is None:
            return
        overrides = replace(self.overrides, **values).fitting(self.folder_info)
        overrides.stack(self.folder_info)  # what cannot be is refused before anything changes
        self._make(Edit(overrides=overrides), gesture)

    @property
    def scan(self) -> Scan | None:
        """How the planes were scanned, as it is stated of the data; None if that is unknown."""
        return self.stack.spec.scan if self.stack is not None else None

    def shown_step(self, index: int) -> Step:
        """A step with what it takes from the data, as far as that is known."""
        return shown_step(self.pipeline.steps[index], self.scan, self.overrides, self.folder_info)

    def edit_step(self, index: int, edited: Step, gesture: object = None) -> None:
        """Take over what a person made of `shown_step`, as an edit; see `split_edit`."""
        step, shown = self.pipeline.steps[index], self.shown_step(index)
        own, overrides = split_edit(step, shown, edited, self.overrides)
        self._make(Edit(self.pipeline.replace_step(index, own), overrides=overrides), gesture)

    def set_pipeline(self, pipeline: Pipeline, gesture: object = None) -> None:
        """Replace the steps, as an edit; see `History.note` for the gesture it is part of."""
        self._make(Edit(pipeline), gesture)

    def replace_step(self, index: int, step: Step, gesture: object = None) -> None:
        """Replace one step; see `set_pipeline`."""
        self.set_pipeline(self.pipeline.replace_step(index, step), gesture)

    def delete_layers(self, channels: frozenset[int | str]) -> None:
        """Want no layers of these channels, but of all others; layers in a row are one edit."""
        self._make(Edit(deleted=channels), gesture="layers")

    def undo(self) -> None:
        """Go back to what was before the last edit."""
        self._apply(self._history.undo(self._present))

    def redo(self) -> None:
        """Take the last undo back."""
        self._apply(self._history.redo(self._present))

    @property
    def can_undo(self) -> bool:
        """Return whether there is an edit to undo."""
        return bool(self._history.past)

    @property
    def can_redo(self) -> bool:
        """Return whether there is an undo to take back."""
        return bool(self._history.future)

    def past(self) -> Iterator[tuple[str, State]]:
        """In words, each edit of steps or scan, and the state before it; the latest first."""
        for text, pipeline, overrides in self._history.states(self.pipeline, self.overrides):
            scan = overrides.scan(self.folder_info) if self.folder_info is not None else None
            yield text, State(pipeline, scan)

    def set_engine(self, name: str) -> None:
        """Choose where to compute; an engine that failed before is given another chance."""
        self._apply(Edit(engine=name))

    def show_until(self, count: int | None) -> None:
        """Show the result of the first ``count`` steps; None: of all, 0: the raw data."""
        count = None if count is None else min(max(count, 0), len(self.pipeline.steps))
        if count != self.until:
            self.until = count
            self.view_changed.emit()

    def set_quality(self, name: Quality) -> None:
        """Choose whether a preview may stand in while something is computed: "auto" or "full"."""
        if name not in get_args(Quality):
            raise ValueError(f"quality is one of {get_args(Quality)}, not {name!r}")
        if name != self.quality:
            self.quality = name
            self.view_changed.emit()

    @property
    def raw(self) -> IdentityCache:
        """Makes the raw volumes; a `RuntimeError` if no stack is open."""
        if self._raw is None:
            raise RuntimeError("no stack is open")
        return self._raw

    def source(self) -> PipelineSource:
        """Make what is shown: volumes after `until` steps, through the cache, blank if that fails.

        Steps that wait for a value are left out. A `StepError` if a step does not fit the volumes.
        """
        raw, plan = self.raw, self.plan
        assert plan is not None
        plan = plan.until(self.until).without_waiting()
        return PipelineSource(raw, plan, self.cache, True, self.compute_log)

    def source_of(
        self, pipeline: Pipeline, until: int | None = None, raw: StackSpec | None = None
    ) -> PipelineSource:
        """Make what other steps show, up to a number; not logged. A `StepError` if one misfits."""
        plan = self.plan_of(pipeline, raw).until(until).without_waiting()
        return PipelineSource(self.raw, plan, self.cache, True)

    def refresh(self) -> None:
        """Resolve the steps anew: a file that they name was changed, or code was allowed."""
        if self.stack is not None:
            self.plan = self.plan_of(self.pipeline)
        self.plan_changed.emit(self.plan)

    def plan_of(self, pipeline: Pipeline, raw: StackSpec | None = None) -> Plan:
        """Resolve steps against the stack that is open, or as it were with other values stated."""
        assert self.stack is not None
        with trials(at_once=not self.trials_elsewhere):
            return pipeline.plan(raw or self.stack.stack_spec, self.engine)

    def recipe(self) -> Recipe:
        """All that is needed to get here again."""
        source = Source.of(self.stack, self.overrides, self.colours, self.folder_info)
        return Recipe(source=source, pipeline=self.pipeline, engine=self.engine)

    def load(self, recipe: Recipe) -> None:
        """Take over the steps and the engine of a recipe; one undo takes both back.

        What is unknown about the data that are open is taken from it, too, and crops that were set
        on other data are fitted; ``adapted`` tells.
        """
        edit, said = Edit(recipe.pipeline, recipe.engine), ""
        if recipe.source is not None and self.folder_info is not None:
            use = RecipeUse.of(recipe, self.folder_info, self.overrides, self.colours)
            edit, self.colours = Edit(use.pipeline, recipe.engine, use.overrides), use.colours
            said = use.sentence
        left = f"Left out are values to try of {', '.join(recipe.sweep)}" if recipe.sweep else ""
        self._tables.note(edit.pipeline or recipe.pipeline, recipe.source)
        self._make(edit, tell=recipe.source is None)
        if said or left:
            self.adapted.emit(". ".join(filter(None, (said, left))))

    def release(self) -> None:
        """Let go of everybody who listens; the session itself stays as it is."""
        data = self.stack_changed, self.stack_grown, self.plan_changed, self.adapted
        for signal in (*data, self.view_changed):
            signal.disconnect()

    @property
    def _present(self) -> Edit:
        return Edit(self.pipeline, self.engine, self.overrides, self.deleted)

    def _make(self, edit: Edit, gesture: object = None, tell: bool = True) -> None:
        """Make an edit that can be undone; what changes nothing is none."""
        edit, before = edit.changing(self._present), self.plan
        if edit != Edit():
            self._history.note(edit.opposite(self._present), edit, gesture)
            self._apply(edit, tell)
            if tell and before and self.plan and (said := self._tables.met_anew(before, self.plan)):
                self.adapted.emit(said)

    def _apply(self, edit: Edit | None, tell: bool = True) -> None:
        """Take over what an edit, or its undoing, brings; ``tell`` of tables of other data."""
        if edit is None:
            return
        before, view = (self.pipeline, self.engine), (self.until, self.deleted)
        pipeline, engine = edit.pipeline or before[0], edit.engine or before[1]
        # All is replaced before anybody is told: nobody computes what never was.
        self.until = until_in(self.until, self.pipeline.steps, pipeline.steps)
        self.deleted = self.deleted if edit.deleted is None else edit.deleted
        self.pipeline, self.engine = pipeline, engine
        if crops_of(pipeline) != crops_of(before[0]):
            self._crops_made_for = None  # the person has seen them on these data
        self._tables.note(pipeline, self.folder_info)
        if engine != before[1]:
            retry_engines()
        overrides, folder_info = edit.overrides or self.overrides, self.folder_info
        if overrides != self.overrides and folder_info is not None:
            if overrides.same_but_for_scan(self.overrides) and self._crops_made_for is None:
                self.overrides, self.stack = overrides, overrides.stack(folder_info)
                self.refresh()
            else:
                self.show(folder_info, overrides)
        elif (pipeline, engine) != before:
            self.refresh()
        if (self.until, self.deleted) != view:
            self.view_changed.emit()
        if tell and (foreign := self._tables.elsewhere(pipeline, self.stack, before[0])):
            self.adapted.emit(foreign)
