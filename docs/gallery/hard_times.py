"""Hard times: what is broken, what is still being written, and what takes long."""

from __future__ import annotations

import os
import shutil

from qtpy.QtTest import QTest

from gallery.stage import Stage
from napari_lazy_pipeline.samples.microscope import Simulation
from napari_lazy_pipeline.samples.samples import TIMELAPSE


def trouble(stage: Stage) -> None:
    """A file that is cut, and a PSF that is not there."""
    folder = stage.data / "damaged"
    if not folder.is_dir():
        shutil.copytree(stage.timelapse(), folder)
        for path in sorted(folder.glob("*stack0001*")):
            os.truncate(path, path.stat().st_size // 2)
    dock = stage.dock
    stage.open(folder)
    z, _, x = TIMELAPSE["voxel_size"]
    stage.say(z, x, TIMELAPSE["angle"])
    stage.switch("deskew")
    stage.viewer.dims.set_current_step(0, 1)
    stage.shown()
    card = stage.card("deconvolve")
    stage.type_into(card.form.fields["psf"].editors[0], str(stage.data / "psf_560.tif"))
    stage.viewer.dims.set_current_step(0, 2)
    stage.shown()
    stage.click(card.switch)
    stage.shown()
    stage.click(dock.problems.button)
    stage.scroll_to(dock.steps)
    stage.dock_picture("error")


def watch(stage: Stage) -> None:
    """A folder into which a microscope writes."""
    folder = stage.data / "live"
    shutil.rmtree(folder, ignore_errors=True)
    writing = Simulation(folder, (40, 96, 128), times=12, channels=2, dropped=(4,)).steps()
    for written in writing:
        if (written.t, written.c, written.complete) == (1, 1, True):
            break
    dock = stage.dock
    stage.open(folder)
    stage.say(0.4, 0.1, 31.5)
    stage.click(dock.data.watch)
    stage.click(dock.data.follow)
    for written in writing:
        QTest.qWait(40)
        if (written.t, written.c) == (8, 1):
            break
    stage.wait(lambda: dock.session.stack.shape[0] >= 8, "new time points")
    stage.wait(lambda: dock.viewer.dims.current_step[0] >= 7, "the latest time point")
    QTest.qWait(3000)
    stage.viewer.reset_view()
    stage.settle()
    stage.window_picture("watch")


def process(stage: Stage) -> None:
    """All volumes on their way to the disk."""
    dock = stage.dock
    folder, out = stage.data / "cell7", stage.data / "processed"
    for old in (folder, out):
        shutil.rmtree(old, ignore_errors=True)
    for _ in Simulation(folder, (40, 96, 128), times=60, channels=2, parts=1).steps():
        pass
    stage.open(folder)
    stage.say(0.4, 0.1, 31.5)
    stage.switch("subtract_background")
    stage.switch("deskew")
    stage.click(dock.save.process_all)
    panel = dock.save.process
    stage.type_into(panel.form.fields["folder"].editors[0], str(out))
    stage.wait(panel.start.isEnabled, "the look at the disk")
    stage.click(panel.start)
    stage.wait(lambda: panel.bar.value() >= 1 or not panel.exporter.busy, "the first volume")
    stage.dock_picture("process")
    stage.wait(lambda: not panel.exporter.busy, "the last volume")
