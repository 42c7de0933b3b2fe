"""Movie from the dock: as it looks on screen, in the background, and never over a file."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QFileDialog

from napari_lazy_pipeline import Pipeline
from napari_lazy_pipeline.exports import movie
from napari_lazy_pipeline.steps import Select

pytestmark = pytest.mark.gui
pytest.importorskip("PIL", reason="GIF and time stamps need pillow")


@pytest.mark.parametrize("deleted", [False, True], ids=["hidden", "deleted"])
def test_a_movie_looks_as_the_screen_does(
    opened: Any, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deleted: bool
) -> None:
    imageio = pytest.importorskip("imageio", reason="reads the movie back")
    path, maker = tmp_path / "cell.gif", opened.save.movie
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(path), ""))
    first, second = (entry.layer for _, entry in sorted(opened.layers.screen.channels.items()))
    first.colormap, second.visible = "red", False
    if deleted:
        opened.viewer.layers.remove(second)
    low, high = first.contrast_limits = (0.0, 2000.0)
    first.gamma, first.opacity = 0.5, 0.8
    maker.button.click()
    qtbot.waitUntil(lambda: "pictures written" in maker.said.text(), timeout=20_000)
    assert maker.button.text() == "Movie\u2026"
    frames = [np.asarray(frame)[..., :3].astype(int) for frame in imageio.get_reader(path)]
    session = opened.session
    shown = session.pipeline.apply(session.stack).source
    assert len(frames) == session.stack.shape[0]
    # Small pictures are enlarged.
    factor = frames[0].shape[0] // session.stack.shape[3]
    row, column = (n // 2 for n in session.stack.shape[3:])
    for t, frame in enumerate(frames):
        brightest = float(shown.read(t, 0).max(axis=0)[row, column])
        assert 20 < brightest < 2000
        expected = 0.8 * 255 * ((brightest - low) / (high - low)) ** 0.5
        assert frame[factor * row, factor * column] == pytest.approx([expected, 0, 0], abs=12)
    maker.button.click()
    qtbot.waitUntil(lambda: "there already" in maker.said.text(), timeout=20_000)


def test_layers_cover_each_other_as_on_screen(opened: Any) -> None:
    """Ratios do not add up with other channels; the order is that of the list of layers."""
    (_, first), (_, second) = sorted(opened.layers.screen.channels.items())
    first.layer.colormap, second.layer.colormap = "red", "blue"
    second.layer.opacity = 0.75

    def full() -> list[list[float]]:
        _, tables = opened.save.movie._look()
        return [table[-1].tolist() for table in tables]

    assert full() == [[1, 0, 0], [0, 0, 0.75]]
    second.layer.blending = "translucent_no_depth"
    assert full() == [[0.25, 0, 0], [0, 0, 0.75]]
    layers = opened.viewer.layers
    layers.move(layers.index(second.layer), 0)
    assert full() == [[1, 0, 0], [0, 0, 0.75]], "it is below"


def test_of_nothing_there_is_no_movie(
    opened: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, maker = tmp_path / "cell.gif", opened.save.movie
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(path), ""))
    for layer in opened.layers.layers:
        layer.visible = False
    maker.button.click()
    assert maker.said.text() == "No channel is visible: show one first" and not maker.task.busy


@pytest.mark.parametrize("name", ["cell.gif", "cell.mp4"])
def test_a_dock_that_is_closed_leaves_nothing_of_a_movie(
    opened: Any, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """No file, no part of one, no thread, and no ffmpeg: half of the pictures were made."""
    if name.endswith("mp4"):
        pytest.importorskip("imageio_ffmpeg", reason="MP4 needs imageio-ffmpeg")
    go_on, mixed, calls = threading.Event(), movie._mixed, list[int]()

    def wait(*args: Any) -> Any:
        calls.append(1)
        assert len(calls) < 2 or go_on.wait(30)
        return mixed(*args)

    folder, maker = tmp_path / "movies", opened.save.movie
    folder.mkdir()
    monkeypatch.setattr(movie, "_mixed", wait)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(folder / name), ""))
    maker.button.click()
    qtbot.waitUntil(lambda: len(calls) == 2, timeout=20_000)
    assert list(folder.iterdir()), "it is under way"
    (thread,) = (one for one in threading.enumerate() if one.name == "lazy-movie")
    opened.shut_down()
    go_on.set()
    thread.join(20)
    assert not thread.is_alive() and list(folder.iterdir()) == []


def test_a_movie_waits_for_the_picture_it_has_its_colours_from(
    opened: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, maker = tmp_path / "cell.gif", opened.save.movie
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(path), ""))
    opened.session.set_pipeline(Pipeline([Select(channels="560")]))
    maker.button.click()
    assert "Wait for the picture" in maker.said.text() and not maker.task.busy
