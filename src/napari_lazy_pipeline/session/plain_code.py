"""Plain code: a step as a few lines of numpy and scipy that make the same pixels of a volume."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from napari_lazy_pipeline.image import StackSpec
from napari_lazy_pipeline.image.scan_geometry import DeskewPlan
from napari_lazy_pipeline.steps import Step
from napari_lazy_pipeline.steps._ends import resolved
from napari_lazy_pipeline.steps._scan_step import movable
from napari_lazy_pipeline.steps.bin import Bin
from napari_lazy_pipeline.steps.convert import Convert
from napari_lazy_pipeline.steps.crop import Crop
from napari_lazy_pipeline.steps.deskew import Deskew
from napari_lazy_pipeline.steps.filter import END, Filter
from napari_lazy_pipeline.steps.flip import Flip
from napari_lazy_pipeline.steps.function import Function
from napari_lazy_pipeline.steps.project import Project
from napari_lazy_pipeline.steps.subtract_background import SubtractBackground
from napari_lazy_pipeline.steps.transpose import Transpose

_DESKEW = """\
volume = volume.swapaxes(2, {axis})  # planes are displaced along the last axis
planes, lines, n = volume.shape
o = np.arange({width})
result = np.full((planes, lines, {width}), {fill}, volume.dtype)
for k, plane in enumerate(volume):
    place = (o - {width} / 2 + {shift}) - {shear!r} * (k - planes / 2) + n / 2
    place = place.astype(np.float32)
    inside = (place >= 0) & (place < n - 1)
    i = place[inside].astype(int)
    w = place[inside] - i.astype(np.float32)
    left, right = plane[:, i], plane[:, i + 1]
    mixed = (np.float32(1) - w).astype(float) * left + w * right.astype(np.float32)
    result[k][:, inside] = mixed.astype(np.float32) + np.float32({half})
volume = result.swapaxes(2, {axis})"""


def plain_code(step: Step, before: StackSpec) -> str:
    """Lines that make ``volume`` (z, y, x) of what it was; empty: a few lines would not do.

    Parameters
    ----------
    step
        With the values of one channel.
    before
        What it is given.
    """
    write = _WRITERS.get(type(step))
    return write(step, before) if write is not None else ""


def function_code(step: Function, call: str, after: StackSpec) -> str:
    """Lines that make ``volume`` what a person's function returns."""
    line = f"volume = np.array({call})"
    return f"{line}\n{_typed(after.dtype)}" if step.dtype else line


def _subtract_background(step: SubtractBackground, before: StackSpec) -> str:
    kind = np.dtype(before.dtype)
    if kind.kind == "u":
        value = f"np.{kind.name}({min(round(step.value), np.iinfo(kind).max)})"
        return f"volume = np.maximum(volume, {value}) - {value}"
    if kind.kind == "f":
        return f"volume = np.maximum(volume - np.{kind.name}({step.value!r}), 0)"
    return ""


def _crop(step: Crop, before: StackSpec) -> str:
    cuts = ", ".join(f"{start}:{stop}" for start, stop in step.box(before.shape))
    return f"volume = volume[{cuts}]"


def _deskew(step: Deskew, before: StackSpec) -> str:
    scan = step.scan()
    if scan is None or before.dtype not in ("uint8", "uint16", "float32"):
        return ""
    if step.fill != round(step.fill) or not 0 <= step.fill < 256 or step.rounding != "nearest":
        return ""
    plan = DeskewPlan.of(before.shape, before.voxel_size, scan, step.width, step.shift)
    dtype = movable(before.dtype)
    code = _DESKEW.format(
        axis=scan.axis, width=plan.width, shift=plan.shift, shear=plan.shear,
        fill=round(step.fill), half=0.0 if dtype == "float32" else 0.5,
    )  # fmt: skip
    return code if dtype == before.dtype else f"volume = volume.astype(np.{dtype})\n{code}"


def _filter(step: Filter, before: StackSpec) -> str:
    size = tuple(2 * radius + 1 for radius in step.radius)
    if step.method == "median":
        return f'volume = ndimage.median_filter(volume, {size}, mode="nearest")'
    if step.method == "top_hat":
        return (
            f'opened = ndimage.minimum_filter(volume, {size}, mode="nearest")\n'
            f'volume = volume - ndimage.maximum_filter(opened, {size}, mode="nearest")'
        )
    pairs = zip(step.sigma, before.voxel_size, strict=True)
    sigmas = [sigma / voxel for sigma, voxel in pairs]
    call = f'ndimage.gaussian_filter(volume, {{}}, truncate={END}, mode="nearest")'
    lines = ["volume = volume.astype(np.float32)"]
    if step.method == "difference":
        wide = [step.ratio * sigma for sigma in sigmas]
        lines.append(f"volume = {call.format(sigmas)} - {call.format(wide)}")
    else:
        lines.append(f"volume = {call.format(sigmas)}")
    return "\n".join(lines)


def _bin(step: Bin, before: StackSpec) -> str:
    if np.dtype(before.dtype).kind != "u":
        return ""
    whole = [n // factor * factor for n, factor in zip(before.shape, step.factors, strict=True)]
    cuts = ", ".join(f":{n}" for n in whole)
    split = ", ".join(f"{n // f}, {f}" for n, f in zip(whole, step.factors, strict=True))
    after = step.output(before).dtype
    lines = [f"volume = volume[{cuts}].reshape({split})"]
    if step.method == "sum":
        lines.append(f"volume = volume.sum(axis=(1, 3, 5), dtype=np.{after})")
    else:
        lines += [
            "volume = volume.sum(axis=(1, 3, 5), dtype=np.uint64)",
            f"volume = np.rint(volume / {np.prod(step.factors)}).astype(np.{after})",
        ]
    return "\n".join(lines)


def _project(step: Project, before: StackSpec) -> str:
    axis, after = "zyx".index(step.axis), step.output(before).dtype
    start, stop = resolved(step.range, before.shape[axis], "projection", step.axis)
    cut = f"volume = volume.take(range({start}, {stop}), axis={axis})\n"
    if step.method == "max":
        return f"{cut}volume = np.fmax.reduce(volume, axis={axis}, keepdims=True)"
    if np.dtype(before.dtype).kind != "u" or step.method == "std":
        return ""
    total = f"volume.sum(axis={axis}, keepdims=True, dtype=np.int64)"
    share = f" / {stop - start}" if step.method == "mean" else ""
    return f"{cut}volume = ({total}{share}).astype(np.{after})"


def _flip(step: Flip, before: StackSpec) -> str:
    axes = tuple(number for number, axis in enumerate("zyx") if getattr(step, axis))
    return f"volume = np.flip(volume, {axes})"


def _transpose(step: Transpose, before: StackSpec) -> str:
    return f"volume = volume.transpose({tuple(map('zyx'.index, step.order_of_axes))})"


def _convert(step: Convert, before: StackSpec) -> str:
    final = np.dtype(step.dtype)
    lines = []
    if step.scaled:
        low, high = step.scale
        highest = 1.0 if final.kind == "f" else float(np.iinfo(final).max)
        lines.append(f"volume = (volume.astype(float) - {low!r}) * {highest!r} / {high - low!r}")
    return "\n".join([*lines, _typed(step.dtype)])


def _typed(dtype: str) -> str:
    """Lines that change the type of numbers as `convert` does."""
    final = np.dtype(dtype)
    if final.kind == "b":
        return "volume = volume > 0.5"
    if final.kind == "f":
        return f"volume = volume.astype(np.{final.name})"
    limits = np.iinfo(final)
    return (
        "volume = np.where(np.isnan(volume), 0, volume)\n"
        f"volume = np.clip(np.rint(volume), {limits.min}, {limits.max}).astype(np.{final.name})"
    )


_WRITERS: dict[type[Step], Callable[..., str]] = {
    SubtractBackground: _subtract_background,
    Crop: _crop,
    Deskew: _deskew,
    Filter: _filter,
    Bin: _bin,
    Project: _project,
    Flip: _flip,
    Transpose: _transpose,
    Convert: _convert,
}
