"""Movies and maxima: what is in each picture, read back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_lazy_pipeline import Pipeline, Recipe, cli, open_stack
from napari_lazy_pipeline.errors import Cancelled, ExportError, NotRecordedError
from napari_lazy_pipeline.exports import movie
from napari_lazy_pipeline.exports.maxima import maxima
from napari_lazy_pipeline.exports.movie import write_movie
from napari_lazy_pipeline.image import Stack
from napari_lazy_pipeline.steps import Deskew, Project, Select, SubtractBackground

VOXEL = (0.3, 0.1, 0.1)
pytest.importorskip("PIL", reason="GIF and time stamps need pillow")


@pytest.fixture
def stack() -> Stack:
    """A square that moves by 20 pixels each time, two channels, an odd size."""
    pixels = np.full((4, 2, 3, 91, 131), 100, np.uint16)
    for t in range(4):
        pixels[t, 0, 1, 40:50, 20 + 20 * t : 30 + 20 * t] = 1100
        pixels[t, 1, 2, 60:70, 20 + 20 * t : 30 + 20 * t] = 600
    return Stack.from_array(pixels, VOXEL, channel_names=("488", "560"))


@pytest.mark.parametrize("kind", ["gif", "mp4"])
def test_each_picture_is_what_was_there_at_its_time(
    stack: Stack, tmp_path: Path, kind: str
) -> None:
    imageio = pytest.importorskip("imageio", reason="reads the movie back")
    if kind == "mp4":
        pytest.importorskip("imageio_ffmpeg", reason="MP4 needs imageio-ffmpeg")
    path = tmp_path / f"cell.{kind}"
    seen: list[tuple[int, int]] = []
    said = write_movie(
        stack, path, contrast=[(100, 1100), (100, 600)],
        progress=lambda *done: seen.append(done),
    )  # fmt: skip
    contrast = "488 from 100 to 1100, 560 from 100 to 600"
    assert said == f"4 pictures written to {path}. Contrast: {contrast}"
    assert seen == [(done, 4) for done in range(5)]
    frames = [np.asarray(frame)[..., :3].astype(int) for frame in imageio.get_reader(path)]
    assert len(frames) == 4 and {frame.shape for frame in frames} == {(92, 132, 3)}
    for t, frame in enumerate(frames):
        first, second = frame[45, 25 + 20 * t], frame[65, 25 + 20 * t]
        assert first[1] > 200 > 60 > max(first[0], first[2]), "green"
        assert min(second[0], second[2]) > 200 > 60 > second[1], "magenta"
        others = [frame[45, 25 + 20 * other] for other in range(4) if other != t]
        assert np.max(others) < 60, "only there"
        assert frame[:16, :40].max() > 200, "time stamp"
        assert frame[-8:-6, -24:-7].min() > 180, "scale bar"
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("kind", ["gif", "mp4"])
@pytest.mark.parametrize("voxel_size", [(0.3, 0.4, 0.1), (0.3, 0.1, 0.25)], ids=["y", "x"])
@pytest.mark.parametrize("side", [6.0, 36.0], ids=["small", "large"])
def test_what_is_as_high_as_wide_is_so_where_pixels_are_not_square(
    tmp_path: Path, voxel_size: tuple[float, float, float], kind: str, side: float
) -> None:
    """Small pictures are enlarged, too; the bar is right along either axis."""
    imageio = pytest.importorskip("imageio", reason="reads the movie back")
    if kind == "mp4":
        pytest.importorskip("imageio_ffmpeg", reason="MP4 needs imageio-ffmpeg")
    path = tmp_path / f"square.{kind}"
    rows, columns = (round(side / size) for size in voxel_size[1:])
    pixels = np.zeros((1, 1, 1, rows, columns), np.uint16)
    here = [slice(round(n * 0.3), round(n * 0.7)) for n in (rows, columns)]
    pixels[(0, 0, 0, *here)] = 1000
    write_movie(Stack.from_array(pixels, voxel_size), path, contrast=[(0, 1000)])
    frame = np.asarray(imageio.mimread(path)[0])[..., 1]
    assert frame.shape[0] == frame.shape[1] and frame.shape[0] % 2 == 0
    middle, pixel = len(frame) // 2, side / len(frame)
    seen = [(line > 128).sum() * pixel for line in (frame[:, middle], frame[middle])]
    assert seen == pytest.approx([0.4 * side] * 2, abs=0.5)
    bar = (frame[-max(len(frame) // 32, 5) - 1] > 128).sum() * pixel
    assert bar == pytest.approx({6: 1, 36: 5}[side], abs=2.5 * pixel)


@pytest.mark.parametrize("kind", ["gif", "mp4"])
def test_a_picture_that_is_larger_than_the_format_holds_is_refused(
    tmp_path: Path, kind: str
) -> None:
    if kind == "mp4":
        pytest.importorskip("imageio_ffmpeg", reason="MP4 needs imageio-ffmpeg")
    stack = Stack.from_array(np.zeros((1, 1, 1, 100, 90), np.uint8), (0.3, 100.0, 0.1))
    with pytest.raises(ExportError, match=r"would have 90 x 100000 pixels; .* or check the voxel"):
        write_movie(stack, tmp_path / f"a.{kind}")
    assert not list(tmp_path.iterdir())


def test_what_is_there_or_unknown_is_refused(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "a.gif").write_text("mine")
    with pytest.raises(ExportError, match=r"there already .*a.gif"):
        write_movie(stack, tmp_path / "a.gif")
    assert (tmp_path / "a.gif").read_text() == "mine"
    with pytest.raises(ExportError, match=r"A movie is .mp4 or .gif"):
        write_movie(stack, tmp_path / "a.avi")
    for options, why in (
        ({"t": []}, "no time point to show"),
        ({"t": [4]}, "no t = 4. Choose from 0 to 3"),
        ({"t": [1.7]}, "no t = 1.7. Choose from 0 to 3"),
        ({"rate": 0}, "0 pictures a second"),
        ({"rate": float("nan")}, "nan pictures a second"),
    ):
        with pytest.raises(ExportError, match=why):
            write_movie(stack, tmp_path / "b.gif", **options)
    with pytest.raises(ExportError, match="voxel size"):
        write_movie(Stack.from_array(np.zeros((1, 1, 2, 8, 8), np.uint8)), tmp_path / "b.gif")


def test_a_movie_that_is_cancelled_leaves_nothing(stack: Stack, tmp_path: Path) -> None:
    seen: list[int] = []
    with pytest.raises(Cancelled):
        write_movie(
            stack, tmp_path / "a.gif", progress=lambda done, _: seen.append(done),
            cancelled=lambda: seen[-1:] == [2],
        )  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def test_it_stops_within_a_picture(raw_folder: Path, tmp_path: Path) -> None:
    raw = open_stack(raw_folder, voxel_size=VOXEL)
    view = Pipeline([SubtractBackground(value=50)]).apply(raw)
    with pytest.raises(Cancelled):
        write_movie(view, tmp_path / "a.gif", cancelled=lambda: raw.source.reads > 0)  # type: ignore[attr-defined]
    assert raw.source.reads == 1, "of two channels"  # type: ignore[attr-defined]
    assert not (tmp_path / "a.gif").exists()


@pytest.mark.parametrize(
    "steps",
    [
        (Deskew(angle=31.5, fill=7.0),),
        (SubtractBackground(value=50), Deskew(angle=31.5, skew_axis="y")),
        (Deskew(angle=31.5), SubtractBackground(value=50)),
        (Deskew(angle=31.5, width=24, shift=6),),
        (Deskew(angle=31.5, rounding="down"),),
        (Deskew(angle=31.5), SubtractBackground(value=50, enabled=False)),
        (),
    ],
)
def test_maxima_are_those_of_the_volumes(steps: tuple[object, ...]) -> None:
    volume = np.random.default_rng(2).integers(0, 900, (1, 1, 12, 30, 40), dtype=np.uint16)
    raw = Stack.from_array(volume, VOXEL)
    pipeline = Pipeline(steps)
    whole = Pipeline((*pipeline.steps, Project())).apply(raw).source.read(0, 0)
    np.testing.assert_array_equal(maxima(pipeline).apply(raw).source.read(0, 0), whole)


def test_the_time_is_that_of_the_recording(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said, time_stamp = list[str](), movie.time_stamp

    def stamp(t: int, interval: float | None) -> str:
        said.append(time_stamp(t, interval))
        return said[-1]

    monkeypatch.setattr(movie, "time_stamp", stamp)
    later = Pipeline([Select(times=(1, 4), every=2)])
    write_movie(later.apply(replace(stack, time_interval=60.0)), tmp_path / "a.gif")
    write_movie(later.apply(stack), tmp_path / "b.gif", t=np.array([1]))
    assert said == ["0:01:00", "0:03:00", "t = 3"]


def test_a_first_picture_without_data_does_not_set_the_contrast(tmp_path: Path) -> None:
    pixels = np.full((3, 1, 2, 30, 40), 100, np.uint16)
    pixels[0], pixels[1:, :, :, 10:20, 10:20] = 0, 900
    said = write_movie(Stack.from_array(pixels, VOXEL, channel_names=("488",)), tmp_path / "a.gif")
    assert said.endswith("Contrast: 488 from 100 to 900")


def test_the_command_line_writes_maxima_and_a_movie_of_them(
    raw_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = open_stack(raw_folder, voxel_size=VOXEL)
    recipe = Recipe(source=raw, pipeline=Pipeline([Deskew(angle=31.5)]))
    recipe.save(tmp_path / "r.yaml")
    out = tmp_path / "out"
    assert cli.main(["run", str(tmp_path / "r.yaml"), "--out", str(out), "--only-maxima"]) == 0
    volume = recipe.pipeline.apply(raw).source.read(1, 0)
    written = tifffile.imread(out / f"{raw_folder.name}_ch0_t0001.tif")
    np.testing.assert_array_equal(written, volume.max(axis=0))
    movie = tmp_path / "cell.gif"
    assert cli.main(["movie", str(tmp_path / "r.yaml"), "--out", str(movie), "-t", "0:2"]) == 0
    assert "2 pictures written to" in capsys.readouterr().out and movie.is_file()
    assert cli.main(["movie", str(tmp_path / "r.yaml"), "--out", str(movie)]) == 2
    assert "The file is there already" in capsys.readouterr().err


def test_a_movie_is_changed_by_the_command_line_as_a_run_is(
    raw_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = open_stack(raw_folder, voxel_size=VOXEL, angle=31.5, step="stage")
    Recipe(source=raw, pipeline=Pipeline([Deskew()])).save(tmp_path / "r.yaml")

    def movie(*words: str) -> int | str | None:
        try:
            return cli.main(["movie", str(tmp_path / "r.yaml"), *words, "-t", "0"])
        except SystemExit as end:
            return end.code

    out = tmp_path / "cell.gif"
    words = "--set", "deskew.angle=45", "--engine", "cpu", "--contrast", "0,900"
    assert movie(*words, "--contrast", "560=10,70", "--out", str(out)) == 0
    assert "Contrast: 488 from 0 to 900, 560 from 10 to 70" in capsys.readouterr().out
    # It is as wide as volumes that are deskewed by that angle; small pictures are enlarged.
    imageio = pytest.importorskip("imageio", reason="reads the movie back")
    height, width = np.asarray(imageio.mimread(out)[0]).shape[:2]
    sizes = [Pipeline([step]).apply(raw).spec.shape[1:] for step in (Deskew(angle=45), Deskew())]
    wanted, other = sizes
    factor = height // wanted[0]
    assert (height, width) == tuple(n * factor + n * factor % 2 for n in wanted) != other
    assert wanted != other
    refused = {
        ("--set", "deskew.angel=3"): "has no 'angel'",
        ("--engine", "abacus"): "abacus",
        ("--contrast", "9,3"): "the lower one first",
        ("--contrast", "nan,3"): "the lower one first",
        ("--contrast", "640=1,3"): "There are 488, 560",
    }
    for words, said in refused.items():
        assert movie(*words, "--out", str(tmp_path / "no.gif")) == 2, words
        assert said in capsys.readouterr().err
    assert not (tmp_path / "no.gif").exists()


@pytest.mark.parametrize("gone", [True, False])
@pytest.mark.parametrize("options", [(), ("--contrast", "0,900")])
def test_a_movie_with_a_blank_picture_is_written_and_is_no_success(
    raw_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], gone: bool,
    options: tuple[str, ...],
) -> None:  # fmt: skip
    """As a run, which writes the other volumes, and ends with the same exit status."""
    recipe = tmp_path / "r.yaml"
    raw = open_stack(raw_folder, voxel_size=VOXEL)
    Recipe(source=raw, pipeline=Pipeline([SubtractBackground(value=50)])).save(recipe)
    path = Path(raw.source.paths(1, 1)[0])  # type: ignore[attr-defined]
    if gone:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-500])
    assert cli.main(["run", str(recipe), "--out", str(tmp_path / "out")]) == 1
    why = capsys.readouterr().err.splitlines()[-1]
    assert why.startswith("t=1, c=1: ")
    out = tmp_path / "a.gif"
    assert cli.main(["movie", str(recipe), "--out", str(out), *options]) == 1
    printed = capsys.readouterr()
    assert printed.err.splitlines()[-1] == why and printed.out.endswith(". Blank: 1 volume\n")
    assert printed.out.startswith("3 pictures written") and out.is_file()
    whole = tmp_path / "b.gif"  # of the other time points
    assert cli.main(["movie", str(recipe), "--out", str(whole), "-t", "::2", *options]) == 0
    assert "Blank" not in capsys.readouterr().out


def test_what_was_not_meant_to_be_recorded_does_not_fail_a_movie(tmp_path: Path) -> None:
    folder = tmp_path / "raw"
    folder.mkdir()
    for t in range(6):
        for c in (0, 1):
            if c == 0 or t % 3 == 0:
                pixels = np.full((3, 16, 20), 100 + t, "uint16")
                path = folder / f"cell_ch{c}_t{t}.tif"
                tifffile.imwrite(path, pixels, photometric="minisblack")
    raw = open_stack(folder, voxel_size=VOXEL)
    with pytest.raises(NotRecordedError):
        raw.source.read(1, 1)
    Recipe(source=raw, pipeline=Pipeline([])).save(tmp_path / "r.yaml")
    assert cli.main(["movie", str(tmp_path / "r.yaml"), "--out", str(tmp_path / "a.gif")]) == 0


@pytest.mark.parametrize("dtype", ["bool", "uint8"])
def test_a_mask_is_seen(tmp_path: Path, dtype: str) -> None:
    """All of its pixels that are not 0 are alike: percentiles of them made it black."""
    imageio = pytest.importorskip("imageio", reason="reads the movie back")
    mask = np.zeros((2, 1, 3, 128, 128), dtype)
    mask[:, :, 1, 40:60, 40:60] = 1
    said = write_movie(Stack.from_array(mask, VOXEL), tmp_path / "mask.gif")
    assert said.endswith("from 0 to 1")
    for frame in imageio.get_reader(tmp_path / "mask.gif"):
        assert np.asarray(frame)[45:55, 45:55].min() == 255
        assert np.asarray(frame)[45:55, 70:80, :3].max() == 0
