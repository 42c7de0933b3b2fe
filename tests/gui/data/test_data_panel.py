"""The Data section: what it finds, asks, shows and takes back; driven by keys and clicks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from napari.utils import Colormap
from qtpy.QtCore import QLocale, QPoint, Qt
from qtpy.QtWidgets import QAbstractButton, QAbstractSpinBox, QComboBox, QLineEdit

from dock_helpers import card, edit, expected, on_screen
from napari_lazy_pipeline import Recipe, open_stack
from napari_lazy_pipeline._gui.dock import LazyPipelineWidget
from napari_lazy_pipeline._gui.tools.scan_link import ScanLink
from napari_lazy_pipeline.image import Scan
from stacks import write_raw

Settle = Callable[[Any], None]
Until = Callable[[Callable[[], object]], None]
TIMEOUT = 20_000
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def until(qtbot: Any) -> Until:
    def wait(condition: Callable[[], object]) -> None:
        qtbot.waitUntil(lambda: bool(condition()), timeout=TIMEOUT)

    return wait


def retype(qtbot: Any, line: QLineEdit | QAbstractSpinBox, text: str) -> None:
    """Write over what is in a field, letter by letter."""
    line.setFocus()
    qtbot.keyClick(line, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClicks(line, text)


def tick(qtbot: Any, box: Any) -> None:
    """Click on the square of a check box."""
    qtbot.mouseClick(box, LEFT, pos=QPoint(8, box.height() // 2))


def box(dock: Any, name: str) -> Any:
    """What a value of the metadata is typed into."""
    return dock.data.metadata.form.fields[name].editors[0]


def cells(dock: Any) -> dict[str, tuple[str, str]]:
    """The table of the names: found, and missing or extra, of each field."""
    table = dock.data.files.table
    rows = [
        [table.item(row, column).text() for column in range(3)] for row in range(table.rowCount())
    ]
    return {field: (found, missing) for field, found, missing in rows}


# ---- the pattern, and the table of what it reads off the names ----------------------------


def test_the_table_follows_the_pattern_and_enter_opens(
    opened: Any, settle: Settle, until: Until, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, stack = opened.data.files, opened.session.stack
    assert not files.fold.unfolded and "6 files" in opened.data.summary.text()
    looked: list[object] = []
    monkeypatch.setattr("napari_lazy_pipeline.io.readers.tiff.TiffReader.probe", looked.append)
    retype(qtbot, files.line, "cell_ch0_stack{t}_*.tif")
    until(lambda: "Enter opens: 3 files -> 1 channel x 3 time points" in files.fold.line.text())
    assert cells(opened)["time point"] == ("0000, 0001, 0002", "")
    assert cells(opened)["others"][0] == "3 names"
    until(lambda: "file size" in cells(opened))
    assert opened.session.stack is stack and not looked, "nothing is opened, no file is looked into"
    monkeypatch.undo()
    qtbot.keyClick(files.line, Qt.Key.Key_Return)
    until(lambda: opened.session.stack is not stack)
    settle(opened)
    assert opened.session.stack.source.pattern == "cell_ch0_stack{t}_*.tif"
    assert opened.session.stack.shape[:2] == (3, 1)


def test_a_wrong_pattern_says_why_and_changes_nothing(
    opened: Any, until: Until, qtbot: Any
) -> None:
    files, stack, pattern = opened.data.files, opened.session.stack, opened.data.files.current
    for text, words in (("cell_{t", "partner"), ("frame{t}.tif", "None of the 6 files fits")):
        retype(qtbot, files.line, text)
        until(lambda words=words: words in files.problem.text())
        assert files.problem.isVisibleTo(opened)
        qtbot.keyClick(files.line, Qt.Key.Key_Return)
        assert not opened.data.opener.busy and opened.session.stack is stack
    assert "6 files" in opened.data.summary.text(), "it says what is open still"
    qtbot.keyClick(files.line, Qt.Key.Key_Escape)
    assert (files.line.text(), files.problem.text()) == (pattern, "")
    assert not files.fold.unfolded, "the table was not looked at before"


def test_the_last_letter_decides_also_if_the_share_is_slow(
    opened: Any, until: Until, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_lazy_pipeline.io.pattern_preview import PatternPreviews

    files, go_on, tried = opened.data.files, threading.Event(), []
    attempt = PatternPreviews.attempt

    def slow(self: PatternPreviews, pattern: str, position: str | None = None) -> Any:
        tried.append(pattern)
        assert go_on.wait(20)
        return attempt(self, pattern, position)

    monkeypatch.setattr(PatternPreviews, "attempt", slow)
    for pattern in ("cell_ch{c}_stack0000_*.tif", "cell_ch1_stack{t}_*.tif", "cell_ch0_stack{t}_*"):
        retype(qtbot, files.line, pattern)
        until(lambda: tried)
        qtbot.wait(250)  # longer than the pause after which a pattern is tried
    assert tried == ["cell_ch{c}_stack0000_*.tif"], "one thing at a time is asked of a share"
    go_on.set()
    until(lambda: "others" in cells(opened))
    assert tried[1:] == ["cell_ch0_stack{t}_*"], "what nobody wants any more is not done"
    assert opened.data.summary.text().startswith("Enter opens: 3 files -> 1 channel x 3")


def test_a_share_that_hangs_does_not_hold_up_the_next_folder(
    dock: Any, settle: Settle, raw_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The package hands out the function of the same name.
    opening = import_module("napari_lazy_pipeline.io.open_stack")
    never, list_names, hung = threading.Event(), opening.list_names, str(tmp_path / "hung")

    def hanging(folder: str, pattern: Any) -> list[str]:
        if folder == hung:
            never.wait(60)
        return list_names(folder, pattern)

    monkeypatch.setattr(opening, "list_names", hanging)
    for _ in range(3):
        dock.open_folder(hung)
    dock.open_folder(raw_folder)
    settle(dock)
    assert dock.session.folder_info.folder == str(raw_folder)
    never.set()


def test_the_table_is_folded_in_a_line(opened: Any, until: Until, qtbot: Any) -> None:
    fold = opened.data.files.fold
    assert not fold.content.isVisibleTo(opened)
    fold.button.setFocus()
    qtbot.keyClick(fold.button, Qt.Key.Key_Space)
    until(lambda: cells(opened).get("wavelength") == ("488, 560", ""))
    assert fold.content.isVisibleTo(opened)
    qtbot.keyClick(fold.button, Qt.Key.Key_Space)
    assert not fold.content.isVisibleTo(opened)


# ---- folders of before --------------------------------------------------------------------


def recent(dock: Any) -> list[Any]:
    return dock.data.folders.recent_actions()


def test_folders_are_kept_the_latest_first_and_what_is_gone_is_grey(
    opened: Any, settle: Settle, until: Until, raw_folder: Path, tmp_path: Path, qtbot: Any,
    own_recent_folders: Path,
) -> None:  # fmt: skip
    other = write_raw(tmp_path / "other", 2, 1)
    opened.open_folder(other)
    settle(opened)
    until(lambda: len(recent(opened)) == 2)
    assert [action.data() for action in recent(opened)] == [str(other), str(raw_folder)]
    for path in other.iterdir():
        path.unlink()
    other.rmdir()
    qtbot.mouseClick(opened.data.folders.button, LEFT)
    until(lambda: not recent(opened)[0].isEnabled())
    assert "not there" in recent(opened)[0].toolTip()
    opened.data.folders.menu.close()
    assert recent(opened)[1].isEnabled()
    recent(opened)[1].trigger()
    until(lambda: opened.session.folder_info.folder == str(raw_folder))
    until(lambda: recent(opened)[0].data() == str(raw_folder))
    settle(opened)
    assert own_recent_folders.read_text("utf-8").index("cell") > 0


@pytest.mark.parametrize("content", ["", "{", "[1, 2]", '{"folders": 3}', '{"folders": [1, ""]}'])
def test_a_broken_list_is_an_empty_one(
    content: str, own_recent_folders: Path, tmp_path: Path
) -> None:
    from napari_lazy_pipeline._gui.data.folder_row import add_recent, read_recent

    own_recent_folders.write_text(content, "utf-8")
    assert read_recent(own_recent_folders) == []
    assert add_recent(own_recent_folders, "/a") == ["/a"] == read_recent(own_recent_folders)
    blocked = tmp_path / "file"
    blocked.touch()
    assert add_recent(blocked / "recent.json", "/a") == ["/a"], "it cannot be kept, and all goes on"


def test_the_list_is_cleared(opened: Any, until: Until, own_recent_folders: Path) -> None:
    until(lambda: len(recent(opened)) == 1)
    clear = [action for action in opened.data.folders.menu.actions() if "Clear" in action.text()]
    clear[0].trigger()
    until(lambda: not recent(opened))
    until(lambda: "cell" not in own_recent_folders.read_text("utf-8"))


# ---- positions and questions --------------------------------------------------------------


def write_positions(folder: Path) -> Path:
    """Two positions of two time points; each pixel tells which."""
    folder.mkdir()
    for p in range(2):
        for t in range(2):
            volume = np.full((3, 8, 10), 100 + 10 * p + t, "uint16")
            tifffile.imwrite(folder / f"scan_s{p + 1}_t{t}.tif", volume, photometric="minisblack")
    return folder


def test_another_position_is_shown_and_steps_and_values_stay(
    dock: Any, settle: Settle, tmp_path: Path, qtbot: Any
) -> None:
    dock.open_folder(write_positions(tmp_path / "scan"))
    settle(dock)
    position = dock.data.position
    assert position.isVisibleTo(dock) and position.count() == 2
    dock.session.state(voxel_size=(0.5, 0.2, 0.2))
    edit(dock, "crop", z=(0, 2))
    settle(dock)
    pipeline = dock.session.pipeline
    position.setFocus()
    qtbot.keyClick(position, Qt.Key.Key_Down)
    settle(dock)
    assert dock.session.folder_info.position == position.currentText() == "2"
    assert (on_screen(dock.layers.layers[0]) == 110).all()
    assert dock.session.pipeline == pipeline
    assert dock.session.stack.voxel_size == (0.5, 0.2, 0.2)
    assert dock.session.recipe().source.position == "2"


def test_one_position_is_no_choice(opened: Any) -> None:
    assert not opened.data.position.isVisibleTo(opened)


def write_pages(folder: Path) -> Path:
    """A file that says it holds time points, of one plane each."""
    folder.mkdir()
    volume = np.random.default_rng(0).integers(0, 999, (5, 8, 10)).astype("uint16")
    tifffile.imwrite(folder / "stack.tif", volume, imagej=True, metadata={"axes": "TYX"})
    return folder / "stack.tif"


def test_pages_are_planes_if_the_person_says_so_and_time_points_again(
    dock: Any, settle: Settle, tmp_path: Path, qtbot: Any
) -> None:
    dock.open_folder(write_pages(tmp_path / "movie"))
    settle(dock)
    assert dock.session.stack.shape[::2] == (5, 1, 10)
    question = dock.data.metadata.questions.cards["axes"]
    assert "are these planes" in question.text.text()
    qtbot.mouseClick(question.buttons[0], LEFT)
    settle(dock)
    assert dock.session.stack.shape[::2] == (1, 5, 10)
    assert "axes" not in dock.data.metadata.questions.cards
    assert Recipe(**dock.session.recipe().model_dump()).open() == dock.session.stack
    pages = dock.data.pages.combo
    assert pages.currentText() == "planes (z)"
    pages.setFocus()
    qtbot.keyClick(pages, Qt.Key.Key_Up)
    settle(dock)
    assert dock.session.stack.shape[::2] == (5, 1, 10)


def test_axes_without_names_are_asked_and_remembered(
    dock: Any, settle: Settle, tmp_path: Path, qtbot: Any
) -> None:
    data = np.random.default_rng(0).integers(1, 999, (3, 4, 8, 10)).astype("uint16")
    tifffile.imwrite(tmp_path / "script.tif", data, photometric="minisblack")
    dock.open_folder(tmp_path / "script.tif")
    settle(dock)
    assert dock.session.stack.shape[:3] == (3, 1, 4)
    question = dock.data.metadata.questions.cards["axes"]
    assert question.text.text() == "Each file holds 3 x 4 planes: what are they?"
    words = [question.list.itemText(index) for index in range(question.list.count())]
    assert words[:2] == ["3 time points x 4 planes", "3 channels x 4 planes"]
    question.list.setCurrentIndex(1)
    qtbot.mouseClick(question.buttons[0], LEFT)
    settle(dock)
    assert dock.session.stack.shape[:3] == (1, 3, 4)
    assert "axes" not in dock.data.metadata.questions.cards
    assert dock.data.pages.combo.currentText() == "3 channels x 4 planes"
    recipe = Recipe(**dock.session.recipe().model_dump())
    assert recipe.source is not None and recipe.source.axes == "CZYX"
    np.testing.assert_array_equal(recipe.open().volume(0, 2), data[2])


def test_planes_of_a_volume_are_entered(
    dock: Any, settle: Settle, tmp_path: Path, qtbot: Any
) -> None:
    data = np.random.default_rng(0).integers(1, 999, (12, 8, 10)).astype("uint16")
    tifffile.imwrite(tmp_path / "run.tif", data, photometric="minisblack", metadata=None)
    dock.open_folder(tmp_path / "run.tif")
    settle(dock)
    pages = dock.data.pages
    assert pages.isVisibleTo(dock) and not pages.count.isVisibleTo(dock)
    pages.combo.setCurrentIndex(pages.combo.findData("ZCYX"))
    pages.combo.activated.emit(pages.combo.currentIndex())
    retype(qtbot, pages.count, "6")
    qtbot.keyClick(pages.count, Qt.Key.Key_Return)
    settle(dock)
    assert dock.session.stack.shape[:3] == (1, 2, 6)
    assert pages.count.number() == 6 and pages.combo.currentData() == "ZCYX"
    recipe = Recipe(**dock.session.recipe().model_dump())
    assert recipe.source is not None and recipe.source.planes == 6
    np.testing.assert_array_equal(recipe.open().volume(0, 1), data[1::2])


def test_pages_of_many_files_are_time_points_of_channels(
    dock: Any, settle: Settle, tmp_path: Path, qtbot: Any
) -> None:
    """A list of pages without text looks like one volume: here one says that it is more."""
    data = np.random.default_rng(0).integers(1, 999, (2, 12, 8, 10)).astype("uint16")
    for number, pages in enumerate(data):
        path = tmp_path / f"cell_p{number}.tif"
        tifffile.imwrite(path, pages, photometric="minisblack", metadata=None)
    dock.open_folder(tmp_path)
    settle(dock)
    choice = dock.data.pages
    assert choice.isVisibleTo(dock) and not choice.channels.isVisibleTo(dock)
    choice.combo.setCurrentIndex(choice.combo.findData("TZCYX"))
    choice.combo.activated.emit(choice.combo.currentIndex())
    assert choice.channels.isVisibleTo(dock)
    for box, text in ((choice.channels, "2"), (choice.count, "3")):
        retype(qtbot, box, text)
        qtbot.keyClick(box, Qt.Key.Key_Return)
    settle(dock)
    assert dock.session.stack.shape[:3] == (2, 2, 3)
    assert (choice.combo.currentData(), choice.count.number(), choice.channels.number()) == (
        "TZCYX", 3, 2
    )  # fmt: skip
    stack = Recipe(**dock.session.recipe().model_dump()).open()
    expected = data[0].reshape(2, 3, 2, 8, 10)
    np.testing.assert_array_equal(stack.volume(1, 0), expected[1, :, 0])
    np.testing.assert_array_equal(dock.session.stack.volume(0, 1), expected[0, :, 1])


def test_names_that_place_nothing_have_a_table_where_a_text_tells_the_places(
    dock: Any, settle: Settle, tmp_path: Path, qtbot: Any
) -> None:
    places = [(t, c) for t in range(3) for c in range(2)]
    volumes = np.random.default_rng(0).integers(1, 999, (6, 8, 10)).astype("uint16")
    data = "".join(
        f'<TiffData FirstT="{t}" FirstC="{c}"><UUID FileName="s_{i}.tif">urn:{i}</UUID></TiffData>'
        for i, (t, c) in enumerate(places)
    )
    for i, volume in enumerate(volumes):
        tifffile.imwrite(tmp_path / f"s_{i}.tif", volume, photometric="minisblack")
    sizes = 'SizeT="3" SizeC="2" SizeZ="1"'
    text = f"<OME><Image><Pixels {sizes}>{data}</Pixels></Image></OME>"
    (tmp_path / "run.companion.ome").write_text(text)
    dock.open_folder(tmp_path / "run.companion.ome")
    settle(dock)
    assert dock.session.stack.shape[:3] == (3, 2, 1)
    np.testing.assert_array_equal(dock.session.stack.volume(1, 0)[0], volumes[2])
    files = dock.data.files
    files.fold.unfold()
    qtbot.waitUntil(lambda: files.table.rowCount() > 0)
    assert not files.refused


@pytest.fixture
def unstated(nothing_stated: None, dock: Any, settle: Settle, tmp_path: Path) -> Any:
    """The dock with a folder open about which nothing is known."""
    dock.open_folder(write_raw(tmp_path / "unstated"))
    settle(dock)
    return dock


def answer(qtbot: Any, dock: Any, about: str, text: str) -> None:
    """Type the same number into each box of a question, and press its button."""
    question = dock.data.metadata.questions.cards[about]
    for number in question.numbers.values():
        retype(qtbot, number, text)
    qtbot.mouseClick(question.buttons[0], LEFT)


def test_size_angle_and_step_are_asked_and_never_assumed(
    unstated: Any, settle: Settle, qtbot: Any
) -> None:
    form, questions = unstated.data.metadata.form, unstated.data.metadata.questions
    session = unstated.session
    assert list(questions.cards) == ["voxel_size", "angle"]
    assert not card(unstated, "deskew").step.enabled
    assert form.sources["angle"].text() == form.sources["pixel"].text() == "missing"
    answer(qtbot, unstated, "voxel_size", "0.5")
    assert session.stack.voxel_size == (0.5, 0.5, 0.5)
    answer(qtbot, unstated, "angle", "33")
    assert list(questions.cards) == ["step"]
    assert session.scan is None and session.overrides.angle == 33.0
    assert card(unstated, "deskew").shown.angle == card(unstated, "rotate").shown.angle == 33.0
    assert box(unstated, "angle").value() == 33.0 and form.sources["angle"].text() == "entered"
    edit(unstated, "deskew")
    settle(unstated)
    assert card(unstated, "deskew").waiting.text().startswith("Waits for the light-sheet angle")
    assert not card(unstated, "deskew").error.text(), "what is not known yet is no error"
    qtbot.mouseClick(questions.cards["step"].buttons[1], LEFT)
    assert not questions.cards and not questions.isVisibleTo(unstated)
    assert session.scan == Scan(33.0, "x", "perpendicular")
    assert card(unstated, "deskew").shown.step == "perpendicular"
    assert box(unstated, "step").currentText() == "perpendicular to the planes"
    assert session.recipe().source.step == "perpendicular"
    # It can be changed later.
    box(unstated, "step").setFocus()
    qtbot.keyClick(box(unstated, "step"), Qt.Key.Key_Up)
    assert session.scan == Scan(33.0, "x", "stage")
    settle(unstated)
    assert not card(unstated, "deskew").waiting.text()
    np.testing.assert_array_equal(on_screen(unstated.layers.layers[0]), expected(unstated, 0, 0, 6))


def test_data_that_are_not_tilted_are_not_asked_about_again(
    unstated: Any, settle: Settle, qtbot: Any
) -> None:
    questions = unstated.data.metadata.questions
    qtbot.mouseClick(questions.cards["angle"].buttons[-1], LEFT)
    assert list(questions.cards) == ["voxel_size"]
    unstated.session.state(voxel_size=(0.5, 0.2, 0.2))
    settle(unstated)
    assert not questions.cards
    assert "not oblique" in unstated.data.metadata.voxel_fold.line.text()
    folder = unstated.session.folder_info.folder
    assert unstated.data.metadata.stated_of(folder).angle == 0
    edit(unstated, "deskew")
    assert card(unstated, "deskew").waiting.text().startswith("Left out: the planes are not")
    unstated.session.undo()
    unstated.session.undo()
    unstated.session.undo()
    assert list(questions.cards) == ["voxel_size", "angle"], "it can be undone"


def test_a_deconvolution_says_that_nobody_has_answered_how_the_planes_lie(
    unstated: Any, settle: Settle, psf_file: Path
) -> None:
    unstated.session.state(voxel_size=(0.5, 0.2, 0.2))
    edit(unstated, "deconvolve", psf=psf_file, iterations=1)
    edit(unstated, "subtract_background")
    settle(unstated)
    deconvolve = card(unstated, "deconvolve")
    assert deconvolve.caution.text().startswith("Computed as if the planes were not oblique")
    assert not card(unstated, "subtract_background").caution.text()
    for values in ({"angle": 0.0}, {"angle": 33.0, "step": "stage"}):
        unstated.session.state(**values)
        assert not deconvolve.caution.text()
        unstated.session.undo()
        assert deconvolve.caution.text()


def test_a_linked_card_states_the_scan_of_the_data(
    unstated: Any, settle: Settle, qtbot: Any
) -> None:
    form, session, deskew = unstated.data.metadata.form, unstated.session, card(unstated, "deskew")
    edit(unstated, "deskew", angle=35.0)
    session.state(step="perpendicular")
    settle(unstated)
    assert session.scan == Scan(35.0, "x", "perpendicular") and deskew.step.angle is None
    assert list(unstated.data.metadata.questions.cards) == ["voxel_size"], "the card answers it"
    assert box(unstated, "angle").value() == 35.0
    assert box(unstated, "step").currentText() == "perpendicular to the planes"
    assert form.sources["angle"].text() == "entered"
    deskew.switch.setChecked(False)
    assert box(unstated, "angle").value() == 35.0, "it is of the data, whatever the steps do"


def test_a_card_that_is_not_linked_leaves_the_data_alone(
    opened: Any, settle: Settle, qtbot: Any
) -> None:
    deskew, rotate = card(opened, "deskew"), card(opened, "rotate")
    edit(opened, "deskew")
    settle(opened)
    deskew.unfold.setChecked(True)
    deskew.findChild(ScanLink).setChecked(False)
    edit(opened, "deskew", angle=40.0, step="perpendicular")
    settle(opened)
    assert (deskew.step.angle, deskew.step.step) == (40.0, "perpendicular")
    assert opened.session.scan == Scan(31.5, "x", "stage") and rotate.shown.angle == 31.5
    assert box(opened, "angle").value() == 31.5
    deskew.findChild(ScanLink).setChecked(True)
    assert deskew.step.angle is None and deskew.shown.angle == 31.5
    settle(opened)


# ---- values and where they come from ------------------------------------------------------


def test_values_show_their_source_are_overridden_and_reset(
    dock: Any, settle: Settle, tmp_path: Path, qtbot: Any
) -> None:
    folder = tmp_path / "ij"
    folder.mkdir()
    for t in range(3):
        volume = np.full((4, 8, 10), 100 + t, "uint16")
        metadata = {"axes": "ZYX", "spacing": 0.4, "unit": "um"}
        path = folder / f"a_t{t}.tif"
        tifffile.imwrite(path, volume, imagej=True, resolution=(10, 10), metadata=metadata)
    dock.open_folder(folder)
    settle(dock)
    form, z_step = dock.data.metadata.form, box(dock, "z_step")
    assert (z_step.value(), box(dock, "pixel").value()) == (0.4, 0.1)
    assert form.sources["z_step"].text() == "ImageJ" and not form.resets["z_step"].isEnabled()
    z_step.setFocus()
    z_step.selectAll()
    qtbot.keyClicks(z_step, "0.7")
    qtbot.keyClick(z_step, Qt.Key.Key_Return)
    assert dock.session.stack.voxel_size == pytest.approx((0.7, 0.1, 0.1))
    assert form.sources["z_step"].text() == "entered"
    qtbot.mouseClick(form.resets["z_step"], LEFT)
    assert dock.session.stack.voxel_size == pytest.approx((0.4, 0.1, 0.1))
    assert (z_step.value(), form.sources["z_step"].text()) == (0.4, "ImageJ")
    settle(dock)


def test_what_was_typed_is_undone_and_made_again(
    opened: Any, settle: Settle, until: Until, qtbot: Any
) -> None:
    """Value by value, by the buttons above the steps; layers and names follow."""
    z_step, session = box(opened, "z_step"), opened.session
    row = opened.data.metadata.channels.rows[1]
    undo, redo = opened.foot.undo, opened.foot.redo
    before = z_step.value()
    assert not undo.isEnabled()
    z_step.setFocus()
    z_step.selectAll()
    qtbot.keyClicks(z_step, "0.7")
    qtbot.keyClick(z_step, Qt.Key.Key_Return)
    for _ in range(3):
        qtbot.keyClick(z_step, Qt.Key.Key_Up)
    assert z_step.value() == pytest.approx(0.73)
    retype(qtbot, row.name, "Actin")
    qtbot.keyClick(row.name, Qt.Key.Key_Return)
    settle(opened)
    assert undo.isEnabled()
    qtbot.mouseClick(undo, LEFT)
    assert row.name.text() == "560" and session.stack.channel_names == ("488", "560")
    until(lambda: "560" in opened.layers.layers[1].name)
    qtbot.mouseClick(undo, LEFT)
    assert z_step.value() == 0.7 == session.stack.voxel_size[0], "one movement, one edit"
    qtbot.mouseClick(undo, LEFT)
    assert z_step.value() == before == session.stack.voxel_size[0]
    settle(opened)
    assert opened.layers.layers[0].scale[1] == pytest.approx(before)
    assert not undo.isEnabled() and redo.isEnabled()
    for _ in range(3):
        qtbot.mouseClick(redo, LEFT)
    settle(opened)
    assert session.stack.voxel_size[0] == pytest.approx(0.73) and row.name.text() == "Actin"
    assert opened.layers.layers[0].scale[1] == pytest.approx(session.stack.voxel_size[0])
    assert not redo.isEnabled()


@pytest.fixture
def country_of_commas() -> Iterator[None]:
    usual = QLocale()
    QLocale.setDefault(QLocale(QLocale.Language.German))
    yield
    QLocale.setDefault(usual)


@pytest.mark.parametrize("text", ["0.104", "0,104"])
def test_a_point_is_a_point_in_a_country_of_commas(
    country_of_commas: None, unstated: Any, settle: Settle, qtbot: Any, text: str
) -> None:
    answer(qtbot, unstated, "voxel_size", text.replace("104", "2"))
    assert unstated.session.stack.voxel_size == (0.2, 0.2, 0.2)
    answer(qtbot, unstated, "angle", text.replace("0", "30", 1))
    qtbot.mouseClick(unstated.data.metadata.questions.cards["step"].buttons[1], LEFT)
    for name in ("z_step", "pixel", "time_interval"):
        retype(qtbot, box(unstated, name), text)
        qtbot.keyClick(box(unstated, name), Qt.Key.Key_Return)
        assert box(unstated, name).text() == "0.104"
    assert unstated.session.stack.voxel_size == (0.104, 0.104, 0.104)
    assert unstated.session.stack.time_interval == 0.104
    assert unstated.session.scan.angle == 30.104
    retype(qtbot, box(unstated, "angle"), text.replace("0", "31", 1))
    qtbot.keyClick(box(unstated, "angle"), Qt.Key.Key_Return)
    assert unstated.session.scan.angle == 31.104 and box(unstated, "angle").text() == "31.104"
    settle(unstated)


def test_rows_and_columns_of_different_size_stay_so(
    opened: Any, settle: Settle, qtbot: Any
) -> None:
    """Only who states the size of a pixel states both."""
    opened.session.state(voxel_size=(0.3, 0.2, 0.1))
    for name, size in (("z_step", (0.5, 0.2, 0.1)), ("pixel", (0.5, 0.5, 0.5))):
        retype(qtbot, box(opened, name), "0.5")
        qtbot.keyClick(box(opened, name), Qt.Key.Key_Return)
        assert opened.session.stack.voxel_size == size
    settle(opened)


def test_an_angle_that_is_no_scan_is_refused(opened: Any, settle: Settle, qtbot: Any) -> None:
    before = opened.session.overrides
    for text, sentence in (("0.5", "An angle of 0.5 degree is no scan"), ("200", "200 degree")):
        retype(qtbot, box(opened, "angle"), text)
        qtbot.keyClick(box(opened, "angle"), Qt.Key.Key_Return)
        assert sentence in opened.data.metadata.error.text()
        assert box(opened, "angle").text() == "31.5" and opened.session.overrides == before
    retype(qtbot, box(opened, "pixel"), "-1")
    qtbot.keyClick(box(opened, "pixel"), Qt.Key.Key_Return)
    assert opened.data.metadata.form.fields["pixel"].error.text().startswith("-1: ")
    assert opened.session.overrides == before


def test_the_time_interval_is_stated_and_the_time_point_stays(
    opened: Any, settle: Settle, until: Until, qtbot: Any
) -> None:
    opened.viewer.dims.set_current_step(0, 2)
    settle(opened)
    retype(qtbot, box(opened, "time_interval"), "5")
    qtbot.keyClick(box(opened, "time_interval"), Qt.Key.Key_Return)
    settle(opened)
    layer = opened.layers.layers[0]
    until(lambda: layer.scale[0] == 5.0)
    settle(opened)
    assert opened.session.stack.time_interval == 5.0
    assert opened.layers.position.time_point == 2
    np.testing.assert_array_equal(on_screen(layer), expected(opened, 0, 2, 6))
    assert opened.session.recipe().source.time_interval == 5.0


def test_notes_are_a_line_until_they_are_unfolded(
    dock: Any, settle: Settle, tmp_path: Path, qtbot: Any
) -> None:
    write_raw(tmp_path / "cell", 2, 1)
    dock.open_folder(tmp_path / "cell")
    settle(dock)
    notes = dock.data.metadata.notes
    assert not notes.isVisibleTo(dock), "the unknown voxel size is said beside it"
    notes.show_notes(["OME says 1", "ImageJ says 2", "There are 3 positions"])
    assert notes.line.text() == "2 notes, the first: OME says 1"
    qtbot.mouseClick(notes.button, LEFT)
    assert notes.list.text() == "• OME says 1\n• ImageJ says 2"
    assert notes.list.isVisibleTo(dock)


# ---- channels -----------------------------------------------------------------------------


def test_names_flow_to_layers_and_recipe_and_back(
    opened: Any, settle: Settle, until: Until, qtbot: Any
) -> None:
    row = opened.data.metadata.channels.rows[1]
    assert row.name.text() == "560"
    retype(qtbot, row.name, "Actin")
    qtbot.keyClick(row.name, Qt.Key.Key_Return)
    until(lambda: "Actin" in opened.layers.layers[1].name)
    settle(opened)
    assert opened.session.stack.channel_names == ("488", "Actin")
    assert opened.session.recipe().source.channel_names == ("488", "Actin")
    retype(qtbot, row.name, " ")
    qtbot.keyClick(row.name, Qt.Key.Key_Return)
    assert opened.session.stack.channel_names == ("488", "560") and row.name.text() == "560"
    assert opened.session.overrides.channel_names is None
    settle(opened)


def test_colour_and_visibility_are_the_layers_both_ways(
    opened: Any, settle: Settle, qtbot: Any
) -> None:
    row, layer = opened.data.metadata.channels.rows[0], opened.layers.layers[0]
    magenta = next(action for action in row.menu.actions() if action.text() == "magenta")
    qtbot.mouseClick(row.colour, LEFT)
    assert row.menu.isVisible()
    row.menu.close()
    magenta.trigger()
    assert layer.colormap.name == "magenta"
    layer.colormap = "cyan"
    assert "cyan" in row.colour.toolTip()
    image = row.colour.icon().pixmap(18, 12).toImage()
    assert image.pixelColor(17, 6).getRgb()[:3] == (0, 255, 255)
    tick(qtbot, row.visible)
    assert not layer.visible
    layer.visible = True
    assert row.visible.isChecked()
    settle(opened)
    opened.viewer.layers.remove(layer)
    assert not row.colour.isEnabled()
    assert row.visible.isEnabled() and not row.visible.isChecked(), "a tick brings it back"


def pick_colour(row: Any, colour: str) -> None:
    next(action for action in row.menu.actions() if action.text() == colour).trigger()


def test_colours_are_kept_in_recipes_and_for_layers_to_come(
    opened: Any, settle: Settle, tmp_path: Path, qtbot: Any, make_napari_viewer: Any
) -> None:
    first, second = opened.data.metadata.channels.rows
    assert opened.session.recipe().source.channel_colours is None, "nobody chose one"
    pick_colour(first, "bop blue")
    opened.layers.layers[1].colormap = "viridis"  # in napari's own controls
    assert opened.session.recipe().source.channel_colours == ("bop blue", "viridis")
    opened.session.recipe().save(tmp_path / "r.yaml")
    # Data of another shape get new layers; those keep the colours.
    opened.layers.remove()
    opened.layers.update()
    settle(opened)
    assert [layer.colormap.name for layer in opened.layers.layers] == ["bop blue", "viridis"]
    # On data that are open, what was chosen for them stays.
    pick_colour(first, "gray")
    pick_colour(second, "red")
    opened.save.load(tmp_path / "r.yaml")
    assert [layer.colormap.name for layer in opened.layers.layers] == ["gray", "red"]
    assert "not as the recipe: colours bop blue, viridis" in opened.foot.remark.text()
    settle(opened)
    # In an empty dock the recipe brings them back.
    viewer = make_napari_viewer()
    dock = LazyPipelineWidget(viewer)
    viewer.window.add_dock_widget(dock)
    dock.save.load(tmp_path / "r.yaml")
    settle(dock)
    assert [layer.colormap.name for layer in dock.layers.layers] == ["bop blue", "viridis"]
    assert dock.session.recipe().source == Recipe.load(tmp_path / "r.yaml").source
    dock.shut_down()
    dock.compute_thread.join()


def test_a_colour_without_a_name_is_not_kept(opened: Any, settle: Settle) -> None:
    pick_colour(opened.data.metadata.channels.rows[1], "yellow")
    opened.layers.layers[1].colormap = Colormap(np.eye(4)[[3, 0]])
    opened.layers.layers[0].colormap = "cyan"
    assert opened.session.recipe().source.channel_colours == ("cyan", "magenta")


def test_a_colour_that_nobody_knows_is_said(
    dock: Any, opened: Any, settle: Settle, tmp_path: Path
) -> None:
    pick_colour(opened.data.metadata.channels.rows[0], "red")
    opened.session.recipe().save(tmp_path / "r.yaml")
    text = (tmp_path / "r.yaml").read_text("utf-8")
    (tmp_path / "r.yaml").write_text(text.replace("[red,", "[reddish,"), "utf-8")
    pick_colour(opened.data.metadata.channels.rows[0], "cyan")
    opened.save.load(tmp_path / "r.yaml")
    settle(opened)
    assert "no colour 'reddish'" in opened.save.error.text()
    assert opened.layers.layers[0].colormap.name == "cyan"


# ---- readers that have to be told ---------------------------------------------------------


def test_code_runs_only_after_the_person_has_confirmed_it(
    dock: Any, settle: Settle, until: Until, tmp_path: Path, qtbot: Any
) -> None:
    volumes = [np.full((3, 4, 5), 7 + t, "uint16") for t in range(2)]
    folder = tmp_path / "arrays"
    folder.mkdir()
    for t, volume in enumerate(volumes):
        with (folder / f"a_t{t}.vol").open("wb") as file:
            np.save(file, volume)
    dock.open_folder(folder)
    until(lambda: "ends with" in dock.data.error.text())
    reader = dock.data.reader
    reader.kind.setFocus()
    qtbot.keyClick(reader.kind, Qt.Key.Key_Down)
    assert reader.function.isVisibleTo(dock)
    qtbot.keyClicks(reader.function, "numpy")
    assert not reader.confirm.isEnabled(), "this is no function"
    qtbot.keyClicks(reader.function, ":load")
    assert reader.confirm.isEnabled() and dock.session.stack is None
    tick(qtbot, reader.confirm)
    settle(dock)
    assert dock.session.stack.shape == (2, 1, 3, 4, 5)
    assert (on_screen(dock.layers.layers[0]) == 7).all()
    assert dock.session.recipe().source.reader == "numpy:load"
    assert reader.confirm.isChecked()
    qtbot.keyClicks(reader.function, "s")
    assert not reader.confirm.isChecked(), "this one was not confirmed"


def test_a_recipe_never_runs_its_reader_by_itself(
    dock: Any, settle: Settle, tmp_path: Path, qtbot: Any
) -> None:
    folder = tmp_path / "arrays"
    folder.mkdir()
    np.save(folder / "a_t0.npy", np.full((3, 4, 5), 7, "uint16"))
    stack = open_stack(folder, "a_t{t}.npy", (0.5, 0.2, 0.2), reader="numpy:load", trust=True)
    Recipe(source=stack).save(tmp_path / "r.yaml")  # type: ignore[arg-type]
    dock.save.load(tmp_path / "r.yaml")
    assert dock.session.stack is None and "confirm it" in dock.data.error.text()
    assert dock.data.reader.function.text() == "numpy:load"
    tick(qtbot, dock.data.reader.confirm)
    settle(dock)
    assert dock.session.stack.voxel_size == (0.5, 0.2, 0.2)
    assert dock.session.recipe().source == Recipe.load(tmp_path / "r.yaml").source


def test_pixels_without_a_header_are_asked_about(
    dock: Any, settle: Settle, until: Until, tmp_path: Path, qtbot: Any
) -> None:
    folder = tmp_path / "isoview"
    folder.mkdir()
    volume = np.arange(3 * 4 * 5, dtype="<u2").reshape(3, 4, 5)
    for t in range(2):
        (volume + t).tofile(folder / f"SPC00_TM{t:05d}_ANG000_CM0_CHN00_PH0.stack")
    dock.open_folder(folder)
    reader = dock.data.reader
    lengths = reader.pixels.fields["shape"].editors
    until(lambda: lengths[0].isVisibleTo(dock))
    assert "Tell its shape" in dock.data.error.text() and not reader.open.isEnabled()
    for box, length in zip(lengths, (3, 4, 5), strict=True):
        box.setFocus()
        box.selectAll()
        qtbot.keyClicks(box, str(length))
    qtbot.mouseClick(reader.open, LEFT)
    settle(dock)
    np.testing.assert_array_equal(on_screen(dock.layers.layers[0]), volume[1])
    assert [box.value() for box in lengths] == [3, 4, 5]
    recipe = Recipe(**dock.session.recipe().model_dump())
    np.testing.assert_array_equal(recipe.open().volume(1, 0), volume + 1)


def test_a_single_file_is_dropped(
    make_napari_viewer: Callable[..., Any], settle: Settle, tmp_path: Path
) -> None:
    from napari_lazy_pipeline._gui.plugin.dock_registry import dock_of

    path = write_pages(tmp_path / "movie")
    viewer = make_napari_viewer()
    viewer.open(path, plugin="napari-lazy-pipeline")
    dock = dock_of(viewer)
    settle(dock)
    assert dock.session.stack.shape == (5, 1, 1, 8, 10)
    np.testing.assert_array_equal(on_screen(dock.layers.layers[0])[:], tifffile.imread(path)[0])
    dock.shut_down()
    dock.compute_thread.join()


def test_a_companion_of_other_files_is_dropped(
    make_napari_viewer: Callable[..., Any], settle: Settle, tmp_path: Path
) -> None:
    from napari_lazy_pipeline._gui.plugin.dock_registry import dock_of

    volumes = np.random.default_rng(0).integers(1, 999, (2, 1, 8, 10)).astype("uint16")
    data = ""
    for c, volume in enumerate(volumes):
        tifffile.imwrite(tmp_path / f"s_{c}.tif", volume, photometric="minisblack")
        data += f'<TiffData FirstC="{c}"><UUID FileName="s_{c}.tif">urn:uuid:{c}</UUID></TiffData>'
    tifffile.imwrite(tmp_path / "other.tif", volumes[0], photometric="minisblack")
    path = tmp_path / "run.companion.ome"
    path.write_text(f'<OME><Image><Pixels SizeC="2" SizeZ="1">{data}</Pixels></Image></OME>')
    viewer = make_napari_viewer()
    viewer.open(str(path), plugin=None)  # napari chooses by the name
    dock = dock_of(viewer)
    settle(dock)
    assert dock.session.stack.shape == (1, 2, 1, 8, 10)
    viewer.open([str(tmp_path / "s_1.tif"), str(path)], plugin="napari-lazy-pipeline")
    settle(dock)
    assert dock.session.stack.shape == (1, 2, 1, 8, 10), "together with one of them"
    for layer, volume in zip(dock.layers.layers, volumes, strict=True):
        np.testing.assert_array_equal(on_screen(layer), volume[0])
    dock.shut_down()
    dock.compute_thread.join()


@pytest.mark.parametrize(
    ("name", "ours"),
    [("a.tif", True), ("a.OME.TIF", True), ("a.czi", True), ("a.zarr", True), ("a.png", False),
     ("a.txt", False), ("a.raw", False), ("a.companion.ome", True)],
)  # fmt: skip
def test_what_is_dropped_is_ours_by_its_name(tmp_path: Path, name: str, ours: bool) -> None:
    from napari_lazy_pipeline._gui.plugin.folder_reader import folder_reader

    assert (folder_reader(str(tmp_path / name)) is not None) == ours
    inside = tmp_path / "run" / "Pos0"
    inside.mkdir(parents=True)
    (inside / name).touch()
    held = ours and name != "a.zarr"
    assert (folder_reader(str(tmp_path / "run")) is not None) == held, "folders of positions, too"


# ---- for everybody ------------------------------------------------------------------------


def test_every_control_has_a_name_and_a_tooltip(opened: Any) -> None:
    kinds = (QAbstractButton, QAbstractSpinBox, QComboBox, QLineEdit)
    for kind in kinds:
        for control in opened.data.findChildren(kind):
            inner = isinstance(control.parent(), (QAbstractSpinBox, QComboBox))
            if inner or control.objectName().startswith("qt_"):
                continue
            named = control.accessibleName() or getattr(control, "text", str)()
            assert named, control
            near = control.toolTip() or control.parent().toolTip()
            assert near, f"{named} has a tooltip"


def test_it_fits_and_can_be_reached_by_tab(opened: Any, qtbot: Any) -> None:
    data, metadata = opened.data, opened.data.metadata
    data.files.fold.unfold()
    assert data.minimumSizeHint().width() <= 310
    for control in (
        data.folders.button, data.files.line, data.reader.kind, data.files.fold.button,
        box(opened, "z_step"), box(opened, "step"), box(opened, "time_interval"), data.watch,
        metadata.channels.rows[0].colour, metadata.channels.rows[0].name,
    ):  # fmt: skip
        assert control.focusPolicy() & Qt.FocusPolicy.TabFocus, control.accessibleName()


def test_a_person_may_state_that_files_are_complete(opened: Any, qtbot: Any) -> None:
    data = opened.data
    assert not data.complete.isChecked()
    data.complete.click()
    qtbot.waitUntil(lambda: opened.session.folder_info.source.complete)
    assert data.complete.isChecked() and data.options["complete"]
    data.complete.click()
    qtbot.waitUntil(lambda: not opened.session.folder_info.source.complete)
