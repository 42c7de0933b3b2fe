"""Files of volumes in OME-Zarr: zarr reads what was put into them, and takes no other bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_lazy_pipeline._runtime.threads import Threads
from napari_lazy_pipeline.errors import ExportError
from napari_lazy_pipeline.exports.export import export
from napari_lazy_pipeline.exports.formats import zarr_shard
from napari_lazy_pipeline.exports.formats.zarr_shard import ShardLayout
from napari_lazy_pipeline.image import Stack

zarr = pytest.importorskip("zarr")
pytest.importorskip("yaozarrs")

CHUNK = (4, 16, 16)


def array_of(
    folder: Path, shape: tuple[int, ...], dtype: str, compressor: Any = None, chunk: Any = CHUNK
) -> tuple[Any, ShardLayout]:
    """An array of one volume, as zarr makes it, and how its file is laid out."""
    shard = [-(-n // m) * m for n, m in zip(shape, chunk, strict=True)]
    array = zarr.create_array(
        str(folder / "a"), shape=(1, 1, *shape), chunks=(1, 1, *chunk), shards=(1, 1, *shard),
        dtype=dtype, zarr_format=3, compressors=compressor or zarr.codecs.BloscCodec(cname="lz4"),
    )  # fmt: skip
    return array, ShardLayout.of(json.loads((folder / "a" / "zarr.json").read_text()))


def put(folder: Path, layout: ShardLayout, volume: np.ndarray) -> Path:
    file = folder / "a" / "c" / "0" / "0" / "0" / "0" / "0"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"".join(layout.encode(volume)))
    return file


def noise(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    values = np.random.default_rng(3).integers(0, 250, shape)
    return values.astype(dtype)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("shape", [(4, 16, 16), (5, 16, 33), (1, 3, 2), (9, 40, 17)])
@pytest.mark.parametrize("codec", ["lz4", "zstd"])
def test_zarr_reads_the_same_pixels(
    tmp_path: Path, shape: tuple[int, int, int], dtype: str, codec: str
) -> None:
    array, layout = array_of(tmp_path, shape, dtype, zarr.codecs.BloscCodec(cname=codec))
    volume = noise(shape, dtype)
    put(tmp_path, layout, volume)
    assert array[0, 0].tobytes() == volume.tobytes()


def test_a_float_that_is_no_number_is_kept(tmp_path: Path) -> None:
    array, layout = array_of(tmp_path, (5, 20, 20), "float32")
    volume = np.full((5, 20, 20), np.nan, "float32")
    volume[0, 0, :3] = -np.inf, np.inf, 1e-40
    put(tmp_path, layout, volume)
    assert array[0, 0].tobytes() == volume.tobytes()


def test_a_zero_below_zero_is_kept(tmp_path: Path) -> None:
    array, layout = array_of(tmp_path, (5, 20, 20), "float32")
    volume = np.full((5, 20, 20), -0.0, "float32")
    put(tmp_path, layout, volume)
    assert array[0, 0].tobytes() == volume.tobytes()


def test_chunks_of_zeros_take_no_room(tmp_path: Path) -> None:
    array, layout = array_of(tmp_path, (8, 32, 32), "uint16")
    volume = np.zeros((8, 32, 32), "uint16")
    assert layout.encode(volume) == []
    volume[7, 31, 31] = 9
    file = put(tmp_path, layout, volume)
    np.testing.assert_array_equal(array[0, 0], volume)
    index = np.frombuffer(file.read_bytes()[-8 * 16 - 4 : -4], "<u8").reshape(8, 2)
    assert (index[:7] == 2**64 - 1).all() and index[7].tolist() == [0, file.stat().st_size - 132]


def test_other_memory_orders_are_the_same_pixels(tmp_path: Path) -> None:
    array, layout = array_of(tmp_path, (6, 20, 30), "uint16")
    volume = noise((30, 20, 6), ">u2").T
    put(tmp_path, layout, volume)
    np.testing.assert_array_equal(array[0, 0], volume)


def test_chunks_are_those_of_zarr(tmp_path: Path) -> None:
    """Byte by byte, for chunks in one row: of several rows, zarr has another order."""
    array, layout = array_of(tmp_path, (4, 16, 40), "uint16")
    volume = noise((4, 16, 40), "uint16")
    ours = b"".join(layout.encode(volume))
    array[0, 0] = volume
    assert (tmp_path / "a" / "c" / "0" / "0" / "0" / "0" / "0").read_bytes() == ours


def test_any_number_of_threads_makes_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, layout = array_of(tmp_path, (16, 80, 80), "uint16")
    volume, made = noise((16, 80, 80), "uint16"), []
    for count in (1, 2, 7):
        monkeypatch.setattr(zarr_shard, "Threads", lambda count=count: Threads(count))
        made.append(b"".join(layout.encode(volume)))
    assert made[0] == made[1] == made[2]


@pytest.mark.parametrize(
    "damage",
    [
        lambda node: node["codecs"].append({"name": "gzip"}),
        lambda node: node.update(codecs=[{"name": "bytes"}]),
        lambda node: node.update(fill_value=7),
        lambda node: node.update(shape=[1, 2]),
        lambda node: node["codecs"][0]["configuration"].update(index_location="start"),
        lambda node: node["codecs"][0]["configuration"]["codecs"].insert(0, {"name": "transpose"}),
        lambda node: node["codecs"][0]["configuration"]["codecs"][0].update(
            configuration={"endian": "big"}
        ),
    ],
)
def test_a_store_that_is_laid_out_otherwise_is_refused(tmp_path: Path, damage: Any) -> None:
    """Its files would be read as something else."""
    volumes = noise((2, 1, 3, 20, 20), "uint16")
    stack = Stack.from_array(volumes, (0.3, 0.1, 0.1))
    export(stack, tmp_path, t=[0], format="ome-zarr")
    path = tmp_path / "volume.ome.zarr" / "0" / "zarr.json"
    node = json.loads(path.read_text())
    damage(node)
    path.write_text(json.dumps(node))
    with pytest.raises(ExportError, match="Choose an empty folder"):
        export(stack, tmp_path, format="ome-zarr")
    assert not (path.parent / "c" / "1").exists()
