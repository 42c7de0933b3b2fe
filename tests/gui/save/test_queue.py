"""The queue in the dock: folders and positions are added, run, cancelled, resumed, by mouse."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QCheckBox, QFileDialog

from dock_helpers import edit
from folder_contents import listing
from napari_lazy_pipeline import Pipeline, Recipe, open_stack
from napari_lazy_pipeline._gui.save.queue_row import QueueRow
from napari_lazy_pipeline.exports.job import Job
from napari_lazy_pipeline.exports.queue import ExportQueue
from napari_lazy_pipeline.steps import SubtractBackground
from napari_lazy_pipeline.steps._base import Context
from stacks import write_raw

TIMEOUT = 60_000
Settle = Callable[[Any], None]


def click(qtbot: Any, button: Any) -> None:
    assert button.isVisibleTo(button.window()) and button.isEnabled()
    # Of a box to tick, only the mark and its text can be pressed.
    place = QPoint(8, button.height() // 2) if isinstance(button, QCheckBox) else QPoint()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton, pos=place)


@pytest.fixture
def panel(opened: Any, settle: Settle, qtbot: Any) -> Any:
    """Process all, unfolded, of a folder whose voxel size is stated."""
    opened.session.state(voxel_size=(0.3, 0.1, 0.1))
    edit(opened, "subtract_background", value=110.0)
    settle(opened)
    qtbot.mouseClick(opened.save.process_all, Qt.MouseButton.LeftButton)
    process = opened.save.process
    qtbot.waitUntil(lambda: bool(process.estimate.text()), timeout=TIMEOUT)
    return process


@pytest.fixture
def choose(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Let the next dialog be answered with a path."""

    def answer(path: Path) -> None:
        monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(path))
        monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))

    return answer


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> threading.Semaphore:
    """Each volume of an export waits until it is let through."""
    through, apply = threading.Semaphore(0), SubtractBackground.apply

    def wait(self: Any, pixels: np.ndarray, at: Context) -> np.ndarray:
        if threading.current_thread().name.startswith("lazy-export"):
            while not through.acquire(timeout=0.01) and not at.cancelled():
                pass
        return apply(self, pixels, at)

    monkeypatch.setattr(SubtractBackground, "apply", wait)
    return through


def ended(qtbot: Any, panel: Any) -> None:
    qtbot.waitUntil(
        lambda: not panel.exporter.busy and not panel.bar.isVisibleTo(panel), timeout=TIMEOUT
    )


def states(panel: Any) -> list[tuple[str, str]]:
    """What a person reads in the rows."""
    return [(row.title.text(), row.state.text()) for row in panel.list.rows]


def choose_in_menu(qtbot: Any, row: Any, text: str) -> None:
    """Open the menu of a row and click an entry."""
    click(qtbot, row.options)
    action = next(action for action in row.menu.actions() if action.text() == text)
    qtbot.mouseClick(
        row.menu, Qt.MouseButton.LeftButton, pos=row.menu.actionGeometry(action).center()
    )


def test_two_folders_are_processed_beside_themselves(
    opened: Any, panel: Any, choose: Any, raw_folder: Path, tmp_path: Path, qtbot: Any
) -> None:
    other = write_raw(tmp_path / "cell6", times=2)
    before = [listing(folder) for folder in (raw_folder, other)]
    choose(other)
    click(qtbot, panel.list.add_folder)
    assert states(panel) == [("cell", "Waiting"), ("cell6", "Waiting")]
    assert panel.form.value.folder == tmp_path / "cell_processed"
    projections = panel.form.fields["projections"].control
    click(qtbot, projections.boxes[0])
    click(qtbot, panel.start)
    ended(qtbot, panel)
    assert states(panel) == [("cell", "Done, 6 written"), ("cell6", "Done, 4 written")]
    assert panel.state.text() == "2 of 2 folders done."
    for folder, count in ((raw_folder, 6), (other, 4)):
        out = tmp_path / f"{folder.name}_processed"
        assert len(list(out.glob("*.tif"))) == len(list(out.glob("mip_z/*.tif"))) == count
        assert Recipe.load(out / f"{folder.name}_recipe.yaml").pipeline.steps
    made = tifffile.imread(tmp_path / "cell6_processed" / "cell6_ch1_t0001.tif")
    stack = open_stack(other, voxel_size=(0.3, 0.1, 0.1))
    view = opened.session.pipeline.apply(stack)
    np.testing.assert_array_equal(made, view.source.read(1, 1))
    assert [listing(folder) for folder in (raw_folder, other)] == before


def test_one_that_fails_says_why_and_the_next_is_run(
    panel: Any, choose: Any, tmp_path: Path, qtbot: Any
) -> None:
    for folder in (write_raw(tmp_path / "one", channels=1), write_raw(tmp_path / "good", times=1)):
        choose(folder)
        click(qtbot, panel.list.add_folder)
    click(qtbot, panel.start)
    ended(qtbot, panel)
    assert [state for _, state in states(panel)] == ["Done, 6 written", "Failed", "Done, 2 written"]
    error = panel.list.rows[1].error
    assert error.isVisibleTo(panel)
    assert error.text().startswith("The data have 1 channel, the recipe is for 2 channels")
    assert panel.state.text() == "2 of 3 folders done; 1 failed."
    before = panel.list.rows[1]
    click(qtbot, panel.list.rows[1].remove)
    assert not before.isVisible(), "nobody can take it out twice"
    assert [title for title, _ in states(panel)] == ["cell", "good"]
    assert not panel.resume.isVisibleTo(panel)


def test_cancelled_and_resumed_with_the_steps_it_was_begun_with(
    opened: Any, panel: Any, settle: Settle, gate: Any, tmp_path: Path, qtbot: Any
) -> None:
    assert not panel.resume.isVisibleTo(panel)
    click(qtbot, panel.start)
    gate.release()
    qtbot.waitUntil(lambda: panel.state.text().startswith("1 of 6 volumes"), timeout=TIMEOUT)
    click(qtbot, panel.cancel)
    ended(qtbot, panel)
    # What is all but complete when it is cancelled is completed.
    count = len(list((tmp_path / "cell_processed").glob("*.tif")))
    assert count in (1, 2)
    assert panel.state.text() == f"Cancelled, {count} of 6 written."
    assert states(panel) == [("cell", f"Cancelled, {count} of 6")]
    edit(opened, "subtract_background", value=150.0)
    for _ in range(50):
        gate.release()
    settle(opened)
    click(qtbot, panel.resume)
    ended(qtbot, panel)
    assert states(panel) == [("cell", "Done, 6 written")]
    assert not panel.resume.isVisibleTo(panel)
    recipe = Recipe.load(tmp_path / "cell_processed" / "cell_recipe.yaml")
    step = next(s for s in recipe.pipeline.steps if s.kind == "subtract_background")
    assert isinstance(step, SubtractBackground) and step.value == 110
    # The steps of now are another export, in another place.
    qtbot.waitUntil(
        lambda: panel.form.value.folder == tmp_path / "cell_processed_2", timeout=TIMEOUT
    )
    click(qtbot, panel.start)
    ended(qtbot, panel)
    assert len(list((tmp_path / "cell_processed_2").glob("*.tif"))) == 6


def test_one_job_is_cancelled_and_the_next_goes_on(
    panel: Any, choose: Any, gate: Any, tmp_path: Path, qtbot: Any
) -> None:
    choose(write_raw(tmp_path / "cell6", times=1))
    click(qtbot, panel.list.add_folder)
    click(qtbot, panel.start)
    gate.release()
    qtbot.waitUntil(lambda: panel.state.text().startswith("cell: 1 of 6"), timeout=TIMEOUT)
    assert panel.list.rows[0].remove.toolTip().startswith("Cancel cell")
    click(qtbot, panel.list.rows[0].remove)
    qtbot.waitUntil(lambda: panel.list.rows[1].job.state == "running", timeout=TIMEOUT)
    for _ in range(2):
        gate.release()
    ended(qtbot, panel)
    first, second = (state for _, state in states(panel))
    assert re.fullmatch(r"Cancelled, [12] of 6", first) and second == "Done, 2 written"


def test_what_is_added_while_it_runs_has_its_turn(
    panel: Any, choose: Any, gate: Any, tmp_path: Path, qtbot: Any
) -> None:
    click(qtbot, panel.start)
    choose(write_raw(tmp_path / "cell6", times=1))
    click(qtbot, panel.list.add_folder)
    for _ in range(8):
        gate.release()
    ended(qtbot, panel)
    assert [state for _, state in states(panel)] == ["Done, 6 written", "Done, 2 written"]


def test_other_data_come_first_and_what_was_begun_stays(
    opened: Any, panel: Any, settle: Settle, gate: Any, tmp_path: Path, qtbot: Any
) -> None:
    click(qtbot, panel.start)
    qtbot.waitUntil(lambda: panel.bar.maximum() == 6, timeout=TIMEOUT)
    click(qtbot, panel.cancel)
    ended(qtbot, panel)
    opened.open_folder(write_raw(tmp_path / "cell6", times=1))
    qtbot.waitUntil(lambda: len(panel.list.rows) == 2, timeout=TIMEOUT)
    settle(opened)
    (first, waiting), (second, cancelled) = states(panel)
    assert (first, waiting, second) == ("cell6", "Waiting", "cell")
    assert re.fullmatch(r"Cancelled, [01] of 6", cancelled)
    folder = tmp_path / "cell6_processed"
    qtbot.waitUntil(lambda: panel.form.value.folder == folder, timeout=TIMEOUT)
    for _ in range(20):
        gate.release()
    click(qtbot, panel.start)
    ended(qtbot, panel)
    assert states(panel)[0] == ("cell6", "Done, 2 written"), "the other waits for Resume"
    click(qtbot, panel.resume)
    ended(qtbot, panel)
    assert states(panel)[1] == ("cell", "Done, 6 written")
    assert len(list((tmp_path / "cell_processed").glob("*.tif"))) == 6


def test_a_folder_that_was_chosen_is_that_of_the_data_it_was_chosen_for(
    opened: Any, panel: Any, settle: Settle, raw_folder: Path, tmp_path: Path, qtbot: Any
) -> None:
    chosen = panel.form.fields["folder"].editors[0]
    chosen.setFocus()
    chosen.selectAll()
    qtbot.keyClicks(chosen, str(tmp_path / "chosen"))
    qtbot.keyClick(chosen, Qt.Key.Key_Return)
    click(qtbot, panel.start)
    ended(qtbot, panel)
    assert panel.result.isVisibleTo(panel) and not panel.result.where.text(), "it is said above"
    opened.open_folder(write_raw(tmp_path / "cell6", times=1))
    qtbot.waitUntil(
        lambda: panel.form.value.folder == tmp_path / "cell6_processed", timeout=TIMEOUT
    )
    settle(opened)
    assert not panel.result.isVisibleTo(panel), "nothing is written of these data"
    click(qtbot, panel.start)
    ended(qtbot, panel)
    assert states(panel) == [("cell6", "Done, 2 written"), ("cell", "Done, 6 written")]
    assert len(list((tmp_path / "chosen").glob("*.tif"))) == 6
    assert panel.result.where.text() == f"cell6: {tmp_path / 'cell6_processed'}"
    click(qtbot, panel.result.show_button)
    qtbot.waitUntil(lambda: len(opened.results.layers) == 2, timeout=TIMEOUT)
    assert [layer.name.split(" ")[0] for layer in opened.results.layers] == ["cell6_processed"] * 2


def test_of_a_folder_with_two_results_that_of_the_open_data_is_shown(
    opened: Any, panel: Any, settle: Settle, tmp_path: Path, qtbot: Any
) -> None:
    for folder in (None, write_raw(tmp_path / "cell6", times=1)):
        if folder is not None:
            opened.open_folder(folder)
            settle(opened)
        panel.form.fields["folder"].value = tmp_path / "both"
        qtbot.waitUntil(panel.start.isEnabled, timeout=TIMEOUT)
        click(qtbot, panel.start)
        ended(qtbot, panel)
    click(qtbot, panel.result.show_button)
    qtbot.waitUntil(lambda: len(opened.results.layers) == 2, timeout=TIMEOUT)
    (source,) = {layers.session.stack.source for layers in opened.results._layers.values()}
    assert source.sizes == (1, 2)
    made = tifffile.imread(tmp_path / "both" / "cell6_ch1_t0000.tif")
    np.testing.assert_array_equal(source.read(0, 1), made)


def test_the_result_is_that_of_what_ran_last(
    opened: Any, panel: Any, settle: Settle, gate: Any, tmp_path: Path, qtbot: Any
) -> None:
    click(qtbot, panel.start)
    qtbot.waitUntil(lambda: panel.bar.maximum() == 6, timeout=TIMEOUT)
    click(qtbot, panel.cancel)
    ended(qtbot, panel)
    opened.open_folder(write_raw(tmp_path / "cell6", times=1))
    settle(opened)
    qtbot.waitUntil(panel.start.isEnabled, timeout=TIMEOUT)
    for _ in range(20):
        gate.release()
    click(qtbot, panel.start)
    ended(qtbot, panel)
    assert panel.result.where.text() == f"cell6: {tmp_path / 'cell6_processed'}"
    click(qtbot, panel.resume)
    ended(qtbot, panel)
    assert panel.result.where.text() == f"cell: {tmp_path / 'cell_processed'}"


def test_what_was_not_completed_is_there_again_in_the_next_session(
    opened: Any, panel: Any, choose: Any, gate: Any, tmp_path: Path, qtbot: Any, own_queue: Path
) -> None:
    choose(write_raw(tmp_path / "cell6", times=1))
    click(qtbot, panel.list.add_folder)
    click(qtbot, panel.start)
    gate.release()
    qtbot.waitUntil(lambda: panel.state.text().startswith("cell: 1 of 6"), timeout=TIMEOUT)
    viewer = opened.viewer
    opened.leave_window()
    for thread in threading.enumerate():
        if thread.name.startswith("lazy-export"):
            thread.join(60)
    assert [job.state for job in ExportQueue.load(own_queue).jobs] == ["cancelled", "cancelled"]
    _, dock = viewer.window.add_plugin_dock_widget("napari-lazy-pipeline", "Lazy Pipeline")
    again = dock.save.process
    dock.save.process_all.click()
    qtbot.waitUntil(lambda: len(again.list.rows) == 3, timeout=TIMEOUT)
    _, first, second = (state for _, state in states(again))
    assert re.fullmatch(r"Cancelled, [12] of 6", first) and second == "Cancelled"
    for _ in range(50):
        gate.release()
    click(qtbot, again.resume)
    ended(qtbot, again)
    assert [state for _, state in states(again)] == [
        "Waiting",
        "Done, 6 written",
        "Done, 2 written",
    ]
    assert ExportQueue.load(own_queue).jobs == []
    names = sorted(path.name for path in tmp_path.glob("*_processed*"))
    assert names == ["cell6_processed", "cell_processed"], "where they were begun"
    dock.shut_down()
    dock.compute_thread.join()


def test_a_folder_has_its_own_recipe_and_place(
    panel: Any, choose: Any, tmp_path: Path, qtbot: Any
) -> None:
    other = write_raw(tmp_path / "cell6", times=1)
    path = tmp_path / "own.yaml"
    Recipe(pipeline=Pipeline([SubtractBackground(value=7)])).save(path)
    choose(other)
    click(qtbot, panel.list.add_folder)
    choose(path)
    choose_in_menu(qtbot, panel.list.rows[1], "Its own recipe…")
    assert states(panel)[1] == ("cell6", "Waiting, own recipe")
    choose(tmp_path / "elsewhere")
    choose_in_menu(qtbot, panel.list.rows[1], "Write to…")
    assert str(tmp_path / "elsewhere") in panel.list.rows[1].title.toolTip()
    click(qtbot, panel.start)
    ended(qtbot, panel)
    # The recipe is for any data: it does not state how large voxels are.
    assert panel.list.rows[1].error.text().startswith("The voxel size is unknown")
    choose_in_menu(qtbot, panel.list.rows[1], "The present steps")
    click(qtbot, panel.start)
    ended(qtbot, panel)
    assert states(panel)[1] == ("cell6", "Done, 2 written")
    assert len(list((tmp_path / "elsewhere").glob("*.tif"))) == 2


def test_the_raw_folder_of_another_job_is_refused_before_anything_is_written(
    panel: Any, choose: Any, tmp_path: Path, qtbot: Any
) -> None:
    other = write_raw(tmp_path / "cell6", times=1)
    panel.form.fields["folder"].value = other / "inside"
    qtbot.waitUntil(panel.start.isEnabled, timeout=TIMEOUT)
    choose(other)
    click(qtbot, panel.list.add_folder)
    qtbot.waitUntil(lambda: not panel.start.isEnabled(), timeout=TIMEOUT)
    assert "would write into the raw data" in panel.warning.text()
    click(qtbot, panel.list.rows[1].remove)
    qtbot.waitUntil(panel.start.isEnabled, timeout=TIMEOUT)


def test_a_recipe_that_cannot_be_read_is_said(
    panel: Any, choose: Any, tmp_path: Path, qtbot: Any
) -> None:
    choose(write_raw(tmp_path / "cell6", times=1))
    click(qtbot, panel.list.add_folder)
    (tmp_path / "bad.yaml").write_text("steps: [")
    choose(tmp_path / "bad.yaml")
    choose_in_menu(qtbot, panel.list.rows[1], "Its own recipe…")
    assert panel.list.error.text().startswith("The recipe cannot be read")
    assert states(panel)[1] == ("cell6", "Waiting")


def test_a_queue_that_cannot_be_read_or_saved_is_said_and_the_export_runs(
    own_queue: Path, request: Any, qtbot: Any, tmp_path: Path
) -> None:
    own_queue.write_text("[{")
    panel = request.getfixturevalue("panel")
    error = panel.list.error
    assert error.text().startswith("The queue of the last session cannot be read")
    kept = own_queue.with_name(f"{own_queue.name}.broken")
    assert kept.read_text() == "[{" and kept.name in error.text()
    own_queue.mkdir()
    click(qtbot, panel.start)
    ended(qtbot, panel)
    assert error.text().startswith("The queue cannot be saved for the next session")
    assert states(panel) == [("cell", "Done, 6 written")]


def test_all_positions_are_added(dock: Any, settle: Settle, tmp_path: Path, qtbot: Any) -> None:
    folder = tmp_path / "plate"
    folder.mkdir()
    for position in range(3):
        for t in range(2):
            volume = np.full((4, 8, 10), 120 + t + position, "uint16")
            metadata = {"axes": "ZYX", "spacing": 0.3, "unit": "um"}
            path = folder / f"cell_pos{position}_t{t:03d}.tif"
            tifffile.imwrite(path, volume, imagej=True, resolution=(10, 10), metadata=metadata)
    dock.open_folder(folder)
    settle(dock)
    assert dock.session.folder_info.positions == ("0", "1", "2")
    qtbot.mouseClick(dock.save.process_all, Qt.MouseButton.LeftButton)
    panel = dock.save.process
    qtbot.waitUntil(lambda: bool(panel.estimate.text()), timeout=TIMEOUT)
    click(qtbot, panel.list.add_positions)
    assert [title for title, _ in states(panel)] == ["plate, 0", "plate, 1", "plate, 2"]
    click(qtbot, panel.list.add_positions)
    assert len(panel.list.rows) == 3, "none twice"
    click(qtbot, panel.start)
    ended(qtbot, panel)
    assert [state for _, state in states(panel)] == ["Done, 2 written"] * 3
    for position in "012":
        (made, _) = sorted((tmp_path / f"plate_processed_{position}").glob("*.tif"))
        np.testing.assert_array_equal(
            tifffile.imread(made),
            dock.session.pipeline.apply(open_stack(folder, position=position)).source.read(0, 0),
        )


def test_a_stage_on_the_way_is_written_too(
    opened: Any, panel: Any, settle: Settle, tmp_path: Path, qtbot: Any
) -> None:
    edit(opened, "deskew", angle=33.0)
    settle(opened)
    stages = panel.form.fields["stages"]
    qtbot.waitUntil(lambda: len(stages.control.boxes) == 1, timeout=TIMEOUT)
    (box,) = stages.control.boxes
    assert box.text() == "Subtract background" and not box.isChecked()
    before = panel.estimate.text()
    click(qtbot, box)
    qtbot.waitUntil(lambda: panel.estimate.text() != before, timeout=TIMEOUT)
    click(qtbot, panel.start)
    ended(qtbot, panel)
    assert "12 volumes written" in panel.state.text()
    out = tmp_path / "cell_processed"
    (stage,) = out.glob("after_*_subtract_background")
    subtracted = np.maximum(opened.session.stack.source.read(2, 1).astype(int) - 110, 0)
    np.testing.assert_array_equal(tifffile.imread(stage / "cell_ch1_t0002.tif"), subtracted)
    edit(opened, "subtract_background", value=111.0)
    qtbot.waitUntil(lambda: states(panel) == [("cell", "Waiting")], timeout=TIMEOUT)
    assert box.isChecked(), "what was chosen stays"


def test_a_long_name_gives_way(make_napari_viewer: Any, qtbot: Any) -> None:
    row = QueueRow(Job("a_very_long_name_of_a_folder" * 3), is_open=False)
    qtbot.addWidget(row)
    row.resize(300, 40)
    with qtbot.waitExposed(row):
        row.show()
    assert row.width() == 300
    assert row.title.shortened and row.state.text() == "Waiting" and not row.state.shortened
    assert row.title.text() in row.title.toolTip()


def test_only_maxima_of_all_folders_also_after_a_restart(
    opened: Any, panel: Any, choose: Callable[[Path], None], tmp_path: Path, qtbot: Any
) -> None:
    other = write_raw(tmp_path / "other")
    panel.form.fields["maxima"].value = True
    choose(other)
    panel.list.add_folder.click()
    qtbot.waitUntil(lambda: panel.start.isEnabled(), timeout=TIMEOUT)
    click(qtbot, panel.start)
    ended(qtbot, panel)
    assert [job.state for job in panel.list.queue.jobs] == ["done", "done"]
    for job in panel.list.queue.jobs:
        assert job.settings.maxima and job.report is not None
        assert {tifffile.imread(path).ndim for path in job.report.written} == {2}
    job = panel.list.queue.jobs[0]
    again = Job(job.title, job.recipe, job.settings, out=tmp_path / "again")
    again.run(lambda job: None, lambda: False)
    assert again.report is not None and again.state == "done", "as the next session opens it"
    first, second = (
        sorted(path.read_bytes() for path in (one.report.written if one.report else ()))
        for one in (job, again)
    )
    assert first == second


def test_rows_that_stay_are_not_made_again(panel: Any, tmp_path: Path, qtbot: Any) -> None:
    """With many jobs that took a second; they stand in the order of the jobs."""
    queue, jobs = panel.list, [Job(f"cell{n}", raw=tmp_path / f"cell{n}") for n in range(4)]
    queue.add(jobs)
    before = list(queue.rows)
    assert [shown.job for shown in before] == queue.queue.jobs
    queue.add([Job("more", raw=tmp_path / "more")])
    click(qtbot, before[2].remove)
    assert queue.rows[:-1] == [*before[:2], *before[3:]] and before[2].isHidden()
    queue.queue.jobs[1:3] = queue.queue.jobs[2:0:-1]
    queue.show_jobs()
    assert [shown.job for shown in queue.rows] == queue.queue.jobs
    assert [queue._rows.indexOf(shown) for shown in queue.rows] == [0, 1, 2, 3, 4]


def test_steps_edited_while_others_run_are_run_next_time_only(
    panel: Any, opened: Any, choose: Any, gate: Any, settle: Settle, tmp_path: Path, qtbot: Any
) -> None:
    choose(write_raw(tmp_path / "cell6", times=1))
    click(qtbot, panel.list.add_folder)
    click(qtbot, panel.start)
    for _ in range(6):
        gate.release()
    qtbot.waitUntil(lambda: panel.list.rows[1].job.state == "running", timeout=TIMEOUT)
    edit(opened, "subtract_background", value=50.0)
    qtbot.wait(400)  # the estimate is made anew meanwhile
    for _ in range(8):
        gate.release()
    ended(qtbot, panel)
    qtbot.waitUntil(lambda: states(panel)[0][1] == "Waiting", timeout=TIMEOUT)
    assert states(panel)[1][1] == "Done, 2 written"
    assert len([path for path in tmp_path.glob("cell*_processed*") if path.is_dir()]) == 2
