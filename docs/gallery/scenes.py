"""Scenes: what is done with mouse and keys, and which pictures are taken on the way."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QPoint
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QPushButton

from canvas import drag
from gallery.hard_times import process, trouble, watch
from gallery.stage import Key, Left, Stage
from napari_lazy_pipeline._gui.tools.psf_panel import PsfPanel
from napari_lazy_pipeline.compute.parameter import Parameter
from napari_lazy_pipeline.samples.samples import REAL_STACK, TIMELAPSE


def data(stage: Stage) -> None:
    """From an empty dock to a folder that is open, and its questions answered."""
    dock = stage.dock
    stage.dock_picture("empty")
    stage.open(stage.timelapse())
    stage.dock_picture("question")
    _answer(stage)
    dock.data.files.fold.unfold()
    dock.data.metadata.channel_fold.unfold()
    stage.viewer.reset_view()
    stage.settle()
    stage.window_picture("opened")


def names(stage: Stage) -> None:
    """What is proposed for names that are known, and for some that leave doubt."""
    files = stage.dock.data.files
    known = [f"exp_{wave}_s{p}_t{t}.TIF" for wave in ("w1GFP", "w2Cy3") for p in (1, 2, 3)
             for t in (1, 2, 3, 5, 6)]  # fmt: skip
    doubtful = [f"cell5_{wave}_{number:03}.tif" for wave in (488, 561) for number in range(8)]
    for title, listed in (("names_known", known), ("names_doubt", doubtful)):
        stage.open(stage.named(title, listed))
        files.fold.unfold()
        stage.shown()
        cards = stage.dock.data.metadata.questions.cards
        stage.picture_of(files, title, until=cards.get("pattern", files.fold))


def steps(stage: Stage) -> None:
    """The list of steps: forms, menus, dragging, and a part of them shown."""
    _open_timelapse(stage)
    dock = stage.dock
    stage.switch("deskew", unfolded=True)
    stage.scroll_to(dock.steps)
    stage.dock_picture("deskew")
    stage.switch("deskew")
    stage.switch("subtract_background")
    stage.viewer.reset_view()
    dock.steps.add.menu().popup(dock.steps.add.mapToGlobal(QPoint(0, dock.steps.add.height())))
    stage.settle()
    stage.window_picture("add_step")
    dock.steps.add.menu().close()
    _drag_card(stage)
    QTest.mouseClick(stage.card("subtract_background"), Left, pos=QPoint(120, 10))
    stage.click(dock.view.show_choice.buttons["here"])
    stage.shown()
    stage.dock_picture("here")


def view(stage: Stage) -> None:
    """Raw beside processed; a crop that is drawn."""
    _open_timelapse(stage)
    dock = stage.dock
    stage.switch("deskew")
    stage.viewer.reset_view()
    stage.click(dock.view.compare)
    stage.shown()
    stage.window_picture("compare")
    stage.click(dock.view.compare)
    stage.shown()
    stage.viewer.reset_view()
    stage.click(dock.region.draw)
    drag(stage.viewer, (2.2, 8.0), (7.4, 21.0))
    stage.wait(lambda: stage.card("crop").step.enabled, "the crop")
    dock.region.across.first.setValue(8)
    stage.wait(lambda: stage.card("crop").step.z != (0, 0), "the range of planes")
    stage.shown()
    stage.scroll_to(dock.steps)
    stage.window_picture("crop")


def side_by_side(stage: Stage) -> None:
    """Several values of a setting, each in a picture; and the volume from the side."""
    _open_real(stage)
    dock = stage.dock
    stage.switch("subtract_background")
    stage.switch("deskew")
    stage.viewer.reset_view()
    stage.shown()
    stage.click(dock.view.side_view)
    stage.wait(lambda: not dock.side_view.busy, "the view from the side")
    stage.settle()
    stage.window_picture("side_view")
    stage.click(dock.view.side_view)
    step = next(i for i, s in enumerate(dock.session.pipeline.steps) if s.kind == "deskew")
    dock.trial.start(Parameter(step, "angle"), "28, 30, 31.5, 33, 35, 37")
    stage.wait(lambda: not dock.trial.busy, "the pictures")
    stage.settle()
    stage.window_picture("try_values")


def angle(stage: Stage) -> None:
    """The angle: found from the planes, and tried out in 3-D."""
    _open_real(stage)
    stage.switch("deskew", unfolded=True)
    buttons = stage.card("deskew").body.findChildren(QPushButton)
    estimate = next(button for button in buttons if button.text() == "Estimate angle")
    panel = estimate.parent()
    stage.click(estimate)
    stage.wait(lambda: bool(panel.proposals), "the estimate")
    stage.scroll_to(stage.dock.steps)
    stage.dock_picture("angle")
    stage.in_3d()
    stage.click(panel.preview)
    live = stage.dock.angles.preview
    stage.wait(lambda: live.layer is not None, "the preview of the angle")
    slider = stage.card("deskew").form.fields["angle"].controls[0].slider
    slider.setFocus()
    while not live.layer.visible:
        QTest.keyClick(slider, Key.Key_Right)
    stage.scroll_to(stage.dock.steps)
    QTest.keyClick(slider, Key.Key_Right)
    stage.window_picture("live_angle")


def deconvolution(stage: Stage) -> None:
    """Deconvolution: its PSF, what is seen meanwhile, and what comes of it."""
    _open_real(stage)
    card, dock = stage.card("deconvolve"), stage.dock
    stage.switch("subtract_background")
    stage.switch("deskew")
    stage.click(card.unfold)
    fields = card.form.fields
    stage.type_into(fields["psf"].editors[0], str(stage.psf()))
    for control, size in zip(
        fields["psf_voxel_size"].controls, REAL_STACK["psf_voxel_size"], strict=True
    ):
        stage.type_into(control.editor.lineEdit(), f"{size:g}")
    stage.shown()
    show, make = (_button(card.body, text) for text in ("Show PSF", "Compute PSF"))
    stage.click(show)
    tool = card.body.findChild(PsfPanel)
    stage.wait(lambda: bool(tool.pictures.views), "the PSF")
    stage.scroll_to(dock.steps)
    stage.window_picture("psf")
    stage.click(show)
    stage.click(make)
    stage.scroll_to(card)
    stage.dock_picture("compute_psf")
    stage.click(make)
    stage.click(card.switch)
    stage.wait(lambda: "preview" in dock.status.text(), "the preview")
    stage.scroll_to(dock.steps)
    stage.dock_picture("preview")
    stage.shown()
    stage.click(card.unfold)
    stage.click(dock.view.contrast)
    stage.in_3d()
    stage.click(dock.view.compare)
    stage.shown()
    stage.settle()
    stage.window_picture("deconvolved")


def napari_itself(stage: Stage) -> None:
    """The pages of the plugin elsewhere in napari: preferences, and the second dock."""
    _open_timelapse(stage)
    stage.switch("deskew")
    stage.viewer.reset_view()
    dialog = stage.viewer.window._open_preferences_dialog()
    pages = [dialog._list.item(row).text() for row in range(dialog._list.count())]
    dialog._list.setCurrentRow(pages.index("Lazy Pipeline"))
    stage.settle()
    stage.picture_of(dialog, "preferences")
    dialog.close()
    stage.viewer.window.add_plugin_dock_widget("napari-lazy-pipeline", "Laziness monitor")
    for t in (1, 3):
        stage.viewer.dims.set_current_step(0, t)
        stage.shown()
    QTest.qWait(500)  # the monitor looks from time to time
    stage.window_picture("monitor")


def _open_timelapse(stage: Stage) -> None:
    stage.open(stage.timelapse())
    _answer(stage)
    stage.viewer.reset_view()


def _answer(stage: Stage) -> None:
    z, _, x = TIMELAPSE["voxel_size"]
    stage.say(z, x, TIMELAPSE["angle"])


def _open_real(stage: Stage) -> None:
    stage.open(stage.real_cell())
    z, _, x = REAL_STACK["voxel_size"]
    stage.say(z, x, REAL_STACK["angle"])
    stage.viewer.reset_view()


def _drag_card(stage: Stage) -> None:
    """Hold the crop between two other cards."""
    handle, target = stage.card("crop").head.handle, stage.card("deskew")
    QTest.mousePress(handle, Left)
    for part in (0.5, 1.0):
        goal = handle.mapFromGlobal(target.mapToGlobal(QPoint(20, 2)))
        QTest.mouseMove(handle, goal * part)
        stage.settle()
    stage.dock_picture("drag")
    QTest.keyClick(handle, Key.Key_Escape)
    QTest.mouseRelease(handle, Left)
    stage.settle()


def _button(widget: QPushButton, text: str) -> QPushButton:
    return next(one for one in widget.findChildren(QPushButton) if one.text() == text)


SCENES: dict[str, Callable[[Stage], None]] = {
    "data": data,
    "names": names,
    "steps": steps,
    "view": view,
    "side_by_side": side_by_side,
    "angle": angle,
    "deconvolution": deconvolution,
    "trouble": trouble,
    "watch": watch,
    "process": process,
    "napari": napari_itself,
}
