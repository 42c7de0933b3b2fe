"""Opens the plugin and each of its samples in napari, and says what is shown: for a release."""

from __future__ import annotations

from time import monotonic

import napari
import numpy as np
from npe2 import PluginManager
from qtpy.QtWidgets import QApplication

PLUGIN = "napari-lazy-pipeline"
PATIENCE = 300.0  # s


def main() -> None:
    """Open them one after the other; end with an error if one stays black."""
    plugins = PluginManager.instance()
    plugins.discover()
    samples = dict(plugins.iter_sample_data())[PLUGIN]
    for sample in samples:
        viewer = napari.Viewer(show=True)
        viewer.open_sample(PLUGIN, sample.key)
        _, dock = viewer.window.add_plugin_dock_widget(PLUGIN, "Lazy Pipeline")
        application, start = QApplication.instance(), monotonic()
        while not (dock.idle and len(viewer.layers)):
            application.processEvents()
            if monotonic() - start > PATIENCE:
                raise SystemExit(f"{sample.key}: nothing is shown after {PATIENCE:.0f} s")
        plane = np.asarray(viewer.layers[0].data[tuple(viewer.dims.current_step[:-2])])
        if plane.min() == plane.max():
            raise SystemExit(f"{sample.key}: the picture is empty")
        print(f"{sample.key}: {len(viewer.layers)} layers, {viewer.layers[0].data.shape}")
        viewer.close()


if __name__ == "__main__":
    main()
