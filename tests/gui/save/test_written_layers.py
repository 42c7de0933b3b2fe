"""What was written is shown where the data lie, whatever was cropped or moved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dock_helpers import edit, on_screen
from napari_lazy_pipeline.exports.export import export
from napari_lazy_pipeline.exports.formats import imagej_tiff
from stacks import write_raw

TIMEOUT = 20_000


@pytest.mark.parametrize(
    ("format_name", "kind"),
    [("tiff", "deskew"), ("tiff", "rotate"), ("ome-zarr", "rotate"), ("large tiff", "rotate")],
)
def test_a_result_lies_where_the_data_lie(
    opened: Any, settle: Callable[[Any], None], tmp_path: Path, qtbot: Any,
    format_name: str, kind: str, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    if format_name == "large tiff":
        monkeypatch.setattr(imagej_tiff, "IMAGEJ_LIMIT", 100)
    opened.session.state(voxel_size=(0.4, 0.1, 0.1))
    edit(opened, kind, angle=40.0)
    edit(opened, "crop", z=(2, 7), y=(3, 14), x=(4, 18))
    settle(opened)
    made = opened.session.pipeline.apply(opened.session.stack)
    report = export(made, tmp_path / "out", format=format_name.split()[-1])
    opened.results.show(report.place)
    qtbot.waitUntil(lambda: len(opened.results.layers) == 2, timeout=TIMEOUT)
    for written, shown in zip(opened.results.layers, opened.layers.layers, strict=True):
        np.testing.assert_allclose(written.translate, shown.translate, atol=1e-6)
        np.testing.assert_allclose(written.scale[1:], shown.scale[1:], rtol=1e-5)
        assert abs(shown.translate[1:]).min() > 0

        def same(written: Any = written, shown: Any = shown) -> bool:
            return np.array_equal(on_screen(written), on_screen(shown))

        qtbot.waitUntil(same, timeout=TIMEOUT)


def test_a_result_goes_when_another_folder_is_opened(
    opened: Any, settle: Callable[[Any], None], tmp_path: Path, qtbot: Any
) -> None:
    made = opened.session.pipeline.apply(opened.session.stack)
    opened.results.show(export(made, tmp_path / "out").place)
    qtbot.waitUntil(lambda: len(opened.results.layers) == 2, timeout=TIMEOUT)
    opened.session.state(voxel_size=(0.4, 0.1, 0.1))
    settle(opened)
    assert len(opened.results.layers) == 2, "these are the same data"
    opened.open_folder(write_raw(tmp_path / "next"))
    settle(opened)
    assert not opened.results.layers and opened.viewer.layers[:] == opened.layers.layers


def test_a_result_goes_once_time_points_have_other_numbers(
    opened: Any, settle: Callable[[Any], None], tmp_path: Path, qtbot: Any
) -> None:
    made = opened.session.pipeline.apply(opened.session.stack)
    opened.results.show(export(made, tmp_path / "out").place)
    qtbot.waitUntil(lambda: len(opened.results.layers) == 2, timeout=TIMEOUT)
    opened.session.grow(opened.session.folder_info.source)
    assert len(opened.results.layers) == 2
    opened.session.grow(opened.session.folder_info.source, shifted=True)
    assert not opened.results.layers
