"""Whatever lies where an export writes: it stays, raw data stay, and a sentence is said."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foreign_things import SPECIAL, THINGS, Put, content_of, state
from napari_lazy_pipeline import Pipeline, Recipe, cli, export, open_stack
from napari_lazy_pipeline.errors import ExportError, LazyPipelineError
from napari_lazy_pipeline.exports.job import Job, JobSettings
from napari_lazy_pipeline.exports.output_name import shortened
from napari_lazy_pipeline.exports.queue import ExportQueue
from napari_lazy_pipeline.image import Stack
from napari_lazy_pipeline.psf import make_otf, save_psf
from napari_lazy_pipeline.psf.radial_otf import save_otf
from napari_lazy_pipeline.steps import SubtractBackground
from stacks import gaussian_psf, write_raw

pytestmark = pytest.mark.timeout(120)  # it only matters if something hangs

SIZE = (0.3, 0.1, 0.1)
SHARD = "cell.ome.zarr/{level}/c/1/0/0/0/0"


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return write_raw(tmp_path / "cell", times=3, channels=1, shape=(2, 8, 700))


@pytest.fixture
def view(raw: Path) -> Stack:
    return Pipeline([SubtractBackground(value=50)]).apply(open_stack(raw, voxel_size=SIZE))


def run(view: Stack, out: Path, **options: Any) -> str:
    """Export; return what is said if it is not complete."""
    try:
        report = export(view, out, projections="z", stages=[0], **options)
    except LazyPipelineError as error:
        return str(error)
    return "\n".join(failure.why for failure in report.failed)


def put(thing: Put, place: Path, raw: Path) -> tuple[object, ...]:
    place.parent.mkdir(parents=True, exist_ok=True)
    thing(place, min(raw.iterdir()))
    return state(place)


# ---- under a name that an export writes later ----------------------------------------------

LATER = {
    "volume": ("tiff", "cell_ch0_t0001.tif"),
    "projection": ("tiff", "mip_z/cell_ch0_t0001.tif"),
    "stage": ("tiff", "raw/cell_ch0_t0001.tif"),
    "shard": ("ome-zarr", SHARD.format(level=0)),
    "smaller shard": ("ome-zarr", SHARD.format(level=1)),
}


@pytest.mark.parametrize("thing", THINGS.values(), ids=THINGS.keys())
@pytest.mark.parametrize(("kind", "name"), LATER.values(), ids=LATER.keys())
def test_a_later_volume_is_not_written_over(
    view: Stack, raw: Path, tmp_path: Path, kind: Any, name: str, thing: Put
) -> None:
    """It is said of that volume; all others are written, and it is too once the way is free."""
    if kind == "ome-zarr":
        pytest.importorskip("yaozarrs")
    out, before = tmp_path / "out", content_of(raw)
    assert not run(view, out, format=kind, t=[0])
    there = put(thing, out / name, raw)
    said = run(view, out, format=kind)
    assert said.startswith("Cannot write: ") and "\n" not in said and Path(name).name in said
    assert "Move it away, and run the export again" in said
    assert state(out / name) == there and content_of(raw) == before
    stage, other = (out / "raw", out) if name.startswith("raw/") else (out, out / "raw")
    finished, others = ([line["file"] for line in _lines(one)[1:]] for one in (stage, other))
    assert len(others) == 3 and len(finished) == 2
    assert not any("t0001" in file or "c/1/" in file for file in finished)
    (out / name).rename(tmp_path / "away")
    assert not run(view, out, format=kind)
    assert not run(view, tmp_path / "whole", format=kind)
    assert _written(out) == _written(tmp_path / "whole")


def _lines(out: Path) -> list[dict[str, Any]]:
    text = (out / "cell_export.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines() if line]


def _written(out: Path) -> dict[str, bytes]:
    files = (path for path in out.rglob("*") if path.is_file() and path.name != "other")
    named = {path.relative_to(out).as_posix(): path.read_bytes() for path in files}
    return {n: content for n, content in named.items() if not n.endswith((".jsonl", ".json"))}


# ---- before it begins, and the folders in it ----------------------------------------------

BEFORE = {
    "journal": "cell_export.jsonl",
    "recipe": "cell_recipe.yaml",
    "provenance": "cell_provenance.json",
    "store": "cell.ome.zarr",
    "folder of projections": "mip_z",
    "folder of a stage": "raw",
    "folder itself": "",
}


@pytest.mark.parametrize("thing", THINGS.values(), ids=THINGS.keys())
@pytest.mark.parametrize("name", BEFORE.values(), ids=BEFORE.keys())
def test_nothing_is_begun_where_something_else_is(
    view: Stack, raw: Path, tmp_path: Path, name: str, thing: Put
) -> None:
    out, before = tmp_path / "out", content_of(raw)
    kind = "ome-zarr" if name.endswith("zarr") else "tiff"
    if kind == "ome-zarr":
        pytest.importorskip("yaozarrs")
    there = put(thing, out / name, raw)
    said = run(view, out, format=kind)
    # Folders of others may hold the folders of projections and stages.
    assert bool(said) != (name in ("mip_z", "raw", "") and thing is THINGS["folder"])
    assert "\n" not in said
    assert content_of(raw) == before
    if said:
        assert state(out / name) == there


@pytest.mark.parametrize("name", ["cell_recipe.yaml", "cell_provenance.json"])
@pytest.mark.parametrize("thing", THINGS.values(), ids=THINGS.keys())
def test_records_that_were_replaced_stay(
    view: Stack, raw: Path, tmp_path: Path, name: str, thing: Put
) -> None:
    out, before = tmp_path / "out", content_of(raw)
    run(view, out, t=[0])
    (out / name).unlink()
    there = put(thing, out / name, raw)
    assert "\n" not in run(view, out)
    assert state(out / name) == there and content_of(raw) == before


@pytest.mark.parametrize("name", ["cell.ome.zarr", "cell.ome.zarr/0", "cell.ome.zarr/0/c/1"])
def test_a_folder_of_a_store_that_is_a_link_to_raw_data_is_refused(
    view: Stack, raw: Path, tmp_path: Path, name: str
) -> None:
    pytest.importorskip("yaozarrs")
    out, before = tmp_path / "out", content_of(raw)
    run(view, out, format="ome-zarr", t=[0])
    if (out / name).exists():
        (out / name).rename(tmp_path / "away")
    (out / name).symlink_to(raw)
    assert "this folder is a link, which leads elsewhere" in run(view, out, format="ome-zarr")
    assert (out / name).is_symlink() and content_of(raw) == before


@pytest.mark.parametrize("metadata", [b"\xff\xfe\0", b'{"shape": [', b"[]", b"{}"])
def test_damaged_metadata_of_a_store_are_said(view: Stack, tmp_path: Path, metadata: bytes) -> None:
    pytest.importorskip("yaozarrs")
    run(view, tmp_path, format="ome-zarr", t=[0])
    (tmp_path / "cell.ome.zarr" / "0" / "zarr.json").write_bytes(metadata)
    assert "metadata of the store are damaged" in run(view, tmp_path, format="ome-zarr")


# ---- journals ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"\xff\0\x01" * 50, b'{"settings": "4f', b"[1]\n", b"[" * 100_000]
)
def test_a_journal_that_is_none_is_said(view: Stack, tmp_path: Path, content: bytes) -> None:
    journal = tmp_path / "cell_export.jsonl"
    journal.write_bytes(content)
    said = run(view, tmp_path)
    assert said == f"The journal of the export cannot be read ({journal}). Choose an empty folder"
    assert journal.read_bytes() == content


@pytest.mark.parametrize(
    "line",
    [b"\xff\xfe", b'{"file": "cell_ch0', b'{"file": [1], "origin": {}}', b"[[", b'"file"',
     b'{"file": "cell_ch0_t0001.tif", "origin": "x", "projections": 3}', b"\0" * 64],
)  # fmt: skip
def test_lines_that_are_none_are_left_out(view: Stack, tmp_path: Path, line: bytes) -> None:
    run(view, tmp_path, t=[0])
    with (tmp_path / "cell_export.jsonl").open("ab") as file:
        file.write(b"\n" + line)
    report = export(view, tmp_path, projections="z", stages=[0])
    assert report.complete and (len(report.kept), len(report.written)) == (2, 4)


# ---- parts ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["tiff", "ome-zarr"])
@pytest.mark.parametrize("thing", THINGS.values(), ids=THINGS.keys())
def test_parts_of_others_stay(
    view: Stack, raw: Path, tmp_path: Path, kind: Any, thing: Put
) -> None:
    if kind == "ome-zarr":
        pytest.importorskip("yaozarrs")
    out, before = tmp_path / "out", content_of(raw)
    names = [
        "cell_ch0_t0000.tif.part", "mip_z/cell_ch0_t0001.tif.part", "cell.ome.zarr.part",
        "cell_provenance.json.part", "cell_recipe.yaml.part", "cell_export.jsonl.part",
    ]  # fmt: skip
    there = {}
    for number, name in enumerate(names):
        (tmp_path / str(number)).mkdir()
        place = tmp_path / str(number) / "thing"
        put(thing, place, raw)
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        place.rename(out / name)
        there[name] = state(out / name)
    assert not run(view, out, format=kind)
    assert {name: state(out / name) for name in names} == there and content_of(raw) == before


# ---- single files --------------------------------------------------------------------------


def _queue(path: Path, view: Stack) -> None:
    recipe = Recipe(pipeline=Pipeline())
    job = Job("cell", recipe, raw=path.parent, settings=JobSettings(), own_recipe=True)
    try:
        ExportQueue([job]).save(path)
    except OSError as error:  # which the dock turns into a sentence
        raise ExportError(error.strerror or "") from error


def _psf(path: Path, view: Stack) -> None:
    save_psf(gaussian_psf(), (0.1, 0.1, 0.1), path)


def _otf(path: Path, view: Stack) -> None:
    otf = make_otf(gaussian_psf().astype(np.float32), (0.1, 0.1, 0.1))
    try:
        save_otf(otf, path)
    except OSError as error:
        raise ExportError(error.strerror or "") from error


FILES: dict[str, tuple[str, Callable[[Path, Stack], object]]] = {
    "recipe.yaml": ("recipe.yaml", lambda path, view: Recipe(pipeline=Pipeline()).save(path)),
    "recipe.json": ("recipe.json", lambda path, view: Recipe(pipeline=Pipeline()).save(path)),
    "psf": ("psf.tif", _psf),
    "otf": ("otf.tif", _otf),
    "queue": ("queue.json", _queue),
}
PARTS = ("", ".part", f".{os.getpid()}.part")


@pytest.mark.parametrize("part", PARTS, ids=["itself", "part", "part of a process"])
@pytest.mark.parametrize("thing", THINGS.values(), ids=THINGS.keys())
@pytest.mark.parametrize(("name", "write"), FILES.values(), ids=FILES.keys())
def test_single_files(
    view: Stack, raw: Path, tmp_path: Path, name: str, write: Any, thing: Put, part: str
) -> None:
    """A file may be written over, since a person chose it; nothing else, and nothing beside it."""
    place, before = tmp_path / f"{name}{part}", content_of(raw)
    there = put(thing, place, raw)
    if part or thing is THINGS["file"]:
        write(tmp_path / name, view)
        assert (tmp_path / name).stat().st_size > 10
    else:
        with pytest.raises(LazyPipelineError, match=r"this is a .*, not a file"):
            write(tmp_path / name, view)
    if part or thing is not THINGS["file"]:
        assert state(place) == there
    assert content_of(raw) == before
    assert not list(tmp_path.glob(".napari*"))


@pytest.mark.parametrize(("name", "write"), FILES.values(), ids=FILES.keys())
def test_the_longest_name_and_a_longer_one(
    view: Stack, tmp_path: Path, name: str, write: Any
) -> None:
    longest = "x" * (255 - len(name)) + name
    write(tmp_path / longest, view)
    assert (tmp_path / longest).is_file()
    with pytest.raises(LazyPipelineError, match="too long"):
        write(tmp_path / f"x{longest}", view)


def test_a_queue_that_is_a_pipe_is_said_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "queue.json"
    SPECIAL["pipe"](path, path)
    with pytest.raises(ExportError, match=r"this is a named pipe, not a file .*Move it away"):
        ExportQueue.load(path)
    assert path.is_fifo()


@pytest.mark.parametrize("thing", SPECIAL.values(), ids=SPECIAL.keys())
def test_a_recipe_that_is_no_file_is_said(raw: Path, tmp_path: Path, thing: Put) -> None:
    put(thing, tmp_path / "recipe.yaml", raw)
    with pytest.raises(LazyPipelineError):
        Recipe.load(tmp_path / "recipe.yaml")


# ---- where to ------------------------------------------------------------------------------


def _loop(tmp_path: Path) -> str:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    return str(tmp_path / "a")


PLACES: dict[str, Callable[[Path], str]] = {
    "empty": lambda tmp_path: "",
    "blank": lambda tmp_path: "  ",
    "loop": _loop,
    "below a loop": lambda tmp_path: f"{_loop(tmp_path)}/out",
    "too long": lambda tmp_path: str(tmp_path / ("x" * 256)),
    "too deep": lambda tmp_path: str(tmp_path) + "/x" * 3000,
    "below a file": lambda tmp_path: f"{tmp_path}/recipe.yaml/out",
    "zero byte": lambda tmp_path: f"{tmp_path}/a\0b",
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())
def test_an_impossible_folder_is_said(
    raw: Path,
    view: Stack,
    tmp_path: Path,
    place: Callable[[Path], str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """By the command line, by `export` and by a queue; nothing is made."""
    recipe = tmp_path / "recipe.yaml"
    stack = open_stack(raw, voxel_size=SIZE)
    Recipe(source=stack, pipeline=Pipeline([SubtractBackground(value=50)])).save(recipe)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    out = place(tmp_path)
    names = sorted(os.listdir(tmp_path))
    for words in ([], [str(raw)], [str(raw), str(raw)]):
        try:
            code = cli.main(["run", str(recipe), *words, "--out", out])
        except SystemExit as refused:  # as argparse refuses a word
            code = int(refused.code or 0)
        assert code in (1, 2)
        said = capsys.readouterr().err
        assert said and "Traceback" not in said
    with pytest.raises(ExportError):
        export(view, out)
    if out.strip():
        job = Job("cell", Recipe.load(recipe), JobSettings(folder=Path(out)), view=view)
        ExportQueue([job]).run()
        assert job.state == "failed" and "The export failed" not in job.error
    assert sorted(os.listdir(tmp_path)) == names and not list(work.iterdir())


@pytest.mark.parametrize("letter", ["x", "\u00e9", "\u6f22"], ids=["1", "2", "3"])
def test_a_raw_folder_with_the_longest_name(letter: str, tmp_path: Path) -> None:
    """There is no room for endings: the name is cut, and begins all names of the export."""
    raw = write_raw(tmp_path / (letter * (255 // len(letter.encode()))), times=1, channels=1)
    view = Pipeline([SubtractBackground(value=1)]).apply(open_stack(raw, voxel_size=SIZE))
    job = Job("cell", Recipe(pipeline=Pipeline()), view=view)
    ExportQueue([job]).run()
    assert job.state == "done", job.error
    (made,) = set(os.listdir(tmp_path)) - {raw.name}
    assert made.startswith(letter * 70)
    recipe = tmp_path / "recipe.yaml"
    Recipe(source=open_stack(raw, voxel_size=SIZE), pipeline=Pipeline()).save(recipe)
    words = "run", str(recipe), "--out", str(tmp_path / "out"), "--mip", "z", "--stage", "0"
    for kind in ("tiff", "ome-zarr"):
        for unit in (["--units", "1/1"], []):
            assert cli.main([*words, *unit, "--format", kind]) == 0
        (projections,) = (tmp_path / "out" / "mip_z").iterdir()
        assert projections.name.startswith(letter * 70)
        shutil.rmtree(tmp_path / "out")


def test_names_that_are_cut_are_told_apart() -> None:
    cut = {shortened("x" * 240 + end) for end in "abc"}
    assert len(cut) == 3 and {len(name) for name in cut} == {235}


def test_raw_files_with_the_longest_names(tmp_path: Path) -> None:
    raw = write_raw(tmp_path / "cell", times=2, channels=1)
    for path in raw.iterdir():
        path.rename(raw / ("\u00e9" * 60 + "x" * (135 - len(path.name)) + path.name))
    assert {len(os.fsencode(name)) for name in os.listdir(raw)} == {255}
    stack = open_stack(raw, voxel_size=SIZE)
    assert export(stack, tmp_path / ("o" * 255)).complete
