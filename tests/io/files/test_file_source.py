"""FileSource: one file a volume, blanks for what is bad, and nothing read twice or too early."""

from __future__ import annotations

import gc
import hashlib
import itertools
import os
import pickle
import subprocess
import sys
import tracemalloc
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from many_files import SHAPE, synthetic
from napari_lazy_pipeline import Pipeline, Stack, open_stack
from napari_lazy_pipeline.errors import BadFileWarning, FileError, FolderError, FolderMissingError
from napari_lazy_pipeline.image import VolumeSource
from napari_lazy_pipeline.io.files.file_access import FileAccess, FileRead
from napari_lazy_pipeline.io.files.file_source import FileSource
from napari_lazy_pipeline.io.patterns.file_table import arrange
from napari_lazy_pipeline.io.patterns.pattern import compile_pattern
from napari_lazy_pipeline.io.readers import FileInfo
from napari_lazy_pipeline.io.readers.tiff import READER, TiffReader
from napari_lazy_pipeline.steps import SubtractBackground


def volume(t: int, c: int) -> np.ndarray:
    return np.full(SHAPE, 100 * t + c + 1, np.uint16)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three time points, two channels; (1, 1) is missing."""
    for t, c in ((0, 0), (0, 1), (1, 0), (2, 0), (2, 1)):
        tifffile.imwrite(tmp_path / f"s{t}_c{c}.tif", volume(t, c))
    return tmp_path


def source_of(folder: Path, pattern: str = "s{t}_c{c}.tif") -> FileSource:
    return FileSource.probe(str(folder), arrange(os.listdir(folder), compile_pattern(pattern)))


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    return {e.name: (e.stat().st_size, e.stat().st_mtime_ns) for e in os.scandir(folder)}


def test_it_is_a_volume_source(folder: Path) -> None:
    source: VolumeSource = source_of(folder)
    assert (source.sizes, source.spec.shape, source.spec.dtype) == ((3, 2), SHAPE, "uint16")


def test_each_volume_is_one_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, opened = source_of(folder), []
    read = TiffReader.read
    monkeypatch.setattr(
        TiffReader, "read", lambda self, path, info: opened.append(path) or read(self, path, info)
    )
    for t, c in ((2, 1), (0, 0), (2, 0)):
        np.testing.assert_array_equal(source(t, c), volume(t, c))
    assert opened == [source.path(2, 1), source.path(0, 0), source.path(2, 0)]
    assert source.reads == 3
    assert len(source.problems) == 0


def test_probing_opens_the_first_file_only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    probed = []
    probe = TiffReader.probe
    monkeypatch.setattr(
        TiffReader, "probe", lambda self, path: probed.append(path) or probe(self, path)
    )
    source = source_of(folder)
    assert probed == [str(folder / "s0_c0.tif")]
    assert source.reads == 0


def test_missing_combinations_are_blank_and_no_problem(folder: Path) -> None:
    source = source_of(folder)
    with pytest.warns(BadFileWarning, match="no file for t=1, channel ch1.*; shown blank") as told:
        for _ in range(2):
            np.testing.assert_array_equal(source(1, 1), np.zeros(SHAPE, np.uint16))
    assert len(told) == 1 and told[0].filename == __file__
    assert (source.missing, source.files, source.reads) == (1, 5, 0)
    assert source.path(1, 1) is None
    assert source.identity(1, 1) == ("missing", 1, 1)
    assert list(source.problems) == []
    with pytest.raises(FileError, match="no file for t=1, channel ch1"):
        source.read(1, 1)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), "gone"),
        (lambda path: path.write_bytes(b""), "0 bytes"),
        (lambda path: path.write_bytes(path.read_bytes()[:300]), "still being written"),
        (lambda path: path.write_bytes(b"\0" * 400), "not a TIFF"),
        (lambda path: tifffile.imwrite(path, np.ones((6, 4, 7), np.uint16)), r"\(6, 4, 7\)"),
        (lambda path: tifffile.imwrite(path, np.ones(SHAPE, np.float32)), "float32"),
        (lambda path: (path.unlink(), path.mkdir()), r"folder|may not be read"),
    ],
)
def test_a_bad_file_is_blank_and_listed_once(folder: Path, damage: object, message: str) -> None:
    source, path = source_of(folder), folder / "s2_c0.tif"
    damage(path)  # type: ignore[operator]
    with pytest.warns(BadFileWarning, match=message) as caught:
        for _ in range(3):
            np.testing.assert_array_equal(source(2, 0), np.zeros(SHAPE, np.uint16))
    assert len(caught) == 1
    (problem,) = source.problems
    assert problem.where == str(path)
    np.testing.assert_array_equal(source(2, 1), volume(2, 1))


def test_what_was_processed_tells_of_bad_files_too(folder: Path) -> None:
    """Once, with the line of whoever asked; strict, there is an error instead."""
    (folder / "s2_c0.tif").write_bytes(b"")
    view = Pipeline([SubtractBackground(value=0)]).apply(open_stack(folder, "s{t}_c{c}.tif"))
    with pytest.warns(BadFileWarning, match=r"empty.*s2_c0\.tif") as told:
        for _ in range(2):
            assert not view.volume(2, 0).any() and not view.data[2, 0].compute().any()
    assert len(told) == 1 and told[0].filename == __file__
    assert [problem.where for problem in view.problems] == [str(folder / "s2_c0.tif")]
    strict = open_stack(folder, "s{t}_c{c}.tif", strict=True)
    view = Pipeline([SubtractBackground(value=0)]).apply(strict)
    again = pickle.loads(pickle.dumps(view.source))
    for stack, place in itertools.product((strict, view, Stack(again)), [(2, 0), (1, 1)]):
        with pytest.raises(FileError, match=r"no file for t=1|is empty"):
            stack.volume(*place)
        assert stack.volume(2, 1).any()


def test_blank_of_floats_is_nan(tmp_path: Path) -> None:
    for t in range(2):
        tifffile.imwrite(tmp_path / f"s{t}.tif", np.ones(SHAPE, np.float32))
    source = source_of(tmp_path, "s{t}.tif")
    (tmp_path / "s1.tif").unlink()
    with pytest.warns(BadFileWarning):
        assert np.isnan(source(1, 0)).all()


def test_a_repaired_file_is_read_again(folder: Path) -> None:
    source, path = source_of(folder), folder / "s0_c1.tif"
    whole = path.read_bytes()
    path.write_bytes(whole[:300])
    before = source.identity(0, 1)
    with pytest.warns(BadFileWarning):
        assert not source(0, 1).any()
    path.write_bytes(whole)
    assert source.identity(0, 1) != before
    np.testing.assert_array_equal(source(0, 1), volume(0, 1))


def test_a_file_that_changes_while_it_is_read_is_read_once_more(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, path = source_of(folder), folder / "s0_c1.tif"
    read, calls = TiffReader.read, []

    def replaced(self: TiffReader, path_: str, info: FileInfo) -> np.ndarray:
        calls.append(path_)
        result = read(self, path_, info)
        if len(calls) == 1:
            tifffile.imwrite(path, volume(7, 7))
            os.utime(path, ns=(1, 1))
        return result

    monkeypatch.setattr(TiffReader, "read", replaced)
    np.testing.assert_array_equal(source(0, 1), volume(7, 7))
    assert len(calls) == 2


def test_a_file_that_never_rests_is_blank(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, path = source_of(folder), folder / "s0_c1.tif"
    read, clock = TiffReader.read, iter(range(1, 100))

    def touched(self: TiffReader, path_: str, info: FileInfo) -> np.ndarray:
        os.utime(path, ns=(0, next(clock)))
        return read(self, path_, info)

    monkeypatch.setattr(TiffReader, "read", touched)
    with pytest.warns(BadFileWarning, match="being written"):
        assert not source(0, 1).any()


def test_bad_first_files_are_passed_over_and_listed(folder: Path) -> None:
    (folder / "s0_c0.tif").write_bytes(b"")
    tifffile.imwrite(folder / "s0_c1.tif", np.ones((4, 4, 3), np.uint8), photometric="rgb")
    source = source_of(folder)
    assert source.info.name == "s1_c0.tif"
    assert [Path(problem.where).name for problem in source.problems] == ["s0_c0.tif", "s0_c1.tif"]


def test_only_bad_files_are_an_error_naming_the_first(tmp_path: Path) -> None:
    for t in range(8):
        (tmp_path / f"s{t}.tif").write_bytes(b"")
    with pytest.raises(FolderError, match=r"first 5 files.*0 bytes.*s0\.tif"):
        source_of(tmp_path, "s{t}.tif")


def test_identity_is_path_size_and_time(folder: Path) -> None:
    source, path = source_of(folder), folder / "s0_c0.tif"
    status = path.stat()
    assert source.identity(0, 0) == (str(path), status.st_size, status.st_mtime_ns)
    path.unlink()
    assert source.identity(0, 0) == ("vanished", str(path))


def test_a_folder_that_is_away_is_told_from_a_file_that_is_gone(folder: Path) -> None:
    source, elsewhere = source_of(folder), folder.with_name("elsewhere")
    folder.rename(elsewhere)
    with pytest.raises(FolderMissingError, match="folder is not there"):
        source.read(0, 0)
    elsewhere.rename(folder)
    (folder / "s0_c0.tif").unlink()
    with pytest.raises(FileError) as caught:
        source.read(0, 0)
    assert not isinstance(caught.value, FolderMissingError)


def test_a_folder_that_comes_back_a_moment_too_late_was_away(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The read failed, and when one looks why, all is there: no file is to blame."""
    source, elsewhere = source_of(folder), folder.with_name("elsewhere")
    folder.rename(elsewhere)
    read = FileAccess._read_steady

    def comes_back_afterwards(*arguments: Any) -> np.ndarray:
        try:
            return read(*arguments)
        finally:
            elsewhere.rename(folder)

    monkeypatch.setattr(FileAccess, "_read_steady", comes_back_afterwards)
    with pytest.raises(FolderMissingError):
        source.read(0, 0)


def test_token_and_equality_name_the_content(folder: Path, tmp_path: Path) -> None:
    first, again = source_of(folder), source_of(folder)
    assert first.token == again.token and first == again and hash(first) == hash(again)
    tifffile.imwrite(folder / "s3_c0.tif", volume(3, 0))
    assert source_of(folder).token != first.token
    other = first.with_spec(first.spec.replace(voxel_size=(2.0, 1.0, 1.0)))
    assert other.token == first.token and other != first


def test_token_is_the_same_in_another_process_and_for_another_order() -> None:
    code = (
        "import sys; sys.path[:0] = sys.argv[1:]\n"
        "from many_files import synthetic; print(synthetic(200).token)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(Path(__file__).parents[2] / "support"), *sys.path],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "7"},
    )
    assert run.stdout.strip() == synthetic(200).token


def test_another_spec_shares_problems_and_count(folder: Path) -> None:
    source = source_of(folder)
    other = source.with_spec(source.spec.replace(voxel_size=(0.3, 0.1, 0.1)))
    (folder / "s0_c0.tif").unlink()
    with pytest.warns(BadFileWarning):
        other(0, 0)
    assert other.spec.voxel_size == (0.3, 0.1, 0.1)
    assert source.spec.stated_size == (None, None, None)
    assert source.reads == other.reads == 1
    assert len(source.problems) == 1


def test_pickled_it_is_small_and_works(folder: Path) -> None:
    source = source_of(folder)
    source.token  # noqa: B018
    copy = pickle.loads(pickle.dumps(source))
    assert copy == source and copy.token == source.token
    assert (copy.missing, copy.sizes, copy.reads) == (1, (3, 2), 0)
    for t in range(3):
        for c in range(2):
            assert copy.path(t, c) == source.path(t, c)
            np.testing.assert_array_equal(copy(t, c), source(t, c))


def test_ten_thousand_files_pickle_below_200_kb() -> None:
    source = synthetic(10_000)
    data = pickle.dumps(source)
    assert len(data) < 200_000
    copy = pickle.loads(data)
    assert copy.path(4_999, 1) == source.path(4_999, 1)


def test_memory_per_file_is_small() -> None:
    count = 20_000
    synthetic(100)
    tracemalloc.start()
    names = [f"cell5_ch{c}_stack{t:05d}_x.tif" for t in range(count // 2) for c in range(2)]
    gc.collect()
    before, _ = tracemalloc.get_traced_memory()
    layout = arrange(names, compile_pattern("cell5_ch{c}_stack{t}_*.tif"))
    source = FileSource("/nowhere", layout, READER, FileInfo(names[0], SHAPE, "uint16", 9))
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert source.files == count
    assert (after - before) / count < 200


def test_threads_may_share_it(folder: Path) -> None:
    source = source_of(folder)
    (folder / "s0_c1.tif").unlink()
    with warnings.catch_warnings(), ThreadPoolExecutor(8) as pool:
        warnings.simplefilter("ignore")
        results = list(pool.map(lambda index: source(index % 3, 0), range(90)))
        list(pool.map(lambda _: source(0, 1), range(30)))
    for index, result in enumerate(results):
        np.testing.assert_array_equal(result, volume(index % 3, 0))
    assert source.reads == 120
    assert len(source.problems) == 1


def test_the_raw_folder_is_left_alone(folder: Path) -> None:
    before = listing(folder)
    source = source_of(folder)
    for t in range(3):
        for c in range(2):
            source(t, c)
            source.identity(t, c)
    pickle.dumps(source)
    assert listing(folder) == before


def test_repr_names_the_folder_and_says_how_much(folder: Path) -> None:
    assert repr(source_of(folder)) == f"<FileSource {str(folder)!r}: 5 files, (t, c) = (3, 2)>"


def test_a_file_that_is_read_well_now_is_no_problem(folder: Path) -> None:
    source = source_of(folder)
    path = Path(source.paths(0, 1)[0])
    content = path.read_bytes()
    path.write_bytes(b"no TIFF")
    with pytest.warns(BadFileWarning):
        source(0, 1)
    assert [problem.where for problem in source.problems] == [str(path)]
    source(0, 0)
    assert len(source.problems) == 1, "another file tells nothing"
    path.write_bytes(content)
    assert source(0, 1).any()
    assert len(source.problems) == 0


def test_a_good_plane_does_not_mend_a_bad_one() -> None:
    bad = FileRead("a.tif", (0, 0), (3, 4), (100, 5))
    assert not FileRead("a.tif", (0, 0), (4, 5), (100, 5)).solves(bad)
    assert not FileRead("a.tif", (1, 0), (0, 9), (100, 5)).solves(bad), "another volume"
    assert FileRead("a.tif", (0, 0), (0, 9), (100, 5)).solves(bad), "a share that hung"
    assert FileRead("a.tif", (0, 0), (4, 5), (100, 6)).solves(bad), "the file was replaced"


def test_problems_of_files_that_went_go_with_them(folder: Path) -> None:
    source = source_of(folder)
    path = Path(source.paths(0, 1)[0])
    path.write_bytes(b"no TIFF")
    with pytest.warns(BadFileWarning):
        source(0, 1)
    used = [name for name in source.names if name != path.name]
    other = source.with_layout(arrange(used, compile_pattern(source.pattern)))
    assert len(other.problems) == 0


def test_files_that_are_all_gone_are_missing(folder: Path) -> None:
    source = source_of(folder)
    none = replace(source.layout, names=[], table=np.full_like(source.layout.table, -1))
    gone = source.with_layout(none)
    assert gone.paths(0, 1) == []
    assert gone.identity(0, 1) == ("missing", 0, 1)
    assert not source.same_files(gone)(0, 1)


def test_the_state_of_a_volume_is_as_journals_have_it(tmp_path: Path) -> None:
    """Of one file its stamp, of several a digest: else all that was written is made again."""
    for z in range(3):
        pixels = np.full((4, 5), z, np.uint16)
        tifffile.imwrite(tmp_path / f"a_t0_z{z}.tif", pixels, photometric="minisblack")
    source = open_stack(tmp_path).source
    stamps = []
    for z in range(3):
        status = (tmp_path / f"a_t0_z{z}.tif").stat()
        stamps.append((str(tmp_path / f"a_t0_z{z}.tif"), status.st_size, status.st_mtime_ns))
    digest = hashlib.blake2b(repr(stamps).encode(), digest_size=16).hexdigest()
    assert source.identity(0, 0) == (stamps[0][0], digest)
