"""Values that are found in the data, by a button on the card of their step."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt

from dock_helpers import card, edit
from napari_lazy_pipeline._gui.tools import estimate_panel
from napari_lazy_pipeline._gui.tools.estimate_panel import EstimatePanel
from napari_lazy_pipeline.errors import Cancelled
from napari_lazy_pipeline.estimate import Estimate, Estimator, StackSample

TIMEOUT = 20_000


def panel(dock: Any, kind: str = "subtract_background") -> EstimatePanel:
    (found,) = card(dock, kind).body.findChildren(EstimatePanel)
    return found


def press(qtbot: Any, button: Any) -> None:
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def estimated(dock: Any, qtbot: Any) -> EstimatePanel:
    """Press the first button, and wait for the answer."""
    found = panel(dock)
    press(qtbot, next(iter(found.buttons.values())))
    qtbot.waitUntil(lambda: not found.task.busy, timeout=TIMEOUT)
    return found


class Waiting(Estimator):
    """Waits until it is let go, or nobody wants it any more."""

    kind: ClassVar[str] = "subtract_background"
    title: ClassVar[str] = "Wait"
    tooltip: ClassVar[str] = "Wait"

    def __init__(self) -> None:
        self.began, self.go, self.given_up = (threading.Event() for _ in range(3))

    def estimate(self, values: Mapping[str, Any], stack: StackSample) -> Estimate:
        stack.advance(0.25)
        self.began.set()
        while not self.go.wait(0.01):
            if stack.cancelled():
                self.given_up.set()
                raise Cancelled
        return Estimate({"value": 77.0}, "Waited", images={"flat": np.ones((4, 5))})


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> Waiting:
    estimator = Waiting()
    monkeypatch.setattr(estimate_panel, "estimators_of", lambda kind: (estimator,))
    return estimator


def test_values_are_found_per_channel_as_one_edit(opened: Any, qtbot: Any) -> None:
    """The raw volumes are uniform from 100 on: the darker three quarters end below 800."""
    before = opened.session.pipeline
    found = estimated(opened, qtbot)
    step = card(opened, "subtract_background").step
    assert step.enabled and set(step.value) == {"488", "560"}
    assert all(100 <= value < 800 for value in step.value.values())
    assert found.sentence.text().startswith("Most voxels have these counts: 488: ")
    assert "time point 0" in found.sentence.toolTip() and not found.error.text()
    opened.session.undo()
    assert opened.session.pipeline == before


def test_before_a_folder_is_open(dock: Any, qtbot: Any) -> None:
    assert estimated(dock, qtbot).error.text() == "Open a folder first"


def test_a_step_before_that_does_not_fit(opened: Any, qtbot: Any) -> None:
    steps = opened.session.pipeline.steps
    crop = card(opened, "crop").step.replace(y=(90, 0), enabled=True)
    opened.session.set_pipeline(type(opened.session.pipeline)([crop, *steps[:1]]))
    assert estimated(opened, qtbot).error.text() == "A step before this one does not fit or waits"


def test_it_shows_progress_and_can_be_cancelled(
    dock: Any, settle: Any, raw_folder: Path, qtbot: Any, waiting: Waiting
) -> None:
    dock.open_folder(raw_folder)
    settle(dock)
    before, found = dock.session.pipeline, panel(dock)
    (button,) = found.buttons.values()
    card(dock, "subtract_background").unfold.setChecked(True)
    press(qtbot, button)
    qtbot.waitUntil(lambda: found.bar.value() == 25, timeout=TIMEOUT)
    qtbot.waitUntil(lambda: not found.progress.isHidden(), timeout=TIMEOUT)
    assert not button.isEnabled()
    press(qtbot, found.cancel)
    qtbot.waitUntil(waiting.given_up.is_set, timeout=TIMEOUT)
    assert button.isEnabled() and found.progress.isHidden()
    assert found.sentence.text() == "Cancelled" and dock.session.pipeline is before


@pytest.mark.parametrize("what", ["steps", "folder"])
def test_what_was_found_in_other_data_is_not_taken(
    dock: Any, settle: Any, raw_folder: Path, qtbot: Any, waiting: Waiting, what: str
) -> None:
    dock.open_folder(raw_folder)
    settle(dock)
    found = panel(dock)
    press(qtbot, next(iter(found.buttons.values())))
    qtbot.waitUntil(waiting.began.is_set, timeout=TIMEOUT)
    session = dock.session
    if what == "steps":
        crop = card(dock, "crop").step.replace(y=(2, 0), enabled=True)
        session.set_pipeline(type(session.pipeline)([crop, *session.pipeline.steps]))
    else:
        session.show(session.folder_info)
    before = session.pipeline
    waiting.go.set()
    qtbot.waitUntil(lambda: not found.task.busy, timeout=TIMEOUT)
    assert session.pipeline is before
    if what == "steps":
        assert found.error.text() == "The steps before were changed meanwhile: estimate again"


def test_of_time_points_that_have_other_numbers_now_nothing_is_taken(
    dock: Any, settle: Any, raw_folder: Path, qtbot: Any, waiting: Waiting
) -> None:
    dock.open_folder(raw_folder)
    settle(dock)
    found, session = panel(dock), dock.session
    press(qtbot, next(iter(found.buttons.values())))
    qtbot.waitUntil(waiting.began.is_set, timeout=TIMEOUT)
    before = session.pipeline
    session.grow(session.folder_info.source)
    assert found.task.busy, "there are more, and the others have their numbers"
    session.grow(session.folder_info.source, shifted=True)
    waiting.go.set()
    qtbot.waitUntil(lambda: not found.task.busy, timeout=TIMEOUT)
    assert session.pipeline == before and not found.sentence.text()


def test_it_ends_with_the_dock(
    dock: Any, settle: Any, raw_folder: Path, qtbot: Any, waiting: Waiting
) -> None:
    dock.open_folder(raw_folder)
    settle(dock)
    press(qtbot, next(iter(panel(dock).buttons.values())))
    qtbot.waitUntil(waiting.began.is_set, timeout=TIMEOUT)
    dock.shut_down()
    qtbot.waitUntil(waiting.given_up.is_set, timeout=TIMEOUT)


def test_an_image_is_saved_where_the_person_says_but_not_beside_the_raw_files(
    dock: Any, settle: Any, raw_folder: Path, tmp_path: Path, qtbot: Any, waiting: Waiting,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    dock.open_folder(raw_folder)
    settle(dock)
    waiting.go.set()
    edited: list[dict[str, Any]] = []
    monkeypatch.setattr(
        estimate_panel.StepReference, "edit", lambda self, **values: edited.append(values)
    )
    found = estimated(dock, qtbot)
    assert not found.save.isHidden()
    places = iter([raw_folder, tmp_path])
    monkeypatch.setattr(
        estimate_panel.QFileDialog, "getExistingDirectory", lambda *_: str(next(places))
    )
    press(qtbot, found.save)
    qtbot.waitUntil(lambda: bool(found.error.text()), timeout=TIMEOUT)
    assert "raw" in found.error.text() and len(edited) == 1
    found = estimated(dock, qtbot)
    press(qtbot, found.save)
    qtbot.waitUntil(lambda: len(edited) == 3, timeout=TIMEOUT)
    path = tmp_path / "subtract_background_flat.tif"
    assert edited[-1] == {"flat": str(path), "enabled": True}
    np.testing.assert_array_equal(tifffile.imread(path), np.ones((4, 5), "float32"))


def test_every_control_has_a_tooltip_and_a_name(opened: Any) -> None:
    found = panel(opened)
    for control in (*found.buttons.values(), found.cancel, found.save):
        assert control.toolTip() and control.accessibleName()
    edit(opened, "subtract_background", value=98.0)
