"""Laziness, counted: what is not on screen is neither read nor computed, nothing is twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dock_helpers import edit, expected, on_screen
from stacks import write_raw

PLANE, VOLUME = 16 * 20 * 2, 12 * 16 * 20 * 2  # bytes of the stacks here
# Of each file the last plane is read once, too: one that is still being written shows there.
FIRST = 2 * PLANE


def reads(dock: Any) -> int:
    return int(dock.session.stack.source.reads)


def bytes_read(dock: Any) -> int:
    return int(dock.session.stack.source.bytes_read)


def test_the_first_picture_costs_exactly_one_plane(
    dock: Any, settle: Callable[[Any], None], tmp_path: Path, calls: Counter[str]
) -> None:
    edit(dock, "deskew")
    dock.open_folder(write_raw(tmp_path / "one", times=9, channels=1))
    settle(dock)
    assert (reads(dock), bytes_read(dock)) == (1, FIRST)
    assert calls == {"deskew": 1}
    (layer,) = dock.layers.layers
    z = layer.data.shape[1] // 2
    np.testing.assert_array_equal(on_screen(layer), expected(dock, 0, 0, z))


def test_the_first_picture_costs_exactly_one_volume_if_a_step_needs_it(
    dock: Any, settle: Callable[[Any], None], tmp_path: Path, calls: Counter[str]
) -> None:
    dock.session.set_quality("full")  # a busy computer would make a preview, too
    edit(dock, "rotate")
    dock.open_folder(write_raw(tmp_path / "one", times=9, channels=1))
    settle(dock)
    assert (reads(dock), bytes_read(dock)) == (1, VOLUME)
    assert calls == {"rotate": 1}
    (layer,) = dock.layers.layers
    z = layer.data.shape[1] // 2
    np.testing.assert_array_equal(on_screen(layer), expected(dock, 0, 0, z))


def test_each_channel_costs_one_plane(opened: Any) -> None:
    assert (reads(opened), bytes_read(opened)) == (2, 2 * FIRST)
    assert [layer.data.shape for layer in opened.layers.layers] == [(3, 12, 16, 20)] * 2


def test_a_new_time_point_costs_one_read_a_channel(
    opened: Any, settle: Callable[[Any], None], calls: Counter[str]
) -> None:
    edit(opened, "deskew")
    settle(opened)
    before = reads(opened)
    opened.viewer.dims.set_current_step(0, 2)
    settle(opened)
    assert (reads(opened), bytes_read(opened)) == (before + 2, 4 * FIRST)
    assert calls == {"deskew": 4}
    for channel, layer in enumerate(opened.layers.layers):
        np.testing.assert_array_equal(on_screen(layer), expected(opened, channel, 2, 6))


def test_no_edit_reads_a_file(opened: Any, settle: Callable[[Any], None], psf_file: Path) -> None:
    """Except that the first step that needs whole volumes reads them, once."""
    before = reads(opened), bytes_read(opened)
    for kind, values in (
        ("deskew", {"angle": 33.0}),
        ("deskew", {"angle": 34.0}),
        ("subtract_background", {"value": 120.0}),
    ):
        edit(opened, kind, **values)
        settle(opened)
    assert (reads(opened), bytes_read(opened)) == before
    edit(opened, "deconvolve", psf=psf_file, iterations=1)
    settle(opened)
    assert (reads(opened), bytes_read(opened)) == (before[0] + 2, before[1] + 2 * VOLUME)
    edit(opened, "crop", z=(2, 9))
    settle(opened)
    edit(opened, "deconvolve", iterations=2)
    settle(opened)
    for _ in range(3):
        opened.session.undo()
        settle(opened)
    assert (reads(opened), bytes_read(opened)) == (before[0] + 2, before[1] + 2 * VOLUME)


def test_an_edit_runs_its_step_and_what_follows(
    opened: Any, settle: Callable[[Any], None], calls: Counter[str]
) -> None:
    edit(opened, "subtract_background", value=100.0)
    edit(opened, "deskew")
    edit(opened, "crop", z=(1, 9))
    settle(opened)
    calls.clear()
    edit(opened, "deskew", angle=33.0)
    settle(opened)
    assert calls == {"deskew": 2, "crop": 2}, "two channels, and not what comes before"
    opened.session.undo()
    settle(opened)
    assert calls == {"deskew": 2, "crop": 2}, "what was there before is still there"


def test_a_plane_is_read_and_made_when_it_is_looked_at_and_never_again(
    opened: Any, settle: Callable[[Any], None], calls: Counter[str]
) -> None:
    edit(opened, "deskew")
    settle(opened)
    dims, layers = opened.viewer.dims, opened.layers.layers
    planes = np.stack([[expected(opened, c, 0, z) for c in (0, 1)] for z in range(12)])
    calls.clear()
    before = bytes_read(opened)
    visited = {6}
    for z in [*range(12), *range(12)]:
        dims.set_current_step(1, z)
        settle(opened)
        visited.add(z)
        for channel, layer in enumerate(layers):
            np.testing.assert_array_equal(on_screen(layer), planes[z, channel])
        assert calls["deskew"] == 2 * (len(visited) - 1)
        assert bytes_read(opened) == before + 2 * PLANE * (len(visited) - 1)


def test_scrubbing_through_planes_ends_at_the_right_one(
    opened: Any, settle: Callable[[Any], None], calls: Counter[str]
) -> None:
    """The plane under the hand is asked for; those that were passed by need not be made."""
    edit(opened, "deskew")
    settle(opened)
    calls.clear()
    for z in [*range(12), *range(11, 2, -1)]:
        opened.viewer.dims.set_current_step(1, z)
    settle(opened)
    assert 2 <= calls["deskew"] <= 22
    for channel, layer in enumerate(opened.layers.layers):
        np.testing.assert_array_equal(on_screen(layer), expected(opened, channel, 0, 3))


def test_looking_around_computes_nothing(
    opened: Any, settle: Callable[[Any], None], calls: Counter[str], qtbot: Any
) -> None:
    """In a volume that is there: looking at it in 3-D makes it, once."""
    edit(opened, "deskew")
    settle(opened)
    dims = opened.viewer.dims
    before = bytes_read(opened)
    calls.clear()
    dims.ndisplay = 3
    settle(opened)
    assert bytes_read(opened) == before + 2 * VOLUME
    assert calls == {"deskew": 2}
    dims.ndisplay = 2
    planes = np.stack([[expected(opened, c, 0, z) for c in (0, 1)] for z in range(12)])
    calls.clear()
    before = reads(opened)
    for z in range(12):
        dims.set_current_step(1, z)
        qtbot.wait(1)
        for channel, layer in enumerate(opened.layers.layers):
            np.testing.assert_array_equal(on_screen(layer), planes[z, channel])
    opened.layers.layers[0].contrast_limits = (100, 500)
    opened.layers.layers[0].gamma = 0.7
    dims.ndisplay = 3
    settle(opened)
    dims.ndisplay = 2
    dims.order = (0, 2, 1, 3)
    settle(opened)
    assert not calls
    assert reads(opened) == before


def test_other_views_than_planes_get_volumes_and_back(
    opened: Any, settle: Callable[[Any], None], calls: Counter[str]
) -> None:
    """Rolled axes and thick slices need more than a plane; so do steps that look around."""
    edit(opened, "deskew")
    settle(opened)
    dims, (layer, _) = opened.viewer.dims, opened.layers.layers
    volume = np.stack([expected(opened, 0, 0, z) for z in range(12)])
    dims.order = (0, 2, 1, 3)
    settle(opened)
    y = dims.current_step[2]
    np.testing.assert_array_equal(on_screen(layer), volume[:, y])
    dims.order = (0, 1, 2, 3)
    settle(opened)
    np.testing.assert_array_equal(on_screen(layer), volume[6])
    opened.viewer.dims.set_current_step(0, 1)
    settle(opened)
    before = bytes_read(opened)
    opened.viewer.dims.set_current_step(0, 2)
    settle(opened)
    assert bytes_read(opened) == before + 2 * FIRST, "planes again"
    dims.thickness = (0, 3 * layer.scale[1], 0, 0)
    settle(opened)
    volume = np.stack([expected(opened, 0, 2, z) for z in range(12)])
    plain = opened.viewer.add_image(np.stack([volume] * 3), scale=layer.scale, units=layer.units)
    np.testing.assert_array_equal(on_screen(layer), on_screen(plain))
    assert not (on_screen(layer) == volume[6]).all()
    dims.thickness = (0, 0, 0, 0)
    settle(opened)
    np.testing.assert_array_equal(on_screen(layer), expected(opened, 0, 2, 6))


def test_several_time_points_as_a_thick_slice_are_not_waited_for(
    opened: Any, settle: Callable[[Any], None]
) -> None:
    """All of them may be thousands: what was looked at is shown, and nothing is made for it."""
    dims, (layer, _) = opened.viewer.dims, opened.layers.layers
    dims.thickness = (2 * layer.scale[0], 0, 0, 0)
    read = bytes_read(opened)
    dims.set_current_step(0, 1)
    settle(opened)
    assert bytes_read(opened) == read
    assert opened.status.text().startswith("Along time")
    dims.thickness = (0.2 * layer.scale[0], 0, 0, 0)
    settle(opened)
    assert opened.status.text().startswith("t 1 of 3")
    np.testing.assert_array_equal(on_screen(layer), expected(opened, 0, 1, 6))


def test_who_steps_through_time_finds_the_next_frame_ready(
    dock: Any, settle: Callable[[Any], None], tmp_path: Path, calls: Counter[str], qtbot: Any
) -> None:
    dock.open_folder(write_raw(tmp_path / "one", times=9, channels=1))
    settle(dock)
    edit(dock, "deskew")
    settle(dock)
    for t in (1, 2, 3):
        dock.viewer.dims.set_current_step(0, t)
        settle(dock)

    def prepared() -> bool:
        return reads(dock) == 5

    qtbot.waitUntil(prepared, timeout=10_000)
    qtbot.wait(50)
    assert calls == {"deskew": 5}, "the frames 0 to 3, and 4 ahead; no more"
    dock.viewer.dims.set_current_step(0, 4)
    settle(dock)
    np.testing.assert_array_equal(on_screen(dock.layers.layers[0]), expected(dock, 0, 4, 6))


def test_a_hidden_channel_costs_nothing(
    opened: Any, settle: Callable[[Any], None], calls: Counter[str]
) -> None:
    hidden = opened.layers.layers[1]
    hidden.visible = False
    edit(opened, "deskew")
    settle(opened)
    opened.viewer.dims.set_current_step(0, 1)
    settle(opened)
    assert calls == {"deskew": 2}
    hidden.visible = True
    settle(opened)
    assert calls == {"deskew": 3}
    np.testing.assert_array_equal(on_screen(hidden), expected(opened, 1, 1, 6))


def test_everybody_else_gets_true_values(opened: Any) -> None:
    """The layer holds a real dask array: saving, the console and other plugins compute it."""
    import dask.array as da

    data = opened.layers.layers[1].data
    assert isinstance(data, da.Array)
    np.testing.assert_array_equal(data[2, 3].compute(), expected(opened, 1, 2, 3))
    assert type(data + 1) is da.Array


def test_a_replaced_file_is_shown_anew(
    opened: Any, settle: Callable[[Any], None], raw_folder: Path
) -> None:
    import tifffile

    path = opened.session.stack.source.path(1, 0)
    dims = opened.viewer.dims
    dims.set_current_step(0, 1)
    settle(opened)
    volume = np.full((12, 16, 20), 4321, "uint16")
    tifffile.imwrite(path, volume)
    import os

    os.utime(path, ns=(1, 1))
    dims.set_current_step(0, 0)
    settle(opened)
    dims.set_current_step(0, 1)
    settle(opened)
    np.testing.assert_array_equal(on_screen(opened.layers.layers[0]), volume[6])


@pytest.mark.parametrize("asynchronous", [False, True])
def test_it_works_with_asynchronous_slicing_too(
    opened: Any, settle: Callable[[Any], None], qtbot: Any, asynchronous: bool
) -> None:
    from napari.settings import get_settings

    get_settings().experimental.async_ = asynchronous
    try:
        edit(opened, "deskew")
        settle(opened)
        opened.viewer.dims.set_current_step(0, 2)
        settle(opened)
        layer = opened.layers.layers[0]

        def right() -> bool:
            shown, wanted = on_screen(layer), expected(opened, 0, 2, 6)
            return shown.shape == wanted.shape and bool((shown == wanted).all())

        qtbot.waitUntil(right, timeout=5000)
    finally:
        get_settings().experimental.async_ = False


@pytest.mark.parametrize("flat", [True, False])
def test_what_is_larger_than_the_cache_is_computed_once(
    dock: Any, settle: Callable[[Any], None], tmp_path: Path, calls: Counter[str], flat: bool
) -> None:
    """A plane is made once for each visit, a volume once for all of its planes."""
    dock.session.set_quality("full")
    dock.session.cache.limit = 10
    edit(dock, "deskew" if flat else "rotate")
    dock.open_folder(write_raw(tmp_path / "one", times=2, channels=1))
    settle(dock)
    planes = dock.layers.layers[0].data.shape[1]
    for z in [*range(planes), planes - 1]:
        dock.viewer.dims.set_current_step(1, z)
        settle(dock)
    assert calls == ({"deskew": planes + 1} if flat else {"rotate": 1})


def test_a_view_along_time_reads_nothing(opened: Any, settle: Any) -> None:
    """It shows what was looked at; the rest is blank, and the status says so."""
    layer, before = opened.layers.layers[0], reads(opened)
    opened.viewer.dims.order = (1, 2, 0, 3)
    settle(opened)
    seen = on_screen(layer)
    assert seen.shape == (3, 20)
    assert seen.any(axis=1).tolist() == [True, False, False]
    assert reads(opened) == before
    assert "blank" in opened.status.text()
    opened.viewer.dims.order = (0, 1, 2, 3)
    assert "blank" not in opened.status.text()
