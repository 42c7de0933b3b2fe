"""Ten steps on at once, for each of the two samples: what a whole evening's recipe is like."""

from __future__ import annotations

from typing import Any

from napari_lazy_pipeline.samples import simulated_cell
from napari_lazy_pipeline.samples.samples import REAL_STACK, TIMELAPSE, psf_path
from napari_lazy_pipeline.steps import Step, step_types

_BACK = tuple(
    (*(float(i == j) for j in range(3)), -shift)
    for i, shift in enumerate(simulated_cell.channel_shift(1))
)


# The method that is soonest done: what is tested is the number of steps.
_PSF: dict[str, Any] = {
    "psf": str(psf_path()),
    "psf_voxel_size": REAL_STACK["psf_voxel_size"],
    "method": "fast",
}


def made(kind: str, **values: Any) -> Step:
    """A step of a kind."""
    return step_types()[kind](**values)


def steps_of_the_cell() -> tuple[Step, ...]:
    """For the simulated time-lapse: two channels, twelve time points, a third channel made."""
    times = range(TIMELAPSE["times"])
    brightness = {
        name: tuple(simulated_cell.bleaching(t, c) for t in times)
        for c, name in enumerate(("488", "560"))
    }
    return (
        made("camera_correction", dark=TIMELAPSE["background"], hot_pixels=6.0),
        made("rolling_background", radius=3.0),
        made("bleach_correction", brightness=brightness),
        made("deskew"),
        made("deconvolve", **_PSF),
        made("register_channels", reference="488", transform={"560": _BACK}),
        made("drift", drift=tuple(simulated_cell.drift(t) for t in times)),
        made("filter", method="gaussian", sigma=(0.2, 0.1, 0.1)),
        made("crop", x=(20, 220)),
        made("ratio", a="560", b="488", threshold=10.0),
    )


def steps_of_the_real_cell() -> tuple[Step, ...]:
    """For the real stack: one channel, one time point; it ends in a picture of 8 bits."""
    return (
        made("camera_correction", dark=REAL_STACK["background"], hot_pixels=6.0),
        made("rolling_background", radius=3.0),
        made("deskew"),
        made("deconvolve", **_PSF),
        made("filter", method="median", radius=(0, 1, 1)),
        made("rotate"),
        made("resample", voxel_size=0.2),
        made("crop", y=(10, 150)),
        made("bin", factors=(1, 2, 2)),
        made("convert", dtype="uint8", scaled=True, scale=(0.0, 400.0)),
    )


def five_steps() -> tuple[Step, ...]:
    """What the dock begins with, all on."""
    return (
        made("subtract_background", value=TIMELAPSE["background"]),
        made("deconvolve", **_PSF),
        made("deskew"),
        made("rotate"),
        made("crop", x=(20, 220)),
    )
