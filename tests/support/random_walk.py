"""A random walk through the dock, reproducible by its seed; at each halt all pixels are checked."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dock_helpers import edit
from shown_pixels import check_pixels
from stacks import add_time_point, write_raw

ONLY_SIZE: dict[str, Any] = {"voxel_size": (0.4, 0.1, 0.1)}
ALL_OF_SCAN = {**ONLY_SIZE, "angle": 31.5, "skew_axis": "x", "step": "stage"}
_REST = 0.35  # how often an action waits for the one before


class Walk:
    """Does what a person might do, in any order.

    ``open_dock`` gives a dock in the viewer, ``settle`` waits until one is idle, ``wait_for`` until
    a condition holds. Folders are written into ``folder``.
    """

    def __init__(
        self,
        seed: int,
        open_dock: Callable[[], Any],
        settle: Callable[[Any], None],
        wait_for: Callable[[Callable[[], bool]], None],
        folder: Path,
        psf: Path,
    ) -> None:
        self.random = random.Random(seed)
        self._open_dock, self._settle, self._wait_for = open_dock, settle, wait_for
        self._folder, self._psf = folder, psf
        self.dock = open_dock()
        self.viewer = self.dock.viewer
        self.log: list[str] = []
        self._folders = 0
        self._growing: tuple[Path, int, int] | None = None  # folder, times, channels

    def go(self, steps: int) -> None:
        """Take so many steps; an `AssertionError` tells after which the pixels were wrong."""
        try:
            self.open_folder()
            for _ in range(steps):
                self.halt()
                for _ in range(self.random.choice((1, 1, 1, 2, 3))):
                    self.act()
                    if self.random.random() < _REST:
                        self._settle(self.dock)
            self.halt()
        except Exception as error:
            dims, done = self.viewer.dims, "\n".join(self.log)
            raise AssertionError(f"{error}\nat {dims.point} {dims.order} after\n{done}") from error

    def act(self) -> None:
        """Do one thing."""
        actions, weights = zip(*self._actions(), strict=True)
        action = self.random.choices(actions, weights)[0]
        self.log.append(action.__name__)
        action()

    def _actions(self) -> list[tuple[Callable[[], None], int]]:
        return [
            (self.open_folder, 2),
            (self.open_sample, 2),
            (self.grow, 2),
            (self.slide_t, 8),
            (self.slide_z, 6),
            (self.turn_to_other_dimensions, 3),
            (self.roll_axes, 1),
            (self.edit_background, 3),
            (self.edit_deskew, 4),
            (self.edit_rotate, 2),
            (self.edit_crop, 3),
            (self.edit_deconvolve, 2),
            (self.switch_a_step, 4),
            (self.show_a_part, 3),
            (self.state_voxel_size, 2),
            (self.state_scan, 2),
            (self.link_or_unlink, 2),
            (self.hide_or_show, 4),
            (self.delete_a_layer, 1),
            (self.bring_layers_back, 2),
            (self.compare, 4),
            (self.undo, 4),
            (self.redo, 2),
            (self.reopen_dock, 1),
        ]

    # ---- data -----------------------------------------------------------------------------

    def open_folder(self) -> None:
        times, channels = self.random.randint(1, 4), self.random.randint(1, 2)
        folder = self._new_folder(times, channels)
        self._note(folder.name, times, channels)
        self.dock.open_folder(folder)
        self._wait_for(lambda: self._is_open(folder))
        self.dock.session.state(**self.random.choice((*[ALL_OF_SCAN] * 4, ONLY_SIZE, {})))

    def open_sample(self) -> None:
        """As File > Open Sample; small, and now and then the one that is open."""
        from napari_lazy_pipeline._gui.plugin import sample_data

        again = self._sample is not None and self.random.random() < 0.5
        self._sample = self._sample if again else self._new_folder(3, 2)
        self._growing = None
        self._note("again" if again else self._sample.name)
        before, sample_data.write_timelapse = sample_data.write_timelapse, lambda _: self._sample
        try:
            self.viewer.open_sample("napari-lazy-pipeline", "timelapse")
        finally:
            sample_data.write_timelapse = before

    _sample: Path | None = None

    def grow(self) -> None:
        """Let the microscope write on, and perhaps follow it."""
        if self._growing is None or not self._is_open(self._growing[0]):
            return
        folder, times, channels = self._growing
        add_time_point(folder, times, channels)
        self._growing = folder, times + 1, channels
        follow = self.random.random() < 0.5
        self._note(f"to {times + 1}", "following" if follow else "")
        self.dock.data.watch.setChecked(True)
        self.dock.data.follow.setChecked(follow)
        self._wait_for(lambda: self.dock.session.stack.shape[0] == times + 1)
        self.dock.data.watch.setChecked(False)

    def _new_folder(self, times: int, channels: int) -> Path:
        self._folders += 1
        folder = write_raw(self._folder / f"cell{self._folders}", times, channels)
        self._growing = folder, times, channels
        return folder

    def _is_open(self, folder: Path) -> bool:
        folder_info = self.dock.session.folder_info
        return folder_info is not None and folder_info.folder == str(folder)

    # ---- the picture ----------------------------------------------------------------------

    def slide_t(self) -> None:
        self._slide(0)

    def slide_z(self) -> None:
        self._slide(1)

    def _slide(self, axis: int) -> None:
        dims = self.viewer.dims
        if dims.ndim == 4:
            step = self.random.randrange(int(dims.nsteps[axis]))
            self._note(step)
            dims.set_current_step(axis, step)

    def turn_to_other_dimensions(self) -> None:
        self.viewer.dims.ndisplay = 5 - self.viewer.dims.ndisplay
        self._note(self.viewer.dims.ndisplay)

    def roll_axes(self) -> None:
        if self.viewer.dims.ndim == 4:
            orders = ((0, 1, 2, 3), (0, 2, 1, 3), (0, 3, 1, 2), (1, 2, 0, 3), (2, 3, 0, 1))
            self.viewer.dims.order = self.random.choice(orders)
            self._note(self.viewer.dims.order)

    def hide_or_show(self) -> None:
        layers = self.dock.layers.layers
        if layers:
            layer = self.random.choice(layers)
            layer.visible = not layer.visible
            self._note(layer.name, layer.visible)

    def delete_a_layer(self) -> None:
        channels = self.dock.layers.screen.channels
        if channels and not self.dock.comparison.layers:
            channel = self.random.choice(sorted(channels))
            self._note(channel)
            entry = channels[channel]
            self.viewer.layers.remove(entry.layer)
            assert entry.key in self.dock.session.deleted

    def bring_layers_back(self) -> None:
        """By the button, or by the box of a channel."""
        boxes = [row.visible for row in self.dock.data.metadata.channels.rows]
        deleted = self.dock.session.deleted
        away = [box for channel, box in enumerate(boxes) if channel in deleted]
        if deleted:
            self._note(len(away))
            self.random.choice([*away, self.dock.view.restore]).click()

    def compare(self) -> None:
        self.dock.view.compare.click()
        self._note(self.dock.view.compare.isChecked())

    # ---- steps ----------------------------------------------------------------------------

    def edit_background(self) -> None:
        self._edit("subtract_background", value=float(self.random.randint(80, 200)))

    def edit_deskew(self) -> None:
        self._edit("deskew", angle=float(self.random.randint(20, 60)))

    def edit_rotate(self) -> None:
        self._edit("rotate", angle=float(self.random.randint(20, 60)))

    def edit_crop(self) -> None:
        start = self.random.randint(0, 6)
        self._edit("crop", z=(start, start + self.random.randint(1, 6)))

    def edit_deconvolve(self) -> None:
        sizes = (0.1, 0.1, 0.1)
        how = {"method": "auto"}
        if self.random.random() < 0.5:
            how = {"method": "accelerated", "iterations": self.random.randint(1, 2)}
        self._edit("deconvolve", psf=self._psf, psf_voxel_size=sizes, **how)

    def switch_a_step(self) -> None:
        on = [one for one in self.dock.steps.cards if one.step.enabled]
        if on:
            one = self.random.choice(on)
            self._note(one.step.kind)
            one.switch.toggle()

    def show_a_part(self) -> None:
        count = self.random.choice((None, None, 0, 1, 2, 3))
        self._note(count)
        self.dock.session.show_until(count)

    def state_voxel_size(self) -> None:
        if self.dock.session.stack is not None:
            size = self.random.choice((None, (0.4, 0.1, 0.1), (0.3, 0.1, 0.1), (0.5, 0.2, 0.2)))
            self._note(size)
            self.dock.session.state(voxel_size=size)

    def state_scan(self) -> None:
        if self.dock.session.stack is not None:
            angle = self.random.choice((None, 31.5, -40.0))
            axis, step = self.random.choice("xy"), self.random.choice(("stage", "perpendicular"))
            self._note(angle, axis, step)
            self.dock.session.state(angle=angle, skew_axis=axis, step=step)

    def link_or_unlink(self) -> None:
        """Let a step take the scan from the data, or state one itself."""
        steps = self.dock.session.pipeline.steps
        places = [i for i, one in enumerate(steps) if one.kind in ("deskew", "rotate")]
        if places:
            index = self.random.choice(places)
            own = steps[index].angle is None
            self._note(steps[index].kind, "on its own" if own else "linked")
            angle = float(self.random.randint(20, 60)) if own else None
            self.dock.session.replace_step(index, steps[index].replace(angle=angle))

    def undo(self) -> None:
        self.dock.session.undo()

    def redo(self) -> None:
        self.dock.session.redo()

    def _edit(self, kind: str, **values: Any) -> None:
        if any(one.step.kind == kind for one in self.dock.steps.cards):
            self._note(values)
            edit(self.dock, kind, **values)

    def reopen_dock(self) -> None:
        """Close it as by its cross, perhaps slide a little, and open it again."""
        comparing = self.dock.view.compare.isChecked()
        self.dock.shut_down()
        self.dock.compute_thread.join()
        if self.random.random() < 0.5:
            self._slide(0)
        self._note("was comparing" if comparing else "")
        self.dock = self._open_dock()

    def _note(self, *what: object) -> None:
        self.log[-1:] = [" ".join(map(str, (*self.log[-1:], *what)))]

    # ---- what must hold ---------------------------------------------------------------------

    def halt(self) -> None:
        """Wait until all is there, and check every layer."""
        self.log.append("halt")
        self._settle(self.dock)
        self._check()

    def _check(self) -> None:
        dock = self.dock
        if check_pixels(dock):
            ours = [*dock.layers.layers, *dock.comparison.layers]
            assert len(self.viewer.layers) == len(ours), [one.name for one in self.viewer.layers]
