"""The raw folder is never written to, whatever the core or the command line does with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from folder_contents import listing
from napari_lazy_pipeline import Pipeline, Recipe, cli, open_stack
from napari_lazy_pipeline.exports.export import export
from napari_lazy_pipeline.io import inspect_folder
from napari_lazy_pipeline.io.live.folder_watcher import FolderWatcher
from napari_lazy_pipeline.session import Session
from napari_lazy_pipeline.session.recipe import Source
from napari_lazy_pipeline.steps import Crop, Deskew

Use = Callable[[Path, Path], object]


def _recipe(raw: Path, out: Path) -> Path:
    steps = (Deskew(angle=31.5), Crop(z=(0, 4)))
    path = out / "recipe.yaml"
    source = Source(folder=str(raw), voxel_size=(0.3, 0.1, 0.1))
    Recipe(source=source, pipeline=Pipeline(steps=steps)).save(path)
    return path


def _export(raw: Path, out: Path) -> None:
    stack = open_stack(raw, voxel_size=(0.3, 0.1, 0.1))
    export(Pipeline(steps=(Deskew(angle=30),)).apply(stack), out / "made")


def _read_all(raw: Path, out: Path) -> None:
    stack = open_stack(raw)
    stack.data.compute(scheduler="threads")


def _session(raw: Path, out: Path) -> None:
    session = Session()
    session.show(inspect_folder(raw))
    session.source().read(0, 0)
    session.recipe().save(out / "session.yaml")


def _watch(raw: Path, out: Path) -> None:
    watcher = FolderWatcher(inspect_folder(raw).source)
    for turn in range(6):
        watcher.poll(listing=turn % 2 == 0)


def _command(*words: str) -> Use:
    def use(raw: Path, out: Path) -> None:
        filled = [word.format(raw=raw, out=out, recipe=_recipe(raw, out)) for word in words]
        assert cli.main(filled) in (0, 1)

    return use


USES: dict[str, Use] = {
    "info": _command("info", "{raw}"),
    "run": _command("run", "{recipe}", "--out", "{out}/run"),
    "resumed run": lambda raw, out: [
        _command("run", "{recipe}", "--out", "{out}/run")(raw, out) for _ in range(2)
    ],
    "steps": _command("steps"),
    "simulate": _command("simulate", "{out}/sim", "--rate=1e6", "--times=2", "--shape=2,8,8"),
    "export": _export,
    "read all": _read_all,
    "session": _session,
    "watch": _watch,
}


@pytest.mark.filterwarnings("ignore::napari_lazy_pipeline.errors.BadFileWarning")
@pytest.mark.parametrize("harm", ["nothing", "a bad file"])
@pytest.mark.parametrize("use", USES.values(), ids=USES.keys())
def test_untouched(use: Use, harm: str, raw_folder: Path, tmp_path: Path) -> None:
    (raw_folder / "notes.txt").write_text("do not touch")
    if harm != "nothing":
        last = max(raw_folder.glob("*.tif"))
        last.write_bytes(last.read_bytes()[:300])
    out = tmp_path / "out"
    out.mkdir()
    before = listing(raw_folder)
    use(raw_folder, out)
    assert listing(raw_folder) == before


def test_the_simulator_leaves_a_raw_folder_alone(raw_folder: Path) -> None:
    """Its own names are others; and what is there, it never overwrites."""
    before = {path: path.read_bytes() for path in raw_folder.iterdir()}
    cli.main(["simulate", str(raw_folder), "--times=1", "--shape=2,8,8", "--rate=1e6"])
    assert {path: path.read_bytes() for path in before} == before
