"""Units: several processes write one export; any of them may be killed at any moment."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from interrupting import at_call, command, environment, write_job
from napari_lazy_pipeline import Recipe, cli, export
from napari_lazy_pipeline.errors import ExportError
from napari_lazy_pipeline.exports.unit import Unit
from napari_lazy_pipeline.image import Stack

KINDS = "tiff", "ome-zarr"
MORE = {"stages": [1], "projections": ["z"]}
LOG, FRESH = "napari_lazy_pipeline.exports.export_log", "napari_lazy_pipeline._runtime.fresh_file"
RECORDS = "napari_lazy_pipeline.exports.destination"
MOMENTS = {
    "before the journal": (LOG, "ExportLog.begin"),
    "before the recipe": (RECORDS, "write_records"),
    "before a file has its name": (FRESH, "_give_name"),
    "before a line of the journal": (LOG, "ExportLog.finish"),
    "between the line and the next volume": (
        "napari_lazy_pipeline.compute.pipeline_source", "PipelineSource.read",
    ),
}  # fmt: skip


def content(folder: Path) -> dict[str, bytes]:
    """All files, hidden ones too; of the provenance, what is not the date."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            if path.name.endswith("_provenance.json"):
                data = json.dumps({**json.loads(data), "date": ""}).encode()
            found[path.relative_to(folder).as_posix()] = data
    return found


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_job(tmp_path_factory.mktemp("job"), times=3)


@pytest.fixture(scope="module")
def stack(job: Path) -> Stack:
    recipe = Recipe.load(job)
    return recipe.pipeline.apply(recipe.open())


@pytest.fixture(scope="module")
def wholes(stack: Stack, job: Path) -> dict[str, dict[str, bytes]]:
    """What one run writes, of each format."""
    found = {}
    for kind in KINDS:
        folder = job.parent / f"whole {kind}"
        export(stack, folder, format=kind, **MORE)
        found[kind] = content(folder)
    return found


@pytest.fixture
def out(job: Path, tmp_path: Path) -> Path:
    """A folder beside the others: the recipe in it names the raw files relative to itself."""
    return job.parent / tmp_path.name


@pytest.mark.parametrize("kind", KINDS)
def test_units_and_a_last_run_write_what_one_run_does(
    kind: str, wholes: dict[str, dict[str, bytes]], stack: Stack, out: Path
) -> None:
    wanted = wholes[kind]
    order = 3, 1, 4, 2
    shares = [export(stack, out, format=kind, unit=Unit(n, 4), **MORE).written for n in order]
    assert [len(share) for share in shares] == [2, 4, 2, 4]  # 2 stages of 6 volumes
    assert len({path for share in shares for path in share}) == 12
    before = content(out)
    journals = {name for name in before if name.endswith(".jsonl")}
    assert len(journals) == 8 and journals.isdisjoint(wanted)
    report = export(stack, out, format=kind, **MORE)
    assert report.complete and not report.written
    assert content(out) == wanted


@pytest.mark.parametrize("kind", KINDS)
def test_what_no_unit_wrote_is_written_by_the_last_run(
    kind: str, wholes: dict[str, dict[str, bytes]], stack: Stack, out: Path
) -> None:
    wanted = wholes[kind]
    export(stack, out, format=kind, unit=Unit(2, 3), **MORE)
    assert len(export(stack, out, format=kind, **MORE).written) == 8
    assert content(out) == wanted


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
@pytest.mark.parametrize(
    ("name", "kind"),
    [*((name, "tiff") for name in MOMENTS), *((name, "ome-zarr") for name in list(MOMENTS)[2:4])],
)
def test_a_unit_that_was_killed_is_run_again(
    name: str, kind: str, wholes: dict[str, dict[str, bytes]], stack: Stack, job: Path,
    out: Path,
) -> None:  # fmt: skip
    wanted = wholes[kind]
    words = "run", job, "--out", out, "--format", kind, "--stage", "1", "--mip", "z"
    event = at_call(*MOMENTS[name], number="SIGKILL")
    killed = subprocess.run(
        command(*words, "--units", "1/2", event=event), env=environment(), timeout=240
    )
    assert killed.returncode == -signal.SIGKILL
    left = content(out)
    # How bright each channel is shown, in the zarr.json, is added by the last run.
    shared = {name for name in left if name in wanted and not name.endswith("zarr.json")}
    assert all(left[name] == wanted[name] for name in shared)
    for unit in ("2/2", "1/2"):
        assert cli.main([*map(str, words), "--units", unit]) == 0
    assert cli.main([*map(str, words)]) == 0
    assert content(out) == wanted


@pytest.mark.parametrize("kind", KINDS)
def test_units_that_begin_at_once(kind: str, stack: Stack, job: Path, out: Path) -> None:
    words = "run", job, "--out", out, "--format", kind
    units = [
        subprocess.Popen(
            command(*words, "--units", f"{n}/3"), env=environment(),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for n in (1, 2, 3)
    ]  # fmt: skip
    said = [unit.communicate(timeout=240) for unit in units]
    assert [unit.returncode for unit in units] == [0, 0, 0], said
    assert cli.main([*map(str, words)]) == 0
    whole = out.with_name(f"{out.name}_whole")
    export(stack, whole, format=kind)
    assert content(out) == content(whole)


def test_other_settings_than_those_of_another_unit(stack: Stack, tmp_path: Path) -> None:
    export(stack, tmp_path, unit=Unit(1, 2))
    with pytest.raises(ExportError, match="other settings"):
        export(stack, tmp_path, dtype="uint8", unit=Unit(2, 2))


def test_a_store_of_fewer_time_points(stack: Stack, job: Path, tmp_path: Path) -> None:
    fewer = write_job(tmp_path, times=2)
    recipe = Recipe.load(fewer)
    before = recipe.pipeline.apply(recipe.open())
    export(before, tmp_path / "out", format="ome-zarr", unit=Unit(1, 2))
    write_job(tmp_path, times=3)
    grown = recipe.pipeline.apply(recipe.open())
    with pytest.raises(ExportError, match="There are more time points"):
        export(grown, tmp_path / "out", format="ome-zarr", unit=Unit(2, 2))
    export(grown, tmp_path / "out", format="ome-zarr", t=[0])
    for number in (1, 2):
        assert export(grown, tmp_path / "out", format="ome-zarr", unit=Unit(number, 2)).complete
