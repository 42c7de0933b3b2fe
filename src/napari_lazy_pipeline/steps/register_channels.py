"""Register channels: moves each channel onto a reference channel."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Annotated, ClassVar, Self

import numpy as np
from pydantic import Field

from napari_lazy_pipeline.errors import GeometryError
from napari_lazy_pipeline.image import Block, StackSpec
from napari_lazy_pipeline.image.box import Affine
from napari_lazy_pipeline.image.resampling import Interpolation, Resampling
from napari_lazy_pipeline.steps._base import Context, Step
from napari_lazy_pipeline.steps._channel_transforms import Reference, TransformKind, Transforms
from napari_lazy_pipeline.steps._per_channel import ChannelValues, channel_value
from napari_lazy_pipeline.steps._resampling_fields import IDENTITY, Fill, Matrix


class RegisterChannels(Step):
    """Move each channel by an affine transform of its own; the reference channel stays.

    Where no reference is named, the first channel stays, unless it has a transform of its own. A
    reference that was left out before is not needed if all other channels have one.

    A transform maps positions (z, y, x) in a channel to those of the same things in the reference
    channel, both in um as napari shows them: from the centre of the first voxel recorded, whatever
    is cropped before or after.

    Examples
    --------
    >>> from napari_lazy_pipeline import VolumeSpec
    >>> moved = ((1, 0, 0, 0.2), (0, 1, 0, -0.13), (0, 0, 1, 0.05))
    >>> step = RegisterChannels(reference="488", transform={"560": moved})
    >>> spec = StackSpec(VolumeSpec((8, 24, 30), voxel_size=(0.2, 0.1, 0.1)), 1, ("488", "560"))
    >>> step.for_channel("560").world(spec, 1)[:3, 3].tolist()
    [0.2, -0.13, 0.05]
    """

    title: ClassVar[str] = "Register channels"
    summary: ClassVar[str] = "Move channels onto a reference channel"
    group: ClassVar[str] = "Geometry"
    order: ClassVar[int] = 30
    depends_on: ClassVar[frozenset[str]] = frozenset({"c"})
    keeps_grid: ClassVar[bool] = True

    reference: Reference = ""
    transform: Transforms = IDENTITY
    model: TransformKind = "similarity"
    interpolation: Annotated[
        Interpolation,
        Field(
            title="Interpolation",
            description="Linear makes the noise of a moved channel weaker and fine detail dimmer: "
            "halfway between voxels, noise is down to a third. Cubic keeps more of both and takes "
            "longer. A shift by whole voxels changes no value.",
        ),
    ] = "linear"
    fill: Fill = 0.0
    _own: bool = False  # of the step of one channel: it is moved, though it may be the first

    def brief(self) -> str:
        return f"onto {self.reference or 'the first'}" if self._moves else "not set"

    def output(self, before: StackSpec) -> StackSpec:
        names, stated = before.channels, self._stated
        if self.reference not in ("", *names) and not stated.keys() >= set(names):
            what = f"There is no channel {self.reference} to register to"
            raise GeometryError(what, hint=f"Choose one of: {', '.join(names)}")
        for name in () if self.reference else names[1:]:
            super().for_channel(name)  # refuses one without a transform
        # Transforms are in um: a voxel size that is unknown is asked for.
        return before.replace(camera=None) if self._moves and before.voxel_size else before

    def caution(self, before: StackSpec) -> str:
        names, moved = before.channels, self._stated.get(self.reference, IDENTITY) != IDENTITY
        if len(names) == 1 and (self.for_channel(names[0]).world(before, 0) == np.eye(4)).all():
            return "There is one channel only: nothing can be registered to it"
        if not self._moves:
            return "No channel is moved yet: state a transform, read one from a file, or estimate"
        if moved and self.reference in names:
            return f"Channel {self.reference} stays as the reference: its transform is not used"
        for c, name in enumerate(names):
            if (how := self.for_channel(name)._resampling(before, c)) and how.is_beside:
                return f"The transform moves all of channel {name} out of the volume"
        if not self.reference and not self._stated:
            return f"No reference is named: {names[0]} stays, and what comes after it is moved"
        return ""

    def for_channel(self, name: str) -> Self:
        """The step with the transform of one channel; that of the reference changes nothing."""
        first = not self.reference and channel_value(self.transform, name) is None
        if name == self.reference or first:
            return self.model_copy(update={"transform": IDENTITY})
        one = super().for_channel(name)
        if not self.reference and self._stated:
            one._own = True
        return one

    def onto(self, names: Sequence[str]) -> str:
        """Name of the channel that these are moved onto; empty: it is not known."""
        if self.reference or names[0] not in self._stated:
            return self.reference or names[0]
        return next((name for name, value in self._stated.items() if value == IDENTITY), "")

    def key(self, before: StackSpec) -> Hashable:
        """What is looked for in an estimate changes no voxel."""
        key = Step.key(self.model_copy(update={"model": "similarity"}), before)
        return (key, "own") if self._own else key

    def world(self, before: StackSpec, c: int) -> Affine:
        """Positions in a channel become those in the reference channel."""
        names = before.channels
        stays = not self._own and names[c] == self.onto(names)
        return np.vstack([IDENTITY if stays else self.transform, (0, 0, 0, 1)])

    def interpolates(self, before: StackSpec, c: int) -> tuple[Interpolation, float] | None:
        how = self._resampling(before, c)
        return None if how is None or how.whole_shift else (self.interpolation, self.fill)

    def inputs(self, wanted: Block, before: StackSpec) -> tuple[Block, ...]:
        how = self._resampling(before, wanted.c)
        return (wanted if how is None else wanted.replace(box=how.box_before(wanted.box)),)

    def run(self, parts: tuple[np.ndarray, ...], at: Context) -> np.ndarray:
        from napari_lazy_pipeline.engines.cpu.cpu_engine import cpu_engine

        if (how := self._resampling(at.before, at.wanted.c)) is None:
            return parts[0]
        return cpu_engine().resample(parts[0], at.given[0].box, at.wanted.box, how, at.after.dtype)

    def draft(self) -> RegisterChannels:
        return self.model_copy(update={"interpolation": "linear"})

    @property
    def _moves(self) -> bool:
        return any(value != IDENTITY for value in self._stated.values() or (self.transform,))

    @property
    def _stated(self) -> ChannelValues[Matrix]:
        """Transforms by the names of channels; none where all channels have the same."""
        values: object = self.transform
        return values if isinstance(values, ChannelValues) else ChannelValues()

    def _resampling(self, before: StackSpec, c: int) -> Resampling | None:
        """How a channel is made; None for one that stays as it is, bit for bit."""
        grid, world = before.volume, self.world(before, c)
        how = Resampling(grid, grid, world, self.interpolation, self.fill)
        return None if (world == np.eye(4)).all() else how
