"""Shows a PSF in the viewer, in the middle of what is on screen."""

from __future__ import annotations

from typing import Any

from napari_lazy_pipeline.psf.psf_view import PsfPicture

_MARK = "napari_lazy_pipeline_psf"
# The rings of a PSF are a hundred times darker than its middle.
_GAMMA = 0.5


def show_psf(viewer: Any, picture: PsfPicture) -> Any:
    """Put a PSF on screen as a layer of its own; another one takes the place of the last.

    Its brightest point comes to lie in the middle of the window, in the plane that is shown.

    Parameters
    ----------
    viewer
        The napari viewer.
    picture
        What to show.

    Returns
    -------
    napari.layers.Image
        The layer.
    """
    for old in [layer for layer in viewer.layers if layer.metadata.get(_MARK)]:
        viewer.layers.remove(old)
    place = [c - p for c, p in zip(_centre(viewer), picture.peak, strict=True)]
    return viewer.add_image(
        picture.volume,
        name=f"PSF {picture.name}",
        scale=picture.voxel_size,
        translate=place,
        units=("um",) * 3,
        axis_labels=("z", "y", "x"),
        contrast_limits=picture.limits,
        gamma=_GAMMA,
        colormap="magma",
        blending="additive",
        metadata={_MARK: picture.name},
    )


def _centre(viewer: Any) -> list[float]:
    """The point (z, y, x) in the middle of the window, in the plane that is shown [um]."""
    dims = viewer.dims
    if not viewer.layers or dims.ndim < 3:
        return [0.0, 0.0, 0.0]
    point = list(dims.point)
    shown = viewer.scene.camera.center[-len(dims.displayed) :]
    for axis, position in zip(dims.displayed, shown, strict=True):
        point[axis] = position
    return point[-3:]
