"""Shard: the file of one volume in a Zarr array, its chunks compressed on all CPUs.

Format: https://zarr-specs.readthedocs.io/en/latest/v3/codecs/sharding-indexed. The package zarr
writes the same chunks, and copies each volume several times on the way, on one CPU.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from napari_lazy_pipeline._runtime.threads import Threads
from napari_lazy_pipeline.image import Shape

_CODECS = ["sharding_indexed", "bytes", "blosc", "bytes", "crc32c"]


@dataclass(frozen=True)
class ShardLayout:
    """How the pixels of one volume become a file."""

    shape: Shape  # of the volume
    chunk: Shape
    dtype: np.dtype[Any]
    blosc: dict[str, Any]  # how a chunk is compressed

    @classmethod
    def of(cls, node: dict[str, Any]) -> ShardLayout:
        """Take it from the ``zarr.json`` of an array (t, c, z, y, x), else raise a `ValueError`."""
        try:
            (sharding,) = node["codecs"]
            inner = sharding["configuration"]
            pixels, blosc = inner["codecs"]
            index = inner["index_codecs"]
            names = [codec["name"] for codec in (sharding, pixels, blosc, *index)]
            orders = [one.get("configuration", {}).get("endian") for one in (pixels, index[0])]
            sizes = [*node["chunk_grid"]["configuration"]["chunk_shape"][:2], node["fill_value"]]
            z, y, x = node["shape"][2:]
            chunk_z, chunk_y, chunk_x = inner["chunk_shape"][2:]
            known = names == _CODECS and inner["index_location"] == "end" and sizes == [1, 1, 0]
            dtype = np.dtype(node["data_type"]).newbyteorder("<")
            layout = cls((z, y, x), (chunk_z, chunk_y, chunk_x), dtype, blosc["configuration"])
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise ValueError(f"This is no array of sharded volumes: {error!r}") from error
        if not known or "big" in orders:
            raise ValueError(f"The codecs {names} are others than {_CODECS}")
        return layout

    def encode(self, volume: np.ndarray) -> list[bytes]:
        """Make the file of a volume, in pieces; none if it only holds zeros."""
        from google_crc32c import value as crc32c

        places = [range(0, n, step) for n, step in zip(self.shape, self.chunk, strict=True)]
        starts = list(product(*places))
        chunks = [b""] * len(starts)

        def compress(i: int) -> None:
            chunks[i] = self._compressed(volume, starts[i])

        Threads().for_each(compress, len(starts))
        if not any(chunks):
            return []
        index = np.full((len(starts), 2), np.iinfo("<u8").max, "<u8")
        sizes = np.array([len(chunk) for chunk in chunks])
        there = sizes > 0
        index[there, 0] = (np.cumsum(sizes) - sizes)[there]
        index[there, 1] = sizes[there]
        ends = index.tobytes()
        return [*chunks, ends, crc32c(ends).to_bytes(4, "little")]

    def _compressed(self, volume: np.ndarray, start: tuple[int, ...]) -> bytes:
        """Compress the chunk that begins there, padded by zeros; nothing if it only holds zeros."""
        import imagecodecs

        part = volume[tuple(slice(a, a + n) for a, n in zip(start, self.chunk, strict=True))]
        missing = [(0, n - m) for n, m in zip(self.chunk, part.shape, strict=True)]
        chunk = np.pad(part, missing) if part.shape != self.chunk else part
        pixels: Any = np.ascontiguousarray(chunk, self.dtype)
        if not pixels.view(np.uint8).max():  # so -0.0 is a value of its own, as it is for zarr
            return b""
        compressed = imagecodecs.blosc_encode(
            pixels,
            level=self.blosc["clevel"],
            compressor=self.blosc["cname"],
            shuffle=self.blosc["shuffle"],
            typesize=self.blosc["typesize"],
            blocksize=self.blosc["blocksize"],
            numthreads=1,  # more put their blocks in whatever order they end
        )
        assert isinstance(compressed, bytes)
        return compressed
