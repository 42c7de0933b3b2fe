"""Bead registration: transforms between channels, from beads that all of them show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from napari_lazy_pipeline.errors import GeometryError
from napari_lazy_pipeline.estimate._bead_finder import find_beads
from napari_lazy_pipeline.estimate._channel_pairs import (
    channels_to_move,
    displacement_text,
    without_hot_pixels,
)
from napari_lazy_pipeline.estimate._estimator import Estimate, Estimator, StackSample
from napari_lazy_pipeline.estimate._point_fit import SAMPLE, Model, PointMatch, match_points

FEWEST = 4
# Part of the beads of a channel, at least, that must have a counterpart: chance finds some.
_SHARE = 0.5
_REACH = 0.2  # um; how far counterparts may be apart once moved, or a voxel if that is longer
_FLAT = 0.2  # um; beads that spread by less than this lie in one plane, tilted or not


class BeadRegistration(Estimator):
    """Estimates the transform of each channel from beads."""

    kind: ClassVar[str] = "register_channels"
    title: ClassVar[str] = "Estimate from beads"
    tooltip: ClassVar[str] = (
        "Find bright spots in every channel, and the transform, of the kind chosen above, that "
        "lays most of them on those of the reference channel; reads the time point on screen"
    )
    order: ClassVar[int] = 20

    def estimate(self, values: Mapping[str, Any], stack: StackSample) -> Estimate:
        model: Model = values.get("model", "similarity")
        reference, others = channels_to_move(values, stack.spec)
        beads: dict[int, np.ndarray] = {}
        for number, c in enumerate((reference, *others)):
            beads[c] = self._beads(stack, c)
            stack.advance((number + 1) / (len(others) + 1))
        names = stack.spec.channels
        matrices, words = {names[reference]: np.eye(4)[:3].tolist()}, []
        for c in others:
            match = self._match(stack, beads, reference, c, model)
            name = names[c]
            matrices[name] = match.matrix[:3].tolist()
            words.append(
                f"{name}: {len(match.pairs)} of {len(beads[c])} beads agree to "
                f"{match.distance:.3f} um rms, {displacement_text(match.matrix, stack.spec)}"
            )
        found = {"reference": names[reference], "transform": matrices}
        return Estimate(found, "; ".join(words), f"time point {stack.t}, whole volumes")

    def _beads(self, stack: StackSample, c: int) -> np.ndarray:
        spec = stack.spec
        volume = without_hot_pixels(stack.read(stack.t, c))
        found = find_beads(volume, spec.voxel_size) + spec.volume.translate
        if len(found) < FEWEST:
            raise GeometryError(
                f"{len(found) or 'No'} bead{'' if len(found) == 1 else 's'} found at "
                f"{spec.place(stack.t, c)}",
                hint=f"At least {FEWEST} are needed: record separate beads, or estimate a shift",
            )
        return found

    def _match(
        self, stack: StackSample, beads: Mapping[int, np.ndarray], to: int, c: int, model: Model
    ) -> PointMatch:
        names, reach = stack.spec.channels, max(_REACH, *stack.spec.voxel_size)
        match = match_points(beads[c], beads[to], model, reach)
        fewest = max(FEWEST, SAMPLE[model] + 1, _SHARE * min(len(beads[c]), len(beads[to])))
        if match is None or len(match.pairs) < fewest:
            raise GeometryError(
                f"Too few of the {len(beads[c])} beads of channel {names[c]} have a counterpart "
                f"among the {len(beads[to])} of {names[to]}",
                hint="Check that both show the same beads at this time point",
            )
        if model == "affine" and _depth(beads[c][match.pairs[:, 0]]) < _FLAT:
            raise GeometryError(
                "The beads lie in one plane, which leaves an affine transform open",
                hint="Choose similarity, or record beads at several depths",
            )
        return match


def _depth(points: np.ndarray) -> float:
    """Standard deviation of points (n, 3) across the plane that fits them best."""
    singular = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    return float(singular[-1] / np.sqrt(len(points)))
