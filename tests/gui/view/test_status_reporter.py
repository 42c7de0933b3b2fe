"""The status line and the problems say what is the case now, and nothing that was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dock_helpers import card, edit, expected, on_screen
from stacks import write_raw

Settle = Callable[[Any], None]
TIMEOUT = 10_000


@pytest.fixture
def notifications() -> Iterator[list[str]]:
    """What napari tells the person."""
    from napari.utils.notifications import notification_manager

    heard: list[str] = []

    def hear(notification: Any) -> None:
        heard.append(str(notification.message))

    notification_manager.notification_ready.connect(hear)
    yield heard
    notification_manager.notification_ready.disconnect(hear)


def no_psf(dock: Any, path: Path) -> None:
    edit(dock, "deconvolve", psf=path, iterations=1)


def test_time_points_count_from_0_and_channels_have_names(opened: Any, settle: Settle) -> None:
    texts: list[str] = []
    opened.compute_thread.started.connect(lambda *_: texts.append(opened.status.text()))
    opened.viewer.dims.set_current_step(0, 2)
    settle(opened)
    assert "t 2 of 3, 560: reading…" in texts
    assert opened.status.text() == "t 2 of 3: up to date"


def test_while_a_step_does_not_fit_the_old_picture_is_named_so(opened: Any, settle: Settle) -> None:
    edit(opened, "crop", x=(5, 0))
    settle(opened)
    before = on_screen(opened.layers.layers[0]).copy()
    edit(opened, "crop", x=(25, 0))
    settle(opened)
    assert opened.status.text() == "Still showing t 0 of 3: Crop does not fit"
    np.testing.assert_array_equal(on_screen(opened.layers.layers[0]), before)
    crop = [step.kind for step in opened.session.pipeline.steps].index("crop")
    opened.session.show_until(crop)
    settle(opened)
    assert opened.status.text() == "t 0 of 3: up to date", "what is shown does not need it"
    opened.session.show_until(None)
    assert opened.status.text().startswith("Still showing")
    opened.session.undo()
    settle(opened)
    assert opened.status.text() == "t 0 of 3: up to date"


@pytest.mark.parametrize("cure", ["mend", "switch off", "undo", "remove"])
def test_a_step_that_was_mended_is_no_problem_any_more(
    opened: Any,
    settle: Settle,
    notifications: list[str],
    psf_file: Path,
    tmp_path: Path,
    cure: str,
) -> None:
    opened.data.z_step.setValue(0.2)
    opened.data.pixel.setValue(0.1)
    settle(opened)
    no_psf(opened, tmp_path / "missing.tif")
    settle(opened)
    assert opened.status.text() == "t 0 of 3: 488 not computed, 560 not computed"
    first, second = sorted(opened.problems.problems, key=lambda problem: problem.what)
    assert "missing.tif" in first.what + first.where
    assert "failed at t=0, channel 488" in first.what and "channel 560" in second.what
    assert first.kind == "deconvolve" and len(notifications) == 1
    if cure == "mend":
        edit(opened, "deconvolve", psf=psf_file)
    elif cure == "switch off":
        card(opened, "deconvolve").switch.setChecked(False)
    elif cure == "undo":
        while card(opened, "deconvolve").step.enabled:
            opened.session.undo()
    else:
        card(opened, "deconvolve").removed.emit()
    settle(opened)
    assert not opened.problems.problems and not opened.problems.isVisibleTo(opened)
    assert opened.status.text() == "t 0 of 3: up to date"
    np.testing.assert_array_equal(on_screen(opened.layers.layers[0]), expected(opened, 0, 0, 6))
    if cure == "mend":
        no_psf(opened, tmp_path / "other.tif")
        settle(opened)
        assert len(notifications) == 2, "it was solved, and came back"


def test_an_edit_that_solves_nothing_is_not_notified_again(
    opened: Any, settle: Settle, notifications: list[str], tmp_path: Path
) -> None:
    for name in ("a", "b", "c"):
        no_psf(opened, tmp_path / f"{name}.tif")
        settle(opened)
    assert len(notifications) == 1
    assert all("c.tif" in p.what + p.where for p in opened.problems.problems)


def test_problems_of_other_data_are_gone(opened: Any, settle: Settle, tmp_path: Path) -> None:
    Path(opened.session.stack.source.path(1, 0)).write_bytes(b"no TIFF")
    opened.viewer.dims.set_current_step(0, 1)
    settle(opened)
    assert opened.problems.problems
    opened.open_folder(write_raw(tmp_path / "other", times=2, channels=1))
    settle(opened)
    assert not opened.problems.problems


def test_steps_that_wait_are_named(opened: Any, settle: Settle) -> None:
    edit(opened, "deconvolve")
    settle(opened)
    assert opened.status.text() == "t 0 of 3: without Deconvolve: waiting"
    opened.session.show_until(0)
    settle(opened)
    assert opened.status.text() == "t 0 of 3: up to date"
    opened.session.show_until(None)
    opened.session.undo()
    settle(opened)
    assert opened.status.text() == "t 0 of 3: up to date"


def test_a_folder_that_cannot_be_opened_leaves_what_is_shown(
    opened: Any, settle: Settle, qtbot: Any, tmp_path: Path
) -> None:
    opened.data.folder.value = tmp_path / "nowhere"
    qtbot.waitUntil(lambda: "no folder" in opened.data.error.text(), timeout=TIMEOUT)
    settle(opened)
    assert opened.status.text() == "t 0 of 3: up to date"
