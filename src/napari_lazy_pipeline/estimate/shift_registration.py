"""Shift registration: a shift of each channel, from what the channels have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from napari_lazy_pipeline.errors import GeometryError
from napari_lazy_pipeline.estimate._channel_pairs import (
    channels_to_move,
    displacement_text,
    without_hot_pixels,
)
from napari_lazy_pipeline.estimate._estimator import Estimate, Estimator, StackSample
from napari_lazy_pipeline.estimate._phase_correlation import ImageShift, find_shift

# Noise reaches 6 robust spreads.
_CLEAR = 8.0
# Structures that repeat, or go on along an axis, and the few that chance lays on each other, fit
# elsewhere nearly as well.
_AHEAD = 2.0


class ShiftRegistration(Estimator):
    """Estimates a shift of each channel by phase correlation."""

    kind: ClassVar[str] = "register_channels"
    title: ClassVar[str] = "Estimate shift"
    tooltip: ClassVar[str] = (
        "Find the shift of each channel against the reference channel, from structures that both "
        "show (phase correlation of maximum projections); reads the time point on screen"
    )
    order: ClassVar[int] = 10

    def estimate(self, values: Mapping[str, Any], stack: StackSample) -> Estimate:
        names, size = stack.spec.channels, stack.spec.voxel_size
        reference, others = channels_to_move(values, stack.spec)
        views: dict[int, tuple[np.ndarray, ...]] = {}
        for number, c in enumerate((reference, *others)):
            views[c] = projections(stack.read(stack.t, c))
            stack.advance((number + 1) / (len(others) + 1))
        matrices, words = {names[reference]: np.eye(4)[:3].tolist()}, []
        for c in others:
            shift = volume_shift(views[c], views[reference])
            if shift.deviations < _CLEAR or shift.ahead.min() < _AHEAD:
                raise GeometryError(
                    f"Channels {names[c]} and {names[reference]} have too little in common at time "
                    f"point {stack.t} to tell a shift",
                    hint="Estimate where both show the same structures, or from beads",
                )
            matrix = np.eye(4)
            matrix[:3, 3] = shift.distance * size
            matrices[names[c]] = matrix[:3].tolist()
            words.append(f"{names[c]}: {displacement_text(matrix, stack.spec)}")
        basis = f"maximum projections of time point {stack.t}"
        found = {"reference": names[reference], "transform": matrices}
        return Estimate(found, "; ".join(words), basis)


def projections(volume: np.ndarray) -> tuple[np.ndarray, ...]:
    """Brightest values (y, x), (z, x) and (z, y) of a volume, single pixels left out."""
    known = without_hot_pixels(volume)
    return tuple(known.max(axis=axis) for axis in range(3))


def volume_shift(moving: tuple[np.ndarray, ...], reference: tuple[np.ndarray, ...]) -> ImageShift:
    """Shift (z, y, x) [voxel] that lays a volume on another, by the projections of both.

    Along z it is that of the clearer one of the two that show z.
    """
    flat, *sides = (find_shift(a, b) for a, b in zip(moving, reference, strict=True))
    side = max(sides, key=lambda shift: shift.deviations)
    distance = np.array([side.distance[0], *flat.distance])
    ahead = np.array([side.ahead[0], *flat.ahead])
    return ImageShift(distance, min(flat.deviations, side.deviations), ahead)
