"""Every reader keeps the contract; a new one is found without editing this file."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from napari_lazy_pipeline.errors import FileError, FolderError
from napari_lazy_pipeline.io import open_stack, readers

ALL = pytest.mark.parametrize("reader", readers.readers(), ids=lambda reader: reader.suffixes[0])


@ALL
def test_reader_has_the_methods_and_accepts_its_suffixes(reader: readers.Reader) -> None:
    assert isinstance(reader, readers.Reader)
    for suffix in reader.suffixes:
        assert suffix == suffix.lower() and suffix.startswith(".")
        assert reader.accepts(f"a{suffix}") and reader.accepts(f"A{suffix.upper()}")
        assert readers.reader_for(f"a{suffix}") is reader
    assert not reader.accepts("a.txt")


@ALL
def test_reader_pickles_to_its_equal(reader: readers.Reader) -> None:
    assert pickle.loads(pickle.dumps(reader)) == reader


@ALL
@pytest.mark.parametrize("content", [None, b"", b"x", b"\0" * 1000, b"II*\0" + b"\xff" * 100])
def test_what_is_no_volume_is_a_file_error_naming_it(
    reader: readers.Reader, content: bytes | None, tmp_path: Path
) -> None:
    path = tmp_path / f"a{reader.suffixes[0]}"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FileError) as caught:
        reader.probe(str(path))
    assert str(path) in str(caught.value)


def test_complex_numbers_are_refused_with_what_to_do(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones((2, 3, 4), "complex64"))
    with pytest.raises(FolderError, match=r"complex64: only real.*a\.npy\)\. Save their magnitude"):
        open_stack(tmp_path)
    with pytest.raises(FolderError, match=r"complex64.*Only real numbers have a picture: return"):
        open_stack(tmp_path, reader=np.load)


def test_the_example_is_a_reader_as_it_stands() -> None:
    folder = Path(__file__).parents[3] / "src/napari_lazy_pipeline/io/readers"
    assert (folder / "npy.py").read_text() in (folder / "README.md").read_text()


def test_other_files_have_no_reader() -> None:
    with pytest.raises(FileError, match=r"Readable are \.tif"):
        readers.reader_for("a.txt")
