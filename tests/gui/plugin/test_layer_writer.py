"""File > Save of napari: what is written has voxel size and place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from dock_helpers import edit
from napari_lazy_pipeline._gui.plugin.layer_writer import write_layer
from napari_lazy_pipeline._gui.save.written_origin import written_origin
from napari_lazy_pipeline.errors import ExportError
from napari_lazy_pipeline.io import inspect_folder

Settle = Callable[[Any], None]


def save(dock: Any, path: Path) -> Any:
    layer = dock.layers.layers[0]
    assert layer.save(str(path), plugin="napari-lazy-pipeline") == [str(path)]
    return layer


def test_a_saved_layer_knows_its_voxel_size_and_place(
    opened: Any, settle: Settle, tmp_path: Path
) -> None:
    opened.session.state(voxel_size=(0.4, 0.1, 0.2), angle=40.0)
    edit(opened, "deskew")
    edit(opened, "crop", z=(2, 7), y=(3, 14), x=(4, 18))
    settle(opened)
    path = tmp_path / "saved.ome.tif"
    layer = save(opened, path)
    np.testing.assert_array_equal(tifffile.imread(path), np.asarray(layer.data))
    info = inspect_folder(path)
    assert info.sizes == (3, 1) and info.shape == (5, 11, 14)
    np.testing.assert_allclose(info.voxel_size, layer.scale[1:], rtol=1e-5)
    np.testing.assert_allclose(written_origin(path), layer.translate[1:], atol=1e-6)
    assert abs(layer.translate[1:]).min() > 0
    assert list(tmp_path.glob("*.part")) == []


def test_an_unknown_voxel_size_stays_unknown(
    nothing_stated: None, opened: Any, tmp_path: Path
) -> None:
    save(opened, tmp_path / "saved.ome.tif")
    assert inspect_folder(tmp_path / "saved.ome.tif").voxel_size == (None, None, None)


def test_what_has_no_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="Only grey images"):
        write_layer(str(tmp_path / "x.ome.tif"), np.zeros((2,) * 5), {})
    assert list(tmp_path.iterdir()) == []


def test_a_picture_lies_where_its_layer_lies(tmp_path: Path) -> None:
    path = str(tmp_path / "x.ome.tif")
    layer: dict[str, Any] = {"scale": (0.5, 0.25), "translate": (3.0, 4.0)}
    write_layer(path, np.zeros((4, 5), "uint8"), {**layer, "units": ("micrometer",) * 2})
    assert written_origin(Path(path)) == (0.0, 3.0, 4.0)
    write_layer(path, np.zeros((4, 5), "uint8"), layer)
    assert inspect_folder(path).voxel_size == (None, None, None), "no unit is assumed"
