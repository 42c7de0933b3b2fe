"""Session: the only mutable state; every edit replaces a frozen value and raises one signal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args

from psygnal import Signal

from napari_lazy_pipeline.compute import ComputeLog, Pipeline, PipelineSource, Plan, StageCache
from napari_lazy_pipeline.engines import engine_names, get_engine
from napari_lazy_pipeline.image import Scan, Stack
from napari_lazy_pipeline.io import FolderInfo, MetadataOverrides, inspect_folder
from napari_lazy_pipeline.io.files.file_source import FileSource
from napari_lazy_pipeline.io.files.identity_cache import IdentityCache
from napari_lazy_pipeline.io.metadata_overrides import OF_SCAN
from napari_lazy_pipeline.session.default_pipeline import default_pipeline
from napari_lazy_pipeline.session.history import Edit, History, until_in
from napari_lazy_pipeline.session.recipe import Recipe
from napari_lazy_pipeline.session.recipe_source import Source
from napari_lazy_pipeline.steps._base import Step
from napari_lazy_pipeline.steps.function import try_at_once

Quality = Literal["auto", "full"]


class Session:
    """What is open, how it is processed, and where.

    Attributes
    ----------
    stack
        The raw data; None before a folder is opened.
    overrides
        What the person stated about them, over what the files say.
    colours
        Names of the colormaps that a person chose, one a channel; empty: the usual ones.
    pipeline
        The steps.
    engine
        Name of the engine.
    plan
        The steps resolved against the stack, once per edit; None before a folder is opened.
    cache
        Results of all stages.
    compute_log
        What was read and computed so far.
    deleted
        Channels whose layers the person deleted.
    until
        Number of steps whose result is shown: None for all, 0 for the raw data.
    quality
        "auto": while something moves, a preview may stand in for the result; "full": never.
    trials_elsewhere
        Whether somebody else tries what functions make, and calls `refresh` then.

    Signals
    -------
    stack_changed(Stack)
        Other data are open, or other values are stated about them; ``plan_changed`` follows.
    stack_grown(Callable or None)
        More volumes of the same data are there. The callable gives the new number of an old time
        point; None if the numbers are the same.
    plan_changed(Plan or None)
        Steps, engine or data are others: what follows from that for each step.
    view_changed()
        Another part of the steps is shown, or other channels, or in another way.
    """

    stack_changed = Signal(object)
    stack_grown = Signal(object)
    plan_changed = Signal(object)
    view_changed = Signal()

    def __init__(self, cache: StageCache | None = None) -> None:
        self.stack: Stack | None = None
        self.folder_info: FolderInfo | None = None
        self.overrides = MetadataOverrides()
        self.colours: tuple[str, ...] = ()
        self.pipeline = default_pipeline()
        self.engine = "cpu"
        self.plan: Plan | None = None
        self.cache = cache or StageCache()
        self.compute_log = ComputeLog()
        self.deleted: frozenset[int] = frozenset()
        self.until: int | None = None
        self.quality: Quality = "auto"
        self.trials_elsewhere = False
        self._raw: IdentityCache | None = None
        self._history = History()

    def open(self, folder: str | Path, pattern: str | None = None) -> None:
        """Open a folder of raw files; no pixel is read.

        Raises
        ------
        FolderError, PatternError, FileError
            If that is not possible; what was open stays open.
        """
        self.show(inspect_folder(folder, pattern))

    def show(
        self,
        folder_info: FolderInfo,
        overrides: MetadataOverrides | None = None,
        colours: tuple[str, ...] | None = None,
    ) -> None:
        """Make what a folder holds the data of this session.

        Stated metadata and colours that are not given stay as they were for the same folder.
        """
        same = self.folder_info is not None and self.folder_info.folder == folder_info.folder
        if overrides is None:
            overrides = self.overrides if same else MetadataOverrides()
        overrides = overrides.fitting(folder_info)
        self.stack, self.overrides = overrides.stack(folder_info), overrides
        self.folder_info = folder_info
        if not same:
            self._history.forget_overrides()
        if colours is not None or not same:
            self.colours = colours or ()
        self.compute_log.clear()
        self._raw = IdentityCache(self.stack.source)
        self._resolve()
        self.stack_changed.emit(self.stack)
        self.plan_changed.emit(self.plan)

    def grow(self, source: FileSource, shifted: bool = False) -> None:
        """Take over what is there now of the same files; nothing that was made is made again.

        The files have the folder, shape and channels of those that are open; ``shifted`` says
        whether time points have other numbers than before.
        """
        if self.stack is None or self.folder_info is None:
            raise RuntimeError("no stack is open")
        before, raw = self.folder_info.source, self.raw
        self.folder_info = replace(self.folder_info, source=source)
        self.stack = replace(self.stack, source=source.with_spec(self.stack.spec))
        move = before.moved_to(source) if shifted else None
        if move is not None:
            self._raw = raw.moved(self.stack.source, move)
            self.compute_log.clear()
        else:
            raw.grow(self.stack.source, _same(before, source))
        if self.plan is not None:
            self.plan = self.plan.grown(self.stack.source.sizes[0])
        self.stack_grown.emit(move)

    def state(self, gesture: object = None, **values: Any) -> None:
        """State values of the raw data, as named in `MetadataOverrides`; None: as the files say.

        What is stated of the scan goes to the steps that undo it, too; one undo takes both back.
        A `FolderError` if a value cannot be.
        """
        if self.folder_info is None:
            return
        overrides = replace(self.overrides, **values).fitting(self.folder_info)
        if overrides == self.overrides:
            return
        overrides.stack(self.folder_info)  # what cannot be is refused before anything changes
        of_scan = bool(values.keys() & set(OF_SCAN))
        scan = overrides.scan(self.folder_info) or self.folder_info.scan
        pipeline = self._with_scan(values, scan) if of_scan else None
        self._make(Edit(pipeline, overrides=overrides), gesture)

    def _with_scan(self, values: dict[str, Any], scan: Scan | None) -> Pipeline:
        """The steps, with all that undo a scan agreeing about it."""
        stated = {name: values[name] for name in OF_SCAN if name in values}
        for name in [name for name, value in stated.items() if value is None]:
            stated[name] = getattr(scan, name, None)
        stated = {name: value for name, value in stated.items() if value is not None}
        steps = (
            step.replace(**stated) if stated and step.scan() is not None else step
            for step in self.pipeline.steps
        )
        return Pipeline(steps)

    @property
    def scan(self) -> Scan | None:
        """How the raw planes lie, as the steps take it; None if neither they nor the data say."""
        return self.plan.raw.volume.scan if self.plan else None

    def set_pipeline(self, pipeline: Pipeline, gesture: object = None) -> None:
        """Replace the steps, as an edit; see `History.note` for the gesture it is part of."""
        if pipeline != self.pipeline:
            self._make(Edit(pipeline), gesture)

    def replace_step(self, index: int, step: Step, gesture: object = None) -> None:
        """Replace one step; see `set_pipeline`."""
        self.set_pipeline(self.pipeline.replace_step(index, step), gesture)

    def delete_layers(self, channels: frozenset[int]) -> None:
        """Want no layers of these channels, but of all others; layers in a row are one edit."""
        if channels != self.deleted:
            self._make(Edit(deleted=channels), gesture="layers")

    def undo(self) -> None:
        """Go back to what was before the last edit."""
        self._apply(self._history.undo(self._present))

    def redo(self) -> None:
        """Take the last undo back."""
        self._apply(self._history.redo(self._present))

    @property
    def can_undo(self) -> bool:
        """Whether there is an edit to undo."""
        return bool(self._history.past)

    @property
    def can_redo(self) -> bool:
        """Whether there is an undo to take back."""
        return bool(self._history.future)

    def set_engine(self, name: str) -> None:
        """Choose where to compute; an engine that failed before is given another chance."""
        if name != self.engine:
            _retry_engines()
            self.engine = name
            self._resolve()
            self.plan_changed.emit(self.plan)

    def show_until(self, count: int | None) -> None:
        """Show the result of the first ``count`` steps; None: of all, 0: the raw data."""
        if count is not None:
            count = min(max(count, 0), len(self.pipeline.steps))
        if count != self.until:
            self.until = count
            self.view_changed.emit()

    def set_quality(self, name: Quality) -> None:
        """Choose whether a quick look may stand in while something moves: "auto" or "full"."""
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

        A `StepError` if a step does not fit the volumes.
        """
        if self.plan is None:
            raise RuntimeError("no stack is open")
        return PipelineSource(
            self.raw, self.plan.until(self.until), self.cache, True, self.compute_log
        )

    def raw_source(self) -> PipelineSource:
        """Make the raw volumes through the cache, blank if that fails."""
        raw = self.raw
        assert self.stack is not None
        return PipelineSource(raw, Plan.of((), self.stack.stack_spec), self.cache, True)

    def refresh(self) -> None:
        """Resolve the steps anew: a file that they name was changed, or code was allowed."""
        self._resolve()
        self.plan_changed.emit(self.plan)

    def _resolve(self) -> None:
        if self.stack is not None:
            before = try_at_once.set(not self.trials_elsewhere)
            try:
                self.plan = self.pipeline.plan(self.stack.stack_spec, self.engine)
            finally:
                try_at_once.reset(before)

    def recipe(self) -> Recipe:
        """All that is needed to get here again."""
        stack = self.stack
        return Recipe(
            source=Source.of(stack, self.overrides, self.colours) if stack is not None else None,
            pipeline=self.pipeline,
            engine=self.engine,
        )

    def load(self, recipe: Recipe) -> None:
        """Take over the steps and the engine of a recipe; one undo takes both back."""
        edit = Edit(recipe.pipeline, recipe.engine)
        if edit != edit.opposite(self._present):
            self._make(edit)

    def release(self) -> None:
        """Let go of everybody who listens; the session itself stays as it is."""
        for signal in (self.stack_changed, self.stack_grown, self.plan_changed):
            signal.disconnect()
        self.view_changed.disconnect()

    @property
    def _present(self) -> Edit:
        return Edit(self.pipeline, self.engine, self.overrides, self.deleted)

    def _make(self, edit: Edit, gesture: object = None) -> None:
        """Make an edit that can be undone."""
        self._history.note(edit.opposite(self._present), edit, gesture)
        self._apply(edit)

    def _apply(self, edit: Edit | None) -> None:
        """Take over what an edit, or its undoing, brings."""
        if edit is None:
            return
        before = self.pipeline, self.engine
        pipeline, engine = edit.pipeline or self.pipeline, edit.engine or self.engine
        # All is replaced before anybody is told: nobody computes what never was.
        until, self.until = self.until, until_in(self.until, self.pipeline.steps, pipeline.steps)
        deleted, self.deleted = self.deleted, self.deleted if edit.deleted is None else edit.deleted
        self.pipeline, self.engine = pipeline, engine
        if engine != before[1]:
            _retry_engines()
        other_values = edit.overrides is not None and edit.overrides != self.overrides
        if other_values and self.folder_info is not None:
            self.show(self.folder_info, edit.overrides)
        elif (pipeline, engine) != before:
            self.refresh()
        if (self.until, self.deleted) != (until, deleted):
            self.view_changed.emit()


def _retry_engines() -> None:
    """Let engines that failed before try again."""
    for name in engine_names():
        fallback = getattr(get_engine(name), "fallback", None)
        if fallback is not None:
            fallback.forget()


def _same(before: FileSource, now: FileSource) -> Callable[[int, int], bool]:
    """Tell whether place (t, c) holds the files that it held before."""

    def same(t: int, c: int) -> bool:
        in_both = t < min(before.sizes[0], now.sizes[0])
        return in_both and before.paths(t, c) == now.paths(t, c)

    return same
