"""The voxel size of a PSF is remembered with the content of its file, and can be corrected."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tifffile

from dock_helpers import card, edit
from napari_lazy_pipeline._gui.dock import LazyPipelineWidget
from napari_lazy_pipeline._gui.tools.psf_panel import PsfPanel
from napari_lazy_pipeline._gui.tools.psf_sizes import PsfSizes
from stacks import gaussian_psf

UNKNOWN, ENTERED = (0.0, 0.0, 0.0), (0.2, 0.1, 0.1)
Settle = Callable[[Any], None]


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A PSF whose file does not state its voxel size."""
    path = tmp_path / "calibration" / "bare.tif"
    path.parent.mkdir()
    tifffile.imwrite(path, gaussian_psf(), photometric="minisblack")
    return path


def choose(dock: Any, settle: Settle, path: Path) -> Any:
    card(dock, "deconvolve").form.fields["psf"].controls[0].value = path
    settle(dock)
    return card(dock, "deconvolve").step


def origin(dock: Any) -> str:
    here = card(dock, "deconvolve")
    here.unfold.setChecked(True)
    return str(here.findChild(PsfPanel).origin.text())


def test_what_was_entered_is_there_when_the_file_is_chosen_again(
    opened: Any, settle: Settle, bare: Path, psf_file: Path, tmp_path: Path
) -> None:
    assert choose(opened, settle, bare).psf_voxel_size == UNKNOWN
    edit(opened, "deconvolve", psf_voxel_size=ENTERED)
    assert origin(opened).endswith("entered by you")
    assert choose(opened, settle, psf_file).psf_voxel_size == UNKNOWN
    copy = tmp_path / "another name.tif"
    shutil.copy(bare, copy)
    assert choose(opened, settle, copy).psf_voxel_size == ENTERED
    said = "PSF voxel size (z, y, x) 0.2 x 0.1 x 0.1 µm, remembered for this file"
    assert origin(opened) == said
    opened.session.undo()  # of the choice and of what came with it
    step = card(opened, "deconvolve").step
    assert (step.psf, step.psf_voxel_size) == (str(psf_file), UNKNOWN)
    opened.session.redo()
    settle(opened)
    assert card(opened, "deconvolve").step.psf_voxel_size == ENTERED
    edit(opened, "deconvolve", psf_voxel_size=(0.3, 0.1, 0.1))
    assert origin(opened).endswith("0.3 x 0.1 x 0.1 µm, entered by you")
    edit(opened, "deconvolve", psf_voxel_size=UNKNOWN)
    settle(opened)
    assert card(opened, "deconvolve").step.psf_voxel_size == UNKNOWN  # emptied, it stays so
    choose(opened, settle, psf_file)
    assert choose(opened, settle, bare).psf_voxel_size == (0.3, 0.1, 0.1)


def test_a_new_window_remembers_and_so_does_each_channel(
    opened: Any, settle: Settle, bare: Path, psf_file: Path, own_recent_folders: Path
) -> None:
    choose(opened, settle, bare)
    edit(opened, "deconvolve", psf_voxel_size=ENTERED)
    opened.shut_down()
    file = own_recent_folders.with_name("psf_voxel_sizes.json")
    (stored,) = json.loads(file.read_text()).values()
    assert stored == {"file": "bare.tif", "voxel_size": [0.2, 0.1, 0.1]}
    again = LazyPipelineWidget(opened.viewer)
    try:
        settle(again)
        step = again.session.pipeline.steps[1].replace(psf="", psf_voxel_size=UNKNOWN)
        again.session.replace_step(1, step)
        psf = {"488": str(psf_file), "560": str(bare)}
        again.session.replace_step(1, step.replace(psf=psf))
        settle(again)
        sizes = again.session.pipeline.steps[1].psf_voxel_size
        assert sizes == {"488": UNKNOWN, "560": ENTERED}
    finally:
        again.shut_down()
        again.compute_thread.join()


def test_what_a_file_states_goes_before_what_is_remembered(
    opened: Any, settle: Settle, bare: Path, psf_file: Path
) -> None:
    choose(opened, settle, psf_file)
    edit(opened, "deconvolve", psf_voxel_size=(0.3, 0.1, 0.1))
    choose(opened, settle, bare)
    assert choose(opened, settle, psf_file).psf_voxel_size == UNKNOWN
    assert origin(opened) == (
        "PSF voxel size (z, y, x) from ImageJ: 0.1 x 0.1 x 0.1 µm; "
        "entered earlier: 0.3 x 0.1 x 0.1 µm"
    )


@pytest.mark.parametrize(
    "text", ["", "[]", '{"a": 1}', '{"a": {"file": "b", "voxel_size": [1, -1, 1]}}', "{"]
)
def test_a_damaged_file_is_an_empty_memory(tmp_path: Path, text: str) -> None:
    file = tmp_path / "sizes.json"
    file.write_text(text)
    sizes = PsfSizes(file)
    assert sizes.of("a") is None
    assert sizes.note("a", "b.tif", ENTERED) and not sizes.note("a", "c.tif", ENTERED)
    sizes.write()
    assert PsfSizes(file).of("a") == ENTERED
