"""Demo: opens napari with the plugin on real data; or, with ``--out``, leaves pictures of it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from time import monotonic
from typing import Any

import napari
from qtpy.QtWidgets import QApplication

from napari_lazy_pipeline._gui.dock import LazyPipelineWidget
from napari_lazy_pipeline._gui.layers.contrast import contrast_limits
from napari_lazy_pipeline._gui.plugin.dock_registry import dock_of
from napari_lazy_pipeline.exports.export import export

PATIENCE = 180.0  # s


def main(arguments: list[str] | None = None) -> int:
    """Run the demo."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="leave a screenshot and exported files here")
    out: Path | None = parser.parse_args(arguments).out
    viewer = napari.Viewer(show=True)
    viewer.open_sample("napari-lazy-pipeline", "cell")
    dock = dock_of(viewer)
    if out is None:
        napari.run()
        return 0
    out.mkdir(parents=True, exist_ok=True)
    viewer.window.resize(1600, 950)
    take_pictures(viewer, dock, out)
    viewer.close()
    return 0


def take_pictures(viewer: Any, dock: LazyPipelineWidget, out: Path) -> None:
    """Show raw, deskewed and deconvolved data side by side, and export the result."""
    wait(lambda: dock.idle, "the first picture")
    print(f"Opened {dock.session.stack.shape if dock.session.stack else None}")
    switch(dock, deskew=False, deconvolve=False)
    keep(viewer, dock, "raw")
    switch(dock, deskew=True, deconvolve=False)
    keep(viewer, dock, "deskewed")
    switch(dock, deskew=True, deconvolve=True)
    layer = dock.layers.layers[0]
    layer.name = "deconvolved"
    viewer.layers.move(viewer.layers.index(layer), len(viewer.layers))
    dock.layers.contrast.reset()
    show_in_rows(viewer)
    screenshot = out / "screenshot.png"
    viewer.window.screenshot(str(screenshot), canvas_only=False, flash=False)
    print(f"Screenshot: {screenshot}")
    assert dock.session.stack is not None
    view = dock.session.pipeline.apply(dock.session.stack, cache=dock.session.cache)
    report = export(view, out / "processed")
    print(f"Exported: {', '.join(str(path) for path in report.written)}")


def show_in_rows(viewer: Any) -> None:
    """Show all layers in 3-D, one below the other, with their names."""
    viewer.dims.ndisplay = 3
    viewer.canvas.grid.enabled = True
    viewer.canvas.grid.shape = (len(viewer.layers), 1)
    viewer.canvas.overlays.scale_bar.visible = True
    for layer in viewer.layers:
        layer.name_overlay.visible = True
    viewer.fit_to_view()
    settle()


def switch(dock: LazyPipelineWidget, **switches: bool) -> None:
    """Switch steps on and off in the dock, and wait for the picture."""
    for card in dock.steps.cards:
        if card.step.kind in switches:
            card.switch.setChecked(switches[card.step.kind])
    wait(lambda: dock.idle, f"the picture with {switches}")
    times = ", ".join(
        f"{card.step.kind} {card.time.text()}" for card in dock.steps.cards if card.time.text()
    )
    print(f"{switches}: {times}")


def keep(viewer: Any, dock: LazyPipelineWidget, name: str) -> None:
    """Keep what the dock shows now as a layer of its own, still lazy."""
    session = dock.session
    assert session.stack is not None
    view = session.pipeline.apply(session.stack, cache=session.cache)
    viewer.add_image(
        view.data[:, 0],
        name=name,
        scale=(1.0, *view.spec.voxel_size),
        translate=(0.0, *view.spec.translate),
        units=("pixel", "um", "um", "um"),
        axis_labels=("t", "z", "y", "x"),
        contrast_limits=contrast_limits(view.volume(0, 0)),
        multiscale=False,
        cache=False,
        visible=True,
    )


def wait(ready: Any, what: str) -> None:
    """Let napari work until something is so."""
    application, start = QApplication.instance(), monotonic()
    assert application is not None
    while not ready():
        application.processEvents()
        if monotonic() - start > PATIENCE:
            raise SystemExit(f"The demo waited {PATIENCE:.0f} s for {what}, in vain")
    settle()


def settle() -> None:
    """Let napari draw."""
    application = QApplication.instance()
    assert application is not None
    for _ in range(10):
        application.processEvents()


if __name__ == "__main__":
    sys.exit(main())
