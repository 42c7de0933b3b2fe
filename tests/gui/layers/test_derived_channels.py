"""Channels that a step makes: a layer with a colour and a contrast of its own; the others stay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dock_helpers import card, on_screen
from napari_lazy_pipeline._gui.layers.render_request import RenderRequest
from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.steps import Ratio, Select, Step, SubtractBackground

Settle = Callable[[Any], None]
RATIO = Ratio(background=(100, 100))


def put(dock: Any, settle: Settle, *steps: Step) -> None:
    dock.session.set_pipeline(Pipeline(steps))
    settle(dock)


def colours(dock: Any) -> list[str]:
    return [layer.colormap.name for layer in dock.layers.layers]


def names(dock: Any) -> list[str]:
    return [layer.name.split(" ", 1)[1] for layer in dock.layers.layers]


def ratio_of(dock: Any, t: int, plane: int) -> np.ndarray:
    a, b = (dock.session.stack.source.read(t, c)[plane].astype("float32") - 100 for c in (0, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(b > 0, a / b, np.nan))


def test_a_ratio_gets_a_layer_and_leaves_the_others_alone(opened: Any, settle: Settle) -> None:
    green, magenta = opened.layers.layers
    green.contrast_limits, green.opacity = (120.0, 800.0), 0.8
    before = [layer.contrast_limits for layer in (green, magenta)]
    put(opened, settle, RATIO)
    assert opened.layers.layers[:2] == [green, magenta]
    assert colours(opened) == ["green", "magenta", "turbo"]
    assert names(opened) == ["488 [ratio]", "560 [ratio]", "488/560 [ratio]"]
    assert [layer.contrast_limits for layer in (green, magenta)] == before
    assert green.opacity == 0.8
    derived = opened.layers.layers[2]
    assert derived.blending == "translucent_no_depth"
    low, high = derived.contrast_limits
    t, plane = opened.viewer.dims.current_step[:2]
    shown = ratio_of(opened, t, plane)
    np.testing.assert_allclose(on_screen(derived), shown, rtol=1e-6)
    assert np.nanmin(shown) <= low < np.nanmedian(shown) < high <= np.nanmax(shown)
    opened.viewer.dims.set_current_step(0, 2)
    settle(opened)
    np.testing.assert_allclose(on_screen(derived), ratio_of(opened, 2, plane), rtol=1e-6)


def test_a_ratio_alone_takes_the_place_of_a_layer_and_gives_it_back(
    opened: Any, settle: Settle
) -> None:
    first, second = opened.layers.layers
    first.contrast_limits, first.gamma = (120.0, 800.0), 0.7
    second.colormap = "cyan"
    put(opened, settle, RATIO.replace(keep=False))
    assert names(opened) == ["488/560 [ratio]"] and colours(opened) == ["turbo"]
    layer = opened.layers.layers[0]
    assert layer.contrast_limits[1] < 100 and layer.gamma == 0.7
    layer.colormap = "viridis"
    assert opened.session.colours[0] == "green", "that of the recorded channel"
    rows = opened.data.metadata.channels.rows
    assert [row.visible.isChecked() for row in rows] == [False, False]
    put(opened, settle, SubtractBackground(value=0))
    assert names(opened) == ["488 [subtract background]", "560 [subtract background]"]
    assert colours(opened) == ["green", "cyan"]
    assert opened.layers.layers[0].contrast_limits == [120.0, 800.0]
    assert [row.visible.isChecked() for row in rows] == [True, True]
    put(opened, settle, RATIO.replace(keep=False))
    assert colours(opened) == ["viridis"], "it looks as it did"


def test_two_ratios_from_the_dock(opened: Any, settle: Settle) -> None:
    """Added by the menu; the second names the channel that the first made."""
    put(opened, settle)
    menu = opened.steps.add.menu()
    action = next(one for one in menu.actions() if one.text().startswith("Ratio:"))
    action.trigger()
    settle(opened)
    assert len(opened.layers.layers) == 3
    assert card(opened, "ratio").caution.text().startswith("No background was subtracted")
    opened.steps.select(0)
    action.trigger()
    settle(opened)
    second = opened.steps.cards[1]
    assert "Channel a is not chosen" in second.waiting.text()
    shown = opened.steps.cards[0].result.toolTip() + opened.steps.cards[0].result.text()
    assert "channels 488, 560, 488/560, float32" in shown
    box = second.form["a"].control.editor
    assert [box.itemText(i) for i in range(box.count())] == [
        "the first of two", "488", "560", "488/560",
    ]  # fmt: skip
    box.setCurrentIndex(3)
    second.form["b"].value = "560"
    settle(opened)
    assert names(opened)[3] == "488/560/560 [ratio]"
    assert not second.waiting.text() and not second.error.text()


@pytest.mark.parametrize("hidden", [0, 1])
def test_a_hidden_layer_is_hidden_when_it_comes_back(
    opened: Any, settle: Settle, hidden: int
) -> None:
    opened.layers.layers[hidden].visible = False
    put(opened, settle, RATIO.replace(keep=False))
    (layer,) = opened.layers.layers
    t, plane = opened.viewer.dims.current_step[:2]
    assert layer.visible
    np.testing.assert_allclose(on_screen(layer), ratio_of(opened, t, plane), rtol=1e-6)
    put(opened, settle, SubtractBackground(value=0))
    layers = opened.layers.layers
    assert colours(opened) == ["green", "magenta"]
    assert [layer.visible for layer in layers] == [hidden != 0, hidden != 1]
    assert all(layer.contrast_limits[1] > 500 for layer in layers if layer.visible)


def test_a_channel_that_went_while_it_was_made_is_not_shown(opened: Any, settle: Settle) -> None:
    opened.session.set_pipeline(Pipeline((RATIO,)))
    opened.session.set_pipeline(Pipeline((SubtractBackground(value=0),)))
    settle(opened)
    assert names(opened) == ["488 [subtract background]", "560 [subtract background]"]
    put(opened, settle, SubtractBackground(value=0), RATIO.replace(keep=False))
    opened.session.set_pipeline(Pipeline((SubtractBackground(value=0),)))
    opened.session.set_pipeline(Pipeline((SubtractBackground(value=0), RATIO.replace(keep=False))))
    settle(opened)
    assert names(opened) == ["488/560 [ratio]"]


def test_what_fails_of_a_channel_that_other_steps_leave_out_is_wanted_no_more(
    opened: Any, settle: Settle
) -> None:
    """While it is made, the steps change: no layer and no number of that source is left."""
    before = on_screen(opened.layers.layers[1]).copy()
    one = opened.session.source_of(Pipeline([Select(channels="488")]))
    opened.layers._on_failed(RenderRequest(1, 0, one), FileError("The file is cut off", "t0.tif"))
    opened.layers._on_delivered(RenderRequest(1, 0, one), np.ones(one.spec.shape, np.uint16))
    settle(opened)
    assert not any(entry.failed for entry in opened.layers.screen.channels.values())
    np.testing.assert_array_equal(on_screen(opened.layers.layers[1]), before)
