"""Exports on a cluster give the same files, and its troubles are told in words."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.errors import Cancelled, ExportError
from napari_lazy_pipeline.exports import cluster, cluster_connection, scheduler_address
from napari_lazy_pipeline.exports.destination import Destination
from napari_lazy_pipeline.exports.export import export
from napari_lazy_pipeline.io import open_stack
from napari_lazy_pipeline.steps import Convert, Deskew, Select, SubtractBackground

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def local() -> Iterator[Any]:
    """Two workers, processes of their own, with two threads each."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=2, processes=True, dashboard_address=":0"
    ) as running:
        yield running


@pytest.fixture(scope="module")
def scheduler(local: Any) -> str:
    return str(local.scheduler_address)


@pytest.fixture(autouse=True)
def _nobody_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy computer a worker that lives may be silent for long."""
    monkeypatch.setattr(cluster_connection, "SILENCE", 200.0)


@pytest.fixture
def processed(raw_folder: Path) -> Any:
    steps = (SubtractBackground(value=100), Deskew(angle=31.5))
    stack = open_stack(raw_folder, voxel_size=(0.3, 0.1, 0.1))
    return Pipeline(steps=steps).apply(stack)


@pytest.mark.parametrize("kind", ["tiff", "ome-zarr"])
def test_the_same_files_as_here(kind: Any, scheduler: str, processed: Any, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    there = export(
        processed, tmp_path / "there", format=kind, scheduler=scheduler,
        progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    here = export(processed, tmp_path / "here", format=kind)
    assert there.complete and len(there.written) == len(here.written) == 6
    assert seen == [(done, 6) for done in range(7)]
    for path in here.written:
        other = tmp_path / "there" / path.relative_to(here.folder)
        if kind == "tiff":
            np.testing.assert_array_equal(tifffile.imread(other), tifffile.imread(path))
        else:
            assert other.read_bytes() == path.read_bytes()
    again = export(processed, tmp_path / "there", format=kind, scheduler=scheduler)
    assert not again.written and len(again.kept) == 6


def test_stages_and_projections_are_those_of_here(
    scheduler: str, processed: Any, tmp_path: Path
) -> None:
    options: Any = {"stages": ["subtract_background"], "projections": "z"}
    export(processed, tmp_path / "here", **options)
    report = export(processed, tmp_path / "there", scheduler=scheduler, **options)
    assert report.complete and len(report.written) == report.total == 12
    files = [path.relative_to(tmp_path / "here") for path in (tmp_path / "here").rglob("*.tif")]
    assert len(files) == 24
    for name in files:
        there = tifffile.imread(tmp_path / "there" / name)
        np.testing.assert_array_equal(there, tifffile.imread(tmp_path / "here" / name))


def test_remarks_come_back(scheduler: str, raw_folder: Path, tmp_path: Path) -> None:
    stack = Pipeline([Convert(dtype="uint8")]).apply(
        open_stack(raw_folder, voxel_size=(0.3, 0.1, 0.1))
    )
    here = export(stack, tmp_path / "here", t=[0])
    there = export(stack, tmp_path / "there", t=[0], scheduler=scheduler)
    assert len(here.remarks) == 2 and sorted(there.remarks) == sorted(here.remarks)


@pytest.mark.filterwarnings("ignore::napari_lazy_pipeline.errors.BadFileWarning")
def test_bad_files_are_listed_and_the_rest_goes_on(
    scheduler: str, processed: Any, raw_folder: Path, tmp_path: Path
) -> None:
    bad = Path(open_stack(raw_folder).source.path(1, 0))  # type: ignore[attr-defined]
    whole = bad.read_bytes()
    bad.write_bytes(whole[:100])
    report = export(processed, tmp_path, scheduler=scheduler)
    assert [(one.t, one.c) for one in report.failed] == [(1, 0)] and len(report.written) == 5
    assert bad.name in report.failed[0].why
    bad.write_bytes(whole)
    assert export(processed, tmp_path, scheduler=scheduler).complete


@pytest.mark.filterwarnings("ignore::napari_lazy_pipeline.errors.BadFileWarning")
def test_a_bad_file_fails_the_stages_that_are_made_of_it(
    scheduler: str, raw_folder: Path, tmp_path: Path
) -> None:
    stack = open_stack(raw_folder, voxel_size=(0.3, 0.1, 0.1))
    bad = Path(stack.source.path(1, 0))  # type: ignore[attr-defined]
    bad.write_bytes(bad.read_bytes()[:100])
    view = Pipeline([Select(times=(1, 0))]).apply(stack)
    report = export(view, tmp_path, c=[0], stages=[0], scheduler=scheduler)
    assert {(one.t, one.stage) for one in report.failed} == {(1, "raw"), (0, "")}
    assert {path.relative_to(tmp_path).as_posix() for path in report.written} == {
        "cell_ch0_t0001.tif", "raw/cell_ch0_t0002.tif",
    }  # fmt: skip


def test_when_cancelled_what_is_under_way_is_finished(
    scheduler: str, processed: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "_VOLUMES_PER_THREAD", 0.25)
    done: list[int] = []
    report = export(
        processed, tmp_path, scheduler=scheduler, cancelled=lambda: len(done) > 2,
        progress=lambda count, _: done.append(count),
    )  # fmt: skip
    assert report.cancelled and len(report.written) == 2
    rest = export(processed, tmp_path, scheduler=scheduler)
    assert rest.complete and len(rest.kept) == 2


def test_the_window_does_not_use_the_cluster(
    scheduler: str, processed: Any, tmp_path: Path
) -> None:
    """A client of ours does not become the scheduler of everything else."""
    with cluster.connect(scheduler):
        with pytest.raises(ValueError, match="No clients found"):
            distributed.default_client()
        assert processed.data[0, 0].compute().shape == processed.spec.shape


def test_who_computes_is_said_in_words(
    scheduler: str, raw_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = cluster.describe_cluster(scheduler, str(raw_folder))
    package = f"napari-lazy-pipeline {version('napari-lazy-pipeline')} as here"
    assert text == f"2 workers with 4 threads on 1 computer; {package}"
    with pytest.raises(ExportError, match=r"does not see .*elsewhere"):
        cluster.describe_cluster(scheduler, str(raw_folder / "elsewhere"))
    with cluster.connect(scheduler) as connection:
        versions = connection.client.get_versions()
    versions["client"]["packages"].update(numpy="1.0")
    monkeypatch.setattr(distributed.Client, "get_versions", lambda self: versions)
    other = f"numpy {np.__version__}, but 1.0 here"
    assert cluster.describe_cluster(scheduler) == f"{text}; {other}"


def test_nobody_answers(processed: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler_address, "TIMEOUT", 1)
    with pytest.raises(ExportError, match=r"does not answer.*Check its address"):
        export(processed, tmp_path / "out", scheduler="tcp://127.0.0.1:1")
    with pytest.raises(ExportError, match="does not answer"):
        export(processed, tmp_path / "out", scheduler="no address")
    assert not (tmp_path / "out").exists()


def test_who_waits_for_an_answer_may_cancel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a client that waits in vain, the garbage collector waits for 20 s: none is made."""
    monkeypatch.setattr(distributed, "Client", None)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(Cancelled):
            cluster.describe_cluster(address, cancelled=lambda: True)
        monkeypatch.setattr(scheduler_address, "TIMEOUT", 0.1)
        with pytest.raises(ExportError, match=r"does not answer.*within 0\.1 s"):
            cluster.describe_cluster(address)


def test_no_workers(local: Any, processed: Any, tmp_path: Path) -> None:
    # In the loop that runs: a busy machine may take longer to start one than distributed waits.
    settings = {"n_workers": 0, "processes": False, "dashboard_address": ":0", "loop": local.loop}
    with (
        distributed.LocalCluster(**settings) as empty,
        pytest.raises(ExportError, match="has no workers"),
    ):
        export(processed, tmp_path, scheduler=empty.scheduler_address)


def test_another_version_on_the_workers(
    scheduler: str, processed: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "version", lambda name: "99.9")
    with pytest.raises(ExportError, match=r"here it is 99\.9"):
        export(processed, tmp_path, scheduler=scheduler)


def test_a_worker_that_does_not_see_the_data(
    scheduler: str, processed: Any, raw_folder: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    folders = str(raw_folder / "elsewhere"), str(tmp_path)
    monkeypatch.setattr(Destination, "folders", folders)
    with pytest.raises(ExportError, match=r"does not see .*elsewhere"):
        export(processed, tmp_path / "out", scheduler=scheduler)


def test_without_distributed(
    processed: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    assert cluster.unavailable() is None
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert "pip install 'napari-lazy-pipeline[cluster]'" in str(cluster.unavailable())
    with pytest.raises(ExportError, match=r"pip install 'napari-lazy-pipeline\[cluster\]'"):
        export(processed, tmp_path, scheduler="tcp://127.0.0.1:8786")
