"""Process all: what is asked and shown before, what is written, and how it is stopped."""

from __future__ import annotations

import pickle
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QProgressBar,
)

from dock_helpers import card, edit, expected, on_screen
from folder_contents import listing
from napari_lazy_pipeline import cli
from napari_lazy_pipeline._gui.save import export_form, export_settings
from napari_lazy_pipeline._gui.save import result_links as result_row
from napari_lazy_pipeline._gui.save.export_panel import ExportPanel
from napari_lazy_pipeline._gui.save.export_settings import ExportPlan, ExportSettings
from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.compute.resource_estimate import disk_cost
from napari_lazy_pipeline.engines import get_engine
from napari_lazy_pipeline.errors import ExportError
from napari_lazy_pipeline.exports import cluster, refusals, scheduler_address
from napari_lazy_pipeline.exports import destination as target
from napari_lazy_pipeline.exports.forecast import forecast
from napari_lazy_pipeline.exports.formats import get_format, ome_zarr
from napari_lazy_pipeline.exports.formats.imagej_tiff import TiffFiles
from napari_lazy_pipeline.image import Stack
from napari_lazy_pipeline.image.quantity_text import format_bytes
from napari_lazy_pipeline.steps import Convert, Ratio, SubtractBackground, step_types
from napari_lazy_pipeline.steps._base import Context

TIMEOUT = 60_000
Settle = Callable[[Any], None]


def click(qtbot: Any, button: Any) -> None:
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


@pytest.fixture
def process(opened: Any, qtbot: Any, tmp_path: Path) -> Any:
    """The form, unfolded, with a folder to write to."""
    click(qtbot, opened.save.process_all)
    panel = opened.save.process
    assert panel.isVisibleTo(opened)
    panel.form.fields["folder"].value = tmp_path / "out"
    qtbot.waitUntil(lambda: bool(panel.estimate.text()), timeout=TIMEOUT)
    return panel


def editor(panel: Any, name: str) -> Any:
    """What a setting is typed into, or chosen with."""
    return panel.form.fields[name].editors[0]


def export_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("lazy-export")]


def done(qtbot: Any, panel: Any) -> None:
    qtbot.waitUntil(
        lambda: not panel.exporter.busy and not panel.bar.isVisibleTo(panel), timeout=TIMEOUT
    )


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Volumes of the export wait at a gate, one at a time, until they are let through."""

    class Gate:
        def __init__(self) -> None:
            self.waiting, self.through = threading.Semaphore(0), threading.Semaphore(0)

        def one(self, qtbot: Any) -> None:
            qtbot.waitUntil(lambda: self.waiting.acquire(blocking=False), timeout=TIMEOUT)

    gate, apply = Gate(), SubtractBackground.apply

    def wait(self: Any, pixels: np.ndarray, at: Context) -> np.ndarray:
        if threading.current_thread().name.startswith("lazy-export"):
            gate.waiting.release()
            while not gate.through.acquire(timeout=0.01):
                if at.cancelled():
                    break
        return apply(self, pixels, at)

    monkeypatch.setattr(SubtractBackground, "apply", wait)
    return gate


def test_all_is_proposed_and_its_size_is_told(opened: Any, process: Any) -> None:
    assert (
        process.form.fields["times"].control.first.value(),
        process.form.fields["times"].control.last.value(),
    ) == (0, 2)
    assert [box.text() for box in process.form.fields["channels"].control.boxes] == ["488", "560"]
    assert process.estimate.text().startswith("6 volumes, 46.5 kB; ")
    assert " free" in process.estimate.text()
    assert process.start.isEnabled() and not process.cancel.isEnabled()


def test_what_is_written_is_what_is_shown(
    opened: Any, process: Any, settle: Settle, tmp_path: Path, qtbot: Any
) -> None:
    edit(opened, "subtract_background", value=120.0)
    edit(opened, "deskew", angle=33.0)
    settle(opened)
    click(qtbot, process.start)
    done(qtbot, process)
    files = sorted(path.name for path in (tmp_path / "out").glob("*.tif"))
    assert files == [f"cell_ch{c}_t{t:04d}.tif" for c in range(2) for t in range(3)]
    shown = tifffile.imread(tmp_path / "out" / "cell_ch0_t0000.tif")
    np.testing.assert_array_equal(shown[6], on_screen(opened.layers.layers[0]))
    other = tifffile.imread(tmp_path / "out" / "cell_ch1_t0002.tif")
    np.testing.assert_array_equal(other[3], expected(opened, 1, 2, 3))
    assert "6 volumes written" in process.state.text()
    click(qtbot, process.start)
    done(qtbot, process)
    assert "0 volumes written" in process.state.text()
    assert "6 were there already" in process.state.text()


def test_a_part_is_written_in_another_type(
    opened: Any, process: Any, tmp_path: Path, qtbot: Any
) -> None:
    for box, text in (
        (process.form.fields["times"].control.last, "1"),
        (process.form.fields["times"].control.first, "1"),
    ):
        box.setFocus()
        box.selectAll()
        qtbot.keyClicks(box, text)
        qtbot.keyClick(box, Qt.Key.Key_Return)
    process.form.fields["channels"].control.boxes[0].setChecked(False)
    editor(process, "dtype").setCurrentText("float32")
    qtbot.waitUntil(
        lambda: process.estimate.text().startswith("1 volume, 15.5 kB"), timeout=TIMEOUT
    )
    click(qtbot, process.start)
    done(qtbot, process)
    (path,) = (tmp_path / "out").glob("*.tif")
    assert path.name == "cell_ch1_t0001.tif"
    assert tifffile.imread(path).dtype == np.float32


@pytest.mark.parametrize(
    ("kind", "values", "unticked", "written"),
    [
        ("select", {"channels": "560, 488"}, "560", {"ch1": 0}),
        ("select", {"channels": "560"}, "", {"ch0": 1}),
        ("select", {"times": (1, 3)}, "560", {"ch0": 0}),
        ("ratio", {"keep": True}, "488", {"ch1": 1, "ch2": None}),
    ],
)
def test_channels_and_time_points_are_those_that_the_steps_make(
    opened: Any, process: Any, settle: Settle, tmp_path: Path, qtbot: Any,
    kind: str, values: dict[str, Any], unticked: str, written: dict[str, int | None],
) -> None:  # fmt: skip
    session = opened.session
    session.set_pipeline(Pipeline([step_types()[kind](**values)]))
    plan, fields = session.plan, process.form.fields
    assert [box.text() for box in fields["channels"].control.boxes] == list(plan.after.channels)
    assert fields["times"].value == (0, plan.after.times - 1)
    for box in fields["channels"].control.boxes:
        box.setChecked(box.text() != unticked)
    settle(opened)
    qtbot.waitUntil(lambda: process.start.isEnabled(), timeout=TIMEOUT)
    click(qtbot, process.start)
    done(qtbot, process)
    first = plan.recorded_times.start
    files = sorted((tmp_path / "out").glob("*.tif"))
    names = [f"cell_{name}_t{t:04d}.tif" for name in written for t in range(plan.after.times)]
    assert [file.name for file in files] == names, process.state.text()
    for name, channel in written.items():
        if channel is not None:
            volume = tifffile.imread(tmp_path / "out" / f"cell_{name}_t0000.tif")
            np.testing.assert_array_equal(volume, session.stack.source.read(first, channel))


def test_what_was_not_to_be_written_stays_so_when_steps_make_more(
    opened: Any, process: Any
) -> None:
    boxes = process.form.fields["channels"].control
    boxes.boxes[0].setChecked(False)
    opened.session.set_pipeline(Pipeline([step_types()["ratio"](keep=True)]))
    assert [box.isChecked() for box in boxes.boxes] == [False, True, True]
    opened.session.set_pipeline(Pipeline([step_types()["select"](channels="488")]))
    assert [box.isChecked() for box in boxes.boxes] == [True], "there is nothing else to write"


def test_what_was_chosen_outlives_steps_that_leave_it_out(opened: Any, process: Any) -> None:
    """A value that is dragged through, or a step that does not fit for a moment, loses nothing."""
    times, channels = (process.form.fields[name].control for name in ("times", "channels"))
    times.first.setValue(1)
    times.last.setValue(1)
    channels.boxes[0].setChecked(False)
    select, session = step_types()["select"], opened.session
    session.set_pipeline(Pipeline([select(times=(0, 1), channels="488")]))
    assert process.form.fields["times"].value == (0, 0)
    session.set_pipeline(Pipeline([step_types()["crop"](y=(2, 900)), select(channels="488")]))
    session.set_pipeline(Pipeline())
    assert process.form.fields["times"].value == (1, 1)
    assert [box.isChecked() for box in channels.boxes] == [False, True]
    times.first.setValue(0)
    times.last.setValue(2)
    session.set_pipeline(Pipeline([select(times=(0, 2))]))
    assert process.form.fields["times"].value == (0, 1)
    session.set_pipeline(Pipeline())
    assert process.form.fields["times"].value == (0, 2), "up to the end"


def test_the_last_time_point_is_not_before_the_first(process: Any) -> None:
    process.form.fields["times"].control.last.setValue(1)
    process.form.fields["times"].control.first.setValue(2)
    assert (
        process.form.fields["times"].control.first.value(),
        process.form.fields["times"].control.last.value(),
    ) == (2, 2)
    process.form.fields["times"].control.last.setValue(0)
    assert (
        process.form.fields["times"].control.first.value(),
        process.form.fields["times"].control.last.value(),
    ) == (0, 0)


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [("1e400", "“1e400” is not a number"), ("x", "“x” is not a number"), ("7", "point 7")],
)
def test_what_is_no_time_point_is_refused_with_a_sentence(
    process: Any, qtbot: Any, typed: str, sentence: str
) -> None:
    times = process.form.fields["times"]
    box = times.control.last
    before = box.value()
    box.setFocus()
    box.selectAll()
    qtbot.keyClicks(box, typed)
    qtbot.keyClick(box, Qt.Key.Key_Return)
    assert sentence in times.error.text()
    assert box.value() == before


@pytest.mark.parametrize("place", ["", "inside"])
def test_the_raw_folder_is_refused_before_anything_is_written(
    opened: Any, process: Any, raw_folder: Path, qtbot: Any, place: str
) -> None:
    before = listing(raw_folder)
    process.form.fields["folder"].value = raw_folder / place
    qtbot.waitUntil(lambda: "would write into the raw data" in process.warning.text())
    assert not process.start.isEnabled()
    process.form.fields["folder"].value = raw_folder.parent / "elsewhere"
    qtbot.waitUntil(process.start.isEnabled, timeout=TIMEOUT)
    assert not process.warning.text()
    assert listing(raw_folder) == before


def test_a_disk_that_is_too_small_is_told(
    process: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_lazy_pipeline.compute import resource_estimate as costs

    full = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(costs.shutil, "disk_usage", lambda _: full)
    editor(process, "dtype").setCurrentText("float32")
    qtbot.waitUntil(lambda: "not enough room" in process.warning.text(), timeout=TIMEOUT)
    assert not process.start.isEnabled()


def test_a_step_that_waits_is_the_reason_why_nothing_starts(
    opened: Any, process: Any, settle: Settle, qtbot: Any
) -> None:
    said = process.estimate.text
    assert process.start.isEnabled() and "6 volumes" in said()
    edit(opened, "deconvolve")
    qtbot.waitUntil(lambda: said() == "Deconvolve waits for a PSF", timeout=TIMEOUT)
    assert not process.start.isEnabled() and not process.warning.text()
    card(opened, "deconvolve").switch.setChecked(False)
    qtbot.waitUntil(process.start.isEnabled, timeout=TIMEOUT)
    qtbot.waitUntil(lambda: "6 volumes" in said(), timeout=TIMEOUT)


def test_what_is_not_stated_of_the_data_is_the_reason_why_nothing_starts(
    nothing_stated: None, dock: Any, settle: Settle, raw_folder: Path, qtbot: Any
) -> None:
    dock.open_folder(raw_folder)
    settle(dock)
    click(qtbot, dock.save.process_all)
    said = dock.save.process.estimate.text
    start = dock.save.process.start
    unknown = "The voxel size is unknown: enter it under Data"
    qtbot.waitUntil(lambda: said() == unknown, timeout=TIMEOUT)
    edit(dock, "deskew")
    qtbot.waitUntil(lambda: said() == "Deskew waits for the voxel size", timeout=TIMEOUT)
    assert not start.isEnabled()
    dock.session.state(voxel_size=(0.3, 0.1, 0.1))
    scan = "Deskew waits for the light-sheet angle and what the z step measures"
    qtbot.waitUntil(lambda: said() == scan, timeout=TIMEOUT)
    dock.session.state(voxel_size=(0.3, 0.1, 0.1), angle=31.5, step="stage")
    qtbot.waitUntil(start.isEnabled, timeout=TIMEOUT)
    qtbot.waitUntil(lambda: "6 volumes" in said(), timeout=TIMEOUT)


def test_it_is_stopped_and_gone_on_with(
    opened: Any, process: Any, settle: Settle, tmp_path: Path, qtbot: Any, held: Any
) -> None:
    edit(opened, "subtract_background", value=110.0)
    settle(opened)
    click(qtbot, process.start)
    held.one(qtbot)
    assert process.cancel.isEnabled() and not process.start.isEnabled()
    held.through.release()
    held.one(qtbot)
    qtbot.waitUntil(lambda: "1 of 6 volumes, " in process.state.text(), timeout=TIMEOUT)
    assert process.state.text().endswith(" left") and process.bar.value() == 1
    opened.save.back.click()
    assert opened.save.process_all.text() == "Process all 16 %", "it is seen from everywhere"
    opened.save.process_all.click()
    opened.viewer.dims.set_current_step(0, 2)
    settle(opened)
    np.testing.assert_array_equal(on_screen(opened.layers.layers[0]), expected(opened, 0, 2, 6))
    click(qtbot, process.cancel)
    done(qtbot, process)
    written = sorted((tmp_path / "out").glob("*"))
    assert [path.name for path in written if path.suffix == ".part"] == []
    count = len([path for path in written if path.suffix == ".tif"])
    assert 1 <= count <= 2
    assert process.state.text() == f"Cancelled, {count} of 6 written."
    assert opened.save.process_all.text() == "Process all…"
    for _ in range(10):
        held.through.release()
    click(qtbot, process.start)
    done(qtbot, process)
    assert f"{6 - count} volumes written" in process.state.text()


def test_only_maxima(opened: Any, process: Any, settle: Settle, tmp_path: Path, qtbot: Any) -> None:
    """Of the present steps, straight from raw; the size on the disk is that of one plane each."""
    edit(opened, "deskew")
    settle(opened)
    tick = process.form.fields["maxima"]
    assert tick.label == "Only maxima" and not tick.value
    spec = opened.session.source().spec
    plane = spec.replace(shape=(1, *spec.shape[1:]))
    tick.value = True
    needed = disk_cost(plane, 6, None, None, get_format("tiff").overhead).needed
    said = f"6 volumes, {format_bytes(needed)}"
    qtbot.waitUntil(lambda: process.estimate.text().startswith(said), timeout=TIMEOUT)
    click(qtbot, process.start)
    done(qtbot, process)
    assert "6 volumes written" in process.state.text()
    for c, t in ((0, 1), (1, 2)):
        (path,) = (tmp_path / "out").glob(f"*_ch{c}_t000{t}.tif")
        volume = opened.session.source().read(t, c)
        np.testing.assert_array_equal(tifffile.imread(path), volume.max(axis=0))
    tick.value = False
    # Volumes are something else, and still to be written.
    qtbot.waitUntil(lambda: process.list.current.state == "waiting", timeout=TIMEOUT)


def test_what_cannot_be_made_is_listed_at_the_end(
    opened: Any, process: Any, raw_folder: Path, qtbot: Any
) -> None:
    bad = next(raw_folder.glob("cell_ch1_stack0001*"))
    bad.write_bytes(bad.read_bytes()[:3000])
    click(qtbot, process.start)
    done(qtbot, process)
    assert "5 volumes written" in process.state.text() and "1 failed" in process.state.text()
    (problem,) = process.failures.problems
    assert problem.where == "time point 1, channel 1" and bad.name in problem.what
    assert process.failures.isVisibleTo(process)


def test_a_folder_of_others_is_said(
    opened: Any, process: Any, settle: Settle, tmp_path: Path, qtbot: Any
) -> None:
    click(qtbot, process.start)
    done(qtbot, process)
    edit(opened, "deskew", angle=40.0)
    settle(opened)
    click(qtbot, process.start)
    qtbot.waitUntil(lambda: "Choose an empty folder" in process.warning.text(), timeout=TIMEOUT)
    done(qtbot, process)
    assert process.start.isEnabled()


def test_the_window_closes_while_it_runs(
    opened: Any, process: Any, settle: Settle, tmp_path: Path, qtbot: Any, held: Any
) -> None:
    edit(opened, "subtract_background", value=110.0)
    settle(opened)
    click(qtbot, process.start)
    held.one(qtbot)
    opened.close()
    for thread in export_threads():
        assert not thread.daemon, "the program waits for what is under way"
        thread.join(60)
    assert not export_threads()
    assert not list((tmp_path / "out").glob("*.part"))


def test_a_grown_folder_is_written_whole(opened: Any, process: Any, raw_folder: Path) -> None:
    """The range follows, unless the person chose an end."""
    source = opened.session.stack.source
    opened.session.grow(source)
    assert process.form.fields["times"].control.last.value() == 2
    process.form.fields["times"].control.last.setValue(1)
    opened.session.grow(source)
    assert (
        process.form.fields["times"].control.last.value(),
        process.form.fields["times"].control.last.maximum(),
    ) == (1, 2)


def test_every_control_has_a_name_and_a_tooltip(opened: Any, process: Any) -> None:
    controls = [
        widget
        for kind in (QAbstractButton, QAbstractSpinBox, QComboBox, QProgressBar, QLineEdit)
        for part in (opened.save, opened.save.page)
        for widget in part.findChildren(kind)
        if not isinstance(widget.parent(), QAbstractSpinBox)
    ]
    assert len(controls) >= 21
    assert [w for w in controls if not (w.accessibleName() and w.toolTip())] == []


def test_it_never_asks_the_file_system_in_the_window_thread(
    opened: Any, process: Any, monkeypatch: pytest.MonkeyPatch, qtbot: Any, tmp_path: Path
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(
        refusals, "_same", lambda *_: asked.append(threading.current_thread().name) or False
    )
    process.form.fields["folder"].value = tmp_path / "slow"
    qtbot.waitUntil(lambda: bool(asked), timeout=TIMEOUT)
    assert threading.main_thread().name not in asked


# ---- formats ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["tiff", "ome-zarr"])
def test_the_command_line_writes_the_same_files(
    opened: Any, process: Any, settle: Settle, tmp_path: Path, qtbot: Any, kind: str
) -> None:
    edit(opened, "subtract_background", value=110.0)
    edit(opened, "deskew", angle=33.0)
    settle(opened)
    click(qtbot, editor(process, "format").buttons[kind])
    editor(process, "dtype").setCurrentText("float32")
    click(qtbot, process.start)
    done(qtbot, process)
    assert "6 volumes written" in process.state.text()
    opened.save.save(tmp_path / "cell.yaml")
    words = ["run", tmp_path / "cell.yaml", "--out", tmp_path / "run", "--format", kind]
    assert cli.main([*map(str, words), "--dtype", "float32"]) == 0
    assert _contents(tmp_path / "run") == _contents(tmp_path / "out")
    assert len(_contents(tmp_path / "run")) == {"tiff": 8, "ome-zarr": 10}[kind]


def _contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in files
        if path.name != "cell_provenance.json"  # it has the date
    }


def test_an_ome_zarr_is_estimated_written_and_shown(
    opened: Any, process: Any, settle: Settle, tmp_path: Path, qtbot: Any
) -> None:
    assert process.form.summary.text().startswith("One TIFF file for each volume")
    click(qtbot, editor(process, "format").buttons["ome-zarr"])
    assert process.form.summary.text().startswith("One multiscale OME-Zarr")
    needed = format_bytes(6 * opened.session.stack.spec.nbytes * get_format("ome-zarr").overhead)
    qtbot.waitUntil(lambda: f"6 volumes, {needed}; " in process.estimate.text(), timeout=TIMEOUT)
    edit(opened, "subtract_background", value=110.0)
    settle(opened)
    assert not process.result.isVisibleTo(process)
    click(qtbot, process.start)
    done(qtbot, process)
    store = tmp_path / "out" / "cell.ome.zarr"
    assert process.result.isVisibleTo(process) and process.result.where.text() == str(store)
    click(qtbot, process.result.copy)
    assert QApplication.clipboard().text() == str(store)
    click(qtbot, process.result.show_button)
    qtbot.waitUntil(lambda: len(opened.results.layers) == 2, timeout=TIMEOUT)
    opened.viewer.dims.set_current_step(0, 1)
    settle(opened)
    for c, layer in enumerate(opened.results.layers):
        assert layer.name.endswith(" [written]")
        qtbot.waitUntil(
            lambda c=c, layer=layer: np.array_equal(on_screen(layer), expected(opened, c, 1, 6)),
            timeout=TIMEOUT,
        )
    assert len(opened.viewer.layers) == 4
    click(qtbot, process.result.show_button)
    first = opened.results.layers[0]
    qtbot.waitUntil(lambda: first not in opened.viewer.layers, timeout=TIMEOUT)
    qtbot.waitUntil(lambda: len(opened.results.layers) == 2, timeout=TIMEOUT)
    assert len(opened.viewer.layers) == 4, "not shown twice"


def test_the_folder_of_the_result_is_opened(
    process: Any, tmp_path: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(
        result_row.QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile())
    )
    for place in (tmp_path, tmp_path / "cell.ome.zarr"):
        process.result.show_result(place)
        click(qtbot, process.result.folder)
    assert opened == [str(tmp_path)] * 2


def test_a_result_that_is_gone_is_said(
    process: Any, tmp_path: Path, qtbot: Any, opened: Any
) -> None:
    click(qtbot, process.start)
    done(qtbot, process)
    (tmp_path / "out").rename(tmp_path / "elsewhere")
    click(qtbot, process.result.show_button)
    qtbot.waitUntil(lambda: "no such folder" in process.warning.text(), timeout=TIMEOUT)
    assert opened.results.layers == []


def test_what_is_not_installed_is_grey_and_says_why(
    opened: Any, process: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    click(qtbot, editor(process, "format").buttons["ome-zarr"])
    click(qtbot, editor(process, "workers").buttons["cluster"])
    monkeypatch.setattr(ome_zarr, "find_spec", lambda name: None if name == "yaozarrs" else 1)
    monkeypatch.setitem(sys.modules, "distributed", None)
    other = ExportPanel(opened.session, opened.costs, process.settings)
    qtbot.addWidget(other)
    format_, workers = editor(other, "format"), editor(other, "workers")
    grey = [format_.buttons["ome-zarr"], workers.buttons["cluster"]]
    qtbot.waitUntil(lambda: not any(one.isEnabled() for one in grey), timeout=TIMEOUT)
    assert "yaozarrs is not installed: pip install" in grey[0].toolTip()
    assert "distributed is not installed: pip install" in grey[1].toolTip()
    assert (format_.value, workers.value) == ("tiff", "here")
    assert other.plan.settings.format == "tiff" and other.plan.job_settings.scheduler is None
    other.close_session()


def test_the_pixels_are_those_that_a_format_can_hold(
    process: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = {"tiff": TiffFiles(), "ome-zarr": ome_zarr.OmeZarr(dtypes=("float32",))}
    for module in (export_form, export_settings):
        monkeypatch.setattr(module, "get_format", kinds.__getitem__)
    editor(process, "dtype").setCurrentText("uint8")
    click(qtbot, editor(process, "format").buttons["ome-zarr"])
    box = editor(process, "dtype")
    assert [box.itemText(i) for i in range(box.count())] == ["uint16 (as computed)", "float32"]
    assert box.currentText() == "uint16 (as computed)" and process.plan.settings.dtype is None


def test_pixels_that_a_format_cannot_hold_are_refused_before(process: Any) -> None:
    plan = process.plan
    odd = SimpleNamespace(folder=None, sizes=(1, 1), spec=plan.view.spec.replace(dtype="int32"))
    with pytest.raises(ExportError, match=r"cannot hold int32\. Choose a dtype"):
        replace(plan, view=replace(plan.view, source=odd)).disk_cost()


def test_the_size_counts_each_volume_that_a_stage_needs(tmp_path: Path) -> None:
    """As a dry run does: a ratio is made of two channels."""
    raw = Stack.from_array(np.ones((3, 2, 2, 5, 5), "uint16"), (0.4, 0.1, 0.1))
    view = Pipeline([Convert(dtype="float32"), Ratio(background=(1, 1))]).apply(raw)
    settings = ExportSettings(folder=tmp_path / "out", times=(1, 2), channels=(2,), stages=(0,))
    plan = ExportPlan(view, settings)
    dry = forecast(view, tmp_path / "out", t=[1, 2], c=[2], stages=plan.stages)
    assert plan.stages == (1,) and dry.volumes == 4 + 2
    assert plan.disk_cost().needed == dry.needed


def test_choices_are_there_again_in_the_next_dock(
    opened: Any, process: Any, tmp_path: Path, qtbot: Any
) -> None:
    click(qtbot, editor(process, "format").buttons["ome-zarr"])
    editor(process, "dtype").setCurrentText("uint8")
    click(qtbot, editor(process, "workers").buttons["cluster"])
    qtbot.keyClicks(editor(process, "scheduler"), "tcp://node1:8786")
    before = process.settings
    viewer = opened.viewer
    opened.close()
    _, dock = viewer.window.add_plugin_dock_widget("napari-lazy-pipeline", "Lazy Pipeline")
    again = dock.save.process
    assert editor(again, "folder").text() == str(tmp_path / "out")
    assert (editor(again, "format").value, editor(again, "dtype").currentText()) == (
        "ome-zarr",
        "uint8",
    )
    assert editor(again, "workers").value == "cluster"
    assert editor(again, "scheduler").text() == "tcp://node1:8786"
    assert again.settings == before and again.plan is not None
    dock.shut_down()
    dock.compute_thread.join()


# ---- cluster ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """A worker with one thread, in this process."""
    distributed = pytest.importorskip("distributed")
    cpu = get_engine("cpu")
    before = cpu.threads
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as local:
        yield local.scheduler_address
    cpu.threads = before


@pytest.fixture
def on_cluster(process: Any, scheduler: str, qtbot: Any) -> Any:
    """The form, with the address of the scheduler typed."""
    click(qtbot, editor(process, "workers").buttons["cluster"])
    assert not process.form.check.isEnabled()
    qtbot.keyClicks(editor(process, "scheduler"), scheduler)
    qtbot.waitUntil(process.start.isEnabled, timeout=TIMEOUT)
    return process


def test_who_computes_is_said(on_cluster: Any, qtbot: Any) -> None:
    form = on_cluster.form
    click(qtbot, form.check)
    assert form.cluster_line.text() == "Waiting for the scheduler to answer…"
    qtbot.waitUntil(lambda: "1 worker with 1 thread on 1 computer" in form.cluster_line.text())
    assert form.cluster_line.text().endswith("All see the raw files.")
    assert not form.fields["scheduler"].error.text()
    qtbot.keyClicks(editor(on_cluster, "scheduler"), "0")
    assert not form.cluster_line.text(), "that was another address"


def test_a_scheduler_that_does_not_answer_is_said(
    on_cluster: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler_address, "TIMEOUT", 1)
    form, address = on_cluster.form, editor(on_cluster, "scheduler")
    address.selectAll()
    qtbot.keyClicks(address, "tcp://127.0.0.1:1")
    qtbot.keyClick(address, Qt.Key.Key_Return)
    error = form.fields["scheduler"].error
    qtbot.waitUntil(lambda: bool(error.text()), timeout=TIMEOUT)
    assert "does not answer" in error.text() and "Check its address" in error.text()
    assert not form.cluster_line.text()
    click(qtbot, on_cluster.start)
    qtbot.waitUntil(lambda: "does not answer" in on_cluster.warning.text(), timeout=TIMEOUT)
    done(qtbot, on_cluster)
    assert on_cluster.start.isEnabled()


def test_a_check_of_a_scheduler_can_be_cancelled(on_cluster: Any, qtbot: Any) -> None:
    form, address = on_cluster.form, editor(on_cluster, "scheduler")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address.selectAll()
        qtbot.keyClicks(address, f"tcp://127.0.0.1:{silent.getsockname()[1]}")
        click(qtbot, form.check)
        assert (form.check.text(), form.cluster_check.busy) == ("Cancel", True)
        click(qtbot, form.check)
        assert (form.check.text(), form.cluster_check.busy) == ("Check", False)
        assert not form.cluster_line.text() and not form.fields["scheduler"].error.text()


def test_without_an_address_nothing_starts(process: Any, qtbot: Any) -> None:
    click(qtbot, editor(process, "workers").buttons["cluster"])
    qtbot.waitUntil(lambda: not process.start.isEnabled(), timeout=TIMEOUT)
    click(qtbot, editor(process, "workers").buttons["here"])
    qtbot.waitUntil(process.start.isEnabled, timeout=TIMEOUT)


def test_workers_in_other_processes_get_what_is_open(
    opened: Any, process: Any, settle: Settle, tmp_path: Path
) -> None:
    """A worker in this process is handed things as they are; others are sent them."""
    opened.session.state(voxel_size=(0.3, 0.1, 0.1))
    edit(opened, "deskew", angle=33.0)
    settle(opened)
    destination = target.Destination.open(process.plan.view, tmp_path / "sent", None)
    destination.prepare()
    sent = pickle.loads(pickle.dumps(destination.for_worker([(2, 1)])))
    sent.write(2, 1, sent.content(2, 1, sent.stack.source.read(2, 1)))
    written = tifffile.imread(sent.path(2, 1))
    np.testing.assert_array_equal(written[3], expected(opened, 1, 2, 3))


def test_the_cluster_lists_what_fails_and_goes_on(
    opened: Any, on_cluster: Any, raw_folder: Path, tmp_path: Path, qtbot: Any
) -> None:
    bad = next(raw_folder.glob("cell_ch1_stack0001*"))
    whole = bad.read_bytes()
    bad.write_bytes(whole[:3000])
    click(qtbot, on_cluster.start)
    done(qtbot, on_cluster)
    assert "5 volumes written" in on_cluster.state.text()
    (problem,) = on_cluster.failures.problems
    assert problem.where == "time point 1, channel 1" and bad.name in problem.what
    bad.write_bytes(whole)
    click(qtbot, on_cluster.start)
    done(qtbot, on_cluster)
    assert "1 volumes written" in on_cluster.state.text()
    assert not on_cluster.failures.isVisibleTo(on_cluster)
    made = tifffile.imread(tmp_path / "out" / "cell_ch1_t0001.tif")
    np.testing.assert_array_equal(made[6], expected(opened, 1, 1, 6))


def test_the_cluster_is_stopped_and_gone_on_with(
    opened: Any, on_cluster: Any, settle: Settle, tmp_path: Path, qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    begun, through = threading.Semaphore(0), threading.Semaphore(0)
    write = target.Destination.write

    def held(*arguments: Any) -> Path:
        begun.release()
        assert through.acquire(timeout=60)
        return write(*arguments)

    monkeypatch.setattr(target.Destination, "write", held)
    monkeypatch.setattr(cluster, "_VOLUMES_PER_THREAD", 1)
    process = on_cluster
    click(qtbot, process.start)
    qtbot.waitUntil(lambda: begun.acquire(blocking=False), timeout=TIMEOUT)
    through.release()
    qtbot.waitUntil(lambda: process.state.text().startswith("1 of 6 volumes"), timeout=TIMEOUT)
    assert process.bar.value() == 1
    opened.viewer.dims.set_current_step(0, 2)
    settle(opened)
    np.testing.assert_array_equal(on_screen(opened.layers.layers[0]), expected(opened, 0, 2, 6))
    qtbot.waitUntil(lambda: begun.acquire(blocking=False), timeout=TIMEOUT)
    click(qtbot, process.cancel)
    through.release()
    done(qtbot, process)
    assert process.state.text() == "Cancelled, 2 of 6 written."
    assert len(list((tmp_path / "out").glob("*.tif"))) == 2
    for _ in range(4):
        through.release()
    click(qtbot, process.start)
    done(qtbot, process)
    assert "4 volumes written" in process.state.text()
