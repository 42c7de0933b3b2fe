"""OME-Zarr exports: valid, right in every resolution, and completed by the next run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skimage.transform import downscale_local_mean

from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.errors import ExportError
from napari_lazy_pipeline.exports.export import export
from napari_lazy_pipeline.exports.formats import format_names, get_format
from napari_lazy_pipeline.exports.formats.ome_zarr import block_mean, chunk_shape, level_factors
from napari_lazy_pipeline.image import Stack, VolumeSpec
from napari_lazy_pipeline.image.problem_log import ProblemLog
from napari_lazy_pipeline.io import open_stack
from napari_lazy_pipeline.steps import SubtractBackground

zarr = pytest.importorskip("zarr")
yaozarrs = pytest.importorskip("yaozarrs")


class Noise:
    """Volumes of noise; counts how often each is made."""

    folder = None
    token = "noise"

    def __init__(
        self, times: int = 2, shape: tuple[int, int, int] = (5, 70, 90), dtype: str = "uint16"
    ) -> None:
        self.sizes = (times, 2)
        self.spec = VolumeSpec(shape, dtype, (0.3, 0.1, 0.2), (1.0, 2.0, 3.0))
        self.problems = ProblemLog()
        self.made: list[tuple[int, int]] = []

    def identity(self, t: int, c: int) -> tuple[int, int]:
        return t, c

    def truth(self, t: int, c: int) -> np.ndarray:
        rng = np.random.default_rng(10 * t + c)
        return rng.integers(0, 4000, self.spec.shape).astype(self.spec.dtype)

    def read(self, t: int, c: int) -> np.ndarray:
        self.made.append((t, c))
        return self.truth(t, c)

    __call__ = read


def stack_of(source: Noise) -> Stack:
    return Stack(source, ("488", "560"), time_interval=2.5)


def written(folder: Path) -> Any:
    return zarr.open_group(str(folder / "volume.ome.zarr"), mode="r")


def test_it_is_valid_and_says_where_it_is(tmp_path: Path) -> None:
    source = Noise(shape=(5, 70, 1300))
    report = export(stack_of(source), tmp_path, format="ome-zarr")
    assert report.complete and len(report.written) == 4
    yaozarrs.validate_zarr_store(str(tmp_path / "volume.ome.zarr"))
    image = written(tmp_path).attrs["ome"]["multiscales"][0]
    assert [axis["name"] for axis in image["axes"]] == list("tczyx")
    assert [axis.get("unit") for axis in image["axes"]] == ["second", None] + ["micrometer"] * 3
    scales = [level["coordinateTransformations"][0]["scale"] for level in image["datasets"]]
    assert scales == [[2.5, 1, 0.3, 0.1 * f, 0.2 * f] for f in (1, 2, 4)]
    moved = image["datasets"][1]["coordinateTransformations"][1]["translation"]
    np.testing.assert_allclose(moved, [0, 0, 1.0, 2.05, 3.1])
    channels = written(tmp_path).attrs["ome"]["omero"]["channels"]
    assert [one["label"] for one in channels] == ["488", "560"]
    # Noise from 0 to 4000, averaged over 4 x 4.
    assert all(
        500 < one["window"]["start"] < 1900 < one["window"]["end"] < 3500 for one in channels
    )


def test_the_display_window_of_floats_holds_the_data(tmp_path: Path) -> None:
    """A ratio, a difference: the type has no ends, and NaN stands for nothing."""
    volume = np.linspace(-3, 5, 3 * 40 * 50, dtype="float32").reshape(3, 40, 50)
    volume[0, 0] = np.nan
    export(Stack.from_array(volume, (0.3, 0.1, 0.1)), tmp_path, format="ome-zarr")
    (channel,) = written(tmp_path).attrs["ome"]["omero"]["channels"]
    window = channel["window"]
    assert window["min"] <= window["start"] < -2.7 and 4.9 < window["end"] <= window["max"]


def test_an_interval_that_is_known_later_is_that_of_all(tmp_path: Path) -> None:
    """As in a folder that is watched from its first time point on."""
    alone = replace(stack_of(Noise(1, (3, 20, 600))), time_interval=None)
    export(alone, tmp_path, format="ome-zarr")
    for interval in (2.5, 4.0):
        stack = replace(stack_of(Noise(3, (3, 20, 600))), time_interval=interval)
        assert export(stack, tmp_path, format="ome-zarr").complete
        yaozarrs.validate_zarr_store(str(tmp_path / "volume.ome.zarr"))
        image = written(tmp_path).attrs["ome"]["multiscales"][0]
        scales = [level["coordinateTransformations"][0]["scale"] for level in image["datasets"]]
        assert scales == [[interval, 1, 0.3, 0.1 * f, 0.2 * f] for f in (1, 2)]
        assert image["axes"][0] == {"name": "t", "type": "time", "unit": "second"}


def test_the_contrast_is_not_that_of_an_edge(tmp_path: Path) -> None:
    """Every 64th voxel of these would be of the same column."""
    volume = np.full((64, 512, 512), 100, np.uint16)
    volume[:, :, 100:420] = 3100
    export(Stack.from_array(volume, (0.3, 0.1, 0.1)), tmp_path, format="ome-zarr")
    (channel,) = written(tmp_path).attrs["ome"]["omero"]["channels"]
    assert (channel["window"]["start"], channel["window"]["end"]) == (100, 3100)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_the_pixels_of_every_resolution(dtype: Any, tmp_path: Path) -> None:
    source = Noise(shape=(3, 67, 1101), dtype="uint16")
    export(stack_of(source), tmp_path, format="ome-zarr", dtype=dtype)
    for t, c in np.ndindex(2, 2):
        truth = np.clip(source.truth(t, c), 0, 255 if dtype == "uint8" else None).astype(dtype)
        for level, (_, fy, fx) in enumerate(level_factors(source.spec.shape)):
            found = written(tmp_path)[str(level)][t, c]
            assert found.dtype == dtype
            cut = truth[:, : 67 // fy * fy, : 1101 // fx * fx].astype(np.float64)
            mean = downscale_local_mean(cut, (1, fy, fx))
            atol = 0.5001 if dtype != "float32" else 1e-2
            np.testing.assert_allclose(found, mean, atol=atol)
        assert (written(tmp_path)["0"][t, c] == truth).all()


def test_our_own_reader_opens_it(tmp_path: Path) -> None:
    source = Noise()
    export(stack_of(source), tmp_path, format="ome-zarr")
    stack = open_stack(tmp_path / "volume.ome.zarr")
    assert stack.shape == (2, 2, 5, 70, 90)
    assert (stack.voxel_size, stack.time_interval) == ((0.3, 0.1, 0.2), 2.5)
    assert stack.channel_names == ("488", "560")
    np.testing.assert_array_equal(stack.volume(1, 1), source.truth(1, 1))


def test_a_volume_is_one_file_a_resolution(tmp_path: Path) -> None:
    export(stack_of(Noise()), tmp_path, format="ome-zarr")
    files = [path for path in (tmp_path / "volume.ome.zarr").rglob("*") if path.is_file()]
    assert sorted(path.name for path in files) == ["0"] * 4 + ["zarr.json"] * 2


def test_a_run_that_was_stopped_is_completed(tmp_path: Path) -> None:
    source = Noise(times=3)
    seen: list[int] = []
    first = export(
        stack_of(source), tmp_path, format="ome-zarr",
        progress=lambda done, total: seen.append(done), cancelled=lambda: seen[-1:] == [3],
    )  # fmt: skip
    assert first.cancelled and len(first.written) == 3
    source.made.clear()
    second = export(stack_of(source), tmp_path, format="ome-zarr")
    assert second.complete and len(second.kept) == 3 and len(source.made) == 3
    for t, c in np.ndindex(3, 2):
        np.testing.assert_array_equal(written(tmp_path)["0"][t, c], source.truth(t, c))


# Where the process dies: how often that place is passed before, and how many volumes are done.
@pytest.mark.parametrize(
    ("where", "passed", "done"),
    [
        ("layout", 1, 0),  # the store has its metadata and one of three arrays
        ("named", 4, 1),  # the second volume is written, but has not got its name
        ("named", 5, 1),  # one of three resolutions of the second volume is there
        ("finished", 2, 2),  # the third volume is there, but the journal does not say so
    ],
)
def test_a_killed_run_leaves_a_store_that_is_completed(
    tmp_path: Path, where: str, passed: int, done: int
) -> None:
    run = f"run_and_die({str(tmp_path)!r}, {where!r}, {passed})"
    code = f"import test_ome_zarr_export\ntest_ome_zarr_export.{run}"
    killed = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent, timeout=100)
    assert killed.returncode == DIED
    assert bool(list(tmp_path.glob(".*.part"))) == (where != "finished")
    assert (tmp_path / "volume.ome.zarr").exists() == (where != "layout")
    if where != "layout":
        yaozarrs.validate_zarr_store(str(tmp_path / "volume.ome.zarr"))
    source = Noise(shape=(5, 70, 1300))
    report = export(stack_of(source), tmp_path, format="ome-zarr")
    assert report.complete and (len(report.kept), len(report.written)) == (done, 4 - done)
    yaozarrs.validate_zarr_store(str(tmp_path / "volume.ome.zarr"))
    for t, c in np.ndindex(2, 2):
        for level, factors in enumerate(level_factors(source.spec.shape)):
            expected = block_mean(source.truth(t, c), factors)
            np.testing.assert_array_equal(written(tmp_path)[str(level)][t, c], expected)
    assert not [path for path in tmp_path.rglob("*") if path.suffix == ".part"]


DIED = 77


def run_and_die(folder: str, where: str, passed: int) -> None:
    """Export until a place was passed so many times, and then end as if the power had gone."""
    from napari_lazy_pipeline.exports.formats import ome_zarr

    owner, name = {
        "layout": (ome_zarr, "_create_array"),
        "named": (os, "link"),
        "finished": (ome_zarr.OmeZarr, "finish"),
    }[where]
    original, left = getattr(owner, name), iter(range(passed))

    def deadly(*arguments: Any, **options: Any) -> Any:
        if next(left, None) is None:
            os._exit(DIED)
        return original(*arguments, **options)

    setattr(owner, name, deadly)
    export(stack_of(Noise(shape=(5, 70, 1300))), Path(folder), format="ome-zarr")


def test_volumes_of_zeros_are_not_made_again(tmp_path: Path) -> None:
    source = Noise()
    dark = Pipeline(steps=(SubtractBackground(value=60_000),))
    for _ in range(2):
        report = export(dark.apply(stack_of(source)), tmp_path, format="ome-zarr")
    assert len(report.kept) == 4 and not report.written


def test_a_file_of_others_in_the_store_is_not_written_over(tmp_path: Path) -> None:
    """The journal does not know it, and it is not what a crash left before the journal."""
    source = Noise()
    export(stack_of(source), tmp_path, format="ome-zarr")
    journal = tmp_path / "volume_export.jsonl"
    lines = journal.read_text().splitlines()
    journal.write_text("\n".join(lines[:-1]))
    shard = tmp_path / json.loads(lines[-1])["file"]
    whole = shard.read_bytes()
    shard.write_bytes(b"mine")
    report = export(stack_of(source), tmp_path, format="ome-zarr")
    assert len(report.kept) == 3 and "another file is there already" in report.failed[0].why
    assert shard.read_bytes() == b"mine"
    shard.unlink()
    assert export(stack_of(source), tmp_path, format="ome-zarr").complete
    assert shard.read_bytes() == whole


def test_what_was_made_otherwise_is_not_mixed_in(tmp_path: Path) -> None:
    export(stack_of(Noise()), tmp_path, format="ome-zarr")
    other = Pipeline(steps=(SubtractBackground(value=7),)).apply(stack_of(Noise()))
    with pytest.raises(ExportError, match="with other settings"):
        export(other, tmp_path, format="ome-zarr")
    (tmp_path / "volume_export.jsonl").unlink()
    with pytest.raises(ExportError, match="no journal says"):
        export(stack_of(Noise()), tmp_path, format="ome-zarr")


def test_what_it_was_made_from_is_in_the_store(tmp_path: Path) -> None:
    made = Pipeline(steps=(SubtractBackground(value=7),)).apply(stack_of(Noise()))
    export(made, tmp_path, format="ome-zarr")
    about = written(tmp_path).attrs["napari_lazy_pipeline"]
    assert about["steps"][0]["value"] == 7 and about["engine"] == "cpu"


def test_without_the_library_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_lazy_pipeline.exports.formats import ome_zarr

    monkeypatch.setattr(ome_zarr, "find_spec", lambda name: None if name == "yaozarrs" else 1)
    with pytest.raises(ExportError, match=r"OME-Zarr cannot be written.*yaozarrs.*pip install"):
        export(stack_of(Noise()), tmp_path, format="ome-zarr")


def test_formats_by_name() -> None:
    assert format_names() == ("tiff", "ome-zarr")
    with pytest.raises(ExportError, match="tiff, ome-zarr"):
        get_format("hdf5")


def test_resolutions_halve_y_and_x_and_average_integers_rounded() -> None:
    assert level_factors((64, 1024, 1500)) == [(1, 1, 1), (1, 2, 2), (1, 4, 4)]
    volume = np.arange(8, dtype="uint16").reshape(1, 2, 4)
    assert block_mean(volume, (1, 2, 2)).tolist() == [[[2, 4]]]


@pytest.mark.parametrize("shape", [(2, 1300, 1), (1, 3, 2100)])
def test_a_narrow_axis_becomes_one_voxel(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    source = Noise(times=1, shape=shape)
    export(stack_of(source), tmp_path, format="ome-zarr")
    group = zarr.open_group(str(tmp_path / "volume.ome.zarr"), mode="r")
    for level, factors in enumerate(level_factors(shape)):
        _, y, x = (n // f for n, f in zip(shape, factors, strict=True))
        cut = source.truth(0, 1)[:, : y * factors[1], : x * factors[2]]
        expected = np.rint(downscale_local_mean(cut.astype(np.float32), factors))
        np.testing.assert_array_equal(group[str(level)][0, 1], expected)
        (scale, place) = group.attrs["ome"]["multiscales"][0]["datasets"][level][
            "coordinateTransformations"
        ]
        first = np.array([1.0, 2.0, 3.0]) + (np.array(factors) - 1) / 2 * [0.3, 0.1, 0.2]
        np.testing.assert_allclose(scale["scale"][2:], np.multiply(factors, (0.3, 0.1, 0.2)))
        np.testing.assert_allclose(place["translation"][2:], first)
    assert level > 0


@pytest.mark.parametrize(
    ("shape", "chunk"),
    [
        ((110, 256, 290), (7, 256, 290)),
        ((60, 2048, 2048), (2, 512, 512)),
        ((3, 513, 600), (3, 257, 300)),
        ((1, 5000, 1), (1, 500, 1)),
        ((100_000, 4, 4), (25_000, 4, 4)),
        ((1, 1, 1), (1, 1, 1)),
    ],
)
def test_chunks_are_as_large_as_each_other(
    shape: tuple[int, int, int], chunk: tuple[int, int, int]
) -> None:
    assert chunk_shape(shape) == chunk


def test_a_volume_of_odd_chunks_is_what_zarr_reads(tmp_path: Path) -> None:
    source = Noise(1, (23, 391, 530))
    export(stack_of(source), tmp_path, format="ome-zarr")
    array = written(tmp_path)["0"]
    assert array.chunks == (1, 1, 5, 391, 265)
    np.testing.assert_array_equal(array[0, 1], source.truth(0, 1))
