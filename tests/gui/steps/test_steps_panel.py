"""The list of steps, worked by mouse and keys as a person does."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QColor, QPalette, QWheelEvent
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QApplication,
    QCheckBox,
    QComboBox,
    QLabel,
    QMenu,
    QToolTip,
    QWidget,
)

from dock_helpers import card as card_of
from dock_helpers import edit, on_screen
from napari_lazy_pipeline._gui.steps.add_step import usual_place
from napari_lazy_pipeline._gui.steps.card_list import matched
from napari_lazy_pipeline._gui.steps.card_menu import card_menu
from napari_lazy_pipeline._gui.steps.step_card import StepCard
from napari_lazy_pipeline._gui.steps.steps_panel import StepsPanel
from napari_lazy_pipeline._gui.widgets.forms.form_field import Caption
from napari_lazy_pipeline._gui.widgets.forms.model_form import ModelForm
from napari_lazy_pipeline._gui.widgets.forms.table_entry import TableEntry
from napari_lazy_pipeline._gui.widgets.undo_keys import UndoKeys
from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.errors import StepError
from napari_lazy_pipeline.session import Recipe, Session
from napari_lazy_pipeline.steps import (
    Crop,
    Deconvolve,
    Deskew,
    Drift,
    Rotate,
    Select,
    SubtractBackground,
)
from napari_lazy_pipeline.steps._base import Step
from napari_lazy_pipeline.steps._registry import step_types

Key, Left = Qt.Key, Qt.MouseButton.LeftButton
Alt, Control = Qt.KeyboardModifier.AltModifier, Qt.KeyboardModifier.ControlModifier
Shift = Qt.KeyboardModifier.ShiftModifier
STEPS = (SubtractBackground(), Deskew(angle=30), Crop())


@pytest.fixture
def panel(qtbot: Any) -> StepsPanel:
    """Three steps in a window of the width of the dock, which has the keyboard."""
    session = Session()
    session.set_pipeline(Pipeline(steps=STEPS))
    panel = StepsPanel(session)
    UndoKeys(panel, session)
    qtbot.addWidget(panel)
    panel.resize(320, 700)
    panel.show()
    qtbot.waitExposed(panel)
    panel.activateWindow()
    qtbot.waitUntil(panel.isActiveWindow, timeout=20_000)
    return panel


def kinds(panel: StepsPanel) -> list[str]:
    return [step.kind for step in panel.session.pipeline.steps]


def steps(panel: StepsPanel) -> tuple[Step, ...]:
    assert [card.step for card in panel.cards] == list(panel.session.pipeline.steps)
    return panel.session.pipeline.steps


def drag(qtbot: Any, card: StepCard, to: QPoint, release: bool = True) -> None:
    """Take a card by its handle and pull it to a place on the screen."""
    handle = card.head.handle
    start = handle.rect().center()
    qtbot.mousePress(handle, Left, pos=start)
    end = handle.mapFromGlobal(to)
    for part in (0.3, 0.7, 1.0):
        qtbot.mouseMove(handle, start + (end - start) * part)
    if release:
        qtbot.mouseRelease(handle, Left, pos=end)


def top_of(card: StepCard) -> QPoint:
    return card.mapToGlobal(QPoint(8, 2))


def bottom_of(card: StepCard) -> QPoint:
    return card.mapToGlobal(QPoint(8, card.height() - 2))


# ---- which card belongs to which step ---------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("abc", "abc", [0, 1, 2]),
        ("abc", "bca", [1, 2, 0]),
        ("abc", "ac", [0, 2]),
        ("ac", "abc", [0, None, 1]),
        ("aa", "aB", [0, None]),
        ("a", "A", [0]),  # a capital letter: another value of the same kind
        ("aa", "Aa", [0, 1]),
        ("aA", "Aa", [1, 0]),
        ("ab", "bA", [1, 0]),
        ("", "a", [None]),
        ("a", "", []),
        ("aaa", "aa", [0, 1]),
    ],
)
def test_cards_stay_with_their_steps(old: str, new: str, expected: list[int | None]) -> None:
    values: dict[str, Step] = {
        "a": Deskew(angle=30),
        "A": Deskew(angle=31),
        "b": Crop(),
        "B": Crop(z=(1, 2)),
        "c": Rotate(angle=31.5),
    }
    assert matched([values[k] for k in old], [values[k] for k in new]) == expected


# ---- mouse ------------------------------------------------------------------------------------


def test_a_step_is_dragged_to_another_place(panel: StepsPanel, qtbot: Any) -> None:
    first, second, third = panel.cards
    drag(qtbot, third, top_of(first))
    assert kinds(panel) == ["crop", "subtract_background", "deskew"]
    assert panel.cards == [third, first, second], "the same cards"
    qtbot.waitUntil(lambda: third.y() < first.y() < second.y())
    drag(qtbot, third, bottom_of(second))
    assert kinds(panel) == ["subtract_background", "deskew", "crop"]
    panel.session.undo()
    panel.session.undo()
    assert steps(panel) == STEPS


def test_a_line_shows_where_it_would_land_and_escape_calls_it_off(
    panel: StepsPanel, qtbot: Any
) -> None:
    first, second, third = panel.cards
    line = panel.list._line
    drag(qtbot, third, top_of(second), release=False)
    assert line.isVisible()
    assert first.geometry().bottom() <= line.y() <= second.y()
    drag(qtbot, third, top_of(third), release=False)
    assert not line.isVisible(), "it would stay where it is"
    drag(qtbot, third, top_of(first), release=False)
    qtbot.keyClick(third.head.handle, Key.Key_Escape)
    assert not line.isVisible()
    qtbot.mouseRelease(third.head.handle, Left)
    assert steps(panel) == STEPS


def test_a_click_on_the_handle_is_no_drag(panel: StepsPanel, qtbot: Any) -> None:
    qtbot.mouseClick(panel.cards[0].head.handle, Left)
    assert steps(panel) == STEPS


def test_a_slider_is_dragged_and_one_undo_takes_it_back(panel: StepsPanel, qtbot: Any) -> None:
    card = panel.cards[1]
    qtbot.mouseClick(card.unfold, Left)
    slider = card.form.fields["angle"].controls[0].slider
    seen: list[Pipeline] = []
    panel.session.plan_changed.connect(lambda _: seen.append(panel.session.pipeline))

    def handle() -> QPoint:
        span = slider.width() - 16
        return QPoint(8 + round(span * slider.value() / slider.maximum()), slider.height() // 2)

    for by in (25, -40):
        place = handle()
        qtbot.mousePress(slider, Left, pos=place)
        for x in range(0, by, 5 if by > 0 else -5):
            qtbot.mouseMove(slider, place + QPoint(x, 0))
        qtbot.mouseRelease(slider, Left, pos=place + QPoint(by, 0))
    angles = [pipeline.steps[1].angle for pipeline in seen]
    assert len(angles) >= 10 and max(angles) > 40 > 25 > min(angles), "live, at each move"
    assert all(angle == round(angle, 1) for angle in angles), "in steps of 0.1"
    turning = angles.index(max(angles))
    panel.session.undo()
    assert steps(panel)[1].angle == angles[turning]
    panel.session.undo()
    assert steps(panel) == STEPS
    panel.session.redo()
    assert card.form.fields["angle"].value == angles[turning]


def test_the_wheel_turns_only_what_has_the_focus(panel: StepsPanel, qtbot: Any) -> None:
    card = panel.cards[1]
    card.unfold.setChecked(True)
    control = card.form.fields["angle"].controls[0]

    def wheel(widget: QWidget) -> None:
        place = QPointF(widget.rect().center())
        event = QWheelEvent(
            place,
            QPointF(widget.mapToGlobal(widget.rect().center())),
            QPoint(),
            QPoint(0, 120),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(widget, event)

    card.setFocus()
    for widget in (
        control.editor,
        control.slider,
        card.form.fields["skew_axis"].editors[0],
    ):
        wheel(widget)
    assert steps(panel) == STEPS, "whoever scrolls the dock changes nothing"
    control.editor.setFocus()
    for _ in range(5):
        wheel(control.editor)
    assert steps(panel)[1].angle == pytest.approx(30.5)
    panel.session.undo()
    assert steps(panel) == STEPS, "one turn, one undo"


def test_a_click_on_the_head_selects(panel: StepsPanel, qtbot: Any) -> None:
    heard: list[int | None] = []
    panel.selected_changed.connect(heard.append)
    qtbot.mouseClick(panel.cards[1].head.title, Left)
    qtbot.mouseClick(panel.cards[0].head.brief, Left)
    assert panel.selected == 0 and [c.selected for c in panel.cards] == [True, False, False]
    qtbot.mouseClick(panel.cards[0].head, Left, pos=panel.cards[0].head.brief.geometry().center())
    assert panel.selected is None, "a second click lets go"
    assert heard == [1, 0, None]
    assert panel.session.until is None and steps(panel) == STEPS


def test_selecting_moves_the_picture_only_while_it_goes_up_to_a_step(
    panel: StepsPanel, qtbot: Any
) -> None:
    session = panel.session
    session.show_until(0)
    qtbot.mouseClick(panel.cards[1].head.title, Left)
    assert session.until == 0, "raw stays raw"
    assert [card.dimmed for card in panel.cards] == [True, True, True]
    session.show_until(2)
    assert panel.selected == 1
    assert [card.dimmed for card in panel.cards] == [False, False, True]
    qtbot.mouseClick(panel.cards[0].head.title, Left)
    assert session.until == 1
    qtbot.mouseClick(panel.cards[0].head.title, Left)
    assert (panel.selected, session.until) == (0, 1), "the picture has to go up to something"
    qtbot.keyClick(panel.cards[2], Key.Key_Return)
    assert session.until == 3 and not any(card.dimmed for card in panel.cards)
    qtbot.keyClick(panel.cards[2], Key.Key_Up, Alt)
    assert kinds(panel) == ["subtract_background", "crop", "deskew"]
    assert (panel.selected, session.until) == (1, 2), "the picture follows the step"
    qtbot.keyClick(panel.cards[1], Key.Key_Delete)
    assert (panel.selected, session.until) == (0, 1)
    session.set_pipeline(Pipeline())
    assert (panel.selected, session.until) == (None, None)


def test_a_step_is_clicked_and_the_picture_goes_up_to_it(
    opened: Any, settle: Callable[[Any], None], qtbot: Any
) -> None:
    opened.window().show()
    edit(opened, "subtract_background", value=50.0)
    edit(opened, "deskew")
    edit(opened, "crop", x=(0, 9))
    settle(opened)
    here = opened.view.show_choice.buttons["here"]
    assert not here.isEnabled()
    qtbot.mouseClick(card_of(opened, "deskew").head.title, Left)
    assert here.isEnabled()
    qtbot.mouseClick(here, Left)
    settle(opened)
    layer, stack, pipeline = opened.layers.layers[0], opened.session.stack, opened.session.pipeline
    deskew = card_of(opened, "deskew")
    index = opened.steps.cards.index(deskew)
    assert layer.data.shape[1:] == pipeline.specs(stack.spec)[index].shape
    crop = card_of(opened, "crop")
    assert crop.dimmed and not deskew.dimmed
    qtbot.mouseClick(card_of(opened, "subtract_background").head.title, Left)
    settle(opened)
    assert layer.data.shape[1:] == stack.spec.shape
    shown = on_screen(layer)
    raw = stack.source.read(0, 0)[opened.viewer.dims.current_step[1]]
    np.testing.assert_array_equal(shown, np.maximum(raw, 50) - 50)
    qtbot.mouseClick(opened.view.show_choice.buttons["all"], Left)
    settle(opened)
    assert layer.data.shape[3] == 9 and not crop.dimmed


def test_the_menu_of_a_card(panel: StepsPanel, qtbot: Any) -> None:
    def choose(index: int, text: str) -> None:
        menu = card_menu(panel.cards[index], panel.cards[index].form)
        actions = [
            *menu.actions(),
            *(a for m in menu.actions() if m.menu() for a in m.menu().actions()),
        ]
        next(a for a in actions if a.text().split("\t")[0] == text).trigger()

    choose(1, "Duplicate")
    assert kinds(panel) == ["subtract_background", "deskew", "deskew", "crop"]
    choose(2, "Move down")
    assert kinds(panel) == ["subtract_background", "deskew", "crop", "deskew"]
    choose(3, "Move down")  # it is the last
    choose(3, "Angle: 30° → as data")
    assert steps(panel)[3] == Deskew() and steps(panel)[1] == Deskew(angle=30)
    panel.session.replace_step(3, Deskew(angle=20, width=7, enabled=False))
    choose(3, "All values")
    assert steps(panel)[3] == Deskew(enabled=False)
    assert card_values(panel.cards[3]) == card_values_of(Deskew())
    choose(1, "Remove")
    assert kinds(panel) == ["subtract_background", "crop", "deskew"]
    qtbot.mouseClick(panel.cards[0].head.menu, Left)
    (menu,) = [one for one in panel.cards[0].findChildren(QMenu) if one.isVisible()]
    panel.session.set_pipeline(Pipeline([]))
    assert not menu.isVisible(), "it goes with its card: its entries may be collected at once"


def card_values(card: StepCard) -> dict[str, Any]:
    return {name: field.value for name, field in card.form.fields.items()}


def card_values_of(step: Step) -> dict[str, Any]:
    return {n: v for n, v in dict(step).items() if n not in ("kind", "enabled")}


# ---- adding -----------------------------------------------------------------------------------


def add(panel: StepsPanel, kind: str) -> None:
    title = step_types()[kind].title
    next(a for a in panel.add.menu().actions() if a.text().startswith(f"{title}: ")).trigger()


def test_the_menu_describes_each_kind_of_step(panel: StepsPanel) -> None:
    texts = [action.text() for action in panel.add.menu().actions() if action.text()]
    types = sorted(step_types().values(), key=lambda step_type: step_type.order)
    groups = list(dict.fromkeys(step_type.group for step_type in types))
    assert texts[1:] == [
        text
        for group in groups
        for text in [group, *(f"{t.title}: {t.summary}" for t in types if t.group == group)]
    ]


def test_a_new_step_stands_at_its_usual_place_or_after_the_selected_one(
    panel: StepsPanel, qtbot: Any
) -> None:
    assert panel.add.menu().actions()[0].text() == "Add at its usual place:"
    add(panel, "deconvolve")
    assert kinds(panel) == ["subtract_background", "deconvolve", "deskew", "crop"]
    new = panel.cards[1]
    assert new.step == Deconvolve() and new.form.visible and panel.window().focusWidget() is new
    qtbot.mouseClick(panel.cards[3].head.title, Left)
    assert panel.add.menu().actions()[0].text() == "Add after Crop:"
    assert "after Crop" in panel.add.toolTip()
    add(panel, "subtract_background")
    assert kinds(panel)[3:] == ["crop", "subtract_background"]
    panel.session.undo()
    panel.session.undo()
    assert steps(panel) == STEPS


def test_a_selection_stands_behind_values_of_time_points() -> None:
    def place(*drift: tuple[float, float, float]) -> int:
        return usual_place(Select(), (SubtractBackground(), Drift(drift=drift), Crop()))

    assert place((0, 0, 0), (0, 1, 0)) == 2 and place() == 0


# ---- keys -------------------------------------------------------------------------------------


def test_everything_by_the_keys_of_a_card(panel: StepsPanel, qtbot: Any) -> None:
    first, second, third = panel.cards
    first.setFocus()
    qtbot.keyClick(first, Key.Key_Down)
    assert panel.window().focusWidget() is second
    qtbot.keyClick(second, Key.Key_Space)
    assert not steps(panel)[1].enabled
    qtbot.keyClick(second, Key.Key_Up, Alt)
    assert kinds(panel) == ["deskew", "subtract_background", "crop"]
    assert panel.window().focusWidget() is second, "the focus goes along"
    qtbot.keyClick(second, Key.Key_Up, Alt)  # it is the first
    qtbot.keyClick(second, Key.Key_Down, Alt)
    qtbot.keyClick(second, Key.Key_D, Control)
    assert kinds(panel) == ["subtract_background", "deskew", "deskew", "crop"]
    twin = panel.cards[2]
    assert panel.window().focusWidget() is twin
    qtbot.keyClick(twin, Key.Key_Delete)
    assert steps(panel) == (STEPS[0], STEPS[1].replace(enabled=False), STEPS[2])
    assert panel.window().focusWidget() is third, "the next one has the focus"
    for key, shown in ((Key.Key_Right, True), (Key.Key_Left, False), (Key.Key_Return, True)):
        qtbot.keyClick(third, key)
        assert third.form.visible == shown
    assert panel.selected == 2
    qtbot.keyClick(third, Key.Key_Escape)
    assert panel.selected is None
    while panel.cards:
        qtbot.keyClick(panel.cards[-1], Key.Key_Delete)
    assert panel.window().focusWidget() is panel.add


def test_keys_that_a_field_has_no_use_for_do_nothing(panel: StepsPanel, qtbot: Any) -> None:
    """Neither here, nor in the picture behind: the card lets none of them through."""
    reached: list[int] = []
    panel.keyPressEvent = lambda event: reached.append(event.key())  # type: ignore[method-assign]
    card = panel.cards[1]
    card.unfold.setChecked(True)
    combo = card.form.fields["skew_axis"].editors[0]
    combo.setFocus()
    for key in (Key.Key_Delete, Key.Key_Backspace, Key.Key_Left, Key.Key_Escape, Key.Key_Return):
        qtbot.keyClick(combo, key)
    assert steps(panel) == STEPS and card.form.visible
    card.setFocus()
    for key in (Key.Key_Up, Key.Key_Down, Key.Key_Left, Key.Key_Right, Key.Key_Return):
        qtbot.keyClick(card, key)
    for key in (Key.Key_Up, Key.Key_Down):
        qtbot.keyClick(card, key, Alt)
    assert set(reached) <= {Key.Key_Alt}, "alone, it has no meaning"


def test_the_tab_key_goes_through_the_cards_in_their_order(panel: StepsPanel, qtbot: Any) -> None:
    drag(qtbot, panel.cards[2], top_of(panel.cards[0]))
    panel.cards[0].unfold.setChecked(True)
    panel.add.setFocus()
    visited = []
    for _ in range(30):
        qtbot.keyClick(panel.window().focusWidget(), Key.Key_Tab)
        visited.append(panel.window().focusWidget())
        if visited[-1] is panel.add:
            break
    crop = panel.cards[0]
    boxes = [box for field in crop.form.fields.values() for box in field.editors]
    expected = [crop, crop.switch, crop.head.menu, *boxes]
    for card in panel.cards[1:]:
        expected += [card, card.switch, card.head.menu]
    assert visited[: len(expected)] == expected


def type_into(qtbot: Any, box: Any, text: str, end: Any = Key.Key_Return) -> None:
    box.setFocus()
    box.selectAll()
    qtbot.keyClicks(box, text)
    if end is not None:
        qtbot.keyClick(box, end)


@pytest.mark.parametrize("text", ["33.25", "33,25"])
def test_a_number_is_typed_as_one_edit(panel: StepsPanel, qtbot: Any, text: str) -> None:
    card = panel.cards[1]
    card.unfold.setChecked(True)
    box = card.form.fields["angle"].editors[0]
    seen: list[Pipeline] = []
    panel.session.plan_changed.connect(lambda _: seen.append(panel.session.pipeline))
    type_into(qtbot, box, text)
    assert [p.steps[1].angle for p in seen] == [33.25]
    assert box.text() == "33.25" and card.head.brief.text() == "33.25° along x"
    assert card.form.visible, "Return was for the field"
    qtbot.keyClick(box, Key.Key_Up)
    assert steps(panel)[1].angle == pytest.approx(33.35)


def test_escape_takes_typing_back_and_then_leaves_the_field(panel: StepsPanel, qtbot: Any) -> None:
    panel.session.set_pipeline(Pipeline(steps=(Deconvolve(psf="a.tif", method="rl"),)))
    card = panel.cards[0]
    card.unfold.setChecked(True)
    before = panel.session.pipeline
    for name, typed in (("iterations", "25"), ("psf", "b.tif")):
        editor = card.form.fields[name].editors[0]
        shown = editor.text()
        type_into(qtbot, editor, typed, end=Key.Key_Escape)
        assert editor.text() == shown and editor.hasFocus()
        qtbot.keyClick(editor, Key.Key_Escape)
        assert card.hasFocus() and panel.session.pipeline is before
        type_into(qtbot, editor, typed)
        type_into(qtbot, editor, "9", end=Key.Key_Escape)
        assert editor.text() == typed, "the value before the typing, not the first of all"
        panel.session.undo()


@pytest.mark.parametrize(
    ("text", "read", "words"),
    [
        ("1,5", 1.5, ""),
        ("1.000,5", 1000.5, ""),
        ("1 000", 1000.0, ""),
        ("1,500", 1.5, "“1,500” was read as 1.5"),
        ("1,2,3", None, "“1,2,3” is not a number"),
        ("12 nm", None, "“12 nm” is not a number"),
    ],
)
def test_a_number_that_is_pasted_is_read_or_refused_in_words(
    panel: StepsPanel, qtbot: Any, text: str, read: float | None, words: str
) -> None:
    card = panel.cards[0]
    card.unfold.setChecked(True)
    field = card.form.fields["value"]
    box = field.editors[0]
    QApplication.clipboard().setText(text)
    box.setFocus()
    box.selectAll()
    qtbot.keyClick(box, Key.Key_V, Control)
    assert box.text() == text
    QToolTip.hideText()
    qtbot.keyClick(box, Key.Key_Return)
    assert steps(panel)[0].value == (STEPS[0].value if read is None else read)
    assert field.error.text() == ("" if read else words)
    assert QToolTip.text() == words if words else not QToolTip.isVisible()
    type_into(qtbot, box, "7")
    assert not field.error.isVisible() and steps(panel)[0].value == 7


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("angle", "400", "400: must be at most 179"),
        ("angle", "0.5", "at least 1 degree"),
        ("width", "-3", "-3: must be at least 0"),
        ("width", "3.5", "3.5: must be a whole number"),
    ],
)
def test_what_is_not_allowed_is_said_under_the_field(
    panel: StepsPanel, qtbot: Any, field: str, text: str, words: str
) -> None:
    card = panel.cards[1]
    card.unfold.setChecked(True)
    card.form.advanced.setChecked(True)
    one = card.form.fields[field]
    type_into(qtbot, one.editors[0], text)
    assert words in one.error.text() and one.error.isVisible()
    assert steps(panel) == STEPS and not panel.session._history.future
    type_into(qtbot, one.editors[0], "40")
    assert not one.error.isVisible() and getattr(steps(panel)[1], field) == 40


def test_a_number_beyond_the_slider_is_still_a_number(panel: StepsPanel, qtbot: Any) -> None:
    card = panel.cards[1]
    card.unfold.setChecked(True)
    control = card.form.fields["angle"].controls[0]
    type_into(qtbot, control.editor, "-32.45")
    assert steps(panel)[1].angle == -32.45 and control.slider.value() == 0
    type_into(qtbot, control.editor, "147.55")
    assert steps(panel)[1].angle == 147.55
    assert control.slider.value() == control.slider.maximum()
    panel.session.undo()
    assert control.value == -32.45


def test_a_path_is_typed_as_one_edit(panel: StepsPanel, qtbot: Any, tmp_path: Path) -> None:
    panel.session.set_pipeline(Pipeline(steps=(Deconvolve(),)))
    card = panel.cards[0]
    card.unfold.setChecked(True)
    line = card.form.fields["psf"].editors[0]
    seen: list[Pipeline] = []
    panel.session.plan_changed.connect(lambda _: seen.append(panel.session.pipeline))
    type_into(qtbot, line, str(tmp_path / "psf.tif"))
    assert [p.steps[0].psf for p in seen] == [str(tmp_path / "psf.tif")]
    assert card.head.brief.text() == "psf.tif, automatic"


def test_what_changes_nothing_is_greyed_out(panel: StepsPanel) -> None:
    panel.session.set_pipeline(Pipeline(steps=(Deconvolve(),)))
    card = panel.cards[0]
    card.unfold.setChecked(True)
    fields = card.form.fields

    def usable() -> list[bool]:
        return [fields[name].native.isEnabled() for name in ("iterations", "start", "edges")]

    assert usable() == [False, False, True]
    fields["method"].value = "rl"
    assert usable() == [True, True, True]
    panel.session.undo()
    assert usable() == [False, False, True]


# ---- undo -------------------------------------------------------------------------------------


def test_the_undo_keys_work_wherever_the_focus_is(panel: StepsPanel, qtbot: Any) -> None:
    card = panel.cards[1]
    card.unfold.setChecked(True)
    box = card.form.fields["angle"].editors[0]
    for widget in (card, card.switch, box, card.form.fields["skew_axis"].editors[0]):
        type_into(qtbot, box, "50")
        widget.setFocus()
        qtbot.keyClick(widget, Key.Key_Z, Control)
        assert steps(panel) == STEPS, widget
        qtbot.keyClick(widget, Key.Key_Z, Control | Shift)
        assert steps(panel)[1].angle == 50
        panel.session.undo()


def test_a_text_that_is_being_typed_keeps_its_own_undo(panel: StepsPanel, qtbot: Any) -> None:
    qtbot.keyClick(panel.cards[0], Key.Key_Space)
    card = panel.cards[1]
    card.unfold.setChecked(True)
    box = card.form.fields["angle"].editors[0]
    type_into(qtbot, box, "77", end=None)
    qtbot.keyClick(box, Key.Key_Z, Control)
    assert box.text() != "77"
    assert not panel.session.pipeline.steps[0].enabled, "the switch is as it was"


def test_undo_of_ten_mixed_edits_by_keys_and_mouse(panel: StepsPanel, qtbot: Any) -> None:
    seen = [steps(panel)]
    panel.session.plan_changed.connect(lambda _: seen.append(panel.session.pipeline.steps))

    def turn() -> None:
        panel.cards[1].unfold.setChecked(True)
        box = next(c for c in panel.cards if c.step.kind == "deskew").form.fields["angle"]
        type_into(qtbot, box.editors[0], "41")

    edits: list[Callable[[], Any]] = [
        lambda: qtbot.keyClick(panel.cards[0], Key.Key_Space),
        turn,
        lambda: drag(qtbot, panel.cards[2], top_of(panel.cards[0])),
        lambda: qtbot.keyClick(panel.cards[1], Key.Key_D, Control),
        lambda: add(panel, "rotate"),
        lambda: qtbot.keyClick(panel.cards[0], Key.Key_Delete),
        lambda: qtbot.keyClick(panel.cards[-1], Key.Key_Up, Alt),
        lambda: card_menu(panel.cards[0], panel.cards[0].form).actions()[0].trigger(),
        lambda: qtbot.mouseClick(panel.cards[1].switch, Left),
        lambda: panel.session.load(
            Recipe(pipeline=Pipeline(steps=(Rotate(angle=31.5),)), engine="auto")
        ),
    ]
    for edit_once in edits:
        edit_once()
        qtbot.wait(1)  # the layout settles
    assert len(seen) == 11 and all(a != b for a, b in pairwise(seen))
    states = list(seen)
    for state in reversed(states[:-1]):
        panel.session.undo()
        assert steps(panel) == state
    assert steps(panel) == STEPS and panel.session.engine == "cpu"
    for state in states[1:]:
        panel.session.redo()
        assert steps(panel) == state
    assert not panel.session.can_redo and panel.session.engine == "auto"


def test_the_undo_keys_belong_to_the_dock_only(
    make_napari_viewer: Callable[..., Any], qtbot: Any
) -> None:
    """In the picture, Ctrl+Z is for what is drawn there."""
    viewer = make_napari_viewer(show=True)
    _, dock = viewer.window.add_plugin_dock_widget("napari-lazy-pipeline", "Lazy Pipeline")
    window = viewer.window._qt_window
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=20_000)
    start = dock.session.pipeline
    card = dock.steps.cards[0]
    card.setFocus()
    qtbot.keyClick(card, Key.Key_Space)
    edited = dock.session.pipeline
    assert edited != start
    labels = viewer.add_labels(np.zeros((8, 8), int))
    labels.data_setitem((np.array([2]), np.array([3])), 1)
    canvas = viewer.window._qt_viewer.canvas.native
    canvas.setFocus()
    qtbot.keyClick(canvas, Key.Key_Z, Control)
    assert dock.session.pipeline == edited
    assert labels.data[2, 3] == 0, "napari took it back"
    labels.data_setitem((np.array([2]), np.array([3])), 1)
    dock.data.setFocus()
    for widget in (dock.steps.add, dock.view.engine):
        widget.setFocus()
        qtbot.keyClick(widget, Key.Key_Z, Control)
        assert dock.session.pipeline == start
        qtbot.keyClick(widget, Key.Key_Z, Control | Shift)
        assert dock.session.pipeline == edited
    assert labels.data[2, 3] == 1
    dock.shut_down()
    dock.compute_thread.join()


# ---- what a card says -------------------------------------------------------------------------


def test_misfit_and_failure_are_both_said_and_go_when_they_are_gone(
    opened: Any, settle: Callable[[Any], None], psf_file: Path
) -> None:
    """The PSF is missing in all volumes; the crop lies beside the data, too."""
    edit(opened, "deconvolve", iterations=1)
    settle(opened)
    decon = card_of(opened, "deconvolve")
    assert decon.waiting.text() == "Waits for a PSF: enter it below" and not decon.error.text()
    edit(opened, "deconvolve", psf="missing.tif", psf_voxel_size=(0.1, 0.1, 0.1))
    settle(opened)
    assert not decon.waiting.text() and "There is no PSF or OTF file here" in decon.error.text()
    assert "\nCheck the path" in decon.error.text(), "what to do has its own line"
    edit(opened, "crop", x=(25, 0))
    settle(opened)
    crop = card_of(opened, "crop")
    assert "starts at x = 25" in crop.error.text() and not crop.result.isVisibleTo(opened)
    edit(opened, "crop", x=(0, 0))
    settle(opened)
    assert not crop.error.text() and crop.result.isVisibleTo(opened)
    assert "There is no PSF or OTF file here" in decon.error.text()
    edit(opened, "deconvolve", psf=psf_file)
    settle(opened)
    assert not decon.error.text() and not decon.error.isVisibleTo(opened)


def test_the_failure_of_one_volume_goes_when_another_is_on_screen(
    opened: Any, settle: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch, psf_file: Path
) -> None:
    def run(self: Deconvolve, parts: Any, at: Any) -> Any:
        if (at.wanted.t, at.wanted.c) == (1, 0):
            raise ValueError("a hole in the camera")
        return parts[0].astype("float32")

    monkeypatch.setattr(Deconvolve, "run", run)
    edit(opened, "deconvolve", psf=psf_file, iterations=1)
    settle(opened)
    card = card_of(opened, "deconvolve")
    assert not card.error.text()
    for _ in range(2):
        opened.viewer.dims.set_current_step(0, 1)
        settle(opened)
        assert (
            "t=1, channel 488" in card.error.text() and "a hole in the camera" in card.error.text()
        )
        opened.viewer.dims.set_current_step(0, 2)
        settle(opened)
        assert not card.error.text()


def test_both_kinds_of_error_on_one_card(panel: StepsPanel) -> None:
    card = panel.cards[1]
    card.set_misfit(StepError("It does not fit", "", "Turn it", "deskew", 1))
    card.set_failure(1, StepError("It failed", "t=0, c=1", "", "deskew", 1))
    assert card.error.text() == "It does not fit.\nTurn it\nIt failed (t=0, c=1)"
    card.set_misfit(None)
    assert card.error.text() == "It failed (t=0, c=1)"
    card.set_failure(1, None)
    assert not card.error.isVisible()


def test_a_step_that_waits_or_is_doubtful_is_no_error(panel: StepsPanel) -> None:
    card = panel.cards[1]
    plain = card.head.title.styleSheet()
    for say, label in ((card.set_waiting, card.waiting), (card.set_caution, card.caution)):
        assert not label.isVisible()
        say("Waits for a PSF: choose one below")
        assert label.isVisible() and label.text() == "Waits for a PSF: choose one below"
        assert card.head.title.styleSheet() == plain and not card.error.isVisible()
    assert card.waiting.styleSheet() == "" != card.caution.styleSheet()
    for say, label in ((card.set_waiting, card.waiting), (card.set_caution, card.caution)):
        say("")
        assert not label.isVisible()


def test_progress_is_shown_of_what_takes_long_and_moves_nothing(
    panel: StepsPanel, qtbot: Any
) -> None:
    first, second, third = panel.cards
    second.show_progress(0.0)
    second.show_progress(1.0)  # a quick step
    first.show_progress(0.0)
    before = third.geometry()
    qtbot.waitUntil(first.bar.isVisible)
    first.show_progress(0.4)
    assert first.bar.value() == 40 and third.geometry() == before
    assert not second.bar.isVisible()
    first.show_progress(1.0)
    assert not first.bar.isVisible()


def test_the_colours_follow_the_theme(opened: Any) -> None:
    """Contrast with the background as WCAG 2 counts it: 4.5 is what text should have."""
    card = card_of(opened, "deskew")
    card.set_misfit(StepError("It does not fit", "", "Turn it", "deskew", 1))
    card.set_waiting("Waits for a PSF")
    card.set_caution("The volume is deskewed already")
    for theme in ("dark", "light", "dark"):
        opened.viewer.theme = theme
        QApplication.processEvents()
        for label in (card.error, card.waiting, card.caution, card.head.title, card.head.brief):
            palette = label.palette()
            text = palette.color(QPalette.ColorRole.WindowText)
            ground = card.palette().color(QPalette.ColorRole.Window)
            assert contrast(blend(text, ground), ground) > 4.5, (theme, label.text())


def blend(text: QColor, ground: QColor) -> QColor:
    """The colour that a half-transparent text has on a ground."""
    a = text.alphaF()
    pairs = zip(text.getRgbF()[:3], ground.getRgbF()[:3], strict=True)
    return QColor.fromRgbF(*(a * t + (1 - a) * g for t, g in pairs))


def contrast(one: QColor, other: QColor) -> float:
    def luminance(colour: QColor) -> float:
        parts = colour.getRgbF()[:3]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def test_nothing_is_cut_and_everything_has_a_name(panel: StepsPanel, qtbot: Any) -> None:
    """At the width the dock leaves: what is shortened has its full text in the tooltip."""
    panel.session.set_pipeline(Pipeline(steps=tuple(t() for t in step_types().values())))  # type: ignore[call-arg]
    long = Deconvolve(psf="/data/" + "a_rather_long_name_of_a_psf" * 2 + ".tif", iterations=20)
    panel.session.set_pipeline(Pipeline([*panel.session.pipeline.steps, long]))
    for card in panel.cards:
        card.set_time(12.3)
        card.unfold.setChecked(True)
    panel.setFixedWidth(312)
    qtbot.wait(10)
    assert panel.minimumSizeHint().width() <= 312
    brief = panel.cards[-1].head.brief
    assert brief.shortened and long.brief() in brief.toolTip()
    for card in panel.cards[:-1]:
        assert not card.head.brief.shortened, card.head.brief.text()
    for caption in panel.findChildren(Caption):
        assert not caption.shortened, caption.text()
    for label in panel.findChildren(QLabel):
        if label.isVisible() and not label.wordWrap() and not hasattr(label, "shortened"):
            assert label.width() >= label.sizeHint().width(), label.text()
    for card in panel.cards:
        for widget in card.focus_chain()[1:]:
            assert widget.toolTip() and widget.accessibleName(), widget
            right = widget.mapTo(card, widget.rect().topRight())
            assert card.rect().contains(right) or not widget.isVisibleTo(card), widget


@pytest.mark.parametrize("kind", list(step_types()))
def test_a_form_edits_each_field_and_gives_each_value_back(qtbot: Any, kind: str) -> None:
    """Another value of each field, by its control; then reset, by the form."""
    default = step_types()[kind]()  # type: ignore[call-arg]
    form = step_form(qtbot, default)
    for name, field in form.fields.items():
        if not field.editors:
            continue  # nothing to be set, as long as no function is chosen
        editor = field.editors[-1]
        if isinstance(field.control, TableEntry):
            field.control.add.click()
        elif name == "angle":
            editor.set_number(30.0)  # from "as data", no arrow leads to an angle that can be
        elif isinstance(editor, QAbstractSpinBox):
            for box in field.editors if field.value is None else [editor]:
                box.stepUp()
        elif isinstance(editor, QComboBox):
            editor.setCurrentIndex((editor.currentIndex() + 1) % editor.count())
        elif isinstance(editor, QCheckBox):
            editor.toggle()
        else:
            editor.setText("another")
            editor.editingFinished.emit()
        assert getattr(form.value, name) == field.value != getattr(default, name), name
        assert not field.error.text(), name
    other = step_form(qtbot, default)
    other.set_value(form.value)
    assert card_values_of(form.value) == {n: f.value for n, f in other.fields.items()}
    form.reset()
    assert form.value == default
    assert card_values_of(default) == {n: f.value for n, f in form.fields.items()}


def step_form(qtbot: Any, step: Step) -> ModelForm:
    form = ModelForm(step, hidden=("kind", "enabled"))
    form.set_channels(("488", "560"))
    qtbot.addWidget(form.native)
    return form


def test_small_numbers_are_not_rounded(qtbot: Any) -> None:
    form = step_form(qtbot, Deconvolve(psf_voxel_size=(0.10425, 0.0975, 0.1)))
    assert form.fields["psf_voxel_size"].value == (0.10425, 0.0975, 0.1)
    assert [box.text() for box in form.fields["psf_voxel_size"].editors] == [
        "0.10425",
        "0.0975",
        "0.1",
    ]


# ---- cost -------------------------------------------------------------------------------------


def test_cards_that_stay_are_kept_and_others_are_gone(panel: StepsPanel, qtbot: Any) -> None:
    made: list[weakref.ref[StepCard]] = []
    panel.list.card_made.connect(lambda one: made.append(weakref.ref(one)))
    session = panel.session
    kept = panel.cards[0]
    for turn in range(50):
        extra = [Deskew(angle=20 + turn), Rotate(angle=31.5), Deconvolve()][turn % 3]
        session.set_pipeline(Pipeline(steps=(STEPS[0], Crop(z=(0, turn + 1)), extra)))
    assert panel.cards[0] is kept
    assert len(made) <= 51, "one a turn: the other two stay"
    for _ in range(3):
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        qtbot.wait(10)
        gc.collect()
    alive = [
        w for w in QApplication.allWidgets() if isinstance(w, StepCard) and w.window() is panel
    ]
    assert sorted(map(id, alive)) == sorted(map(id, panel.cards))
    left = [one() for one in made if one() is not None]
    assert set(map(id, left)) <= set(map(id, panel.cards))
