"""What Windows and macOS lack or refuse, taken away here: docs/platforms.md says what is done."""

from __future__ import annotations

import errno
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from napari_lazy_pipeline._runtime import fresh_file, shared_memory
from napari_lazy_pipeline._runtime.fresh_file import new_part
from napari_lazy_pipeline._runtime.regular_file import NotAFileError
from napari_lazy_pipeline.cli import command_line
from napari_lazy_pipeline.errors import EngineError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="takes away what Linux has")

# Libraries are there before anything is missing: they know their platforms themselves.
ELSEWHERE = """
import ctypes, os, signal, sys
from pathlib import Path
from types import SimpleNamespace
import dask.array, imagecodecs, numba, numpy, pydantic, scipy.ndimage, tifffile, yaml, zarr
import shutil, dask_image.imread, multiprocessing.shared_memory, yaozarrs

platform, folder = sys.argv[1], Path(sys.argv[2])
lacking = "sched_getaffinity posix_fallocate posix_fadvise setpriority"
if platform == "win32":
    sys.modules.update(fcntl=None, resource=None)
    lacking += " nice sysconf getuid geteuid O_NOFOLLOW O_NONBLOCK O_NOCTTY"
    del signal.SIGHUP
    shutil._use_fd_functions = False
for name in lacking.split():
    delattr(os, name)
os.process_cpu_count = os.cpu_count  # Python 3.13 has it there, without affinity

def memory(status):
    status._obj.available = 2**32
    return 1

ctypes.windll = SimpleNamespace(kernel32=SimpleNamespace(GlobalMemoryStatusEx=memory))

def strict(change):
    def changed(path, *others, **options):
        opened = {os.path.realpath(f"/proc/self/fd/{one}") for one in os.listdir("/proc/self/fd")}
        if any(name.startswith(os.path.realpath(os.fsdecode(path))) for name in opened):
            raise PermissionError(13, "open elsewhere", os.fspath(path))
        return change(path, *others, **options)
    return changed

if platform == "win32":
    for name in ("rename", "replace", "unlink", "remove"):
        setattr(os, name, strict(getattr(os, name)))
sys.platform = platform

from napari_lazy_pipeline import Pipeline, export, open_stack
from napari_lazy_pipeline._runtime import free_memory
from napari_lazy_pipeline.samples.simulated_cell import write_timelapse
from napari_lazy_pipeline.steps import Deskew, Select

free_memory.PROC = folder / "no-proc"
stack = open_stack(write_timelapse(folder / "cell"), angle=31.5, step="stage")
view = Pipeline([Select(times=(0, 2)), Deskew()]).apply(stack)
for kind in ("tiff", "ome-zarr"):
    export(view, folder / kind, format=kind, projections=["z"])
    export(view, folder / kind, format=kind, projections=["z"])  # goes on: nothing is left to do
print(tifffile.imread(next((folder / "tiff").glob("*.tif"))).shape == view.shape[2:])
print(free_memory.available() > 2**24)
"""


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_a_folder_is_opened_and_exported(platform: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, platform, str(tmp_path)], capture_output=True, text=True
    )
    assert done.stdout.split() == ["True", "True"], done.stderr
    assert not list(tmp_path.rglob("*.part"))


@pytest.fixture
def on_windows(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module of fresh files, as it is made there."""
    monkeypatch.setattr(sys, "platform", "win32")
    spec = importlib.util.spec_from_file_location("fresh_file_of_windows", fresh_file.__file__)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("replace", [True, False])
def test_a_scanner_that_has_the_file_open_is_waited_for(
    on_windows: ModuleType, replace: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "replace" if replace else "rename"
    rename, refused = getattr(os, name), [PermissionError(13, "in use")] * 3

    def scanned(*paths: Path) -> None:
        if refused:
            raise refused.pop()
        rename(*paths)

    monkeypatch.setattr(os, name, scanned)
    on_windows.write_text(tmp_path / "a", "whole", replace=replace)
    assert not refused and [path.read_text() for path in tmp_path.iterdir()] == ["whole"]


def test_what_stays_open_is_told_and_nothing_is_left(
    on_windows: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def used(*_: object) -> None:
        raise PermissionError(13, "in use")

    monkeypatch.setattr(on_windows, "_PATIENCE", 0.0)
    monkeypatch.setattr(os, "replace", used)
    with pytest.raises(PermissionError):
        on_windows.write_text(tmp_path / "a", "whole")
    assert not list(tmp_path.iterdir())


def test_a_folder_of_a_process_that_lives_is_left_for_a_day(
    on_windows: ModuleType, tmp_path: Path
) -> None:
    """There is no lock for folders there, and what is in one may be closed already."""
    young, old = new_part(tmp_path), new_part(tmp_path)
    for folder in (young, old):
        folder.mkdir()
        (folder / "done.tif").touch()
    os.utime(old, (0, 0))
    on_windows.remove_leftovers(tmp_path)
    assert list(tmp_path.iterdir()) == [young] and (young / "done.tif").exists()


def test_a_junction_is_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python 3.11 has no word for it."""
    (tmp_path / "junction").mkdir()
    lstat = os.lstat

    def seen(path: Path) -> object:
        tag = 0xA0000003 if Path(path).name == "junction" else 0
        return SimpleNamespace(st_mode=lstat(path).st_mode, st_reparse_tag=tag)

    fresh_file.make_folder(tmp_path / "new" / "folder", tmp_path)
    monkeypatch.setattr(fresh_file.os, "lstat", seen)
    with pytest.raises(NotAFileError, match="leads elsewhere"):
        fresh_file.refuse_links(tmp_path / "junction", tmp_path)
    fresh_file.refuse_links(tmp_path / "new", tmp_path)


def test_too_little_shared_memory_names_no_folder_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(**_: object) -> None:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(shared_memory, "SharedMemory", full)
    for platform, there in (("win32", False), ("darwin", False), ("linux", True)):
        monkeypatch.setattr(sys, "platform", platform)
        with pytest.raises(EngineError) as refused:
            shared_memory._create(2**20)
        assert ("/dev/shm" in str(refused.value)) == there


def test_output_that_nobody_reads_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows calls a pipe that was closed an invalid argument."""
    closed, of_a_file = OSError(errno.EINVAL, "Invalid"), OSError(errno.EINVAL, "Invalid", "a.tif")
    assert command_line.nobody_reads(BrokenPipeError())
    assert not command_line.nobody_reads(closed)
    monkeypatch.setattr(sys, "platform", "win32")
    assert command_line.nobody_reads(closed) and not command_line.nobody_reads(of_a_file)
