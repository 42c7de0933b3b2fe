"""Filter: the usual filters of a neighbourhood."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, cast

import numpy as np
from pydantic import Field, JsonValue
from scipy import ndimage

from napari_lazy_pipeline.errors import GeometryError
from napari_lazy_pipeline.image import Shape, StackSpec
from napari_lazy_pipeline.steps._base import Context, FilterStep, Unit

END = 4.0  # standard deviations at which a Gaussian ends
LARGEST = 200  # voxel
Sigma = Annotated[float, Field(ge=0, le=100)]
Radius = Annotated[int, Field(ge=0, le=50)]
METHODS: dict[str, JsonValue] = {
    "gaussian": "Gaussian", "difference": "difference of Gaussians", "median": "median",
    "top_hat": "white top-hat",
}  # fmt: skip
GAUSSIAN = ("gaussian", "difference")


class Filter(FilterStep):
    """Smooth, or bring out what is small: Gaussian, difference of two, median, white top-hat.

    Gaussians give float32, their difference with negative values; the others keep the type.

    Examples
    --------
    >>> from napari_lazy_pipeline import VolumeSpec
    >>> spec = StackSpec(VolumeSpec((8, 24, 30), voxel_size=(0.4, 0.1, 0.1)))
    >>> Filter(sigma=(0.2, 0.1, 0.1)).halo(spec), Filter(method="median").halo(spec)
    ((2, 4, 4), (0, 1, 1))

    References
    ----------
    D. Marr and E. Hildreth, Proc. R. Soc. Lond. B 207, 187 (1980): difference of Gaussians.
    J. Serra, Image Analysis and Mathematical Morphology (1982): top-hat.
    """

    summary: ClassVar[str] = "Gaussian, median, difference of Gaussians, top-hat"
    group: ClassVar[str] = "Sharpness"
    order: ClassVar[int] = 37

    method: Annotated[
        Literal["gaussian", "difference", "median", "top_hat"],
        Field(
            title="Method",
            description="Gaussian: smooths noise; difference of Gaussians: spots and lines of a "
            "size; median: removes single bright or dark voxels; top-hat: what is smaller than "
            "the radius, without what is below it.",
            json_schema_extra={"words": METHODS},
        ),
    ] = "gaussian"
    sigma: Annotated[
        tuple[Sigma, Sigma, Sigma],
        Field(
            title="Sigma",
            description="Standard deviation of the Gaussian along z, y and x, or of the narrower "
            "of two; 0: nothing is done along this axis.",
            json_schema_extra={"step": 0.05},
        ),
        Unit("µm"),
    ] = (0.1, 0.1, 0.1)
    ratio: Annotated[
        float,
        Field(
            gt=1,
            le=20,
            title="Ratio of sigmas",
            description="How many times wider the second Gaussian of a difference is; 1.6 is close "
            "to a Laplacian.",
            json_schema_extra={"step": 0.1, "slider": [1.2, 5]},
        ),
        Unit("1"),
    ] = 1.6
    radius: Annotated[
        tuple[Radius, Radius, Radius],
        Field(
            title="Radius",
            description="Of median and top-hat along z, y and x; 1 takes 3 voxels, 2 takes 5.",
        ),
        Unit("voxels"),
    ] = (0, 1, 1)

    def output(self, before: StackSpec) -> StackSpec:
        if self.method not in GAUSSIAN:
            return before
        _ = self.halo(before)
        return before.replace(dtype="float32")

    def caution(self, before: StackSpec) -> str:
        reach = self.sigma if self.method in GAUSSIAN else self.radius
        if before.volume.scan is None or not reach[0]:
            return ""
        return "The planes are still skewed: its z goes along the stage. Put Filter after Deskew"

    def idle_fields(self) -> frozenset[str]:
        used = {"gaussian": {"sigma"}, "difference": {"sigma", "ratio"}}
        return frozenset({"sigma", "ratio", "radius"} - used.get(self.method, {"radius"}))

    def brief(self) -> str:
        if self.method in GAUSSIAN:
            size = " x ".join(f"{s:g}" for s in self.sigma[: 3 if len(set(self.sigma)) > 1 else 1])
            return f"{self.method.replace('gaussian', 'Gaussian')} {size} µm"
        return f"{self.method.replace('_', '-')} {' x '.join(str(2 * r + 1) for r in self.radius)}"

    def halo(self, before: StackSpec) -> Shape:
        if self.method in GAUSSIAN:
            widest = self.ratio if self.method == "difference" else 1.0
            return cast(Shape, tuple(int(END * widest * s + 0.5) for s in self._sigmas(before)))
        openings = 2 if self.method == "top_hat" else 1
        return cast(Shape, tuple(openings * r for r in self.radius))

    def apply(self, pixels: np.ndarray, at: Context) -> np.ndarray:
        if self.method not in GAUSSIAN:
            size = tuple(2 * radius + 1 for radius in self.radius)
            # SciPy does not know half floats, and NumPy subtracts no masks.
            known = {"float16": np.float32, "bool": np.uint8}.get(pixels.dtype.name, pixels.dtype)
            values = pixels.astype(known, copy=False)
            if self.method == "median":
                made = ndimage.median_filter(values, size, mode="nearest")
            else:
                opened = ndimage.minimum_filter(values, size, mode="nearest")
                made = values - ndimage.maximum_filter(opened, size, mode="nearest")
            return np.asarray(made, pixels.dtype)
        sigmas = self._sigmas(at.before)
        result = _gaussian(pixels, sigmas)
        if self.method == "difference":
            result -= _gaussian(pixels, [self.ratio * sigma for sigma in sigmas])
        return result

    def _sigmas(self, before: StackSpec) -> list[float]:
        """Standard deviation along z, y and x [voxel]."""
        sigmas = [sigma / n for sigma, n in zip(self.sigma, before.voxel_size, strict=True)]
        if max(sigmas) > LARGEST:
            raise GeometryError(
                f"A sigma of {max(sigmas):.0f} voxels is too large",
                hint=f"At most {LARGEST} voxels are possible",
            )
        return sigmas


def _gaussian(pixels: np.ndarray, sigmas: Sequence[float]) -> np.ndarray:
    result = pixels.astype(np.float32)
    return np.asarray(ndimage.gaussian_filter(result, sigmas, truncate=END, mode="nearest"))
