"""The last plane can be reached, wherever a volume lies and however thick its planes are."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dock_helpers import edit, expected, on_screen
from napari_lazy_pipeline._gui.layers.layer_options import LayerOptions
from napari_lazy_pipeline.image import VolumeSpec

COUNT = 60


def random_specs(seed: int) -> list[VolumeSpec]:
    """Volumes of any depth, plane distance and position, as a rotation or a crop makes them."""
    random = np.random.default_rng(seed)
    return [
        VolumeSpec(
            (int(random.integers(2, 2000)), 1, 1),
            voxel_size=(float(random.uniform(0.02, 3.0)), 0.1, 0.1),
            translate=(float(random.uniform(-300, 300)), 0.0, 0.0),
        )
        for _ in range(COUNT)
    ]


def place(spec: VolumeSpec, interval: float | None = None) -> dict[str, Any]:
    recorded = SimpleNamespace(time_interval=interval)
    plan = SimpleNamespace(raw=recorded, after=recorded, recorded_times=range(2))
    return LayerOptions(SimpleNamespace()).place(SimpleNamespace(spec=spec, plan=plan))  # type: ignore[arg-type]


@pytest.mark.parametrize("exact", [True, False], ids=["ours", "unrounded"])
def test_the_slider_goes_to_the_last_plane(exact: bool) -> None:
    """In napari's own model; numbers as they come lose a plane now and then."""
    from napari.components import ViewerModel

    viewer, lost = ViewerModel(), 0
    for spec in random_specs(1):
        planes = np.arange(spec.shape[0], dtype="uint16").reshape(1, -1, 1, 1)
        where = place(spec)
        if not exact:
            where = {"scale": (1, *spec.voxel_size), "translate": (0, *spec.translate)}
        layer = viewer.add_image(planes, contrast_limits=(0, 1), multiscale=False, **where)
        last = int(viewer.dims.nsteps[1]) - 1
        viewer.dims.set_current_step(1, last)
        lost += on_screen(layer).item() != spec.shape[0] - 1
        viewer.layers.clear()
    assert lost == 0 if exact else lost > 0


def test_no_plane_moves_noticeably() -> None:
    for spec in random_specs(2):
        z, thickness = (place(spec)[name][1] for name in ("translate", "scale"))
        for plane in (0, spec.shape[0] - 1):
            wanted = spec.translate[0] + plane * spec.voxel_size[0]
            assert abs(z + plane * thickness - wanted) < 1e-6 * spec.voxel_size[0]


def test_the_last_time_point_can_be_reached_too() -> None:
    from napari.components import ViewerModel

    viewer, spec = ViewerModel(), VolumeSpec((2, 1, 1), voxel_size=(1.0, 1.0, 1.0))
    for interval in np.random.default_rng(3).uniform(0.01, 30.0, 20).tolist():
        times = int(interval * 1000) % 900 + 2
        viewer.add_image(
            np.zeros((times, 2, 1, 1), "uint8"), contrast_limits=(0, 1), **place(spec, interval)
        )
        assert viewer.dims.nsteps[0] == times
        viewer.layers.clear()


@pytest.mark.parametrize("size", [(0.3, 0.1, 0.1), (0.299, 0.1083, 0.1083), (0.7, 0.13, 0.13)])
def test_the_last_plane_of_every_step_is_shown(
    opened: Any, settle: Callable[[Any], None], size: tuple[float, float, float]
) -> None:
    opened.session.state(voxel_size=size)
    dims = opened.viewer.dims
    for kind, values in (("deskew", {}), ("crop", {"z": (3, 10)}), ("rotate", {})):
        edit(opened, kind, **values)
        settle(opened)
        (layer, _) = opened.layers.layers
        depth = layer.data.shape[1]
        assert dims.nsteps[1] == depth
        dims.set_current_step(1, depth - 1)
        settle(opened)
        np.testing.assert_array_equal(on_screen(layer), expected(opened, 0, 0, depth - 1))
