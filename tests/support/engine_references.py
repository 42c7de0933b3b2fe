"""Formulas in plain numpy and scipy that engines are held against, and plans to try them on."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from scipy import fft

from napari_lazy_pipeline.image import Scan
from napari_lazy_pipeline.image.scan_geometry import DeskewPlan


def reference(volume, plan, fill):
    """The formula, in plain numpy and double precision after the sample position; not rounded."""
    if plan.skew_axis == "y":
        flipped = DeskewPlan(
            (volume.shape[0], volume.shape[2], volume.shape[1]),
            "x",
            plan.shear,
            plan.width,
            plan.shift,
        )
        return reference(volume.swapaxes(1, 2), flipped, fill).swapaxes(1, 2)
    nz, _, n = volume.shape
    z, o = np.ogrid[:nz, : plan.width]
    position = (o - plan.width / 2 + plan.shift) - plan.shear * (z - nz / 2) + n / 2
    position = position.astype(np.float32)
    covered = (position >= 0) & (position < n - 1)
    left = np.where(covered, np.floor(position), 0).astype(int)
    right = np.minimum(left + 1, n - 1)
    part = (position.astype(float) - left)[:, None]
    rows = np.arange(nz)[:, None, None], np.arange(volume.shape[1])[:, None]
    wide = volume.astype(float)
    value = (1 - part) * wide[(*rows, left[:, None])] + part * wide[(*rows, right[:, None])]
    if volume.dtype == np.uint16:
        fill = min(max(fill, 0), 65535)
    return np.where(covered[:, None], value, fill)


plans = st.builds(
    lambda shape, axis, angle, step, width, shift: DeskewPlan.of(
        shape, (step, 0.1, 0.1), Scan(angle, axis), width, shift
    ),
    shape=st.tuples(*[st.integers(1, 9)] * 3),
    axis=st.sampled_from("xy"),
    angle=st.floats(5, 170) | st.floats(-170, -5),
    step=st.floats(0.02, 0.6),
    width=st.sampled_from([0, 0, 1, 2, 7, 40]),
    shift=st.integers(-6, 6),
)


@st.composite
def ranges(draw):
    """A plan, and planes [start, stop) of it."""
    plan = draw(plans)
    start = draw(st.integers(0, plan.shape[0]))
    return plan, (start, draw(st.integers(start, plan.shape[0])))


def plain_richardson_lucy(image, otf, accelerated, iterations):
    """The iterations as they are written down, on whole volumes."""
    epsilon = np.float32(2**-23)
    estimate, before, changes = image, image, []
    for k in range(iterations):
        prediction = estimate
        if accelerated and k >= 2:
            new, old = (change.astype(float) for change in (changes[-1], changes[-2]))
            step = (new * old).sum() / ((old * old).sum() + epsilon)
            step = np.float32(min(max(step, 0), 1))
            prediction = np.maximum(estimate + step * (estimate - before), 0)
        before = estimate
        blurred = fft.irfftn(fft.rfftn(prediction) * otf, image.shape)
        blurred[blurred == 0] = epsilon
        ratio = np.clip(image / blurred + epsilon, -10, 10)
        correction = fft.irfftn(fft.rfftn(ratio) * otf.conj(), image.shape)
        estimate = np.maximum(prediction * correction, 0)
        changes.append(estimate - prediction)
    return estimate
