"""Tables of numbers in forms: typed, pasted, taken from the neighbours; also per channel."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from annotated_types import Unit
from pydantic import BaseModel, ConfigDict, Field
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QLineEdit

from napari_lazy_pipeline._gui.widgets.forms.model_form import ModelForm
from napari_lazy_pipeline._gui.widgets.forms.table_entry import TableEntry
from napari_lazy_pipeline.steps._per_channel import ChannelValues, PerChannel

Length = Annotated[float, Field(ge=-10, le=10)]
Factor = Annotated[float, Field(gt=0, le=10)]


class Values(BaseModel):
    model_config = ConfigDict(frozen=True)

    shifts: Annotated[
        tuple[tuple[Length, Length, Length], ...],
        Field(title="Shifts", json_schema_extra={"columns": ["z", "y", "x"], "rows": "times"}),
        Unit("um"),
    ] = ()
    factors: Annotated[
        PerChannel[tuple[Factor, ...]],
        Field(title="Factors", json_schema_extra={"rows": "time points", "first": 1}),
        Unit("1"),
    ] = ()


@pytest.fixture
def form(qtbot: Any) -> ModelForm:
    made = ModelForm(Values(shifts=((0, 0, 0), (1, 2, 3), (4, 5, 6))))
    qtbot.addWidget(made.native)
    made.native.resize(320, 400)
    made.native.show()
    return made


def table(form: ModelForm, name: str = "shifts") -> Any:
    assert isinstance(form[name].control, TableEntry)
    return form[name].control.table


def type_in(qtbot: Any, widget: Any, row: int, column: int, text: str) -> None:
    """Click a cell, and type over what is there."""
    QApplication.processEvents()
    place = widget.visualItemRect(widget.item(row, column)).center()
    qtbot.mouseClick(widget.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.keyClicks(widget, text[0])
    editor = widget.viewport().findChild(QLineEdit)
    qtbot.keyClicks(editor, text[1:])
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    QApplication.processEvents()  # Qt takes the text over once the key is done with


def test_a_cell_is_typed_with_a_point_or_a_comma(form: ModelForm, qtbot: Any) -> None:
    heard: list[Values] = []
    form.changed.connect(heard.append)
    type_in(qtbot, table(form), 1, 2, "-2,5")
    assert form.value.shifts == ((0, 0, 0), (1, 2, -2.5), (4, 5, 6))
    assert len(heard) == 1 and table(form).text(1, 2) == "-2.5"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("99", "99: must be at most 10"), ("much", "“much” is not a number")],
)
def test_what_cannot_be_is_said_and_taken_back(
    form: ModelForm, qtbot: Any, text: str, sentence: str
) -> None:
    type_in(qtbot, table(form), 0, 1, text)
    assert form["shifts"].error.text() == sentence
    assert form.value.shifts[0] == (0, 0, 0) and table(form).text(0, 1) == "0"


@pytest.mark.parametrize(
    "text",
    [
        "z\ty\tx\n7\t8\t9\n1\t1\t1\n2\t2\t0.5\n",
        "7 8 9\n1 1 1\n2 2 0.5",
        "7; 8; 9\n1; 1; 1\n2; 2; 0,5",
        "7.0,8.0,9.0\n1.0,1.0,1.0\n2.0,2.0,0.5",
    ],
)
def test_rows_are_pasted_from_the_current_cell_on(form: ModelForm, qtbot: Any, text: str) -> None:
    widget = table(form)
    widget.setCurrentCell(1, 0)
    QApplication.clipboard().setText(text)
    qtbot.keyClick(widget, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    assert form.value.shifts == ((0, 0, 0), (7, 8, 9), (1, 1, 1), (2, 2, 0.5))
    widget.clearSelection()
    qtbot.keyClick(widget, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QApplication.clipboard().text() == "0\t0\t0\n7\t8\t9\n1\t1\t1\n2\t2\t0.5"


def test_a_bad_row_takes_what_lies_between(form: ModelForm, qtbot: Any) -> None:
    widget = table(form)
    widget.selectRow(1)
    qtbot.keyClick(widget, Qt.Key.Key_Delete)
    assert form.value.shifts[1] == (2, 2.5, 3)


def test_rows_are_added_and_taken_away(form: ModelForm, qtbot: Any) -> None:
    control = form["shifts"].control
    control.add.click()
    assert form.value.shifts[2:] == ((4, 5, 6), (4, 5, 6))
    for _ in range(4):
        control.take.click()
    assert form.value.shifts == () and control.summary.text() == "0 rows"
    assert table(form).isHidden() and not control.take.isEnabled()
    form["shifts"].value = ((1, 1, 1),)
    form["shifts"].reset()
    assert form.value == Values()


def test_numbers_of_each_channel_are_columns(form: ModelForm, qtbot: Any) -> None:
    control = form["factors"].control
    assert not control.offered
    form.set_channels(("488", "560"))
    control.add.click()
    control.add.click()
    type_in(qtbot, control.table, 1, 0, "1.5")
    assert form.value.factors == (1, 1.5)
    assert form["factors"].menu().actions()[1].text() == "Per channel"
    control.switch.click()
    assert form.value.factors == {"488": (1, 1.5), "560": (1, 1.5)}
    type_in(qtbot, control.table, 0, 1, "3")
    assert form.value.factors["560"] == (3, 1.5)
    form["factors"].value = ChannelValues({"488": (1.0, 2.0, 3.0), "560": (1.0,)})
    assert control.table.text(2, 1) == ""
    type_in(qtbot, control.table, 2, 1, "4")
    assert form.value.factors["560"] == (1, 1, 4)
    control.switch.click()
    assert form.value.factors == (1, 2, 3)


def test_tooltips_and_names(form: ModelForm) -> None:
    control = form["shifts"].control
    for widget in (control.table, control.add, control.take):
        assert widget.toolTip() and widget.accessibleName()
    assert form["shifts"].caption.toolTip().endswith("Default: nothing (right-click to reset)")
    assert form["shifts"].in_words(form.value.shifts) == "3 times"
