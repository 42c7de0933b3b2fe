"""Fixtures for all tests."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from golden import NotFetched, golden_folder
from napari_lazy_pipeline.engines.cpu import preparation
from napari_lazy_pipeline.image import Stack
from napari_lazy_pipeline.psf import save_psf
from napari_lazy_pipeline.steps._base import Step
from stacks import CountingSource, gaussian_psf, write_raw

VENDORED = Path(__file__).parent / "data" / "pycudadecon"

# pytest-qt has a variable of its own for what the rest of the world calls QT_API.
if "QT_API" in os.environ:
    os.environ.setdefault("PYTEST_QT_API", os.environ["QT_API"])


@pytest.fixture(autouse=True)
def prepare_elsewhere(monkeypatch: pytest.MonkeyPatch) -> Callable[[], bool]:
    """What lets another process compile: in tests, loops are compiled where they are needed."""
    function = preparation.prepare_elsewhere
    monkeypatch.setattr(preparation, "prepare_elsewhere", lambda others=None: False)
    return function


@pytest.fixture
def source() -> CountingSource:
    return CountingSource()


@pytest.fixture
def stack(source: CountingSource) -> Stack:
    return Stack(source, ("488", "560"))


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """Counts how often each kind of step runs."""
    from napari_lazy_pipeline.steps._registry import step_types

    counted: Counter[str] = Counter()
    lock = threading.Lock()

    def counting(kind: str, original: Any) -> Any:
        def run(self: Step, *arguments: Any) -> np.ndarray:
            with lock:
                counted[kind] += 1
            return original(self, *arguments)  # type: ignore[no-any-return]

        return run

    for kind, step_type in step_types().items():
        for name in {"run", "apply"} & set(vars(step_type)):
            monkeypatch.setattr(step_type, name, counting(kind, vars(step_type)[name]))
    yield counted


@pytest.fixture
def psf_file(tmp_path: Path) -> Path:
    path = tmp_path / "psf" / "psf.tif"
    path.parent.mkdir()
    save_psf(gaussian_psf(), (0.1, 0.1, 0.1), path)
    return path


@pytest.fixture
def raw_folder(tmp_path: Path) -> Path:
    return write_raw(tmp_path / "cell")


@pytest.fixture(scope="session")
def vendored():
    """Read one of the CUDA results that are part of the repository."""
    return lambda name: tifffile.imread(VENDORED / name)


@pytest.fixture(scope="session")
def golden():
    """Read one of the CUDA results that are fetched once."""
    try:
        folder = golden_folder()
    except NotFetched as reason:
        pytest.skip(str(reason))
    return lambda name: tifffile.imread(folder / name)


@pytest.fixture(scope="session")
def vendored_psf_path():
    return VENDORED / "psf.tif"


@pytest.fixture(scope="session")
def vendored_otf_path():
    return VENDORED / "otf.tif"


@pytest.fixture
def own_recent_folders(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Tests leave the list of the person alone."""
    from napari_lazy_pipeline._gui.data import folder_row

    file = tmp_path_factory.mktemp("config") / "recent.json"
    monkeypatch.setattr(folder_row, "recent_file", lambda: file)
    return file


@pytest.fixture
def own_queue(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Tests leave the queue of the person alone."""
    from napari_lazy_pipeline._gui.save import export_panel

    file = tmp_path_factory.mktemp("config") / "queue.json"
    monkeypatch.setattr(export_panel, "queue_file", lambda: file)
    return file


@pytest.fixture
def no_file_dialogs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dialog that no test answers is as if it were cancelled: nobody is there to close it."""
    from qtpy.QtWidgets import QFileDialog

    for name in ("getOpenFileName", "getSaveFileName"):
        monkeypatch.setattr(QFileDialog, name, staticmethod(lambda *_, **__: ("", "")))
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", staticmethod(lambda *_, **__: ([], "")))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", staticmethod(lambda *_, **__: ""))


@pytest.fixture
def nobody_there(own_recent_folders: Path, own_queue: Path, no_file_dialogs: None) -> None:
    """In the dock, no file of a person is read or written, and no dialog waits for one."""
