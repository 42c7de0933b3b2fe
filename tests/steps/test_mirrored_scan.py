"""Flip and Transpose about Deskew and Rotate: the coverslip is flat, whatever stands between."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from napari_lazy_pipeline import Pipeline, Stack, VolumeSpec
from napari_lazy_pipeline.compute import Plan
from napari_lazy_pipeline.image import Scan, StackSpec
from napari_lazy_pipeline.steps import Deskew, Flip, Rotate, Transpose

SIZE = (0.3, 0.1, 0.1)
X, Y, Z, TURNED = Flip(x=True), Flip(y=True), Flip(z=True), Transpose()
MOVES: list[list[Any]] = [
    [X], [Y], [Z], [Flip(x=True, z=True)], [X, Z], [Z, X], [X, X], [TURNED], [X, TURNED],
    [TURNED, X], [Z, TURNED, Y],
]  # fmt: skip
EVERY_MOVE = pytest.mark.parametrize("moves", MOVES, ids=lambda moves: _name(moves))
EVERY_SCAN = pytest.mark.parametrize(
    "scan",
    [
        Scan(31.5),
        Scan(-31.5, "y"),
        Scan(147.55, "x", "perpendicular"),
        Scan(-120, "y", "perpendicular"),
    ],
    ids=lambda scan: f"{scan.angle}{scan.skew_axis}",
)


def _name(moves: list[Any]) -> str:
    return "-".join(
        "".join(axis for axis in "xyz" if getattr(move, axis, False)) or "transpose"
        for move in moves
    )


def stack_of(scan: Scan, stated: bool = True) -> Stack:
    """A coverslip, which every plane crosses in its middle, and a bead in a corner."""
    volume = np.zeros((16, 24, 24), "float32")
    along = volume if scan.skew_axis == "x" else volume.swapaxes(1, 2)
    along[..., 11:14] = [50, 100, 50]
    volume[4, 5:8, 3:6] = 30
    stack = Stack.from_array(volume, SIZE)
    spec = stack.spec.replace(scan=scan if stated else None)
    return replace(stack, source=replace(stack.source, spec=spec))


def moved(volume: np.ndarray, moves: list[Any]) -> np.ndarray:
    """What the moves make of a volume, by numpy."""
    for move in moves:
        if isinstance(move, Transpose):
            volume = volume.swapaxes(1, 2)
        else:
            axes = [number for number, axis in enumerate("zyx") if getattr(move, axis)]
            volume = np.flip(volume, axes)
    return volume


def result(stack: Stack, *steps: Any) -> np.ndarray:
    """The processed volume; no step says that anything is wrong."""
    plan = Plan.of(steps, stack.stack_spec)
    plan.check()
    assert not plan.cautions
    return Pipeline(steps).apply(stack).volume()


def planes_of_coverslip(volume: np.ndarray) -> int:
    return int((volume.max((1, 2)) > 30).sum())


@EVERY_SCAN
@EVERY_MOVE
@pytest.mark.parametrize("stated", [True, False], ids=["data", "step"])
def test_what_is_moved_between_is_turned_the_same(
    scan: Scan, moves: list[Any], stated: bool
) -> None:
    deskew = Deskew() if stated else Deskew(**vars(scan))
    stack = stack_of(scan, stated)
    right = result(stack, deskew, Rotate())
    assert planes_of_coverslip(right) <= 4
    made = result(stack, deskew, *moves, Rotate())
    np.testing.assert_allclose(made, moved(right, moves), atol=0.01)


@EVERY_SCAN
@EVERY_MOVE
def test_what_is_moved_before_is_turned_the_same(scan: Scan, moves: list[Any]) -> None:
    stack = stack_of(scan)
    at_once = result(stack, *moves, Rotate())
    np.testing.assert_allclose(at_once, moved(result(stack, Rotate()), moves), atol=0.01)
    # Deskew rounds the width of its result up at one side.
    made, right = result(stack, *moves, Deskew(), Rotate()), result(stack, Deskew(), Rotate())
    assert np.abs(np.subtract(made.shape, moved(right, moves).shape)).max() <= 1
    assert planes_of_coverslip(made) <= 4
    assert made.sum() == pytest.approx(right.sum(), rel=0.01)


@EVERY_SCAN
@EVERY_MOVE
def test_a_step_states_the_scan_along_the_axes_that_it_meets(scan: Scan, moves: list[Any]) -> None:
    """What stands before the moves, a deconvolution say, goes by the scan along its own axes."""
    known = Plan.of([*moves, Deskew()], stack_of(scan).stack_spec)
    there = known.stages[-1].step.scan()
    assert there is not None
    raw = stack_of(scan, stated=False).stack_spec
    for steps in (
        [*moves, Deskew(**vars(there)), Rotate()],
        [*moves, Deskew(), Rotate(**vars(there))],
        [Deskew(), *moves, Rotate(**vars(there))],
    ):
        plan = Plan.of(steps, raw)
        assert (plan.raw.volume.scan, plan.raw.recorded, plan.cautions) == (scan, None, ())
    plan = Plan.of([*moves, Deskew(**vars(there)), Rotate()], stack_of(scan).stack_spec)
    assert (plan.raw.volume.scan, plan.cautions) == (scan, ())
    assert plan.stages[-1].step.scan() == there


def test_a_scan_that_was_not_mirrored_is_said() -> None:
    raw = stack_of(Scan(31.5), stated=False).stack_spec
    plan = Plan.of([Deskew(angle=31.5), X, Rotate(angle=31.5)], raw)
    ((place, words),) = plan.cautions
    assert place == 2 and "an earlier one has -31.5° along x" in words


@pytest.mark.parametrize(
    "between", [Transpose(order_of_axes="xyz"), Flip(x={"ch0": True, "ch1": False})]
)
@pytest.mark.parametrize("rotate", [Rotate(), Rotate(angle=31.5)])
def test_what_cannot_be_turned_any_more_is_said(between: Any, rotate: Rotate) -> None:
    raw = stack_of(Scan(31.5)).stack_spec.replace(channels=("ch0", "ch1"))
    plan = Plan.of([Deskew(), between, rotate], raw)
    ((place, words),) = plan.cautions
    assert place == 2 and "Put Transpose and Flip after Rotate" in words
    assert Plan.of([Deskew(), Flip(y={"ch0": True, "ch1": False}), rotate], raw).cautions == ()
    (again,) = Plan.of([Deskew(), between, Deskew()], raw).cautions
    assert "deskewed already" in again[1]


@EVERY_SCAN
@pytest.mark.parametrize("stated", [True, False], ids=["data", "step"])
def test_what_was_deskewed_before_is_only_turned(scan: Scan, stated: bool) -> None:
    stack, own = stack_of(scan, stated), vars(scan)
    right = result(stack, Deskew(**own), Rotate(**own))
    deskewed = Pipeline([Deskew(**own)]).apply(stack)
    np.testing.assert_array_equal(result(deskewed, Rotate(**own)), right)
    plan = Plan.of([Rotate()], deskewed.stack_spec)
    assert "How the planes were scanned is unknown" in plan.waiting[0].what


def test_an_angle_may_be_counted_the_other_way() -> None:
    """Planes at 60 degrees lie as those at -120 do, which mirrored ones of 120 are."""
    raw = VolumeSpec((6, 8, 10), "uint16", (0.3, 0.1, 0.1), scan=Scan(120.0))
    plan = Pipeline([Flip(x=True), Deskew(angle=60)]).plan(StackSpec(raw))
    assert plan.cautions == ()
    assert Pipeline([Flip(x=True), Deskew(angle=61)]).plan(StackSpec(raw)).cautions != ()


def test_what_journals_name_steps_by_is_as_it_was() -> None:
    """How the skew was undone is no part of it: an export could not go on with older ones."""
    spec = StackSpec(VolumeSpec((6, 8, 10), "uint16", (0.3, 0.1, 0.1)), undone=Scan(31.5))
    assert "undone" not in repr(spec)
