"""Forms made from models, worked by keys and mouse as a person does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

import pytest
from annotated_types import Unit
from pydantic import BaseModel, ConfigDict, Field, model_validator
from qtpy.QtCore import QLocale, QPoint, Qt
from qtpy.QtWidgets import QApplication, QFileDialog, QMenu, QPushButton

from napari_lazy_pipeline._gui.widgets.forms.edit_gesture import EditGesture
from napari_lazy_pipeline._gui.widgets.forms.model_form import ModelForm
from napari_lazy_pipeline._gui.widgets.tab_order import stops
from napari_lazy_pipeline.steps._per_channel import ChannelValues, PerChannel

Key, Left = Qt.Key, Qt.MouseButton.LeftButton
Length = Annotated[float, Field(ge=0, le=100)]


class Values(BaseModel):
    """One of each kind of field, and none of a step."""

    model_config = ConfigDict(frozen=True)

    size: Annotated[
        float | None,
        Field(ge=0, le=10, title="Pixel", json_schema_extra={"step": 0.1, "empty": "missing"}),
        Unit("µm"),
    ] = None
    count: Annotated[int, Field(ge=0, le=9, json_schema_extra={"zero": "auto"})] = 0
    spacing: tuple[Length, Length, Length] = (0.3, 0.1, 0.1)
    wide: bool = False
    axis: Annotated[
        Literal["x", "y"] | None,
        Field(json_schema_extra={"words": {"x": "along x"}, "empty": "not stated"}),
    ] = "x"
    format: Annotated[
        Literal["tiff", "zarr"],
        Field(json_schema_extra={"buttons": True, "words": {"tiff": ("TIFF", "One file each")}}),
    ] = "tiff"
    halo: Annotated[
        tuple[Annotated[int, Field(ge=0)], ...] | None,
        Field(min_length=3, max_length=3, title="Neighbours"),
        Unit("voxels"),
    ] = None
    folder: Annotated[
        Path | None,
        Field(title="Folder", json_schema_extra={"format": "path", "mode": "d"}),
    ] = None

    @model_validator(mode="after")
    def _wide_enough(self) -> Self:
        if self.wide and not self.count:
            raise ValueError("something wide needs a count")
        return self


class Channels(BaseModel):
    """Fields that may have a value per channel."""

    model_config = ConfigDict(frozen=True)

    background: Annotated[
        PerChannel[Annotated[float, Field(ge=0, le=500)]],
        Field(title="Background", json_schema_extra={"step": 1, "slider": [0, 100]}),
        Unit("counts"),
    ] = 100.0
    spacing: PerChannel[tuple[Length, Length, Length]] = (0.3, 0.1, 0.1)
    psf: Annotated[PerChannel[str], Field(json_schema_extra={"format": "path"})] = ""


def shown(qtbot: Any, model: BaseModel, **options: Any) -> tuple[ModelForm, list[Any]]:
    """A form of the width of the dock, and what it says was changed."""
    form, heard = ModelForm(model, **options), []
    qtbot.addWidget(form.native)
    form.native.resize(320, 400)
    form.native.show()
    form.changed.connect(heard.append)
    qtbot.waitExposed(form.native)
    form.native.activateWindow()
    qtbot.waitUntil(form.native.isActiveWindow, timeout=20_000)
    return form, heard


def enter(qtbot: Any, editor: Any, text: str) -> None:
    editor.setFocus()
    editor.selectAll()
    qtbot.keyClicks(editor, text)
    qtbot.keyClick(editor, Key.Key_Return)


def entries(menu: QMenu) -> list[str]:
    return [action.text() for action in menu.actions()]


# ---- one value --------------------------------------------------------------------------------


def test_every_kind_of_field_has_its_widget_and_gives_its_value_back(qtbot: Any) -> None:
    form, heard = shown(qtbot, Values())
    assert [field.caption.text() for field in form.fields.values()][:2] == ["Pixel (µm)", "count"]
    assert [field.value for field in form.fields.values()] == list(dict(Values()).values())
    other = Values(
        size=0.104,
        count=3,
        spacing=(1, 2, 3),
        wide=True,
        axis=None,
        format="zarr",
        halo=(0, 1, 1),
        folder=Path("a"),
    )
    form.set_value(other)
    assert [field.value for field in form.fields.values()] == list(dict(other).values())
    assert form.value == other and not heard, "showing is no edit"
    form.reset()
    assert heard == [Values()], "one edit"


def test_a_choice_is_made_among_words(qtbot: Any) -> None:
    form, heard = shown(qtbot, Values())
    (box,) = form["axis"].editors
    assert [box.itemText(i) for i in range(box.count())] == ["not stated", "along x", "y"]
    qtbot.keyClick(box, Key.Key_Up)
    assert heard[-1].axis is None
    (choice,) = form["format"].editors
    assert choice.buttons["tiff"].toolTip() == "One file each"
    qtbot.mouseClick(choice.buttons["zarr"], Left)
    assert heard[-1].format == "zarr"
    (box,) = form["wide"].editors
    box.click()
    assert "something wide needs a count" in form["wide"].error.text()
    assert len(heard) == 2


@pytest.mark.parametrize("text", ["0.104", "0,104", "1.04e-1"])
@pytest.mark.parametrize("country", ["en_US", "de_DE"])
def test_a_point_is_a_point_in_every_country(qtbot: Any, text: str, country: str) -> None:
    before = QLocale()
    QLocale.setDefault(QLocale(country))
    try:
        form, heard = shown(qtbot, Values())
        enter(qtbot, form["size"].editors[0], text)
    finally:
        QLocale.setDefault(before)
    assert [model.size for model in heard] == [0.104]
    assert form["size"].editors[0].text() == "0.104"


def test_a_number_may_be_missing(qtbot: Any) -> None:
    form, _ = shown(qtbot, Values())
    (box,) = form["size"].editors
    assert box.text() == "missing"
    qtbot.keyClick(box, Key.Key_Up)
    assert form.value.size == 0.0, "the lowest there is"
    for text, value in (("0.3", 0.3), ("", None), ("missing2", 2.0)):
        enter(qtbot, box, text)
        if not text:
            qtbot.keyClick(box, Key.Key_Delete)
            qtbot.keyClick(box, Key.Key_Return)
        assert form.value.size == value
    enter(qtbot, box, "-1")
    assert form.value.size == 2.0 and box.text() == "2", "the old one is back"
    assert form["size"].error.text() == "-1: must be at least 0"
    for _ in range(30):
        qtbot.keyClick(box, Key.Key_Down)
    assert form.value.size == 0.0, "arrows end at the bound"
    form["size"].reset()
    assert form.value.size is None and box.text() == "missing"
    assert not form["size"].error.isVisible()


def test_words_stand_for_nothing(qtbot: Any) -> None:
    form, _ = shown(qtbot, Values())
    (box,) = form["count"].editors
    assert box.text() == "auto"
    enter(qtbot, box, "4")
    enter(qtbot, box, "auto")
    assert form.value.count == 0


def test_what_is_refused_is_said_of_the_member(qtbot: Any) -> None:
    form, heard = shown(qtbot, Values())
    enter(qtbot, form["spacing"].editors[1], "200")
    assert form["spacing"].error.text() == "200: must be at most 100"
    assert not heard and form["spacing"].value == (0.3, 0.1, 0.1)
    enter(qtbot, form["spacing"].editors[1], "0.2")
    assert heard[-1].spacing == (0.3, 0.2, 0.1) and not form["spacing"].error.text()


def test_a_tuple_counts_once_it_is_complete(qtbot: Any) -> None:
    form, heard = shown(qtbot, Values())
    for box, text in zip(form["halo"].editors, "012", strict=True):
        assert not heard
        enter(qtbot, box, text)
    assert [model.halo for model in heard] == [(0, 1, 2)]
    form["halo"].reset()
    assert heard[-1].halo is None and [box.text() for box in form["halo"].editors] == [""] * 3


def test_a_folder_is_typed_or_chosen(
    qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    form, heard = shown(qtbot, Values())
    enter(qtbot, form["folder"].editors[0], str(tmp_path))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "b"))
    qtbot.mouseClick(form["folder"].controls[0].choose, Left)
    assert [model.folder for model in heard] == [tmp_path, tmp_path / "b"]


def test_only_some_fields_in_an_order_of_their_own(qtbot: Any) -> None:
    form, _ = shown(qtbot, Values(), names=("axis", "size"))
    assert [*form.fields] == ["axis", "size"]
    form, _ = shown(qtbot, Values(), hidden=("spacing", "wide"))
    assert "spacing" not in form.fields and len(form.fields) == 6


def test_every_control_has_a_name_and_a_tooltip(qtbot: Any) -> None:
    form, _ = shown(qtbot, Values())
    names = [stop.accessibleName() for stop in stops(form.native)]
    assert names[:5] == ["Pixel (µm)", "count", "spacing z", "spacing y", "spacing x"]
    assert all(names)
    assert (
        form["size"]
        .caption.toolTip()
        .endswith("From 0 to 10 µm.\nDefault: missing (right-click to reset)")
    )


def test_the_menu_of_a_caption_can_be_added_to(qtbot: Any) -> None:
    form, _ = shown(qtbot, Values(count=3))
    form.menu_opening.connect(lambda name, menu: menu.addAction(f"Try values of {name}…"))
    menu = form["count"].menu()
    assert entries(menu) == ["Reset to 0", "Try values of count…"]
    menu.actions()[0].trigger()
    assert form.value.count == 0


def test_magicgui_reads_the_form(qtbot: Any) -> None:
    form, heard = shown(qtbot, Values())
    assert [widget.name for widget in form] == list(Values.model_fields)
    form["size"].value = 3.0
    assert heard == [Values(size=3.0)]


# ---- per channel ------------------------------------------------------------------------------


def test_a_value_becomes_one_per_channel_and_back(qtbot: Any) -> None:
    form, heard = shown(qtbot, Channels(background=98))
    background = form["background"]
    assert not background.control.switch.isVisible(), "nobody knows of channels yet"
    assert entries(background.menu()) == ["Reset to 100 counts"]
    form.set_channels(("488", "560"))
    assert entries(background.menu())[1:] == ["Per channel"]
    assert background.control.switch.accessibleName() == "Background (counts): per channel"
    qtbot.mouseClick(background.control.switch, Left)
    assert heard[-1].background == ChannelValues({"488": 98.0, "560": 98.0})
    assert len(background.editors) == 2 and all(box.isVisible() for box in background.editors)
    enter(qtbot, background.editors[1], "101")
    assert heard[-1].background == {"488": 98.0, "560": 101.0}
    enter(qtbot, background.editors[1], "600")
    assert background.error.text() == "600: must be at most 500"
    assert heard[-1].background == {"488": 98.0, "560": 101.0}
    assert entries(background.menu())[1:] == ["One for all"]
    background.menu().actions()[1].trigger()
    assert heard[-1].background == 98.0 and background.editors[0].isVisible()


def test_a_channel_loses_its_value(qtbot: Any) -> None:
    form, heard = shown(qtbot, Channels(background={"488": 98.0, "560": 101.0}))
    form.set_channels(("488", "560"))
    form.set_value(Channels(background={"488": 97.0}))  # an undo, say
    assert [box.text() for box in form["background"].editors] == ["97"]
    (button,) = form["background"].control.rows.findChildren(QPushButton)
    assert button.text() == "Set a value"
    form.set_value(Channels(background={"488": 97.0, "560": 99.0}))
    assert [box.text() for box in form["background"].editors] == ["97", "99"] and not heard


def typing(qtbot: Any, editor: Any, text: str) -> None:
    """Type, and neither press Enter nor leave the box."""
    editor.setFocus()
    qtbot.waitUntil(editor.hasFocus)
    editor.selectAll()
    qtbot.keyClicks(editor, text)


def test_what_is_typed_counts_when_each_channel_gets_a_value(qtbot: Any) -> None:
    form, heard = shown(qtbot, Channels(background=98))
    form.set_channels(("488", "560"))
    background = form["background"]
    typing(qtbot, background.editors[0], "101")
    qtbot.mouseClick(background.control.switch, Left)
    assert heard[-1].background == {"488": 101.0, "560": 101.0}
    typing(qtbot, background.editors[0], "97")
    qtbot.mouseClick(background.control.switch, Left)
    assert heard[-1].background == 97.0


def test_a_box_that_goes_while_one_types_edits_nothing(qtbot: Any) -> None:
    form, heard = shown(qtbot, Channels())
    form.set_channels(("488", "560"))
    spacing, each = form["spacing"], {"488": (0.4, 0.1, 0.1), "560": (0.5, 0.1, 0.1)}
    typing(qtbot, spacing.editors[0], "0.7")
    form.set_value(Channels(spacing=each))  # an undo, say
    assert form.value.spacing == each and not heard
    assert [box.text() for box in spacing.editors][::3] == ["0.4", "0.5"]
    typing(qtbot, spacing.editors[0], "0.7")
    form.set_value(Channels())
    assert form.value == Channels() and not heard


def test_values_of_channels_that_are_not_here_are_kept(qtbot: Any) -> None:
    values = ChannelValues({"488": 98.0, "640": 90.0})
    form, heard = shown(qtbot, Channels(background=values))
    background = form["background"]
    assert [*background.control.parts] == ["488", "640"], "all there are, as long as none is known"
    form.set_channels(("488", "560"))
    assert [*background.control.parts] == ["488"]
    assert "640" in background.control.switch.toolTip()
    enter(qtbot, background.editors[0], "97")
    assert heard[-1].background == {"488": 97.0, "640": 90.0}
    (button,) = background.control.rows.findChildren(QPushButton)
    qtbot.mouseClick(button, Left)
    assert heard[-1].background == {"488": 97.0, "640": 90.0, "560": 97.0}
    assert [*background.control.parts] == ["488", "560"] and len(heard) == 2


def test_another_step_is_shown_in_the_rows_it_needs(qtbot: Any) -> None:
    form, heard = shown(qtbot, Channels())
    form.set_channels(("488", "560"))
    several = Channels(
        background=ChannelValues({"488": 1.0, "560": 2.0}),
        spacing=ChannelValues({"488": (1, 1, 1), "560": (2, 2, 2)}),
        psf=ChannelValues({"488": "a.tif", "560": "b.tif"}),
    )
    for model in (several, Channels(), several):
        form.set_value(model)
        assert [field.value for field in form.fields.values()] == list(dict(model).values())
    assert [editor.text() for editor in form["psf"].editors] == ["a.tif", "b.tif"]
    assert not heard
    enter(qtbot, form["spacing"].editors[4], "5")
    assert heard[-1].spacing == {"488": (1, 1, 1), "560": (2, 5, 2)}


def test_the_rows_are_reached_by_the_tab_key_and_have_names(qtbot: Any) -> None:
    form, _ = shown(qtbot, Channels())
    form.set_channels(("488", "560"))
    for name in ("background", "psf"):
        form[name].control.set_per_channel(True)
    visited = []
    first = form["background"].control.switch
    first.setFocus()
    for _ in range(8):
        visited.append(QApplication.focusWidget().accessibleName())
        qtbot.keyClick(QApplication.focusWidget(), Key.Key_Tab)
    assert visited == [
        "Background (counts): one for all",
        "Background (counts) 488, slider",
        "Background (counts) 488",
        "Background (counts) 560, slider",
        "Background (counts) 560",
        "spacing z",
        "spacing y",
        "spacing x",
    ]
    for field in form.fields.values():
        for stop in stops(field.native):
            assert stop.accessibleName() and stop.toolTip(), stop
            if stop.isVisible():
                right = stop.mapTo(form.native, stop.rect().topRight())
                assert form.native.rect().contains(right), stop


def test_a_drag_of_one_channel_is_one_movement(qtbot: Any) -> None:
    form, _ = shown(qtbot, Channels(background=ChannelValues({"488": 10.0, "560": 10.0})))
    movements: list[object] = []
    form.changed.connect(lambda _: movements.append(form.gesture))
    for control in form["background"].controls:
        slider = control.slider
        start = QPoint(8 + round((slider.width() - 16) * 0.1), slider.height() // 2)
        qtbot.mousePress(slider, Left, pos=start)
        for x in (10, 20, 30):
            qtbot.mouseMove(slider, start + QPoint(x, 0))
        qtbot.mouseRelease(slider, Left, pos=start + QPoint(30, 0))
        qtbot.keyClick(control.editor, Key.Key_Up)
    assert len(set(map(id, movements))) == 4 and None not in movements


def test_arrows_in_two_rows_are_two_movements(qtbot: Any) -> None:
    gesture, boxes = EditGesture(), [QPushButton(), QPushButton()]
    for box in boxes:
        qtbot.addWidget(box)
        gesture.watch(box)
    movements = []
    for box in (boxes[0], boxes[0], boxes[1]):
        qtbot.keyClick(box, Key.Key_Up)
        movements.append(gesture.gesture("background"))
    assert movements[0] is movements[1] is not movements[2] is not None


# ---- arguments of a function ------------------------------------------------------------------


def blurred(
    image: Any,
    sigma: float,
    mode: Literal["reflect", "wrap"] = "reflect",
    times: int = 2,
    axes: Any = None,
    size: Annotated[float, {"max": 10, "step": 0.5}] = 1.0,
    exact=False,  # type: ignore[no-untyped-def]
    **others: Any,
) -> None:
    pass


class Call(BaseModel):
    """As a step that calls a function."""

    model_config = ConfigDict(frozen=True)

    arguments: Annotated[dict[str, Any], Field(title="Arguments")] = {}


def test_a_function_has_a_form_for_its_arguments(qtbot: Any) -> None:
    form, heard = shown(qtbot, Call(arguments={"sigma": 3, "cval": 7, "times": 2}))
    form["arguments"].control.set_function(blurred)
    inner = form["arguments"].control.form
    assert [*inner.fields] == ["sigma", "mode", "times", "axes", "size", "exact"]
    assert [field.value for field in inner.fields.values()] == [3, "reflect", 2, None, 1, False]
    enter(qtbot, inner["size"].editors[0], "20")
    assert inner["size"].value == 1.0, "beyond what the annotation for magicgui allows"
    enter(qtbot, inner["size"].editors[0], "0.5")
    enter(qtbot, inner["axes"].editors[0], "(1, 2)")
    inner["exact"].editors[0].click()
    assert heard[-1].arguments == {
        "sigma": 3, "cval": 7, "times": 2, "size": 0.5, "axes": (1, 2), "exact": True
    }  # fmt: skip
    form.set_value(Call(arguments={"sigma": 1.5}))
    assert inner["sigma"].value == 1.5 and inner["size"].value == 1.0
    assert all(stop.accessibleName() and stop.toolTip() for stop in stops(form.native))


def test_arguments_that_do_not_fit_are_kept_and_said(qtbot: Any) -> None:
    form, heard = shown(qtbot, Call(arguments={"sigma": "wide"}))
    control = form["arguments"].control
    control.set_function(blurred)
    assert control.error.text().startswith("sigma: must be a number")
    assert form.value.arguments == {"sigma": "wide"} and not heard
    control.set_function(lambda image: image)
    assert control.editor.text() == "none to set" and not control.error.text()
    control.set_function(None)
    assert form.value.arguments == {"sigma": "wide"} and not heard


@pytest.mark.parametrize("name", ["gaussian_filter", "median_filter", "zoom"])
def test_functions_of_scipy_have_forms(qtbot: Any, name: str) -> None:
    from scipy import ndimage

    form, heard = shown(qtbot, Call())
    form["arguments"].control.set_function(getattr(ndimage, name))
    (first, *_) = form["arguments"].control.form.fields.values()
    enter(qtbot, first.editors[0], "(0, 2.5, 2.5)")
    assert heard[-1].arguments == {first.name: (0, 2.5, 2.5)}
