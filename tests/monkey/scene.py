"""What the monkey sits before: napari with the dock and a few folders, or bare napari."""

from __future__ import annotations

import faulthandler
import gc
import os
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Callable
from operator import attrgetter
from pathlib import Path
from time import clock_gettime, monotonic, pthread_getcpuclockid
from typing import Any

import dask.array as da
import napari
import numpy as np
from qtpy import QtCore
from qtpy.QtCore import QTimer
from qtpy.QtTest import QTest

from napari_lazy_pipeline.psf import save_psf
from shown_pixels import check_pixels
from stacks import add_time_point, gaussian_psf, write_raw

SETTLE, AGAIN = 240, 10  # s within which the dock comes to rest, also beside busy processes
_OPENS, _LAYERS, _STATES = 6, 5, 4
# What Qt says through its message handler when a model was changed behind its back, and so on.
_QT_TROUBLE = ("Error", "QSortFilter", "QObject::", "QPainter", "already", "recursive")
_QT_FINE = ("propagateSizeHints", "setGeometry: Unable", "XDG_RUNTIME", "This plugin does not")


def wait(time: int) -> None:
    """Let Qt work for so many ms; also delete what is to be deleted, as an event loop does."""
    QTest.qWait(time)
    QtCore.QCoreApplication.sendPostedEvents(None, QtCore.QEvent.Type.DeferredDelete)


class Scene:
    """A viewer that notes what goes wrong; `folder` is all the monkey may write to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trouble: Counter[str] = Counter()
        self.stalls: list[tuple[float, str]] = []
        self.done = 0  # actions
        self._beat = monotonic(), _cpu_time()
        self._started = self._stopped = self._list_broken = self._restless = False
        self.viewer = napari.Viewer(show=True)
        self.viewer.window._qt_window.resize(1150, 760)
        self._listen()
        wait(50)

    # ---- what goes wrong ------------------------------------------------------------------

    def _listen(self) -> None:
        def note(kind: Any, value: Any, trace: Any) -> None:
            where, error = "".join(traceback.format_tb(trace)[-9:]), value
            while error.__context__ is not None and not error.__suppress_context__:
                error = error.__context__  # what was raised first, and was to be told
                where += f"while telling {type(error).__name__}: {error}\n"
                where += "".join(traceback.format_tb(error.__traceback__)[-9:])
            self.note(f"{kind.__name__}: {value}", where)

        sys.excepthook = note
        threading.excepthook = lambda a: note(a.exc_type, a.exc_value, a.exc_traceback)
        sys.unraisablehook = lambda a: note(a.exc_type, a.exc_value, a.exc_traceback)
        QtCore.qInstallMessageHandler(self._on_message)
        self._heart = QTimer()
        self._heart.timeout.connect(self._on_beat)
        self._heart.start(20)
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def note(self, what: str, where: str = "") -> None:
        self.trouble[f"{what}\n{where}".strip()] += 1

    def _on_message(self, kind: Any, context: Any, text: str) -> None:
        if any(t in text for t in _QT_TROUBLE) and not any(t in text for t in _QT_FINE):
            self.note(f"Qt: {text}", "".join(traceback.format_stack()[-16:-1]))

    def _on_beat(self) -> None:
        self._beat = monotonic(), _cpu_time()

    def _watch(self) -> None:
        """Note what the GUI thread does while it works for a second and answers nobody.

        What counts is the time of its own that it takes, which does not depend on others.
        """
        noted = 0.0
        while not self._stopped:
            threading.Event().wait(0.1)
            since, cpu = self._beat
            if self._started and since != noted and _cpu_time() - cpu > 1:
                noted = since
                with (self.folder / "stall.txt").open("w+") as file:
                    # Python may crash if one thread walks the frames of another by itself.
                    faulthandler.dump_traceback(file)
                    file.seek(0)
                    _, _, where = file.read().rpartition(f"0x{threading.main_thread().ident:016x}")
                while self._beat[0] == since and not self._stopped:
                    worked = _cpu_time() - cpu
                    threading.Event().wait(0.05)
                self.stalls.append((worked, f"{_in_short(where)}\n{self._what_is_shown()}"))

    def _what_is_shown(self) -> str:
        layers, grid = self.viewer.layers, self.viewer.grid
        cells = grid.actual_shape(layers) if grid.enabled else ()
        return f"{self.done} actions done, {len(layers)} layers, grid {cells}"

    # ---- what any scene can do --------------------------------------------------------------

    def do(self, action: list[Any]) -> None:
        """Do what is not a press, a key or a drag."""
        self.try_to(getattr(self, f"do_{action[0].replace(' ', '_')}"), *action[1:])

    def try_to(self, do: Callable[..., object], *arguments: Any) -> None:
        """Note what is raised, and go on."""
        try:
            do(*arguments)
        except Exception as error:  # noqa: BLE001
            where = "".join(traceback.format_tb(error.__traceback__)[-9:])
            self.note(f"{type(error).__name__}: {error}", where)

    def do_wait(self, time: int) -> None:
        wait(time)

    def do_add_layer(self, which: int) -> None:
        """The person adds a layer of her own."""
        viewer, square = self.viewer, np.array([[2, 2], [2, 9], [9, 9], [9, 2]])
        if which == 0:
            viewer.add_shapes([square], name="mine")
        elif which == 1:
            viewer.add_shapes(ndim=viewer.dims.ndim, name="empty")
        elif which == 2:
            viewer.add_points(np.zeros((0, max(2, viewer.dims.ndim))), name="dots")
        elif which == 3:
            viewer.add_image(np.random.default_rng(0).random((6, 20, 20)), name="image")
        else:
            viewer.add_labels(np.zeros((12, 16), int), name="labels")

    def do_remove_layer(self, place: float) -> None:
        layers = self.viewer.layers
        if layers:
            layers.selection = {layers[int(place * len(layers))]}
            layers.remove_selected()

    def do_move_layer(self, place: float, to: float) -> None:
        layers = self.viewer.layers
        if layers:
            layers.move(int(place * len(layers)), int(to * len(layers)))

    def do_slide(self, axis: float, place: float) -> None:
        dims = self.viewer.dims
        number = int(axis * dims.ndim)
        dims.set_current_step(number, int(place * dims.nsteps[number]))

    def others(self, dice: Any) -> list[list[Any]]:
        """What can be done beside pressing things, each with its numbers drawn."""
        draw = lambda: int(1000 * dice.random()) / 1000  # below 1  # noqa: E731
        return [
            ["wait", dice.choice((0, 10, 50, 200))],
            ["add layer", dice.randrange(_LAYERS)],
            ["remove layer", draw()],
            ["move layer", draw(), draw()],
            ["slide", draw(), draw()],
            ["slide", draw(), draw()],
        ]

    inside: Any = None

    def check_list(self) -> None:
        """Note if napari's list shows other rows than there are layers: each paint fails then."""
        rows = self.viewer.window._qt_viewer.layers.model()
        numbers = sorted(rows.mapToSource(rows.index(k, 0)).row() for k in range(rows.rowCount()))
        if not self._list_broken and numbers != list(range(len(self.viewer.layers))):
            self._list_broken = True
            self.note(f"list of {len(self.viewer.layers)} layers shows {numbers}, {self.done} done")

    def warm_up(self) -> None:
        """Load what napari loads once: shapes, labels and the view in 3D take 250 MiB."""
        viewer, own = self.viewer, list(self.viewer.layers)
        viewer.add_shapes([np.array([[2, 2], [2, 9], [9, 9], [9, 2]])])
        viewer.add_labels(np.zeros((12, 16), int))
        viewer.add_points(np.zeros((1, 2)))
        for shown in (3, 2):
            viewer.dims.ndisplay = shown
            wait(100)
        for layer in [one for one in viewer.layers if one not in own]:
            viewer.layers.remove(layer)
        wait(100)

    def begin(self) -> None:
        """From now on, stalls count."""
        self._started = True

    def end(self) -> None:
        """From now on, they do not: memory is compared."""
        self._started = False

    def check(self) -> None:
        """Note what does not hold at rest."""

    def as_at_the_start(self) -> None:
        """Remove all that the hands added, so that memory can be compared."""
        layers = self.viewer.layers
        layers.selection.update(layers)
        layers.remove_selected()
        self.viewer.dims.ndisplay = 2
        self.viewer.canvas.grid.enabled = False
        wait(100)

    def close(self) -> None:
        self.viewer.close()
        wait(200)
        gc.collect()
        self._stopped = True
        self._heart.stop()


def _in_short(where: str) -> str:
    """Where it stalled: the last calls, and the last one of ours if there is any."""
    lines = where.splitlines()
    ours = next((line for line in lines if "/src/napari_lazy_pipeline/" in line), "")
    return "\n".join([f"of the dock:{ours}" if ours else "of napari alone", *lines[:12]])


class BareScene(Scene):
    """The same layers in napari alone, without the dock: what napari does on its own."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.do_open(0)

    def do_open(self, which: int) -> None:
        """Two lazy layers in the place of those that are there."""
        for layer in [one for one in self.viewer.layers if one.name.startswith("lazy")]:
            self.viewer.layers.remove(layer)
        shape = (3, 12, 16, 20) if which % 2 else (9, 24, 80)
        for channel in range(1 + which % 3):
            data = da.random.default_rng(0).random(shape, chunks=(1, *shape[1:]))
            self.viewer.add_image(data, name=f"lazy {channel}")

    def do_draw(self) -> None:
        """As *Draw crop* does: a Shapes layer with the rectangle in hand, or away with it."""
        layers = self.viewer.layers
        drawn = [one for one in layers if one.name == "drawn"]
        for layer in drawn:
            layers.remove(layer)
        if not drawn:
            self.viewer.add_shapes(ndim=2, name="drawn").mode = "add_rectangle"

    def others(self, dice: Any) -> list[list[Any]]:
        return [*super().others(dice), ["open", dice.randrange(_OPENS)], ["draw"], ["draw"]]


class DockScene(Scene):
    """Napari with the dock, and folders of several shapes to open."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.folders = self._write_folders()
        self.psf = folder / "psf.tif"
        save_psf(gaussian_psf((9, 16, 16)), (0.1, 0.1, 0.1), self.psf)
        self._answer_dialogs()
        self.dock: Any = None
        self.do_reopen()
        self.do_open(0)
        self.settle()
        self.start = self._pipeline()

    def _write_folders(self) -> list[Path]:
        top, shapes = self.folder / "raw", [(12, 16, 20), (9, 24, 30), (1, 20, 20), (5, 40, 8)]
        made = [
            write_raw(top / f"cell{k}", times=1 + k, channels=1 + k % 2, shape=shape)
            for k, shape in enumerate(shapes)
        ]
        bad = write_raw(top / "bad", times=3, channels=2)
        sorted(bad.iterdir())[2].write_bytes(b"II*\0 not a stack")
        empty = top / "empty"
        empty.mkdir()
        return [*made, bad, empty]

    def _answer_dialogs(self) -> None:
        """A file dialog gives one of a few paths, or is cancelled, in turn."""
        from qtpy.QtGui import QDesktopServices
        from qtpy.QtWidgets import QFileDialog

        turn = iter(range(10**9))
        out, recipe = self.folder / "out", self.folder / "recipe.yaml"

        def one(*paths: Path) -> Callable[..., Any]:
            answers = [*map(str, paths), ""]
            return staticmethod(lambda *_, **__: answers[next(turn) % len(answers)])

        def pair(*paths: Path) -> Callable[..., Any]:
            give = one(*paths).__func__  # type: ignore[attr-defined]
            return staticmethod(lambda *_, **__: (give(), ""))

        QFileDialog.getExistingDirectory = one(*self.folders[:2], out)
        QFileDialog.getOpenFileName = pair(recipe, self.psf)
        QFileDialog.getSaveFileName = pair(recipe)
        QFileDialog.getOpenFileNames = staticmethod(lambda *_, **__: ([str(self.psf)], ""))
        QDesktopServices.openUrl = staticmethod(lambda *_: True)

    @property
    def inside(self) -> Any:
        return self.dock

    def others(self, dice: Any) -> list[list[Any]]:
        return [
            *super().others(dice),
            ["open", dice.randrange(_OPENS)],
            ["open", dice.randrange(_OPENS)],
            ["sample"],
            ["state", dice.randrange(_STATES)],
            ["undo"],
            ["redo"],
            ["grow"],
            ["reopen closed"],
            ["reopen closed"],
            ["reopen"] if dice.random() < 0.2 else ["wait", 5],
            ["settle"],
        ]

    def do_open(self, which: int) -> None:
        self.dock.open_folder(self.folders[which])

    def do_sample(self) -> None:
        """As File > Open Sample, on a small folder."""
        from napari_lazy_pipeline._gui.plugin import sample_data

        sample_data.write_timelapse = lambda _: self.folders[1]
        self.viewer.open_sample("napari-lazy-pipeline", "timelapse")

    def do_state(self, which: int) -> None:
        if self.dock.session.stack is not None:
            values = (
                {"voxel_size": (0.4, 0.1, 0.1)}, {"voxel_size": None}, {"angle": None},
                {"angle": 31.5, "skew_axis": "x", "step": "stage"},
            )  # fmt: skip
            self.dock.session.state(**values[which])

    def do_undo(self) -> None:
        self.dock.session.undo()

    def do_redo(self) -> None:
        self.dock.session.redo()

    def do_grow(self) -> None:
        """The microscope writes the next time point."""
        folder = self.folders[0]
        add_time_point(folder, len(list(folder.iterdir())), channels=1)

    def do_reopen(self) -> None:
        """Close the dock as by its cross, and open it again."""
        window = self.viewer.window
        if self.dock is not None and self.dock.parent() is not None:
            window.remove_dock_widget(self.dock)
        _, self.dock = window.add_plugin_dock_widget("napari-lazy-pipeline", "Lazy Pipeline")

    def do_reopen_closed(self) -> None:
        """Open the dock again if the monkey closed it."""
        if self.dock not in type(self.dock).open_docks:
            self.do_reopen()

    def do_settle(self) -> bool:
        return self.settle()

    def settle(self) -> bool:
        """Wait until the dock is at rest; note it if it does not come to that.

        Of a dock that was closed, nothing is asked.
        """
        sliders = self.viewer.window._qt_viewer.dims
        if sliders.is_playing:  # then nothing rests; stop() may wait for its thread for ever
            sliders._animation_thread._stop()
        if self.dock not in type(self.dock).open_docks:
            return False
        end = monotonic() + (AGAIN if self._restless else SETTLE)
        while monotonic() < end:
            if self.dock.idle:
                wait(1)
                if self.dock.idle:
                    return True
            wait(5)
        dock, self._restless = self.dock, True
        parts = (
            "compute_thread",
            "layers",
            "data.opener",
            "psfs.finder",
            "psfs.memory",
            "depth_view",
        )
        states = [name for name in parts if attrgetter(name)(dock).busy]
        layers = dock.layers
        shown = {
            c: (
                entry.source is layers.screen.source,
                entry.picture.request.preview,
                entry.picture.request.t,
                layers._slice_server.missed_place(c),
                entry.failed,
            )
            for c, entry in layers.screen.visible.items()
        }
        self.note(
            f"never at rest: {states}, {layers.settled}, {dock.comparison.idle}",
            f"time point {layers.position.time_point}; layers {shown}; after {self.done} actions",
        )
        return False

    def _pipeline(self) -> Any:
        return self.dock.session.pipeline, self.dock.session.overrides

    def check(self) -> None:
        """The pixels are right; undo to the start and redo come back to the same steps."""
        self.do_reopen_closed()
        wait(500)  # a folder that was typed is looked at when the typing has ended
        if self.settle():
            self._check_pixels("at the end")
        session, before = self.dock.session, self._pipeline()
        undone = 0
        while session.can_undo:
            session.undo()
            undone += 1
            wait(0)
        for _ in range(undone):
            session.redo()
            wait(0)
        if self._pipeline() != before:
            self.note(f"{undone} undone and redone give\n{self._pipeline()}\nnot\n{before}")
        if self.settle():
            self._check_pixels("after undo and redo")

    def as_at_the_start(self) -> None:
        super().as_at_the_start()
        self.do_reopen()
        self.do_open(0)
        self.settle()

    def _check_pixels(self, when: str) -> None:
        if self.viewer.dims.ndim < 4 or any(self.viewer.dims.thickness):
            return
        try:
            check_pixels(self.dock)
        except AssertionError as error:
            self.note(f"wrong pixels {when}: {error}")

    def close(self) -> None:
        dock = self.dock
        if dock.parent() is not None:
            self.viewer.window.remove_dock_widget(dock)
        dock.compute_thread.join()
        super().close()


def _cpu_time() -> float:
    """Time that the GUI thread worked so far [s]."""
    ident = threading.main_thread().ident
    assert ident is not None
    return clock_gettime(pthread_getcpuclockid(ident))


def untouched(folders: list[Path]) -> dict[str, bytes]:
    """All bytes of the raw folders."""
    return {str(f): f.read_bytes() for d in folders for f in sorted(d.iterdir()) if f.is_file()}


def own_settings(folder: Path) -> None:
    """Keep the settings of the person out of it; to be called before napari is there."""
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        os.environ[name] = str(folder / "home")
    os.environ["NAPARI_CONFIG"] = str(folder / "settings.yaml")
    os.chdir(folder)
