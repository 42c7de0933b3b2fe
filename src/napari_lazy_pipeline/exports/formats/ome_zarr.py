"""OME-Zarr (0.5): one store for everything, with a file a volume and resolution.

The store is laid out with yaozarrs (https://github.com/imaging-formats/yaozarrs) and zarr. Format: https://ngff.openmicroscopy.org/0.5.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from napari_lazy_pipeline._runtime.fresh_file import (
    ForeignFileError,
    fresh_file,
    fresh_folder,
    refuse_links,
    write_text,
)
from napari_lazy_pipeline._runtime.regular_file import read_text, refuse_other
from napari_lazy_pipeline.errors import ExportError
from napari_lazy_pipeline.exports.formats import Format, channel_name
from napari_lazy_pipeline.exports.formats.zarr_shard import ShardLayout
from napari_lazy_pipeline.image import Shape, Stack

_CHUNK, _LONGEST = 2**19, 512  # voxels of a chunk, of its y and x: they fit the cache of a CPU
# The smallest resolution is no larger than this along y and x.
_SMALL = 512
_SAMPLE = 2**18  # voxels: enough for the contrast that viewers begin with
_COLOURS = ("00FF00", "FF00FF", "00FFFF", "FFFF00", "FF0000", "0000FF")
_PACKAGES = ("zarr", "yaozarrs", "google_crc32c")
_EMPTY = "Choose an empty folder"
_INSTALL = "pip install 'napari-lazy-pipeline[zarr]'"


@dataclass(frozen=True)
class OmeZarr(Format):
    """A store ``{name}.ome.zarr`` with axes t, c, z, y, x, a shard a volume."""

    title: str = "OME-Zarr"
    summary: str = "One multiscale OME-Zarr; compressed, so usually smaller than estimated"
    overhead: float = 1.4
    states_interval: bool = False  # the store does, and `create` brings it up to date

    def unavailable(self) -> str | None:
        missing = [name for name in _PACKAGES if find_spec(name) is None]
        return f"The package {missing[0]} is not installed: {_INSTALL}" if missing else None

    def result(self, folder: Path, name: str) -> Path:
        return folder / f"{name}.ome.zarr"

    def path(self, folder: Path, name: str, t: int, c: int) -> Path:
        # That of the full resolution, which is written last.
        return _shard(self.result(folder, name) / "0", t, c)

    def existing(self, folder: Path, name: str) -> list[Path]:
        store = self.result(folder, name)
        return [store] if os.path.lexists(store) else []

    def create(self, folder: Path, name: str, stack: Stack, dtype: str, about: Any) -> None:
        """Lay out the store; one that exists gets room for more time points, and their interval."""
        from yaozarrs.write.v05 import prepare_image

        store = self.result(folder, name)
        times, channels, *_ = stack.shape
        levels = level_factors(stack.spec.shape)
        if os.path.lexists(store):
            for level in range(len(levels)):
                metadata = _Metadata.read(store / str(level), folder)
                if metadata.node["shape"][0] < times:
                    metadata.node["shape"][0] = times
                    metadata.write()
            _Metadata.read(store, folder).state_interval(stack.time_interval)
            return
        shapes = [(times, channels, *_reduced_shape(stack.spec.shape, level)) for level in levels]
        # Under another name until it is complete: a crash may leave it without its arrays.
        with fresh_folder(store) as part:
            prepare_image(
                part,
                _ome_metadata(stack, levels, dtype),
                [(shape, dtype) for shape in shapes],
                extra_attributes={"napari_lazy_pipeline": about},
                writer=_create_array,
            )

    def has_room(self, folder: Path, name: str, stack: Stack) -> bool:
        metadata = _Metadata.read(self.result(folder, name) / "0", folder)
        return bool(metadata.node["shape"][0] >= stack.shape[0])

    def encode(
        self, folder: Path, name: str, stack: Stack, volume: np.ndarray
    ) -> list[list[bytes]]:
        """Make the file of each resolution, in pieces."""
        store = self.result(folder, name)
        return [
            _Metadata.read(store / str(level), folder).layout.encode(block_mean(volume, factors))
            for level, factors in enumerate(level_factors(stack.spec.shape))
        ]

    def write(
        self,
        folder: Path,
        name: str,
        stack: Stack,
        t: int,
        c: int,
        encoded: list[list[bytes]],
        replace: bool,
    ) -> None:
        """Write all resolutions, then name them: the smaller ones, then the full one."""
        store = self.result(folder, name)
        with ExitStack() as files:  # which ends with the first
            for level, pieces in enumerate(encoded):
                shard = _shard(store / str(level), t, c)
                if pieces:
                    file = fresh_file(shard, within=folder, replace=replace)
                    files.enter_context(file).writelines(pieces)
                elif os.path.lexists(shard):
                    refuse_links(shard.parent, folder)
                    refuse_other(shard)
                    if not replace:
                        raise ForeignFileError.at(shard)
                    shard.unlink()

    def finish(self, folder: Path, name: str, t: int, c: int) -> None:
        """Let viewers begin with the contrast of the first volume of each channel."""
        import zarr

        metadata = _Metadata.read(self.result(folder, name), folder)
        ome = metadata.node["attributes"]["ome"]
        window = ome["omero"]["channels"][c]["window"]
        if window["start"] == window["min"] and window["end"] == window["max"]:
            path = metadata.folder / ome["multiscales"][0]["datasets"][-1]["path"]
            smallest: Any = zarr.open_array(str(path), mode="r")[t, c]
            step = math.ceil(math.cbrt(smallest.size / _SAMPLE))
            some = smallest[::step, ::step, ::step]  # along all axes: an edge may be blank
            some = some[np.isfinite(some)]
            if not some.size:
                return
            low, high = np.percentile(some, (1.0, 99.9)).tolist()
            if high > low:
                window.update(start=low, end=high)
            if smallest.dtype.kind == "f":  # a type that has no ends of its own
                values = smallest[np.isfinite(smallest)]
                window["min"] = min(window["min"], float(values.min()))
                window["max"] = max(window["max"], float(values.max()))
            metadata.write()


@dataclass(frozen=True)
class _Metadata:
    """What the zarr.json in a folder of the store says."""

    folder: Path
    within: Path  # the folder that is written to
    node: dict[str, Any]

    @classmethod
    def read(cls, folder: Path, within: Path) -> _Metadata:
        refuse_links(folder, within)
        path, node = folder / "zarr.json", None
        with suppress(ValueError):
            node = json.loads(read_text(path, follow=False))
        if not isinstance(node, dict) or "node_type" not in node:
            what = "The metadata of the store are damaged"
            raise ExportError(what, str(path), _EMPTY)
        return cls(folder, within, node)

    @property
    def layout(self) -> ShardLayout:
        """How volumes are stored in this array."""
        try:
            return ShardLayout.of(self.node)
        except ValueError as error:
            path = str(self.folder / "zarr.json")
            raise ExportError(f"The store was not made here. {error}", path, _EMPTY) from error

    def state_interval(self, interval: float | None) -> None:
        """Write the time between two time points [s], which may be known, or stated, by now."""
        image = self.node["attributes"]["ome"]["multiscales"][0]
        scales = [data["coordinateTransformations"][0]["scale"] for data in image["datasets"]]
        if interval is not None and any(scale[0] != interval for scale in scales):
            image["axes"][0]["unit"] = "second"
            for scale in scales:
                scale[0] = interval
            self.write()

    def write(self) -> None:
        write_text(self.folder / "zarr.json", json.dumps(self.node, indent=2), within=self.within)


def level_factors(shape: Shape) -> list[Shape]:
    """Factors (z, y, x) by which each resolution is smaller: 1, 2, 4, ... in y and x.

    An axis that is shorter than that becomes one voxel.
    """
    levels = [(1, 1, 1)]
    while max(_reduced_shape(shape, levels[-1])[1:]) > _SMALL:
        _, y, x = levels[-1]
        levels.append((1, min(2 * y, shape[1]), min(2 * x, shape[2])))
    return levels


def block_mean(volume: np.ndarray, factors: Shape) -> np.ndarray:
    """Average blocks of so many voxels (z, y, x); integers are rounded, odd rests are left out."""
    if factors == (1, 1, 1):
        return volume
    z, y, x = _reduced_shape(volume.shape, factors)
    fz, fy, fx = factors
    cut = volume[: z * fz, : y * fy, : x * fx]
    means = cut.reshape(z, fz, y, fy, x, fx).mean(axis=(1, 3, 5), dtype=np.float32)
    result: np.ndarray = np.rint(means) if volume.dtype.kind in "ui" else means
    return result.astype(volume.dtype)


def _reduced_shape(shape: Shape, factors: Shape) -> Shape:
    z, y, x = (max(n // factor, 1) for n, factor in zip(shape, factors, strict=True))
    return z, y, x


def chunk_shape(shape: Shape) -> Shape:
    """Part a volume into chunks (z, y, x) of the same size; hardly any voxels pad the last ones.

    Planes stay whole where they can, as long pieces of memory are copied faster.
    """
    y, x = (_part(n, _LONGEST) for n in shape[1:])
    return _part(shape[0], max(_CHUNK // (y * x), 1)), y, x


def _part(length: int, longest: int) -> int:
    """Return the length of a part, of as few as can be."""
    return -(-length // -(-length // longest))


def _shard(array: Path, t: int, c: int) -> Path:
    return array / f"c/{t}/{c}/0/0/0"


def _create_array(
    path: Path,
    shape: tuple[int, ...],
    dtype: Any,
    *,
    dimension_names: list[str] | None,
    overwrite: bool,
    **_: Any,
) -> Any:
    """Make an array of which each file holds one volume: else there would be too many files."""
    import zarr
    from zarr.codecs import BloscCodec

    z, y, x = shape[2:]
    chunk = chunk_shape((z, y, x))
    whole = (-(-n // m) * m for n, m in zip((z, y, x), chunk, strict=True))
    return zarr.create_array(
        str(path), shape=shape, chunks=(1, 1, *chunk), shards=(1, 1, *whole), dtype=dtype,
        dimension_names=dimension_names, overwrite=overwrite, zarr_format=3,
        # Bits shuffled take twice the time, and make files 3 % smaller (deskewed) or 14 % larger.
        compressors=(BloscCodec(cname="lz4", clevel=1, shuffle="shuffle"),),
    )  # fmt: skip


def _ome_metadata(stack: Stack, levels: Sequence[Shape], dtype: str) -> Any:
    from yaozarrs import v05

    top = float(np.iinfo(dtype).max) if np.dtype(dtype).kind in "ui" else 1.0
    window = v05.OmeroWindow(min=0.0, max=top, start=0.0, end=top)
    interval = stack.time_interval
    axes = [
        v05.TimeAxis(name="t", unit="second" if interval else None),
        v05.ChannelAxis(name="c"),
        *(v05.SpaceAxis(name=axis, unit="micrometer") for axis in "zyx"),
    ]
    datasets = [
        v05.Dataset(path=str(level), coordinateTransformations=_transformations(stack, factors))
        for level, factors in enumerate(levels)
    ]
    channels = [
        v05.OmeroChannel(
            label=channel_name(stack, c), color=_COLOURS[c % len(_COLOURS)], window=window
        )
        for c in range(stack.shape[1])
    ]
    scales = [v05.Multiscale(name="processed", axes=axes, datasets=datasets)]
    return v05.Image(multiscales=scales, omero=v05.Omero(channels=channels))


def _transformations(stack: Stack, factors: Shape) -> list[Any]:
    """Voxel size, and centre of the first voxel [um]."""
    from yaozarrs import v05

    spec = stack.spec
    scale = [size * f for size, f in zip(spec.voxel_size, factors, strict=True)]
    first = [
        origin + (f - 1) / 2 * size
        for origin, f, size in zip(spec.translate, factors, spec.voxel_size, strict=True)
    ]
    return [
        v05.ScaleTransformation(scale=[stack.time_interval or 1.0, 1.0, *scale]),
        v05.TranslationTransformation(translation=[0.0, 0.0, *first]),
    ]
