"""Pipes and sockets in place of files: no reader waits for them, and each says what is there."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from foreign_things import SPECIAL, Put
from napari_lazy_pipeline import open_stack
from napari_lazy_pipeline.errors import BadFileWarning, FileError, FolderError, LazyPipelineError
from napari_lazy_pipeline.io import inspect_folder, readers
from napari_lazy_pipeline.io.live.folder_watcher import FolderWatcher
from napari_lazy_pipeline.io.metadata.janelia_settings import read_settings
from napari_lazy_pipeline.io.metadata.micromanager import file_summary, read_metadata
from napari_lazy_pipeline.io.readers._user_function import UserReader
from napari_lazy_pipeline.psf.psf_file import is_otf, load_psf
from napari_lazy_pipeline.psf.psf_voxel_size import recorded_spacing
from napari_lazy_pipeline.steps import Deconvolve
from napari_lazy_pipeline.steps._user_code import allow_code, load_function
from stacks import write_raw

pytestmark = pytest.mark.timeout(120)  # it only matters if something hangs

WAITING = {name: SPECIAL[name] for name in ("pipe", "socket")}
THINGS = pytest.mark.parametrize("thing", WAITING.values(), ids=WAITING.keys())
READERS = pytest.mark.parametrize(
    "reader", [*readers.readers(), UserReader(np.load)], ids=lambda one: (*one.suffixes, "any")[0]
)


@THINGS
@READERS
def test_a_reader_says_what_is_there(reader: readers.Reader, thing: Put, tmp_path: Path) -> None:
    path = tmp_path / f"a{(*reader.suffixes, '.npy')[0]}"
    thing(path, path)
    info = readers.FileInfo("b", (2, 4, 5), "uint16", 80)
    for use in (lambda: reader.probe(str(path)), lambda: reader.read(str(path), info)):
        with pytest.raises(FileError) as caught:
            use()
        assert str(path) in str(caught.value)


@THINGS
def test_one_of_many_files(thing: Put, tmp_path: Path) -> None:
    """It is blank and listed; the others are read, watched or not."""
    raw = write_raw(tmp_path / "cell", channels=1)
    path = sorted(raw.iterdir())[1]
    path.unlink()
    thing(path, path)
    stack = open_stack(raw)
    with pytest.warns(BadFileWarning, match=r"a (named pipe|socket), not a file"):
        assert not np.any(stack.data[1, 0].compute())
    assert np.all(stack.volume(2, 0) > 0)
    watcher = FolderWatcher(inspect_folder(raw).source)
    results = [watcher.poll() for _ in range(20)]
    assert not results[-1].unreachable and results[-1].source.sizes == (3, 1)


@THINGS
def test_the_first_file(thing: Put, tmp_path: Path) -> None:
    raw = write_raw(tmp_path / "cell", channels=1)
    path = min(raw.iterdir())
    path.unlink()
    thing(path, path)
    assert open_stack(raw).shape[0] == 3
    for other in raw.iterdir():
        other.unlink()
    thing(path, path)
    with pytest.raises(FolderError, match="not a file"):
        open_stack(raw)


@THINGS
@pytest.mark.parametrize("name", ["cell_Settings.txt", "metadata.txt"])
def test_a_text_beside_the_files_is_a_note(thing: Put, name: str, tmp_path: Path) -> None:
    raw = write_raw(tmp_path / "cell", times=1)
    thing(raw / name, raw)
    (note,) = [note for note in inspect_folder(raw).notes if name in note]
    assert "cannot be read: this is a" in note


@THINGS
@pytest.mark.parametrize("place", ["zarr.json", "c/0/0/0/0/0"])
def test_a_part_of_an_ome_zarr(thing: Put, place: str, tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr")
    path = tmp_path / "a.zarr"
    array = zarr.create_array(str(path), shape=(1, 1, 2, 4, 5), chunks=(1, 1, 2, 4, 5), dtype="u2")
    array[:] = 7
    (path / place).unlink()
    thing(path / place, path)
    with pytest.raises(LazyPipelineError, match=rf"not a file \(.*{place}\)"):
        open_stack(tmp_path).source.read(0, 0)


@THINGS
def test_a_continuing_file_of_a_stack(thing: Put, tmp_path: Path) -> None:
    """NDTiff and MMStack name other files that they go on in."""
    thing(tmp_path / "a_MMStack_1.ome.tif", tmp_path)
    with pytest.raises(OSError, match="not a file"):
        file_summary(str(tmp_path / "a_MMStack_1.ome.tif"))


USES: dict[str, Callable[[str], object]] = {
    "psf": load_psf,
    "otf": is_otf,
    "step": lambda path: Deconvolve(psf=path, psf_voxel_size=(0.1, 0.1, 0.1)),
    "spacing": recorded_spacing,
    "settings": lambda path: read_settings(path, "Settings.txt"),
    "metadata": lambda path: read_metadata(path, "metadata.txt"),
}


@THINGS
@pytest.mark.parametrize("use", USES.values(), ids=USES.keys())
def test_what_is_named_by_a_person(
    use: Callable[[str], object], thing: Put, tmp_path: Path
) -> None:
    thing(tmp_path / "a.tif", tmp_path)
    try:
        use(str(tmp_path / "a.tif"))
    except (LazyPipelineError, OSError) as error:
        assert "not a file" in str(error)
    else:
        assert use in (USES["step"], USES["spacing"]), "they wait until it is used"


@THINGS
def test_a_file_of_functions(thing: Put, tmp_path: Path) -> None:
    thing(tmp_path / "steps.py", tmp_path)
    name = f"{tmp_path / 'steps.py'}:smooth"
    allow_code(name)
    before = set(sys.modules)
    with pytest.raises(LazyPipelineError, match="not a file"):
        load_function(name)
    assert set(sys.modules) == before, "nobody finds half a module, and opens its file"


def test_a_link_to_a_file_is_read(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "other", np.full((2, 4, 5), 9, np.uint16))
    (tmp_path / "cell").mkdir()
    (tmp_path / "cell" / "a_t0.tif").symlink_to(tmp_path / "other")
    assert np.all(open_stack(tmp_path / "cell").volume(0, 0) == 9)
