"""How the tests of the dock press its buttons, and look at its pictures."""

from __future__ import annotations

from typing import Any

import numpy as np


def card(dock: Any, kind: str) -> Any:
    """The first card of a kind."""
    return next(card for card in dock.steps.cards if card.step.kind == kind)


def edit(dock: Any, kind: str, **values: Any) -> None:
    """Edit fields of a step through its form, and switch it on.

    With a number of iterations comes a method that has one.
    """
    if "iterations" in values and "method" not in values:
        values = {"method": "accelerated", **values}
    for name, value in values.items():
        controls = card(dock, kind).form.fields[name].controls
        parts = value if isinstance(value, tuple) else (value,)
        for control, part in zip(controls, parts, strict=True):
            control.value = part
    card(dock, kind).switch.setChecked(True)


def on_screen(layer: Any) -> np.ndarray:
    """The pixels that napari shows of a layer."""
    layer = getattr(layer, "__wrapped__", layer)
    return np.asarray(layer._slice.image.raw)


def expected(dock: Any, channel: int, t: int, z: int) -> np.ndarray:
    """The pixels that should be on screen, computed without any cache."""
    session = dock.session
    volume = session.stack.source.read(t, channel)
    made = session.pipeline.run_volume(volume, session.stack.spec, session.engine)
    return np.asarray(made[z])


def view_state(viewer: Any) -> tuple[Any, ...]:
    """What must be as it was after a look at something else."""
    grid, camera, dims = viewer.canvas.grid, viewer.scene.camera, viewer.dims
    return (
        (grid.enabled, tuple(grid.shape)),
        (camera.zoom, tuple(camera.center), tuple(camera.angles)),
        [(layer.name, layer.visible, tuple(layer.contrast_limits)) for layer in viewer.layers],
        ({layer.name for layer in viewer.layers.selection}, viewer.layers.selection.active.name),
        (tuple(dims.current_step), dims.ndisplay),
    )
