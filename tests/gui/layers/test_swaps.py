"""A swap makes napari slice each layer once, counted, and count and move its sliders once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from napari.components import LayerList

from dock_helpers import expected, on_screen
from napari_lazy_pipeline._gui.layers.layer_swapper import LayerSwapper
from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.steps import SubtractBackground

Settle = Callable[[Any], None]
Edit = Callable[[Any], object]


def change(dock: Any, kind: str, **values: Any) -> None:
    """Change a step at one go, where a form does one field after the other."""
    steps = dock.session.pipeline.steps
    index = next(i for i, step in enumerate(steps) if step.kind == kind)
    dock.session.replace_step(index, steps[index].replace(enabled=True, **values))


EDITS: dict[str, Edit] = {
    "z cut from below": lambda dock: change(dock, "crop", z=(3, 12)),
    "z cut from above": lambda dock: change(dock, "crop", z=(0, 5)),
    "all axes cut": lambda dock: change(dock, "crop", z=(2, 9), y=(1, 12), x=(3, 17)),
    "rotated": lambda dock: change(dock, "rotate", angle=40.0),
    "other values": lambda dock: change(dock, "subtract_background", value=120.0),
    "other voxels": lambda dock: dock.session.state(voxel_size=(0.4, 0.1, 0.2)),
}


@pytest.fixture
def counts(opened: Any, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often pictures were swapped, each layer was sliced, and sliders counted and moved."""
    found: Counter[str] = Counter()

    def count(emitter: Any, name: str) -> None:
        emitter.connect(lambda *_: found.update([name]))

    for channel, layer in enumerate(opened.layers.layers):
        count(layer.events.set_data, f"slice {channel}")
    for name in ("range", "point"):
        count(getattr(opened.viewer.dims.events, name), name)
    swap, ranges = LayerSwapper.swap, LayerList._ranges.fget

    def counted_swap(*arguments: Any) -> None:
        found["swap"] += 1
        swap(*arguments)

    def counted_ranges(layers: LayerList) -> Any:
        found["sliders counted"] += 1
        return ranges(layers)

    monkeypatch.setattr(LayerSwapper, "swap", counted_swap)
    monkeypatch.setattr(LayerList, "_ranges", property(counted_ranges))
    return found


@pytest.mark.parametrize("ndisplay", [2, 3])
@pytest.mark.parametrize("name", EDITS)
def test_an_edit_slices_each_layer_once(
    opened: Any, settle: Settle, counts: Counter[str], name: str, ndisplay: int
) -> None:
    dims = opened.viewer.dims
    dims.ndisplay = ndisplay
    settle(opened)
    counts.clear()
    EDITS[name](opened)
    settle(opened)
    assert (counts["slice 0"], counts["slice 1"]) == (1, 1)
    # Channels are swapped one by one where no voxel moves.
    assert 1 <= counts["sliders counted"] == counts["swap"] <= 2
    assert max(counts["range"], counts["point"]) <= 1
    t, plane = dims.current_step[:2]
    for channel, layer in enumerate(opened.layers.layers):
        shown = expected(opened, channel, t, plane if ndisplay == 2 else slice(None))
        np.testing.assert_array_equal(on_screen(layer), shown)


def test_a_hidden_layer_is_not_sliced(opened: Any, settle: Settle, counts: Counter[str]) -> None:
    layer = opened.layers.layers[1]
    layer.visible = False
    counts.clear()
    change(opened, "crop", z=(3, 12))
    settle(opened)
    assert (counts["slice 0"], counts["slice 1"]) == (1, 0)
    assert not layer.visible


def test_the_first_plane_that_is_cut_off_gives_way_to_the_next(
    opened: Any, settle: Settle, counts: Counter[str]
) -> None:
    """Its slider is at step 0 before and after, at another place."""
    opened.viewer.dims.set_current_step(1, 0)
    settle(opened)
    counts.clear()
    change(opened, "crop", z=(3, 12))
    settle(opened)
    assert opened.viewer.dims.current_step[1] == 0
    for channel, layer in enumerate(opened.layers.layers):
        np.testing.assert_array_equal(on_screen(layer), expected(opened, channel, 0, 0))
        assert on_screen(layer).any()
    assert (counts["slice 0"], counts["slice 1"]) == (1, 1)


def test_a_unit_that_becomes_known_moves_nothing(
    nothing_stated: None, opened: Any, settle: Settle, counts: Counter[str]
) -> None:
    """One pixel is one micrometre: all numbers stay as they are."""
    opened.session.state(voxel_size=(1.0, 1.0, 1.0))
    settle(opened)
    plane = opened.viewer.dims.current_step[1]
    for channel, layer in enumerate(opened.layers.layers):
        assert str(layer.units[1]) == "micrometer"
        np.testing.assert_array_equal(on_screen(layer), expected(opened, channel, 0, plane))
    assert (counts["slice 0"], counts["slice 1"]) == (1, 1)


def test_a_folder_whose_channels_a_step_does_not_know_is_shown_up_to_it(
    opened: Any, settle: Settle, tmp_path: Path
) -> None:
    """Other data, and values of channels that they do not have: the card says so."""
    steps = [SubtractBackground(value=50), SubtractBackground(value={"488": 1, "560": 2})]
    opened.session.set_pipeline(Pipeline(steps))
    settle(opened)
    other = tmp_path / "other"
    other.mkdir()
    volume = np.full((3, 8, 9), 70, "uint16")
    tifffile.imwrite(other / "fish_t0.tif", volume, photometric="minisblack")
    opened.open_folder(other)
    settle(opened)
    (layer,) = opened.layers.layers
    assert (on_screen(layer) == 20).all()
    assert "no Background for the channel" in opened.steps.cards[1].error.text()
    opened.session.edit_step(1, SubtractBackground(value=5))
    settle(opened)
    assert (on_screen(layer) == 15).all()
