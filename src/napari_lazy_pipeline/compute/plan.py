"""Plan: the steps of a pipeline resolved against one stack, once per edit."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from napari_lazy_pipeline.compute.misfit import misfit_of
from napari_lazy_pipeline.compute.stage import Place, Stage
from napari_lazy_pipeline.errors import (
    GeometryError,
    IncompleteError,
    ScanUnknownError,
    StepError,
)
from napari_lazy_pipeline.image import Block, Scan, StackSpec
from napari_lazy_pipeline.image.box import Affine, whole
from napari_lazy_pipeline.steps._base import Step
from napari_lazy_pipeline.steps._scan_step import ScanStep


@dataclass(frozen=True)
class Plan:
    """The steps of a pipeline resolved against one stack.

    Attributes
    ----------
    steps
        All steps of the pipeline.
    raw
        What the raw stack looks like, with the scan geometry that the steps state.
    engine
        Name of the engine.
    stages
        The steps that are on, up to the first that does not fit.
    misfit
        Why that one does not fit; None if all do.
    waiting
        What lacks a value that only a person can state, and is left out for that long.
    cautions
        By the place of a step, why it cannot be right there.
    whole_volumes
        Whether what is not exact on a part of a volume is made of all of it.
    count
        Of how many steps of the pipeline it is the plan; None: of all.
    is_draft
        Whether the steps are quicker ones, that give about the same.
    """

    steps: tuple[Step, ...]
    raw: StackSpec
    engine: str
    stages: tuple[Stage, ...] = ()
    misfit: StepError | None = None
    is_draft: bool = False
    waiting: tuple[StepError, ...] = ()
    cautions: tuple[tuple[int, str], ...] = ()
    whole_volumes: bool = False
    count: int | None = None

    @classmethod
    def of(cls, steps: Sequence[Step], raw: StackSpec, engine: str = "cpu") -> Plan:
        """Resolve steps against a raw stack: no pixels are needed."""
        raw = raw.replace(recorded=raw.volume.scan)
        skewed = raw.volume.frame == "camera"
        stating = _stating_step(steps, raw.recorded)
        stated = scan = None if stating is None else steps[stating].scan()
        # What is stated is the scan along the axes there. Flip and Transpose change it on the way,
        # and bring it back if it passes them twice, or both of them four times.
        for _ in range(4):
            before = raw.replace(scan=(scan or raw.recorded) if skewed else None)
            plan = cls._of(steps, before, stated, engine)
            met = plan._scan_at(stating)
            if met in (None, stated):
                break
            scan = met
        return plan

    @classmethod
    def _of(cls, steps: Sequence[Step], raw: StackSpec, stated: Scan | None, engine: str) -> Plan:
        undoes = any(isinstance(step, ScanStep) and step.enabled for step in steps)
        scan_missing = undoes and raw.volume.scan is None and raw.volume.frame == "camera"
        stages: list[Stage] = []
        waiting: list[StepError] = []
        cautions: list[tuple[int, str]] = []
        misfit: StepError | None = None
        for index, step in enumerate(steps):
            if not step.enabled:
                continue
            before = stages[-1].after if stages else raw
            try:
                if scan_missing and "scan" in step.depends_on:
                    raise ScanUnknownError.of()
                known = before.volume.scan or before.recorded or before.undone or stated
                stage = _stage(index, step.with_scan(known), before)
                caution = stage.step.caution(before)
            except IncompleteError as error:
                waiting.append(misfit_of(error, index, step))
                if not step.keeps_grid:
                    break
            except Exception as error:  # noqa: BLE001 - a step of anybody's must not end the session
                misfit = misfit_of(error, index, step)
                break
            else:
                stages.append(stage)
                cautions += [(index, caution)] if caution else []
        return cls(
            tuple(steps), raw, engine, tuple(stages), misfit, waiting=tuple(waiting),
            cautions=tuple(cautions),
        )  # fmt: skip

    @property
    def after(self) -> StackSpec:
        """Return what the processed stack looks like."""
        return self.spec(len(self.stages))

    def spec(self, count: int) -> StackSpec:
        """Return what the stack looks like after the first ``count`` stages."""
        return self.stages[count - 1].after if count else self.raw

    def spec_before(self, index: int) -> StackSpec | None:
        """Return what the step at a place of the pipeline meets.

        None if one before it does not fit, or if one that moves voxels waits.
        """
        moving = [e for e in self.waiting if not self.steps[e.index].keeps_grid]
        if any(e.index < index for e in [*moving, *([self.misfit] if self.misfit else [])]):
            return None
        return next((s.after for s in reversed(self.stages) if s.index < index), self.raw)

    def result_of(self, index: int) -> StackSpec | None:
        """What the step at a place of the pipeline makes; None if it is off, or does not fit."""
        return next((s.after for s in self.stages if s.index == index), None)

    def until(self, count: int | None) -> Plan:
        """The plan of the first ``count`` steps of the pipeline; None: of all."""
        if count is None:
            return self
        stages = tuple(stage for stage in self.stages if stage.index < count)
        late = self.misfit is not None and self.misfit.index >= count
        return replace(
            self,
            stages=stages,
            misfit=None if late else self.misfit,
            waiting=tuple(error for error in self.waiting if error.index < count),
            cautions=tuple(caution for caution in self.cautions if caution[0] < count),
            count=count,
        )

    def without_waiting(self) -> Plan:
        """The plan of the steps that lack nothing."""
        return replace(self, waiting=())

    def on_whole_volumes(self) -> Plan:
        """The plan in which a part of a result is what it is in the result for everything."""
        if all(stage.step.exact for stage in self.stages):
            return self
        return replace(self, whole_volumes=True)

    @property
    def parts_differ(self) -> bool:
        """Return whether a part of a result differs from that in everything, beyond rounding."""
        steps = [stage.step for stage in self.stages]
        return any(not step.exact and not isinstance(step, ScanStep) for step in steps)

    def grown(self, times: int, steps: tuple[Step, ...]) -> Plan:
        """The plan of these steps for another number of time points."""
        if times == self.raw.times and steps == self.steps:
            return self
        raw = self.raw.replace(times=times, scan=self.raw.recorded)
        grown = Plan.of(steps, raw, self.engine).until(self.count)
        grown = grown.draft() if self.is_draft else grown
        waiting = self.waiting if steps == self.steps else grown.waiting
        return replace(grown, waiting=waiting, whole_volumes=self.whole_volumes)

    def draft(self) -> Plan:
        """The plan of quicker steps, which give about the same: for previews."""
        stages = tuple(_draft_of(stage) for stage in self.stages)
        return replace(self, stages=stages, is_draft=True)

    @property
    def remarks(self) -> dict[int, str]:
        """By the place of a step, what on screen is not exact; the last that cuts says it."""
        remarks, inexact = dict[str, tuple[int, str]](), ""
        for stage in self.stages:
            parts = stage.inputs(Block(0, 0, whole(stage.after.shape)))
            if inexact and any(part.box != whole(stage.before.shape) for part in parts):
                text = (
                    f"On screen, {inexact} works on this part and its surroundings only, which "
                    "differs by up to 1 % of the brightest voxel (accelerated: 3 %). Exports are "
                    "exact"
                )
                remarks[inexact] = stage.index, text
            if not stage.step.exact and not isinstance(stage.step, ScanStep):
                inexact = stage.step.label
        return dict(remarks.values())

    def check(self) -> None:
        """Raise what keeps the steps from being carried out: `StepError`."""
        errors = [*self.waiting, *([self.misfit] if self.misfit else [])]
        if errors:
            raise min(errors, key=lambda error: error.index)

    def _scan_at(self, index: int | None) -> Scan | None:
        """How the planes lie, or lay, along the axes that the step at a place meets."""
        before = next((s.before for s in self.stages if s.index == index), self.raw)
        return None if index is None else before.volume.scan or before.undone

    # ---- what follows from it -------------------------------------------------------------

    @property
    def title(self) -> str:
        """The steps by their tags, as the layer of a graph is called."""
        return "-".join(["read", *(stage.step.kind for stage in self.stages)])

    @cached_property
    def local(self) -> tuple[bool, ...]:
        """For each number of stages, whether planes are made exactly without their volume."""
        states = [True]
        for stage in self.stages:
            states.append(states[-1] and stage.local)
        return tuple(states)

    @cached_property
    def gathers(self) -> bool:
        """Return whether a stage puts together several volumes."""
        return any(
            len(stage.places(0, c)) > 1
            for stage in self.stages
            for c in range(len(stage.after.channels))
        )

    def key(self, count: int, t: int, c: int, identity: Callable[[int, int], Hashable]) -> Hashable:
        """Name a volume after ``count`` stages; ``identity`` names raw ones by their files."""
        if not count:
            return identity(t, c), self.raw.shape, self.raw.dtype
        stage = self.stages[count - 1]
        inputs = tuple(self.key(count - 1, *place, identity) for place in stage.places(t, c))
        return stage.key(t, c), self._how, inputs

    def raw_volumes(self, t: int, c: int) -> set[tuple[int, int]]:
        """Time point and channel of each raw volume that a volume of the result is made from."""
        return self.parts_of([(t, c)], 0)

    def parts_of(self, places: Iterable[Place], count: int) -> set[Place]:
        """Each volume after ``count`` stages that these of the result are made from."""
        needed = set(places)
        for before in reversed(range(count, len(self.stages))):
            spec, places, needed = self.spec(before), needed, set()
            for place in places:
                needed.update(self.stages[before].places(*place))
                if len(needed) == spec.times * len(spec.channels):
                    break
        return needed

    def origin(self, t: int, c: int, count: int = 0) -> Place:
        """The volume after ``count`` stages that a volume of the result shows: of 0, a raw one."""
        for stage in reversed(self.stages[count:]):
            t, c = stage.origin(t, c)
        return t, c

    @cached_property
    def recorded_times(self) -> range:
        """The recorded time points that those of the result show: steps leave others out."""
        first, _ = self.origin(0, 0)
        step = max(self.origin(1, 0)[0] - first, 1) if self.after.times > 1 else 1
        return range(first, first + self.after.times * step, step)

    def time_point(self, recorded: int) -> int:
        """The time point of the result that shows a recorded one, or else the last before it."""
        times = self.recorded_times
        return min(max((recorded - times.start) // times.step, 0), len(times) - 1)

    def work(self, count: int | None = None) -> Hashable:
        """Name what is done to each volume, whichever volumes there are."""
        return tuple(stage.keys for stage in self.stages[:count]), self._how

    @property
    def _how(self) -> Hashable:
        """Return where, and of how much at a time, volumes are made."""
        return (self.engine, "whole volumes") if self.whole_volumes else self.engine

    def timing_key(self, count: int) -> Hashable:
        """Name what the time of a stage depends on; of stage 0, of reading a volume."""
        if not count:
            return "read", self.raw.shape, self.raw.dtype
        stage = self.stages[count - 1]
        return stage.keys, stage.before.shape, stage.before.dtype, self.engine

    @cached_property
    def token(self) -> str:
        """The same as a text; equal in every process."""
        return hashlib.blake2b(repr(self.work()).encode(), digest_size=12).hexdigest()

    def world(self, c: int = 0) -> Affine:
        """Transform (4, 4) from raw positions (z, y, x) to those in the result; in um."""
        transform = np.eye(4)
        for stage in reversed(self.stages):
            transform = transform @ stage.steps[c].world(stage.before, c)
            _, c = stage.origin(0, c)
        return transform


def _stage(index: int, step: Step, before: StackSpec) -> Stage:
    after = step.output(before)
    if isinstance(step, ScanStep):
        after = after.replace(undone=before.undone or step.scan())
    steps = tuple(step.for_channel(name) for name in after.channels)
    for one in steps:
        one.require(before)
    keys = tuple(one.key(before) for one in steps)
    states = tuple(one.file_states() for one in steps)
    stage = Stage(index, step, before, after, steps, keys, states)
    for c in range(len(after.channels)):
        for t in {0, after.times - 1}:
            _check_inputs(stage, Block(t, c, whole(after.shape)))
    return stage


def _check_inputs(stage: Stage, wanted: Block) -> None:
    """Refuse a step that needs what is not there."""
    before = stage.before
    for block in stage.inputs(wanted):
        inside = all(0 <= a < b <= n for (a, b), n in zip(block.box, before.shape, strict=True))
        if not (inside and 0 <= block.t < before.times and 0 <= block.c < len(before.channels)):
            raise GeometryError(
                f"For {wanted}, it needs {block} of a stack of {before.times} time points, "
                f"{len(before.channels)} channels and {before.shape} voxels"
            )


def _draft_of(stage: Stage) -> Stage:
    steps = tuple(step.draft() for step in stage.steps)
    keys = tuple(step.key(stage.before) for step in steps)
    return replace(stage, step=stage.step.draft(), steps=steps, keys=keys)


def _stating_step(steps: Sequence[Step], of_data: Scan | None) -> int | None:
    """Which step states how the raw planes lie: the first that undoes it, before the data; or any.

    None: the data state it, or nothing does.
    """
    on = [index for index, step in enumerate(steps) if step.enabled]
    undoing = [index for index in on if isinstance(steps[index], ScanStep)]
    asked = undoing[:1] if of_data else [*undoing[:1], *on]
    return next((index for index in asked if steps[index].scan()), None)
