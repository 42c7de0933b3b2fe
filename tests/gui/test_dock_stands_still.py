"""The dock on a small screen: what stays in its place, what is seen whole, what is quiet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtCore import QPoint, QRect, Qt
from qtpy.QtGui import QCursor
from qtpy.QtWidgets import QApplication, QFileDialog, QWidget

from dock_helpers import card, edit
from napari_lazy_pipeline._gui.steps.cost_monitor import StepCostLine
from napari_lazy_pipeline._gui.tools.angle_tool import AnglePanel
from napari_lazy_pipeline._gui.widgets.forms.channel_rows import ChannelRows
from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.image import Scan
from napari_lazy_pipeline.image.problem_log import Problem
from napari_lazy_pipeline.session import Recipe
from napari_lazy_pipeline.steps import Crop, Deskew, Rotate, Select, SubtractBackground
from napari_lazy_pipeline.steps._registry import step_types
from numbered_files import DRIFT
from stacks import write_raw

Left = Qt.MouseButton.LeftButton
Settle = Callable[[Any], None]
SMALL, WIDTH = (1366, 768), 340  # px, of the window, and of the dock
TIMEOUT = 60_000


@pytest.fixture
def small(make_napari_viewer: Callable[..., Any], qtbot: Any) -> Iterator[Any]:
    """The dock, without data, in a window of 1366 x 768."""
    viewer = make_napari_viewer(show=True)
    window = viewer.window._qt_window
    qtbot.waitExposed(window)
    QCursor.setPos(200, 400)
    _, dock = viewer.window.add_plugin_dock_widget("napari-lazy-pipeline", "Lazy Pipeline")
    window.setGeometry(0, 0, *SMALL)
    window.resizeDocks([dock.parent()], [WIDTH], Qt.Orientation.Horizontal)

    def ready() -> bool:
        return bool((window.width(), window.height()) == SMALL and dock.width() == WIDTH)

    qtbot.waitUntil(ready, timeout=TIMEOUT)
    yield dock
    dock.shut_down()
    dock.compute_thread.join()


@pytest.fixture
def filled(small: Any, raw_folder: Path, settle: Settle) -> Any:
    """The same with a folder open: 3 time points, 2 channels."""
    small.open_folder(raw_folder)
    settle(small)
    return small


def place(widget: QWidget) -> QRect:
    return QRect(widget.mapToGlobal(QPoint(0, 0)), widget.size())


def in_sight(widget: QWidget, within: QWidget) -> bool:
    """Whether all of a widget is seen, and lies within another."""
    seen = widget.isVisible() and widget.visibleRegion().boundingRect() == widget.rect()
    return seen and place(within).contains(place(widget))


def laid_out(qtbot: Any) -> None:
    """Texts that wrap take a few turns to find their heights."""
    for _ in range(5):
        qtbot.wait(10)


def bring(dock: Any, widget: QWidget, qtbot: Any) -> None:
    """Scroll to a widget, and wait until it is not scrolled to once more."""
    dock.area.bring(widget)
    qtbot.waitUntil(lambda: dock.area._brought is None, timeout=TIMEOUT)
    laid_out(qtbot)


def no_scrolling(dock: Any) -> None:
    """A window that is high enough for all of the dock."""
    dock.viewer.window._qt_window.resize(1366, 1060)
    next(section for section in dock.sections if section.isAncestorOf(dock.view)).heading.click()


# ---- the foot ---------------------------------------------------------------------------------


def test_the_foot_stays_in_sight(filled: Any, qtbot: Any) -> None:
    foot, save = filled.foot, filled.save
    parts = (foot.undo, foot.redo, save.recipe, save.copy, save.process_all, filled.status)
    laid_out(qtbot)
    before = [place(part) for part in parts]
    assert all(in_sight(part, filled) for part in parts)
    for one in filled.steps.cards:
        qtbot.mouseClick(one.unfold, Left)
    laid_out(qtbot)
    assert [place(part) for part in parts] == before
    assert all(in_sight(part, filled) for part in parts)
    status = "t 1, channel 488: " + "a long sentence about what is being done " * 10
    filled.status.setText(status)
    laid_out(qtbot)
    assert [place(part) for part in parts] == before and status in filled.status.toolTip()
    save.error.say("The recipe cannot be read: line 3 names a step that does not exist " * 3)
    laid_out(qtbot)
    assert in_sight(save.error, filled) and [place(part) for part in parts] == before


def test_undo_and_redo_are_buttons_of_the_foot(filled: Any, qtbot: Any, settle: Settle) -> None:
    undo, redo, start = filled.foot.undo, filled.foot.redo, filled.session.pipeline
    assert not undo.isEnabled() and not redo.isEnabled()
    edit(filled, "subtract_background", value=50.0)
    assert undo.isEnabled() and not redo.isEnabled()
    while undo.isEnabled():
        qtbot.mouseClick(undo, Left)
    assert filled.session.pipeline == start and redo.isEnabled()
    while redo.isEnabled():
        qtbot.mouseClick(redo, Left)
    assert card(filled, "subtract_background").step.value == 50.0
    settle(filled)


def test_problems_are_a_number_until_they_are_wanted(filled: Any, qtbot: Any) -> None:
    problems, copy = filled.problems, filled.save.copy
    assert not problems.button.isVisible() and not problems.isVisible()
    before = place(copy)
    problems.show_problems([Problem("a.tif", "The file is cut off", "not computed")])
    laid_out(qtbot)
    assert problems.button.text() == "1 problem" and in_sight(problems.button, filled)
    assert not problems.isVisible() and place(copy) == before
    qtbot.mouseClick(problems.button, Left)
    laid_out(qtbot)
    assert in_sight(problems.list, filled) and place(copy) == before
    assert "The file is cut off" in problems.list.item(0).text()
    problems.show_problems([Problem("a.tif", "cut off")] * 2)
    assert problems.button.text() == "2 problems" and problems.list.isVisible()
    qtbot.mouseClick(problems.unfold, Left)
    assert not problems.isVisible() and not problems.button.isChecked()
    qtbot.mouseClick(problems.button, Left)
    problems.show_problems([])
    assert not problems.isVisible() and not problems.button.isVisible()


def test_the_export_is_seen_whole_and_the_steps_come_back(
    filled: Any, qtbot: Any, tmp_path: Path, settle: Settle
) -> None:
    process, save = filled.save.process, filled.save
    qtbot.mouseClick(card(filled, "deskew").unfold, Left)
    scrolled = filled.area.verticalScrollBar().value()
    qtbot.mouseClick(save.process_all, Left)
    laid_out(qtbot)
    assert not filled.steps.isVisible() and in_sight(process.start, filled.pages)
    process.form.fields["folder"].value = tmp_path / "out"
    qtbot.waitUntil(process.start.isEnabled, timeout=TIMEOUT)
    seen: list[bool] = []
    process.exporter.progressed.connect(
        lambda _: seen.append(all(in_sight(p, filled.pages) for p in (process.bar, process.cancel)))
    )
    qtbot.mouseClick(process.start, Left)
    qtbot.waitUntil(lambda: "6 volumes written" in process.state.text(), timeout=TIMEOUT)
    laid_out(qtbot)
    assert seen and all(seen[1:]) and in_sight(process.state, filled.pages)
    qtbot.mouseClick(save.back, Left)
    laid_out(qtbot)
    assert filled.steps.isVisible() and not save.process_all.isChecked()
    assert filled.area.verticalScrollBar().value() == scrolled


def test_the_tab_key_goes_down_the_dock(filled: Any, qtbot: Any) -> None:
    for one in filled.steps.cards:
        one.unfold.setChecked(True)
    laid_out(qtbot)
    parts = (filled.data, filled.view, filled.steps, filled.foot)
    visited, widget = [], filled.data.folder.line_edit.native
    for _ in range(1000):
        part = next((part for part in parts if part.isAncestorOf(widget)), None)
        if (
            part is not None
            and widget.isVisible()
            and widget.focusPolicy() & Qt.FocusPolicy.TabFocus
        ):
            visited.append(part)
        widget = widget.nextInFocusChain()
        if widget is filled.data.folder.line_edit.native:
            break
    assert [part for part, _ in groupby(visited)] == list(parts)


# ---- unfolding --------------------------------------------------------------------------------


def test_a_step_is_switched_and_does_not_unfold(filled: Any, qtbot: Any, settle: Settle) -> None:
    one = card(filled, "deskew")
    bring(filled, one, qtbot)
    QCursor.setPos(place(one.switch).center())
    laid_out(qtbot)
    before = place(one.switch)
    for on in (True, False):
        qtbot.mouseClick(one.switch, Left)
        settle(filled)
        laid_out(qtbot)
        assert one.step.enabled is on and not one.unfold.isChecked()
        assert place(one.switch) == before, "nor does it go away under the mouse"


def test_what_is_unfolded_is_seen_whole(filled: Any, qtbot: Any) -> None:
    viewport = filled.area.viewport()
    for one in filled.steps.cards:
        filled.area.verticalScrollBar().setValue(0)
        one.unfold.setChecked(True)
        assert place(one).intersects(place(viewport))
        qtbot.waitUntil(lambda one=one: in_sight(one, viewport), timeout=TIMEOUT)
        one.unfold.setChecked(False)


def test_what_is_too_high_is_seen_from_its_top(filled: Any, qtbot: Any) -> None:
    one = card(filled, "deconvolve")
    one.body.setMinimumHeight(2000)
    qtbot.mouseDClick(one.head.title, Left)
    laid_out(qtbot)
    assert one.unfold.isChecked()
    assert place(one).top() == place(filled.area.viewport()).top()


def test_a_card_that_grows_after_it_was_unfolded_is_still_seen_whole(
    filled: Any, qtbot: Any
) -> None:
    one = card(filled, "crop")
    one.unfold.setChecked(True)
    one.findChild(StepCostLine).say("Takes\n" * 5)
    qtbot.waitUntil(lambda: in_sight(one, filled.area.viewport()), timeout=TIMEOUT)


# ---- under the hand ---------------------------------------------------------------------------


@pytest.mark.parametrize("scrolled", [False, True])
def test_messages_do_not_move_what_is_under_the_mouse(
    filled: Any, qtbot: Any, scrolled: bool
) -> None:
    one, bar = card(filled, "deskew"), filled.area.verticalScrollBar()
    if scrolled:
        one.unfold.setChecked(True)
        one.findChild(StepCostLine).say("Takes\n" * 30)
    else:
        no_scrolling(filled)
    laid_out(qtbot)
    assert (bar.maximum() > 0) == scrolled
    bring(filled, one, qtbot)
    aim = one.unfold
    QCursor.setPos(place(aim).center())
    laid_out(qtbot)
    before, text = place(aim), "Something that comes and goes " * 4
    first = filled.steps.cards[0]
    for show in (filled.data.error.say, first.set_waiting, first.set_caution, one.set_caution):
        for said in (text, "", text, ""):
            show(said)
            laid_out(qtbot)
            # A card's own message stands below its head.
            assert place(aim) == before, (show, said)


def test_room_that_was_made_is_given_back_when_the_mouse_leaves(filled: Any, qtbot: Any) -> None:
    no_scrolling(filled)
    laid_out(qtbot)
    aim = card(filled, "crop").switch
    before = place(aim)
    QCursor.setPos(before.center())
    laid_out(qtbot)
    filled.data.error.say("Something that stays")
    laid_out(qtbot)
    assert place(aim) == before and filled.area.verticalScrollBar().maximum() > 0
    QCursor.setPos(200, 400)
    qtbot.waitUntil(lambda: filled.area.verticalScrollBar().maximum() == 0, timeout=TIMEOUT)
    assert in_sight(filled.data.error, filled.area.viewport())


# ---- width ------------------------------------------------------------------------------------


@pytest.mark.parametrize("per_channel", [False, True])
def test_everything_fits_the_width(
    filled: Any, qtbot: Any, settle: Settle, per_channel: bool
) -> None:
    """Every kind of step, unfolded, with a value for all channels or a row per channel."""
    steps = [step_type(enabled=False) for step_type in step_types().values()]  # type: ignore[call-arg]
    filled.session.set_pipeline(Pipeline(steps))
    for section in (filled.data.files.fold, filled.data.metadata.voxel_fold):
        section.unfold()
    for one in filled.steps.cards:
        one.unfold.setChecked(True)
        one.set_time(123.4)
        for field in one.form.fields.values():
            if isinstance(field.control, ChannelRows):
                field.control.set_per_channel(per_channel)
    for panel in filled.steps.findChildren(AnglePanel):
        scans = Scan(133.4, "y"), Scan(133.4, "y", "perpendicular")
        panel._on_proposed(panel._step, scans, "Planes shift 2.50 px along x (match 33 %)")
        panel.preview.setText("Preview angle live (Seen in 3-D only)")
    settle(filled)
    laid_out(qtbot)
    viewport, content = filled.area.viewport(), filled.area.widget()
    assert filled.width() == WIDTH and filled.area.horizontalScrollBar().maximum() == 0
    assert content.minimumSizeHint().width() <= viewport.width()
    for widget in content.findChildren(QWidget):
        if widget.isVisible() and not isinstance(widget.parent(), QWidget | None):
            continue
        if widget.isVisible():
            right = widget.mapTo(content, widget.rect().topRight()).x()
            assert right < viewport.width(), (widget, right)


def test_what_is_written_of_many_steps_fits_the_width(
    filled: Any, qtbot: Any, settle: Settle
) -> None:
    steps = SubtractBackground(), Crop(z=(0, 8)), Deskew(), Rotate()
    filled.session.set_pipeline(Pipeline(steps))
    settle(filled)
    qtbot.mouseClick(filled.save.process_all, Left)
    stages = filled.save.process.form.fields["stages"]
    qtbot.waitUntil(lambda: len(stages.control.boxes) == 3, timeout=TIMEOUT)
    laid_out(qtbot)
    assert filled.width() == WIDTH and filled.minimumSizeHint().width() <= WIDTH
    page = filled.save.page
    assert page.minimumSizeHint().width() <= filled.pages.width()
    assert all(in_sight(box, page) for box in stages.control.boxes)
    channels = filled.save.process.form.fields["channels"].control.boxes
    assert place(channels[0]).top() == place(channels[1]).top(), "short names stand abreast"


@pytest.mark.parametrize("about", ["voxel_size", "angle", "step", "offer"])
def test_each_question_fits_the_width(
    nothing_stated: None, small: Any, tmp_path: Path, settle: Settle, qtbot: Any, about: str
) -> None:
    small.open_folder(write_raw(tmp_path / "one"))
    settle(small)
    cards = small.data.metadata.questions.cards
    if about in ("step", "offer"):
        small.session.state(angle=31.5, **({"step": "stage"} if about == "offer" else {}))
    if about == "offer":
        small.session.state(voxel_size=(0.3333, 0.1041, 0.1041))
        small.open_folder(write_raw(tmp_path / "a_folder_of_another_day"))
        settle(small)
    laid_out(qtbot)
    assert about in cards
    assert small.width() == WIDTH and small.area.horizontalScrollBar().maximum() == 0


# ---- empty ------------------------------------------------------------------------------------


def test_an_empty_dock_asks_for_data_and_for_nothing_else(small: Any, qtbot: Any) -> None:
    laid_out(qtbot)
    welcome, save = small.welcome, small.save
    for button in (welcome.folder, welcome.sample):
        assert in_sight(button, small) and button.height() >= 36 and button.width() > 280
    quiet = (small.steps, small.view, small.data.files, small.data.reader, small.data.watch)
    assert not [part for part in quiet if part.isVisible()]
    disabled = (save.copy, save.process_all, small.foot.undo, small.foot.redo)
    assert not [button for button in disabled if button.isEnabled()]
    assert save.recipe.isEnabled() and not save.save_recipe.isEnabled()


def test_a_sample_is_opened_by_its_button(small: Any, qtbot: Any, settle: Settle) -> None:
    names = [action.text() for action in small.welcome.menu.actions()]
    assert names[0].startswith("Simulated cell") and len(names) == 3
    small.welcome.menu.actions()[0].trigger()
    settle(small)
    laid_out(qtbot)
    assert small.session.stack.shape[:2] == (12, 2) and len(small.viewer.layers) == 2
    assert not small.welcome.isVisible() and small.steps.isVisible() and small.view.isVisible()
    assert small.save.process_all.isEnabled() and small.save.copy.isEnabled()
    assert small.width() == WIDTH


def test_a_folder_is_opened_by_its_button(
    small: Any, qtbot: Any, settle: Settle, raw_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(raw_folder))
    qtbot.mouseClick(small.welcome.folder, Left)
    qtbot.waitUntil(lambda: small.session.stack is not None, timeout=TIMEOUT)
    settle(small)
    assert not small.welcome.isVisible() and small.data.files.isVisible()


def test_a_folder_that_cannot_be_opened_says_so_and_can_be_told_more(
    small: Any, qtbot: Any, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    small.open_folder(tmp_path)
    qtbot.waitUntil(lambda: bool(small.data.error.text()), timeout=TIMEOUT)
    assert small.data.error.isVisible() and small.data.files.isVisible()
    assert small.welcome.isVisible() and not small.steps.isVisible()


def test_a_recipe_can_be_looked_at_without_data(small: Any, tmp_path: Path) -> None:
    Recipe(pipeline=Pipeline([Crop(z=(1, 3))])).save(tmp_path / "r.yaml")
    small.save.load(tmp_path / "r.yaml")
    QApplication.processEvents()
    assert small.save.error.text() == "" and small.steps.isVisible() and small.welcome.isVisible()


def test_a_remark_is_in_sight_until_it_has_been_read(filled: Any, settle: Settle) -> None:
    remark, scroll = filled.foot.remark, filled.area.verticalScrollBar()
    filled.session.set_pipeline(Pipeline((Deskew(), DRIFT)))
    settle(filled)
    assert not remark.isVisible()
    filled.session.set_pipeline(Pipeline((Select(times=(1, 0)), Deskew(), DRIFT)))
    settle(filled)
    filled.steps.cards[0].unfold.click()
    scroll.setValue(scroll.maximum())
    assert scroll.value() > 0
    assert "meets time points 1 to 2 now" in remark.text()
    seen = remark.visibleRegion().boundingRect()
    assert seen.size() == remark.size() and remark.height() >= remark.sizeHint().height()
    remark.dismiss.click()
    assert not remark.isVisible() and not remark.text()
