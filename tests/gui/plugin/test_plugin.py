"""The dock as a plugin: found by napari, opened in every way, closed without a trace."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from time import sleep
from typing import Any

import numpy as np
import pytest
import tifffile
from napari.settings import get_settings
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication
from qtpy.QtWidgets import QApplication, QFileDialog, QWidget

from dock_helpers import card, edit, expected, on_screen
from napari_lazy_pipeline import Recipe
from napari_lazy_pipeline._gui.dock import LazyPipelineWidget
from napari_lazy_pipeline.io.files.file_source import FileSource
from napari_lazy_pipeline.io.readers import suffixes
from napari_lazy_pipeline.steps._registry import step_types
from stacks import write_raw

TIMEOUT = 30_000


def plugin_menu_action(viewer: Any) -> Any:
    """The entry of the Plugins menu."""
    viewer.window.plugins_menu.aboutToShow.emit()
    actions = [
        inner
        for action in viewer.window.plugins_menu.actions()
        for inner in (action.menu().actions() if action.menu() else [action])
    ]
    return next(a for a in actions if a.text().startswith("Lazy Pipeline"))


@pytest.mark.smoke
def test_it_opens_from_the_menu(make_napari_viewer: Callable[..., Any], qtbot: Any) -> None:
    from napari_lazy_pipeline._gui.dock import LazyPipelineWidget

    viewer = make_napari_viewer(show=True)
    before = set(LazyPipelineWidget.open_docks)
    plugin_menu_action(viewer).trigger()
    (dock,) = set(LazyPipelineWidget.open_docks) - before

    def on_screen_now() -> bool:
        return bool(dock.isVisible())

    qtbot.waitUntil(on_screen_now, timeout=TIMEOUT)
    assert dock.status.text() == "Choose a folder of raw stacks"
    dock.shut_down()
    dock.compute_thread.join()


@pytest.mark.parametrize("menu", ["file_menu", "layers_menu"])
def test_it_opens_from_other_menus(make_napari_viewer: Callable[..., Any], menu: str) -> None:
    """File > Acquire, for whoever records; Layers > Filter, for whoever processes."""
    viewer = make_napari_viewer()
    entries = [*actions_of(getattr(viewer.window, menu))]
    path = {"file_menu": "Acquire", "layers_menu": "Filter"}[menu]
    (action,) = [one for path_, one in entries if path in path_ and "Lazy Pipeline" in one.text()]
    action.trigger()
    (dock,) = [dock for dock in LazyPipelineWidget.open_docks if dock.viewer == viewer]
    dock.shut_down()
    dock.compute_thread.join()


def actions_of(menu: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The entries of a menu and of those in it, with the names of the menus."""
    menu.aboutToShow.emit()
    for action in menu.actions():
        if action.menu():
            yield from actions_of(action.menu(), f"{path} {action.text()}")
        else:
            yield path, action


def test_the_command_palette_opens_dock_monitor_and_folders(
    make_napari_viewer: Callable[..., Any],
    raw_folder: Path,
    settle: Callable[[Any], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from napari._app_model import get_app_model

    viewer = make_napari_viewer()
    app = get_app_model()
    palette = app.menus.get_menu(app.menus.COMMAND_PALETTE_ID)
    ours = [one.command for one in palette if one.command.id.startswith("napari-lazy-pipeline")]
    titles = {command.title: command.id for command in ours}
    assert any(title.startswith("Laziness monitor") for title in titles)
    assert any(title.startswith("Lazy Pipeline") for title in titles)
    chosen = iter(["", str(raw_folder)])
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: next(chosen))
    (name,) = [titles[title] for title in titles if title.startswith("Open a folder")]
    app.commands.execute_command(name).result()
    assert not [dock for dock in LazyPipelineWidget.open_docks if dock.viewer == viewer]
    app.commands.execute_command(name).result()
    (dock,) = [dock for dock in LazyPipelineWidget.open_docks if dock.viewer == viewer]
    settle(dock)
    assert dock.session.folder_info.folder == str(raw_folder)
    dock.shut_down()
    dock.compute_thread.join()


def test_the_reader_lists_the_endings_of_raw_data() -> None:
    from npe2 import PluginManifest

    from napari_lazy_pipeline._gui.plugin.folder_reader import folder_reader

    (reader,) = PluginManifest.from_distribution("napari-lazy-pipeline").contributions.readers
    patterns = set(reader.filename_patterns)
    endings = (*suffixes(), ".companion.ome")
    assert patterns <= {f"*{end}" for end in endings if folder_reader(f"stack{end}")}
    assert patterns >= {"*.tif", "*.tiff", "*.zip", "*.zarr", "*.czi", "*.lif", "*.nd2", "*.ims"}
    assert not patterns & {"*", "*.png", "*.jpg", "*.csv", "*.raw"}
    assert reader.accepts_directories


def test_files_of_a_reader_that_the_manifest_does_not_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader is one file: a folder of its stacks is opened all the same."""
    from napari_lazy_pipeline._gui.plugin import folder_reader as module

    (tmp_path / "stack_0.voxels").write_bytes(b"")
    assert module.folder_reader(str(tmp_path)) is None
    monkeypatch.setattr(module, "suffixes", lambda: (*suffixes(), ".voxels"))
    assert module.folder_reader(str(tmp_path)) is not None
    assert module.folder_reader(str(tmp_path / "stack_0.voxels")) is not None


@pytest.mark.smoke
def test_a_whole_session(
    dock: Any, settle: Callable[[Any], None], raw_folder: Path, psf_file: Path, tmp_path: Path
) -> None:
    """Folder, every step, another time point, recipe: under each binding."""
    dock.open_folder(raw_folder)
    settle(dock)
    dock.data.z_step.setValue(0.3)
    dock.data.pixel.setValue(0.1)
    edit(dock, "subtract_background", value=100.0)
    edit(dock, "deskew", angle=32.0)
    edit(dock, "deconvolve", psf=psf_file, iterations=2)
    edit(dock, "crop", z=(2, 10))
    settle(dock)
    dock.viewer.dims.set_current_step(0, 2)
    settle(dock)
    plane = dock.viewer.dims.current_step[1]
    for channel, layer in enumerate(dock.layers.layers):
        shown = on_screen(layer)
        np.testing.assert_array_equal(shown, expected(dock, channel, 2, plane))
        assert shown.any()
    dock.save.save(tmp_path / "recipe.yaml")
    assert Recipe.load(tmp_path / "recipe.yaml").pipeline == dock.session.pipeline


@pytest.mark.smoke
@pytest.mark.parametrize(("key", "channels"), [("timelapse", 2), ("three_colours", 3), ("cell", 1)])
def test_the_samples_open_deskewed(
    make_napari_viewer: Callable[..., Any],
    settle: Callable[[Any], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    key: str,
    channels: int,
) -> None:
    from napari_lazy_pipeline._gui.plugin.dock_registry import dock_of

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    viewer = make_napari_viewer()
    layers = viewer.open_sample("napari-lazy-pipeline", key)
    dock = dock_of(viewer)
    settle(dock)
    assert len(layers) == len(viewer.layers) == len(dock.layers.layers) == channels
    assert layers[0].source.sample == ("napari-lazy-pipeline", key)
    assert card(dock, "deskew").step.enabled
    metadata = dock.data.metadata
    assert not metadata.questions.cards, "all is known of a sample"
    told = {metadata.form.sources[name].text() for name in ("z_step", "angle")}
    assert told == {"sample"} and metadata.form.fields["step"].value == "stage"
    assert dock.session.recipe().source.overrides.angle == 31.5
    assert dock.session.stack.source.reads == channels
    plane = dock.viewer.dims.current_step[1]
    shown = on_screen(dock.layers.layers[0])
    np.testing.assert_array_equal(shown, expected(dock, 0, 0, plane))
    edit(dock, "crop", x=(10, 100))
    settle(dock)
    assert on_screen(dock.layers.layers[0]).shape[1] == 90
    dock.shut_down()
    dock.compute_thread.join()


def test_channels_stand_in_their_order_whichever_is_ready_first(
    dock: Any,
    settle: Callable[[Any], None],
    raw_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    layers, there, first = dock.viewer.layers, threading.Event(), []

    def on_inserted(event: Any) -> None:
        first.append(event.value.name)
        there.set()

    def after_the_other(read: Callable[..., Any]) -> Callable[..., Any]:
        def reading(self: FileSource, t: int, c: int, *more: Any, **named: Any) -> Any:
            assert c or there.wait(TIMEOUT / 1000)
            return read(self, t, c, *more, **named)

        return reading

    for name in ("read", "read_planes"):
        monkeypatch.setattr(FileSource, name, after_the_other(getattr(FileSource, name)))
    layers.events.inserted.connect(on_inserted)
    dock.open_folder(raw_folder)
    settle(dock)
    layers.events.inserted.disconnect(on_inserted)
    assert "560" in first[0]
    assert list(layers) == dock.layers.layers and "488" in layers[0].name


def test_dropping_a_folder_opens_it_lazily(
    make_napari_viewer: Callable[..., Any], settle: Callable[[Any], None], tmp_path: Path
) -> None:
    from napari_lazy_pipeline._gui.plugin.dock_registry import dock_of

    folder = write_raw(tmp_path / "dropped", times=9, channels=1)
    viewer = make_napari_viewer()
    viewer.open(str(folder), plugin="napari-lazy-pipeline")
    dock = dock_of(viewer)
    settle(dock)
    assert dock.layers.layers[0].data.shape == (9, 12, 16, 20)
    assert dock.session.stack.source.reads == 1
    assert dock_of(viewer) is dock, "the same dock, not a second one"
    dock.shut_down()
    dock.compute_thread.join()


def test_folders_without_tiffs_are_left_to_others(tmp_path: Path) -> None:
    from napari_lazy_pipeline._gui.plugin.folder_reader import folder_reader

    assert folder_reader(str(tmp_path)) is None
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "notes.txt").write_text("no")
    assert folder_reader(str(tmp_path)) is None
    assert folder_reader(str(tmp_path / "notes.txt")) is None
    (tmp_path / "A.TIF").write_bytes(b"")
    assert folder_reader(str(tmp_path)) is not None
    assert folder_reader([str(tmp_path)]) is not None
    assert folder_reader([str(tmp_path)] * 2) is None


def test_it_closes_while_computing(
    dock: Any, settle: Callable[[Any], None], raw_folder: Path, psf_file: Path, qtbot: Any
) -> None:
    dock.open_folder(raw_folder)
    settle(dock)
    running = threading.Event()
    dock.compute_thread.progressed.connect(lambda *_: running.set())
    edit(dock, "deconvolve", psf=psf_file, iterations=500)

    def under_way() -> bool:
        return running.is_set()

    qtbot.waitUntil(under_way, timeout=TIMEOUT)
    layer = dock.layers.layers[0]
    dock.close()
    dock.compute_thread.join()
    assert not dock.compute_thread.busy
    assert not [t for t in threading.enumerate() if t.name.startswith("lazy-runner")]
    assert layer in dock.viewer.layers, "the layers stay"
    np.testing.assert_array_equal(
        layer.data[1, 3].compute(), dock.session.stack.source.read(1, 0)[3]
    )


def test_opening_and_closing_leaves_nothing_behind(
    make_napari_viewer: Callable[..., Any], qtbot: Any
) -> None:
    viewer = make_napari_viewer()
    seen: list[weakref.ref[QWidget]] = []
    for _ in range(5):
        dock_widget, dock = viewer.window.add_plugin_dock_widget(
            "napari-lazy-pipeline", "Lazy Pipeline"
        )
        seen.append(weakref.ref(dock))
        viewer.window.remove_dock_widget(dock_widget)
        dock.close()
        dock.compute_thread.join()
        del dock, dock_widget
        qtbot.wait(20)
    gc.collect()
    qtbot.wait(20)
    gc.collect()
    assert len([ref for ref in seen[:-1] if ref() is not None]) <= 1
    assert not [t for t in threading.enumerate() if t.name.startswith("lazy-runner")]


@pytest.mark.parametrize("kind", list(step_types()))
def test_forms_show_and_return_their_step(qtbot: Any, kind: str) -> None:
    from napari_lazy_pipeline._gui.widgets.forms.model_form import ModelForm

    step = step_types()[kind]()  # type: ignore[call-arg]
    form = ModelForm(step, hidden=("kind", "enabled"))
    qtbot.addWidget(form.native)
    assert form.value == step
    heard: list[Any] = []
    form.changed.connect(heard.append)
    for name, field in form.fields.items():
        assert field.caption.text(), name
        for editor in field.editors:
            assert editor.toolTip(), f"{name} has a tooltip"
            assert editor.accessibleName(), f"{name} has a name"
        assert field.value == getattr(step, name), name
    form.set_value(step)
    assert not heard, "showing a step is no edit"


def test_forms_are_edited_by_their_controls(qtbot: Any, tmp_path: Path) -> None:
    from napari_lazy_pipeline._gui.widgets.forms.model_form import ModelForm
    from napari_lazy_pipeline.steps import Deconvolve, Deskew

    form = ModelForm(Deskew(angle=31.5))
    qtbot.addWidget(form.native)
    form.fields["angle"].controls[0].value = 33.3
    form.fields["skew_axis"].controls[0].value = "y"
    form.fields["width"].controls[0].value = 77
    assert form.value == Deskew(angle=33.3, skew_axis="y", width=77)
    assert form.fields["angle"].caption.text() == "Angle (°)"
    other = ModelForm(Deconvolve())
    qtbot.addWidget(other.native)
    other.fields["psf"].controls[0].value = tmp_path / "psf.tif"
    other.fields["psf_voxel_size"].controls[0].value = 0.25
    expected_step = Deconvolve(psf=str(tmp_path / "psf.tif"), psf_voxel_size=(0.25, 0.0, 0.0))
    assert other.value == expected_step


def test_a_recipe_brings_its_data_into_an_empty_dock(
    dock: Any, settle: Callable[[Any], None], raw_folder: Path, tmp_path: Path
) -> None:
    from napari_lazy_pipeline import Pipeline, open_stack
    from napari_lazy_pipeline.steps import Crop, Deskew

    stack = open_stack(raw_folder, voxel_size=(0.4, 0.2, 0.2))
    pipeline = Pipeline(steps=(Deskew(angle=40.0), Crop(z=(0, 6))))
    Recipe(source=stack, pipeline=pipeline).save(tmp_path / "r.yaml")  # type: ignore[arg-type]
    dock.save.load(tmp_path / "r.yaml")
    settle(dock)
    assert dock.session.pipeline == pipeline
    assert dock.session.stack.voxel_size == (0.4, 0.2, 0.2)
    assert [c.step.kind for c in dock.steps.cards] == ["deskew", "crop"]
    assert dock.data.z_step.value() == 0.4
    np.testing.assert_array_equal(on_screen(dock.layers.layers[0]), expected(dock, 0, 0, 3))


def test_a_recipe_opens_its_folder_with_the_numbers_of_today(
    dock: Any, settle: Callable[[Any], None], tmp_path: Path
) -> None:
    """Files with lower numbers came since it was saved, and the dock says so."""
    from napari_lazy_pipeline import Pipeline, open_stack
    from napari_lazy_pipeline.steps import BleachCorrection

    (tmp_path / "raw").mkdir()

    def write(*numbers: int) -> None:
        for number in numbers:
            pixels = np.full((2, 8, 9), 10 * number, "uint16")
            path = tmp_path / "raw" / f"cell_ch0_t{number:03d}.tif"
            tifffile.imwrite(path, pixels, photometric="minisblack")

    write(4, 6)
    stack = open_stack(tmp_path / "raw", voxel_size=(0.4, 0.1, 0.1))
    pipeline = Pipeline(steps=(BleachCorrection(brightness=(1, 0.5)),))
    Recipe(source=stack, pipeline=pipeline).save(tmp_path / "r.yaml")  # type: ignore[arg-type]
    write(2)
    dock.save.load(tmp_path / "r.yaml")
    settle(dock)
    assert dock.session.pipeline == Pipeline([BleachCorrection(brightness=(1, 1, 0.5))])
    assert "values of Correct bleaching went with them" in dock.foot.remark.text()
    assert [dock.session.source()(t, 0).max() for t in range(3)] == [20, 40, 120]


def test_a_recipe_for_an_engine_that_is_not_here_runs_on_the_cpu(
    opened: Any, settle: Callable[[Any], None], tmp_path: Path, qtbot: Any
) -> None:
    from napari_lazy_pipeline import Pipeline
    from napari_lazy_pipeline.steps import Deskew

    def looked() -> bool:
        return bool(opened.view.engines_missing)

    qtbot.waitUntil(looked, timeout=TIMEOUT)
    reason = opened.view.engines_missing["cupy"]
    if reason is None:
        pytest.skip("cupy works here")
    pipeline = Pipeline(steps=(Deskew(angle=40.0),))
    Recipe(pipeline=pipeline, engine="cupy").save(tmp_path / "r.yaml")
    opened.save.load(tmp_path / "r.yaml")
    settle(opened)
    assert reason in opened.save.error.text()
    assert opened.session.engine == "cpu"
    np.testing.assert_array_equal(on_screen(opened.layers.layers[0]), expected(opened, 0, 0, 6))


def test_the_script_in_the_clipboard_runs(
    opened: Any, settle: Callable[[Any], None], tmp_path: Path
) -> None:
    import subprocess
    import sys

    from qtpy.QtWidgets import QApplication

    edit(opened, "deskew", angle=36.0)
    settle(opened)
    opened.save.copy_script.trigger()
    script = tmp_path / "script.py"
    text = QApplication.clipboard().text()
    script.write_text(text + "import numpy\nnumpy.save('out.npy', volume)\n")
    subprocess.run([sys.executable, script], cwd=tmp_path, check=True, capture_output=True)
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy")[5], expected(opened, 0, 0, 5))


def test_an_engine_that_is_not_there_says_why_and_the_cpu_goes_on(
    opened: Any, settle: Callable[[Any], None], qtbot: Any
) -> None:
    from napari_lazy_pipeline.engines import get_engine

    reason = get_engine("pycudadecon").unavailable()
    if reason is None:
        pytest.skip("pycudadecon works here")

    def told() -> bool:
        return f"pycudadecon: {reason}" in opened.view.engine_reason.text()

    qtbot.waitUntil(told, timeout=TIMEOUT)
    details, why = opened.view.engine_details, opened.view.engine_reason
    assert details.text().endswith("not available (details)")
    assert not why.isVisibleTo(opened.view)
    details.click()
    assert why.isVisibleTo(opened.view)
    index = opened.view.engine.findText("pycudadecon")
    assert not opened.view.engine.model().item(index).isEnabled()
    opened.view.engine.setCurrentText("pycudadecon")
    assert opened.view.engine.currentText() == "cpu"
    assert opened.session.engine == "cpu"
    edit(opened, "deskew")
    settle(opened)
    np.testing.assert_array_equal(on_screen(opened.layers.layers[0]), expected(opened, 0, 0, 6))


def test_nobody_is_asked_about_the_slicer_in_vain() -> None:
    """If napari moves its slicer, volumes would be computed in the window's thread again."""
    import importlib

    from napari_lazy_pipeline._gui.layers.lazy_array import _SLICER

    module = importlib.import_module(_SLICER)
    assert hasattr(module, "_ScalarFieldSliceRequest")


@pytest.mark.parametrize("held", [False, True], ids=["plainly", "with Shift held"])
def test_files_that_are_dropped_together_are_one_stack(
    make_napari_viewer: Callable[..., Any],
    settle: Callable[[Any], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    qtbot: Any,
    held: bool,
) -> None:
    """A file between them that was not dropped does not come along; each takes its time."""
    from napari_lazy_pipeline._gui.plugin import folder_reader
    from napari_lazy_pipeline._gui.plugin.dock_registry import dock_of

    def slowly(self: Any, path: str) -> None:
        add(self, path)
        sleep(0.2)

    add = folder_reader._DroppedFiles.add
    monkeypatch.setattr(folder_reader._DroppedFiles, "add", slowly)

    folder = write_raw(tmp_path / "dropped", times=4, channels=1)
    names = sorted(path.name for path in folder.glob("*.tif"))
    del names[2]
    readers = {"*.tif": "napari-lazy-pipeline"}
    monkeypatch.setattr(get_settings().plugins, "extension2reader", readers)
    viewer = make_napari_viewer()
    if held:
        shift = Qt.KeyboardModifier.ShiftModifier
        monkeypatch.setattr(QGuiApplication, "keyboardModifiers", lambda *_: shift)
    drop_on(viewer.window._qt_viewer, [folder / name for name in reversed(names)])
    dock = dock_of(viewer)

    def all_are_open() -> bool:
        info = dock.session.folder_info
        return info is not None and info.source.files == len(names)

    qtbot.waitUntil(all_are_open, timeout=TIMEOUT)
    settle(dock)
    assert sorted(dock.session.folder_info.source.layout.names) == names
    assert [layer.data.shape for layer in viewer.layers] == [(4, 12, 16, 20)]
    for t in (0, 1, 3):
        np.testing.assert_array_equal(
            np.asarray(viewer.layers[0].data[t]), tifffile.imread(folder / names[min(t, 2)])
        )
    dock.shut_down()
    dock.compute_thread.join()


def drop_on(widget: QWidget, paths: list[Path]) -> None:
    """Drag files over a widget and let them go, as a file manager does."""
    mime = QMimeData()
    mime.setParent(widget)
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    at = widget.rect().center()
    how = (
        Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier,
    )  # fmt: skip
    entered = QDragEnterEvent(at, *how)
    QApplication.sendEvent(widget, entered)
    assert entered.isAccepted()
    QApplication.postEvent(widget, QDropEvent(QPointF(at), *how))  # from the event loop


def test_a_recipe_is_not_for_a_folder_that_is_opened_instead(
    dock: Any, settle: Callable[[Any], None], raw_folder: Path, tmp_path: Path
) -> None:
    from napari_lazy_pipeline import Pipeline, open_stack
    from napari_lazy_pipeline.steps import SubtractBackground

    stack = open_stack(raw_folder, voxel_size=(0.4, 0.2, 0.2))
    pipeline = Pipeline(steps=(SubtractBackground(value=123.0),))
    Recipe(source=stack, pipeline=pipeline).save(tmp_path / "r.yaml")  # type: ignore[arg-type]
    dock.save.load(tmp_path / "r.yaml")
    dock.open_folder(write_raw(tmp_path / "other"))
    settle(dock)
    assert dock.session.stack.source.folder == str(tmp_path / "other")
    assert dock.session.pipeline != pipeline
    assert dock.session.stack.voxel_size == (1.0, 1.0, 1.0), "as it was stated of this one"
    assert f"The recipe is not used: its folder is {raw_folder}" in dock.foot.remark.text()
