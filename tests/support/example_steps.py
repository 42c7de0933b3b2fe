"""Steps of kinds that the package has not got: what the contract of a step has to carry."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field
from scipy import ndimage

from napari_lazy_pipeline.errors import GeometryError
from napari_lazy_pipeline.image import Block, StackSpec
from napari_lazy_pipeline.image.box import Affine
from napari_lazy_pipeline.steps import Context, FilterStep, PerChannel, Step, VoxelStep

ImageFile = Annotated[str, Field(json_schema_extra={"format": "path"})]


class Median(FilterStep):
    """The middle of the values around, in each plane."""

    size: int = 3

    def halo(self, before: StackSpec) -> tuple[int, int, int]:
        return 0, self.size // 2, self.size // 2

    def apply(self, pixels: np.ndarray, at: Context) -> np.ndarray:
        return ndimage.median_filter(pixels, (1, self.size, self.size), mode="nearest")


class FlatField(VoxelStep):
    """Corrects for the camera and for uneven light, by two images."""

    dark: ImageFile = ""
    flat: ImageFile = ""

    def output(self, before: StackSpec) -> StackSpec:
        if before.volume.camera is None:
            raise GeometryError("Flat field needs the pixels of the camera", hint="Put it first")
        return before.replace(dtype="float32")

    def apply(self, pixels: np.ndarray, at: Context) -> np.ndarray:
        dark, flat = at.image(self.dark), at.image(self.flat)
        gain = (flat - dark).mean() / np.maximum(flat - dark, 1)
        return (pixels.astype(np.float32) - dark[at.camera]) * gain[at.camera]


class Ratio(Step):
    """One channel over another."""

    numerator: int = 0
    denominator: int = 1

    def output(self, before: StackSpec) -> StackSpec:
        names = before.channels
        if max(self.numerator, self.denominator) >= len(names):
            raise GeometryError(f"There are {len(names)} channels")
        return before.replace(
            dtype="float32", channels=(f"{names[self.numerator]}/{names[self.denominator]}",)
        )

    def inputs(self, wanted: Block, before: StackSpec) -> tuple[Block, ...]:
        return tuple(wanted.replace(c=c) for c in (self.numerator, self.denominator))

    def run(self, parts: tuple[np.ndarray, ...], at: Context) -> np.ndarray:
        return parts[0].astype(np.float32) / np.maximum(parts[1].astype(np.float32), 1)


class Shifted(Step):
    """Moves volumes by so many um; a part of the result needs the part it came from."""

    def shift(self, t: int) -> tuple[float, float, float]:
        raise NotImplementedError

    def inputs(self, wanted: Block, before: StackSpec) -> tuple[Block, ...]:
        moves = np.divide(self.shift(wanted.t), before.voxel_size)
        ends = []
        for (a, b), m, n in zip(wanted.box, moves, before.shape, strict=True):
            low = min(max(int(np.floor(a - m)), 0), n - 1)
            ends.append((low, max(min(int(np.ceil(b - m)) + 1, n), low + 1)))
        return (wanted.replace(box=tuple(ends)),)

    def run(self, parts: tuple[np.ndarray, ...], at: Context) -> np.ndarray:
        moves = np.divide(self.shift(at.wanted.t), at.before.voxel_size)
        places = [np.arange(a, b) - m for (a, b), m in zip(at.wanted.box, moves, strict=True)]
        origin = [start for start, _ in at.given[0].box]
        local = np.meshgrid(*(x - o for x, o in zip(places, origin, strict=True)), indexing="ij")
        out = ndimage.map_coordinates(parts[0].astype(float), local, order=1, mode="nearest")
        for axis, (x, n) in enumerate(zip(places, at.before.shape, strict=True)):
            out[(slice(None),) * axis + ((x < 0) | (x > n - 1),)] = 0
        return out.astype(at.after.dtype)

    def world(self, before: StackSpec, c: int) -> Affine:
        transform = np.eye(4)
        transform[:3, 3] = self.shift(0)
        return transform


class Register(Shifted):
    """Moves each channel by a shift of its own."""

    by: PerChannel[tuple[float, float, float]] = (0.0, 0.0, 0.0)

    def shift(self, t: int) -> Any:
        return self.by


class Drift(Shifted):
    """Moves each time point further on."""

    depends_on: ClassVar[frozenset[str]] = frozenset({"t"})
    per_time: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def shift(self, t: int) -> Any:
        return tuple(t * distance for distance in self.per_time)


class Bleach(VoxelStep):
    """Makes later time points brighter."""

    depends_on: ClassVar[frozenset[str]] = frozenset({"t"})
    rate: float = 0.1

    def output(self, before: StackSpec) -> StackSpec:
        return before.replace(dtype="float32")

    def apply(self, pixels: np.ndarray, at: Context) -> np.ndarray:
        return pixels * np.float32(np.exp(self.rate * at.wanted.t))


class Change(Step):
    """What became of a volume since the time point before."""

    def output(self, before: StackSpec) -> StackSpec:
        return before.replace(dtype="float32")

    def inputs(self, wanted: Block, before: StackSpec) -> tuple[Block, ...]:
        return wanted, wanted.replace(t=max(wanted.t - 1, 0))

    def run(self, parts: tuple[np.ndarray, ...], at: Context) -> np.ndarray:
        return parts[0].astype(np.float32) - parts[1].astype(np.float32)


class Project(Step):
    """The brightest voxel along z."""

    def output(self, before: StackSpec) -> StackSpec:
        n, (z, y, x), place = before.shape[0], before.voxel_size, before.volume.translate
        return before.replace(
            shape=(1, *before.shape[1:]),
            voxel_size=(n * z, y, x),
            translate=(place[0] + (n - 1) / 2 * z, *place[1:]),
            camera=None,
            outline=(),
        )

    def inputs(self, wanted: Block, before: StackSpec) -> tuple[Block, ...]:
        return (wanted.replace(box=((0, before.shape[0]), *wanted.box[1:])),)

    def run(self, parts: tuple[np.ndarray, ...], at: Context) -> np.ndarray:
        return parts[0].max(axis=0, keepdims=True)


class Bin(Step):
    """Averages neighbours."""

    factor: tuple[int, int, int] = (1, 2, 2)

    def output(self, before: StackSpec) -> StackSpec:
        pairs = list(zip(before.shape, self.factor, strict=True))
        if any(n < factor for n, factor in pairs):
            raise GeometryError(f"Bins of {self.factor} do not fit into {before.shape}")
        size, place = np.array(before.voxel_size), np.array(before.volume.translate)
        factors = np.array(self.factor)
        return before.replace(
            shape=tuple(n // factor for n, factor in pairs),
            dtype="float32",
            voxel_size=tuple((size * factors).tolist()),
            translate=tuple((place + (factors - 1) / 2 * size).tolist()),
            camera=None,
        )

    def inputs(self, wanted: Block, before: StackSpec) -> tuple[Block, ...]:
        box = tuple((a * k, b * k) for (a, b), k in zip(wanted.box, self.factor, strict=True))
        return (wanted.replace(box=box),)

    def run(self, parts: tuple[np.ndarray, ...], at: Context) -> np.ndarray:
        (fz, fy, fx), (z, y, x) = self.factor, (b - a for a, b in at.wanted.box)
        blocks = parts[0].reshape(z, fz, y, fy, x, fx).astype(np.float64)
        return blocks.mean(axis=(1, 3, 5)).astype(np.float32)


def halved(volume: np.ndarray) -> np.ndarray:
    """A function of a person's own, that makes less."""
    return volume[:, ::2]


def brightened(volume: np.ndarray, by: float = 1.5) -> np.ndarray:
    """A function of a person's own, of each voxel by itself."""
    return volume * by
