"""Fast while moving, full when still: slow steps show a preview first, then the result."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dock_helpers import card, edit, expected, on_screen
from napari_lazy_pipeline._gui.layers import preview_policy
from napari_lazy_pipeline._gui.layers.compute_thread import ComputeThread
from napari_lazy_pipeline.errors import Cancelled
from napari_lazy_pipeline.image import Block
from napari_lazy_pipeline.image.box import whole
from napari_lazy_pipeline.steps import Context, Deconvolve
from napari_lazy_pipeline.steps._coarse_deconvolve import CoarseDeconvolve
from stacks import write_raw

TIMEOUT = 20_000
SHAPE = (24, 40, 48)
Settle = Callable[[Any], None]


class Slow:
    """Holds deconvolutions of whole volumes until the test lets them go; counts them."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.entered = self.passed = self.given_up = 0
        self.previews = 0

    def wait(self, at: Context) -> None:
        self.entered += 1
        while not self.open.wait(0.005):
            if at.cancelled():
                self.given_up += 1
                raise Cancelled
        self.passed += 1


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    slow, run, run_coarse = Slow(), Deconvolve.run, CoarseDeconvolve.run

    def wait(self: Deconvolve, parts: Any, at: Context) -> np.ndarray:
        slow.wait(at)
        return run(self, parts, at)

    def count(self: CoarseDeconvolve, parts: Any, at: Context) -> np.ndarray:
        slow.previews += 1
        return run_coarse(self, parts, at)

    monkeypatch.setattr(Deconvolve, "run", wait)
    monkeypatch.setattr(CoarseDeconvolve, "run", count)
    yield slow
    slow.open.set()


@pytest.fixture
def tuned(dock: Any, settle: Settle, tmp_path: Path) -> Any:
    """The dock with one channel open, deskewed; it keeps a list of what was shown."""
    dock.open_folder(write_raw(tmp_path / "one", times=3, channels=1, shape=SHAPE))
    edit(dock, "deskew")
    settle(dock)
    dock.seen = []
    dock.layers.rendered.connect(dock.seen.append)
    return dock


def has(qtbot: Any, condition: Callable[[], Any]) -> None:
    qtbot.waitUntil(lambda: bool(condition()), timeout=TIMEOUT)


def draft_of(source: Any, z: int, number: int) -> np.ndarray:
    """What a preview of a plane has to show."""
    for _ in range(number + 1):
        source = source.draft()
    return source.part(Block(0, 0, ((z, z + 1), *whole(source.spec.shape)[1:])))[0]


def plane_of(dock: Any) -> int:
    return int(dock.viewer.dims.current_step[1])


def test_a_slow_step_is_previewed_and_then_exact(
    tuned: Any, settle: Settle, slow: Slow, qtbot: Any, psf_file: Path
) -> None:
    (layer,), session = tuned.layers.layers, tuned.session
    clims = tuple(layer.contrast_limits)
    edit(tuned, "deconvolve", psf=psf_file, iterations=4)
    has(qtbot, lambda: tuned.seen and tuned.seen[-1].preview)
    source, z = session.source(), plane_of(tuned)
    np.testing.assert_array_equal(on_screen(layer), draft_of(source, z, tuned.seen[-1].draft))
    assert on_screen(layer).shape == source.spec.shape[1:], "on the grid of the result"
    assert tuple(layer.scale[1:]) == pytest.approx(source.spec.voxel_size)
    assert "preview" in tuned.status.text() and not tuned.idle
    assert slow.passed == 0 and source.cached(0, 0) is None, "a preview is no result"
    slow.open.set()
    settle(tuned)
    np.testing.assert_array_equal(on_screen(layer), expected(tuned, 0, 0, z))
    assert not tuned.seen[-1].preview and "preview" not in tuned.status.text()
    np.testing.assert_array_equal(layer.data[0, z].compute(), expected(tuned, 0, 0, z))
    assert tuple(layer.contrast_limits) == clims


def test_full_quality_shows_no_preview(
    tuned: Any, settle: Settle, slow: Slow, qtbot: Any, psf_file: Path
) -> None:
    (layer,) = tuned.layers.layers
    before = on_screen(layer).copy()
    tuned.view.quality.buttons["full"].click()
    edit(tuned, "deconvolve", psf=psf_file, iterations=4)
    has(qtbot, lambda: slow.entered)
    qtbot.wait(round(3000 * preview_policy.INSTANT))
    np.testing.assert_array_equal(on_screen(layer), before)
    slow.open.set()
    settle(tuned)
    assert not any(job.preview for job in tuned.seen) and slow.previews == 0
    np.testing.assert_array_equal(on_screen(layer), expected(tuned, 0, 0, plane_of(tuned)))


def test_a_drag_shows_previews_and_begins_few_results(
    tuned: Any, settle: Settle, slow: Slow, qtbot: Any, psf_file: Path
) -> None:
    (layer,) = tuned.layers.layers
    edit(tuned, "deconvolve", psf=psf_file, iterations=50)
    has(qtbot, lambda: tuned.seen and tuned.seen[-1].preview)
    tuned.session.compute_log._latest["deconvolve"] = 10.0  # as it is known after the first result
    tuned.seen.clear()
    begun = slow.entered
    for iterations in range(44, 4, -1):
        edit(tuned, "deconvolve", iterations=iterations)
        qtbot.wait(25)
    slow.open.set()
    settle(tuned)
    index = tuned.steps.cards.index(card(tuned, "deconvolve"))
    shown = [job.source.plan.steps[index].iterations for job in tuned.seen]
    assert shown == sorted(shown, reverse=True) and shown[-1] == 5
    assert len({n for n, job in zip(shown, tuned.seen, strict=True) if job.preview}) >= 8
    assert slow.entered - begun <= 10, "while the knob moves, next to no result is begun"
    assert slow.passed <= 2
    np.testing.assert_array_equal(on_screen(layer), expected(tuned, 0, 0, plane_of(tuned)))


def test_going_back_to_what_is_there_ends_what_is_under_way(
    tuned: Any, settle: Settle, slow: Slow, qtbot: Any, psf_file: Path
) -> None:
    (layer,) = tuned.layers.layers
    before = on_screen(layer).copy()
    edit(tuned, "deconvolve", psf=psf_file, iterations=50)
    has(qtbot, lambda: tuned.seen and tuned.seen[-1].preview)
    card(tuned, "deconvolve").switch.setChecked(False)
    np.testing.assert_array_equal(on_screen(layer), before)
    settle(tuned)
    has(qtbot, lambda: slow.given_up == slow.entered)
    assert slow.passed == 0
    np.testing.assert_array_equal(on_screen(layer), before)


def test_other_planes_are_previewed_while_the_result_is_made_once(
    tuned: Any, settle: Settle, slow: Slow, qtbot: Any, psf_file: Path
) -> None:
    (layer,) = tuned.layers.layers
    edit(tuned, "deconvolve", psf=psf_file, iterations=4)
    has(qtbot, lambda: tuned.seen and tuned.seen[-1].preview)
    source = tuned.session.source()
    for z in (3, 20, 9):
        tuned.viewer.dims.set_current_step(1, z)
        has(qtbot, lambda z=z: tuned.seen[-1].plane == z)
        np.testing.assert_array_equal(on_screen(layer), draft_of(source, z, tuned.seen[-1].draft))
    assert slow.entered == 1
    slow.open.set()
    settle(tuned)
    assert slow.passed == slow.entered == 1
    np.testing.assert_array_equal(on_screen(layer), expected(tuned, 0, 0, 9))


def test_volumes_are_previewed_at_half_the_resolution(
    tuned: Any, settle: Settle, slow: Slow, qtbot: Any, psf_file: Path
) -> None:
    (layer,) = tuned.layers.layers
    tuned.viewer.dims.ndisplay = 3
    settle(tuned)
    edit(tuned, "deconvolve", psf=psf_file, iterations=4)
    has(qtbot, lambda: tuned.seen and tuned.seen[-1].preview)
    source = tuned.session.source()
    wanted = source.draft().draft().part(Block(0, 0, whole(source.spec.shape)))
    assert wanted.shape == source.spec.shape
    np.testing.assert_array_equal(on_screen(layer), wanted)
    slow.open.set()
    settle(tuned)
    volume = tuned.session.stack.source.read(0, 0)
    result = tuned.session.pipeline.run_volume(volume, tuned.session.stack.spec)
    np.testing.assert_array_equal(on_screen(layer), result)


def test_scrubbing_through_time_shows_previews(
    tuned: Any, settle: Settle, slow: Slow, qtbot: Any, psf_file: Path
) -> None:
    (layer,) = tuned.layers.layers
    slow.open.set()
    edit(tuned, "deconvolve", psf=psf_file, iterations=4)
    settle(tuned)
    slow.open.clear()
    tuned.session.compute_log._latest["deconvolve"] = 10.0
    tuned.seen.clear()
    for t in (1, 2):
        tuned.viewer.dims.set_current_step(0, t)
        has(qtbot, lambda t=t: tuned.seen and tuned.seen[-1].t == t and tuned.seen[-1].preview)
    slow.open.set()
    settle(tuned)
    np.testing.assert_array_equal(on_screen(layer), expected(tuned, 0, 2, plane_of(tuned)))


def test_a_result_replaces_its_preview_although_the_sliders_left_the_data(
    tuned: Any, settle: Settle, slow: Slow, qtbot: Any, psf_file: Path
) -> None:
    (layer,), dims = tuned.layers.layers, tuned.viewer.dims
    tuned.viewer.add_image(np.zeros((999, 4, 4), np.uint8))
    edit(tuned, "deconvolve", psf=psf_file, iterations=4)
    has(qtbot, lambda: tuned.seen and tuned.seen[-1].preview)
    z = plane_of(tuned)
    dims.set_current_step(1, 998)
    dims.set_current_step(0, 2)
    slow.open.set()
    settle(tuned)
    assert "up to date" in tuned.status.text()
    dims.set_current_step(1, z)
    settle(tuned)
    np.testing.assert_array_equal(on_screen(layer), expected(tuned, 0, 2, z))


def test_looks_get_quicker_while_the_hand_moves_and_better_when_it_rests(
    tuned: Any, settle: Settle, slow: Slow, qtbot: Any, psf_file: Path
) -> None:
    edit(tuned, "deconvolve", psf=psf_file, iterations=50)
    has(qtbot, lambda: tuned.seen and tuned.seen[-1].preview)
    policy, first = tuned.layers._policy, tuned.seen[-1]
    assert first.draft == 0
    policy._on_previewed(first, 2 * preview_policy.SLOW_DRAFT)
    edit(tuned, "deconvolve", iterations=49)
    has(qtbot, lambda: tuned.seen[-1].draft == 1)
    slow.open.set()
    settle(tuned)
    tuned.session.compute_log._latest["deconvolve"] = 10.0
    edit(tuned, "deconvolve", iterations=48)
    settle(tuned)
    assert [job.draft for job in tuned.seen][-2:] == [0, None]


def test_what_is_quick_is_shown_directly(
    tuned: Any, settle: Settle, psf_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuned.layers._policy._instant_timer.setInterval(60_000)  # this machine may be busy
    monkeypatch.setattr(preview_policy, "INSTANT", 60.0)
    for angle in (30.0, 31.0, 32.0):
        edit(tuned, "deskew", angle=angle)
        edit(tuned, "deconvolve", psf=psf_file, iterations=1)
        settle(tuned)
    assert tuned.seen and not any(job.preview for job in tuned.seen)


def test_the_first_picture_may_be_a_preview_and_sets_the_contrast_only_for_now(
    dock: Any, settle: Settle, slow: Slow, qtbot: Any, psf_file: Path, tmp_path: Path
) -> None:
    from napari_lazy_pipeline._gui.layers.contrast import contrast_limits

    seen: list[Any] = []
    dock.layers.rendered.connect(seen.append)
    edit(dock, "deconvolve", psf=psf_file, iterations=4)
    dock.open_folder(write_raw(tmp_path / "one", times=3, channels=1, shape=SHAPE))
    has(qtbot, lambda: seen and seen[-1].preview)
    (layer,) = dock.layers.layers
    assert np.any(on_screen(layer))
    slow.open.set()
    settle(dock)
    volume = dock.session.source().cached(0, 0)
    plane = plane_of(dock)
    seen_now = contrast_limits(volume[plane : plane + 1])
    assert tuple(layer.contrast_limits) == pytest.approx(seen_now)
    np.testing.assert_array_equal(on_screen(layer), expected(dock, 0, 0, plane_of(dock)))


def test_a_preview_that_never_began_is_not_under_way_after_the_end(qapp: Any) -> None:
    """There is one thread for previews: that of the second channel waits for the first."""
    began, end, thread = threading.Event(), threading.Event(), ComputeThread()

    def look_up_files() -> None:
        began.set()
        end.wait(60)

    for channel in range(2):
        request: Any = SimpleNamespace(channel=channel, preview=True, draft=0)
        request.same_as = request.make = lambda _: None
        request.look_up_files = look_up_files
        thread.request(request)
    assert began.wait(60)
    thread.stop()
    end.set()
    thread.join()
    assert not thread.busy
