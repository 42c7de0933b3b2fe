"""Camera correction: evens out what the pixels of a camera see differently."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from napari_lazy_pipeline.errors import GeometryError, IncompleteError
from napari_lazy_pipeline.image import Shape, StackSpec, camera_pixels
from napari_lazy_pipeline.steps._base import Context, FilterStep, Unit
from napari_lazy_pipeline.steps._camera_image import check_size
from napari_lazy_pipeline.steps._derived_channel import twice
from napari_lazy_pipeline.steps._per_channel import ChannelValues, PerChannel

Counts = Annotated[float, Field(ge=0, le=65535)]
Times = Annotated[float, Field(ge=0, le=1000)]
IMAGE = {"format": "path"}
_NO_DARK = "Divided by the flat image without dark counts, which evens out too little: state them"


class CameraCorrection(FilterStep):
    """Correct by dark and flat image: ``(raw - dark) mean(flat - dark) / (flat - dark)``.

    Hot and dead pixels become the median of the 3 x 3 around, before the division. With a dark
    image they are those that stand out in it; without one, in each plane, those above or below all
    eight around, and further from their median than so many times the spread of the 5 x 5 around:
    a spot of light has a wide spread, and stays. Float32: noise below the dark is negative.

    Examples
    --------
    >>> from napari_lazy_pipeline import Pipeline
    >>> volume = np.full((1, 5, 5), 110, "uint16")
    >>> volume[0, 2, 2] = 4000
    >>> Pipeline([CameraCorrection(dark=100, hot_pixels=6)]).apply(volume).volume()[0, 2].tolist()
    [10.0, 10.0, 10.0, 10.0, 10.0]

    References
    ----------
    J. A. Seibert et al., Proc. SPIE 3336, 348 (1998).
    """

    summary: ClassVar[str] = "Dark image, flat field and hot pixels"
    group: ClassVar[str] = "Camera"
    order: ClassVar[int] = 6

    dark: Annotated[
        PerChannel[Counts],
        Field(
            title="Dark",
            description="Counts that the camera shows without light, where no dark image is "
            "chosen; 0 after another step that subtracts them.",
            json_schema_extra={"step": 1, "slider": [0, 500]},
        ),
        Unit("counts"),
    ] = 0.0
    dark_image: Annotated[
        PerChannel[str],
        Field(
            title="Dark image",
            description="TIFF (y, x) taken without light, best a mean of many: counts of each "
            "pixel in place of one number.",
            json_schema_extra=IMAGE,
        ),
    ] = ""
    flat_image: Annotated[
        PerChannel[str],
        Field(
            title="Flat image",
            description="TIFF (y, x) of something evenly bright, with the dark counts in it; "
            "none: brightness is left as it is.",
            json_schema_extra=IMAGE,
        ),
    ] = ""
    hot_pixels: Annotated[
        PerChannel[Times],
        Field(
            title="Hot pixels above",
            description="Replaces pixels that stand out by more than so many times the spread of "
            "those around; 5 to 10 is usual, lower takes more, 0: none are replaced.",
            json_schema_extra={"step": 0.5, "slider": [0, 20], "zero": "off"},
        ),
        Unit("1"),
    ] = 0.0
    offset: Annotated[
        PerChannel[Counts],
        Field(
            title="Offset",
            description="Counts added at the end, so that noise stays above 0 where the result "
            "becomes whole numbers later.",
            json_schema_extra={"step": 1, "slider": [0, 500]},
        ),
        Unit("counts"),
    ] = 0.0

    def output(self, before: StackSpec) -> StackSpec:
        if before.volume.camera is None:
            raise GeometryError(
                "The pixels are not those of the camera any more",
                hint="Put Camera correction before the steps that interpolate",
            )
        several = [self.for_channel(name) for name in before.channels]
        for path in {path for one in several for path in one.files()}:
            check_size(path, before)
        done = before.background_subtracted or any(s.dark or s.dark_image for s in several)
        left = any(one.offset for one in several)
        return before.replace(dtype="float32", background_subtracted=done and not left)

    def require(self, before: StackSpec) -> None:
        if not any(value for name, value in self if name != "enabled"):
            raise IncompleteError(
                "No correction is chosen",
                hint="State the dark counts, choose a dark or a flat image, or replace hot pixels",
            )

    def caution(self, before: StackSpec) -> str:
        several = [self.for_channel(name) for name in before.channels]
        if before.background_subtracted:
            return twice(before) if any(s.dark or s.dark_image for s in several) else ""
        lacking = any(s.flat_image and not (s.dark or s.dark_image) for s in several)
        return _NO_DARK if lacking else ""

    def brief(self) -> str:
        stated: Any = self.dark
        dark = "" if isinstance(stated, ChannelValues) else f" {stated:g}"
        words = {"dark image": self.dark_image, f"dark{dark}": self.dark and not self.dark_image}
        words |= {"flat image": self.flat_image, "hot pixels": self.hot_pixels}
        return ", ".join(word for word, chosen in words.items() if chosen) or "not set"

    def halo(self, before: StackSpec) -> Shape:
        reach = 0 if not self.hot_pixels else 1 if self.dark_image else 2
        return 0, reach, reach

    def apply(self, pixels: np.ndarray, at: Context) -> np.ndarray:
        dark = at.image(self.dark_image) if self.dark_image else np.float32(self.dark)
        flat = at.image(self.flat_image) if self.flat_image else None
        key = self.dark, self.dark_image, self.flat_image, self.file_states()
        images = camera_pixels.CameraImages(key, dark, flat, self.flat_image)
        own = dark[at.camera] if isinstance(dark, np.ndarray) else dark
        result = np.subtract(pixels, own, dtype=np.float32)
        if self.hot_pixels and self.dark_image:
            hot = camera_pixels.hot_pixels(images, self.hot_pixels)[at.camera]
            result = np.where(hot, camera_pixels.median_around(result), result)
        elif self.hot_pixels:
            least = 1.0 if np.issubdtype(pixels.dtype, np.integer) else 0.0
            result = camera_pixels.without_outliers(result, self.hot_pixels, least)
        if self.flat_image:
            result *= camera_pixels.flat_gain(images)[at.camera]
        return np.asarray(result + np.float32(self.offset))
