"""The simulated microscope: what it leaves is readable, and it is as untidy as it is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_lazy_pipeline import cli
from napari_lazy_pipeline.errors import FileError, FolderError, LazyPipelineError
from napari_lazy_pipeline.io import inspect_folder, open_stack
from napari_lazy_pipeline.samples.microscope import WRITERS, Simulation, run, simulated_volume

SHAPE = (4, 10, 12)


class Clock:
    """Time passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize("writer", WRITERS)
def test_what_it_leaves_is_what_it_says(writer: str, tmp_path: Path) -> None:
    clock = Clock()
    simulation = Simulation(tmp_path, SHAPE, 3, 2, writer, parts=3)
    run(simulation, 10.0, clock=clock, sleep=clock.sleep)
    assert clock.now == pytest.approx(0.6), "6 volumes at 10 a second"
    stack = open_stack(tmp_path)
    assert stack.shape == (3, 2, *SHAPE) and stack.channel_names == ("488", "560")
    for t in range(3):
        for c in range(2):
            np.testing.assert_array_equal(stack.volume(t, c), simulated_volume(t, c, SHAPE))


def test_every_volume_is_another_one_without_a_zero() -> None:
    volumes = [simulated_volume(t, c, SHAPE) for t in range(20) for c in range(2)]
    assert len({volume.tobytes() for volume in volumes}) == 40
    assert all(volume.all() for volume in volumes)


def test_parts_order_and_drops(tmp_path: Path) -> None:
    simulation = Simulation(tmp_path, SHAPE, 6, parts=4, disorder=3, dropped=(1,))
    steps = list(simulation.steps())
    assert [written.t for written in steps if written.complete] == [2, 0, 5, 4, 3]
    assert [written.t for written in steps].count(5) == 4
    assert [written.t for written in steps].count(1) == 2
    source = inspect_folder(tmp_path).source
    with pytest.raises(FileError):
        source.read(1, 0)


@pytest.mark.parametrize("parts", [1, 2])
def test_a_dropped_file_is_never_whole(parts: int, tmp_path: Path) -> None:
    list(Simulation(tmp_path, SHAPE, 2, parts=parts, dropped=(1,)).steps())
    with pytest.raises(FileError):
        inspect_folder(tmp_path).source.read(1, 0)


def test_a_folder_is_continued_but_nothing_overwritten(tmp_path: Path) -> None:
    list(Simulation(tmp_path, SHAPE, 2).steps())
    list(Simulation(tmp_path, SHAPE, 2, start=2).steps())
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(FolderError, match="there already"):
        list(Simulation(tmp_path, SHAPE, 2, start=3).steps())
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    "options", [{"writer": "abacus"}, {"parts": 0}, {"channels": 5}, {"start": -1}]
)
def test_what_cannot_be_simulated(options: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(LazyPipelineError):
        Simulation(tmp_path, SHAPE, **options)  # type: ignore[arg-type]


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["simulate", str(tmp_path / "live"), "--shape", "4,10,12", "--rate", "1000"]
    more = ["--times", "4", "--channels", "2", "--writer", "pages", "--disorder", "2"]
    assert cli.main([*words, *more, "--drop", "3"]) == 0
    printed = capsys.readouterr()
    assert printed.out == f"7 volumes in {tmp_path / 'live'}\n"
    assert open_stack(tmp_path / "live").shape == (4, 2, *SHAPE)
    assert cli.main([*words, *more]) == 2
    assert "there already" in capsys.readouterr().err
