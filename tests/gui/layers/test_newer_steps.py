"""Steps that change size, place, type, channels or time: what their layers are, and go back to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.steps import Deskew, Step, step_types
from shown_pixels import check_pixels

Settle = Callable[[Any], None]
BOTH, COLOURS = ("488", "560"), ("green", "magenta")
RAW = (3, 12, 16, 20)


@dataclass(frozen=True)
class Case:
    """What is seen of a step on data of three time points, two channels, and 12 x 16 x 20."""

    step: Step
    shape: tuple[int, ...] = RAW
    scale: tuple[float, ...] = (1, 1, 1, 1)  # times that of the data
    names: tuple[str, ...] = BOTH
    colours: tuple[str, ...] = COLOURS
    anew: tuple[str, ...] = ()  # channels that get another contrast, and are told
    after: tuple[Step, ...] = ()  # steps before it


def made(kind: str, **values: Any) -> Step:
    return step_types()[kind](**values)


HALVES = tuple(f"{name} {half}" for name in BOTH for half in ("left", "right"))
CASES = {
    "bin, mean": Case(made("bin", factors=(1, 2, 2)), (3, 12, 8, 10), (1, 1, 2, 2)),
    "bin, sum": Case(
        made("bin", factors=(2, 2, 2), method="sum"), (3, 6, 8, 10), (1, 2, 2, 2), anew=BOTH
    ),
    "project along z": Case(made("project"), (3, 1, 16, 20), (1, 12, 1, 1), anew=BOTH),
    "project, sum": Case(
        made("project", axis="x", method="sum"), (3, 12, 16, 1), (1, 1, 1, 20), anew=BOTH
    ),
    "select channels": Case(
        made("select", channels="560"), names=("560",), colours=("magenta",)
    ),
    "select time points": Case(made("select", times=(1, 3), every=2), (1, *RAW[1:]), (2, 1, 1, 1)),
    "select, other order": Case(
        made("select", channels="560, 488"), names=BOTH[::-1], colours=COLOURS[::-1]
    ),
    "resample": Case(
        made("resample", voxel_size=2.0), (3, 3, 8, 15), (1, 2 / 0.5225, 2, 2),
        after=(Deskew(angle=31.5),),
    ),
    "convert": Case(made("convert", dtype="uint8", scaled=True, scale=(100, 1000)), anew=BOTH),
    "convert, as it is": Case(made("convert", dtype="float32")),
    "flip": Case(made("flip", x=True, y=True)),
    "transpose": Case(made("transpose"), (3, 12, 20, 16)),
    "split chip": Case(
        made("split_chip"), (3, 12, 16, 10), names=HALVES,
        colours=("green", "magenta", "cyan", "yellow"),
    ),
    "ratio": Case(
        made("ratio", background=(100.0, 100.0)), names=(*BOTH, "488/560"),
        colours=(*COLOURS, "turbo"),
    ),
    "ratio alone": Case(
        made("ratio", background=(100.0, 100.0), keep=False), names=("488/560",),
        colours=("turbo",),
    ),
}  # fmt: skip


def looks(dock: Any) -> list[tuple[str, str, float, tuple[float, float]]]:
    return [
        (one.name, one.colormap.name, one.opacity, tuple(one.contrast_limits))
        for one in dock.layers.layers
    ]


@pytest.mark.filterwarnings("ignore::napari_lazy_pipeline.errors.RemarkWarning")
@pytest.mark.parametrize("name", CASES)
def test_layers_are_what_the_step_makes_and_go_back(opened: Any, settle: Settle, name: str) -> None:
    case, heard = CASES[name], list[str]()
    opened.session.set_pipeline(Pipeline(case.after))
    settle(opened)
    opened.layers.layers[1].opacity = 0.7
    opened.layers.layers[1].contrast_limits = (150.0, 900.0)
    before, scale = looks(opened), opened.layers.layers[0].scale
    opened.layers.contrast_set.connect(heard.append)

    opened.session.set_pipeline(Pipeline([*case.after, case.step]))
    settle(opened)
    assert check_pixels(opened)
    layers = opened.layers.layers
    assert [one.name.split(" ", 1)[1] for one in layers] == [
        f"{channel} [{case.step.title.lower()}]" for channel in case.names
    ]
    assert tuple(one.colormap.name for one in layers) == case.colours
    if "560" in case.names:
        assert layers[case.names.index("560")].opacity == 0.7
    for one in layers:
        assert one.data.shape == case.shape
        assert one.scale == pytest.approx(scale * case.scale, rel=1e-3)
        low, high = one.contrast_limits
        place = opened.viewer.dims.point
        assert all(a - 1e-6 <= p for a, p in zip(one.translate, place, strict=True)) and low < high
    assert opened.viewer.dims.ndisplay == 2
    told = ", ".join(heard)
    assert {channel for channel in case.names if f"{channel} " in told} == set(case.anew), told

    opened.session.undo()
    settle(opened)
    assert looks(opened) == before
    assert check_pixels(opened)


def test_time_points_are_left_out_while_a_later_one_is_on_screen(
    opened: Any, settle: Settle
) -> None:
    viewer, session = opened.viewer, opened.session
    viewer.dims.set_current_step(0, 2)
    settle(opened)
    for number, step in enumerate((made("select", times=(0, 2)), made("select", every=2))):
        session.set_pipeline(Pipeline([step]))
        settle(opened)
        assert viewer.dims.current_step[0] == 1, "the last there is"
        assert check_pixels(opened)
        opened.view.compare.click()
        settle(opened)
        assert check_pixels(opened), "and the raw time point that belongs to it"
        opened.view.compare.click()
        opened.depth_view.button.click()
        settle(opened)
        opened.depth_view.button.click()
        session.undo()
        settle(opened)
        assert check_pixels(opened), number
        viewer.dims.set_current_step(0, 2)
        settle(opened)
        assert check_pixels(opened)


def test_a_channel_that_new_steps_leave_out_asks_them_for_nothing(
    opened: Any, settle: Settle
) -> None:
    """napari slices a layer once more while that of another channel goes before it."""
    screen, session = opened.layers.screen, opened.session
    screen.source = session.source_of(Pipeline([made("select", channels="488")]))
    opened.viewer.dims.set_current_step(0, 1)
    assert not opened.layers._policy._requests.keys() & {1}
