"""Files that exhaust whoever reads them, run code, or are called strangely: one table.

Each is opened and read with half a gigabyte of memory to spare. What comes is the volume, or one
sentence: the process goes on, nothing is run, and nothing is written beside the files.
"""

from __future__ import annotations

import json
import os
import re
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numcodecs.pickles
import numpy as np
import pytest
import tifffile

import hostile_files as hostile
from folder_contents import listing
from napari_lazy_pipeline import Pipeline, Stack, cli
from napari_lazy_pipeline.errors import LazyPipelineError, printable
from napari_lazy_pipeline.exports.export import export
from napari_lazy_pipeline.io import inspect_folder
from napari_lazy_pipeline.psf.radial_otf import read_psf_or_otf
from napari_lazy_pipeline.session import Recipe
from napari_lazy_pipeline.steps import Deskew, SubtractBackground

SPARE = 2**29  # byte
EXACT = "the volume"


@contextmanager
def little_memory(spare: int = SPARE) -> Iterator[None]:
    """Let this process have no more than so much memory besides what it has, where one can."""
    if sys.platform != "linux":
        yield
        return
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + spare, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def seen(path: Path) -> str:
    """What becomes of data: the volume, read as a whole and by planes, or a sentence."""
    try:
        info = inspect_folder(path)
        source = info.stack().source
        volume = source.read(0, 0)
        each = range(len(volume) if source.by_planes else 0)
        planes = [source.read_planes(0, 0, z, z + 1) for z in each]
    except LazyPipelineError as error:
        return str(error)
    assert info.summary
    if planes:
        np.testing.assert_array_equal(np.concatenate(planes), volume)
    exact = volume.shape == hostile.SHAPE and np.array_equal(volume, hostile.PIXELS)
    return EXACT if exact else f"other pixels: {volume.shape}"


Make = Callable[[Path], None]
# What is in the folder, and what is said of it.
FILES: dict[str, tuple[Make, str]] = {
    "a TIFF that claims terabytes": (hostile.huge, "promises .* bytes of pixels"),
    "a packed TIFF that claims terabytes": (
        lambda folder: hostile.huge(folder, "zlib"), "promises .* bytes of pixels",
    ),
    "one page that claims gigabytes": (
        hostile.one_large_page, "The header of plane 4 is damaged .* another size than the first",
    ),
    "tiles larger than any plane": (hostile.large_tile, "promises .* bytes of pixels"),
    "a strip that unpacks to a million planes": (hostile.bomb_in_a_strip, "damaged"),
    "OME-XML of 10^27 planes": (
        hostile.described(hostile.ome('SizeZ="1000000000" SizeC="1000000000" SizeT="1000000000"')),
        EXACT,
    ),
    "OME-XML that lists planes far apart": (
        hostile.described(
            hostile.ome(data='<TiffData IFD="0"/><TiffData IFD="1" FirstT="999999999"/>')
        ),
        EXACT,
    ),
    "OME-XML that laughs a billion times": (
        hostile.described(hostile.ome(head=hostile.ENTITIES)), EXACT,
    ),
    "OME-XML that begins and never ends": (
        hostile.described(hostile.ome(data="<TiffData " * 100_000)), EXACT,
    ),
    "OME-XML of one endless word": (
        hostile.described(hostile.ome(pixels=hostile.SIZES + "a" * 1_000_000)), EXACT,
    ),
    "OME-XML of names without values": (
        hostile.described(hostile.ome(pixels="<Pixels " * 100_000)), EXACT,
    ),
    "ImageJ that promises a billion frames": (
        hostile.described("ImageJ=1.54\nimages=1000000000\nframes=1000000000\nslices=6\n"),
        EXACT,
    ),
    "a zip bomb": (hostile.zip_bomb, "not enough memory to read the file: it takes 0.537 GB"),
    "a zip that lies about a size": (hostile.zip_that_lies, "promises 4294967294 bytes"),
    "a zip of a hundred thousand names": (hostile.zip_of_many, EXACT),
    "a zip that climbs out of its folder": (hostile.zip_that_climbs, EXACT),
    "pixels that are pickled": (hostile.pickled_pixels, "pickle"),
    "pixels that are unpacked by pickle": (hostile.pickled_by_compressor, "pickle"),
    "objects for pixels": (hostile.pickled_objects, "pickle"),
    "an array of objects called TIFF": (hostile.pickled_array, "is not a TIFF"),
    "a Zarr in a trillion files": (hostile.zarr_of_crumbs, "not enough memory|cut into 10000"),
    "a Zarr of one chunk of terabytes": (hostile.zarr_of_one_chunk, "not enough memory"),
    "a Zarr that leads out of its folder": (
        hostile.zarr_that_climbs, "damaged|holds",
    ),
    "an index with a flipped bit": (hostile.mmstack, "3 planes for 2147483649 .* damaged"),
    "a picture of ten billion pixels": (hostile.picture, "damaged|memory"),
    "a Settings.txt of blanks": (
        hostile.beside("Settings.txt", " " * 300_000 + "\n" * 300_000), EXACT,
    ),
    "a Settings.txt that never ends a line": (
        hostile.beside(
            "Settings.txt", " Offset, Interval (um), # of Pixels for Excitation (" * 20_000
        ),
        EXACT,
    ),
    "a metadata.txt that begins again and again": (
        hostile.beside("metadata.txt", '"ChNames":[' * 30_000), EXACT,
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def pickle_would_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even where a person has told the library that it may."""
    monkeypatch.setattr(numcodecs.pickles, "ALLOW_UNSAFE_PICKLE_DECODE", True, raising=False)


@pytest.mark.parametrize("name", FILES)
def test_what_comes_of_a_file(name: str, tmp_path: Path) -> None:
    make, expected = FILES[name]
    folder = tmp_path / "outer" / "data"
    folder.mkdir(parents=True)
    make(folder)
    before = listing(tmp_path)
    with little_memory():
        said = seen(folder / "inner" if (folder / "inner").exists() else folder)
    assert re.search(expected, said), said
    assert "\n" not in said
    assert listing(tmp_path) == before


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("plain TIFF", "not enough memory to read the file: it takes 0.0197 GB, and 0.0098"),
        ("deskew", "Deskew failed at t=0, channel ch0: There is not enough memory to run the step"),
        ("rl", "takes about 254 MB, more than there is .cpu.; computed in tiles"),
    ],
)
def test_what_comes_of_half_of_the_memory(name: str, expected: str) -> None:
    """In a process of its own; all others are tried by tests/bench/test_memory.py."""
    command = [sys.executable, "-m", "memory_run", name, "cpu", "starved"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert re.search(expected, json.loads(done.stdout)["said"])


DEEP = "[" * 5000
LAUGHS = "\n".join(
    ["a0: &a0 [ha]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))]
)
MERGES = "\n".join(
    [
        "a0: &a0 {k: 1}",
        *(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 12)),
    ]
)
RECIPES: dict[str, tuple[str, str]] = {
    "aliases of aliases": (LAUGHS, "its aliases .* stand for more than 100000 values"),
    "aliases that are merged": (MERGES, "its aliases .* stand for more than 100000 values"),
    "an alias of what it stands in": ("a: &a [*a]", "its aliases .* stand for more"),
    "aliases in arguments": (
        f"{LAUGHS}\npipeline: {{steps: [{{kind: function, arguments: {{x: *a11}}}}]}}",
        "its aliases",
    ),
    "an object of Python": (
        "a: !!python/object/apply:os.system [touch it_ran]", "could not determine a constructor",
    ),
    "a module of Python": ("a: !!python/module:os", "could not determine a constructor"),
    "a number of 5000 digits": (f"schema_version: {'9' * 5000}", "4300 digits"),
    "a day that there is not": ("folder: 2001-13-45", "month must be in"),
    "brackets without end": (DEEP, "cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("suffix", ["yaml", "json"])
def test_what_comes_of_a_recipe(name: str, suffix: str, tmp_path: Path) -> None:
    text, expected = RECIPES[name]
    path = tmp_path / f"recipe.{suffix}"
    path.write_text(text)
    with little_memory(), pytest.raises(LazyPipelineError) as info:
        Recipe.load(path)
    if suffix == "yaml":
        info.match(expected)
    assert "\n" not in str(info.value)
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_paths_that_no_file_can_have(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(
        'source: {folder: "a\\0b"}\n'
        'pipeline: {steps: [{kind: deconvolve, psf: "a\\0b.tif", psf_voxel_size: [1, 1, 1]}]}\n'
    )
    recipe = Recipe.load(path)
    with pytest.raises(LazyPipelineError, match=r"can be no folder of that name .*a\\x00b"):
        recipe.open()
    stack = Stack.from_array(np.ones((4, 5, 6), np.uint16), voxel_size=(0.3, 0.1, 0.1))
    with pytest.raises(LazyPipelineError, match=r"no PSF or OTF file here .*a\\x00b.tif"):
        recipe.pipeline.apply(stack).volume()


def circle(path: Path) -> None:
    """The last plane refers to the first."""
    hostile.tiff(path)
    data = bytearray(path.read_bytes())
    (first,) = position = struct.unpack_from("<I", data, 4)
    (position,) = position
    while position:
        (count,) = struct.unpack_from("<H", data, position)
        link = position + 2 + 12 * count
        (position,) = struct.unpack_from("<I", data, link)
    struct.pack_into("<I", data, link, first)
    path.write_bytes(data)


def negative(path: Path) -> None:
    tifffile.imwrite(path, hostile.PIXELS, photometric="minisblack")
    with tifffile.TiffFile(path) as tif:
        entry = tif.pages[0].tags[256].offset
    data = bytearray(path.read_bytes())
    struct.pack_into("<HIi", data, entry + 2, 9, 1, -1)
    path.write_bytes(data)


def large(path: Path) -> None:
    hostile.huge(path.parent, "zlib")
    (path.parent / "a_t0.tif").rename(path)


@pytest.mark.parametrize("make", [circle, negative, large])
def test_what_comes_of_a_psf(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "psf.tif"
    make(path)
    with little_memory(), pytest.raises(LazyPipelineError, match="The PSF cannot be read as TIFF"):
        read_psf_or_otf(path, (0.1, 0.1, 0.1))


STRANGE: dict[str, str | bytes] = {
    "markup": "<img src=x onerror=y><b>bold<!--.tif",
    "an entity": "a&lt;b&amp;c.tif",
    "line breaks": "a\nb\rc\x0bd\u2028e.tif",
    "escapes of a terminal": "\x1b[31mred\x1b]0;title\x07\x9b2J.tif",
    "writing from right to left": "a\u202efit.tif",
    "255 bytes": "x" * 251 + ".tif",
    "letters of four bytes": "\U0001f52c" * 62 + ".tif",
    "bytes that are no text": b"a\xff\xfe\x80b.tif",
    "quotes and braces": "a'\"`$(x){t}{}%s\\.tif",
    "blanks": "  a  .tif",
}


@pytest.fixture
def strange(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder of such a name, with a file of such a name."""
    name = os.fsdecode(STRANGE[request.param])
    folder = tmp_path / (name if len(os.fsencode(name)) < 250 else name[:-20])
    try:
        folder.mkdir()
        hostile.named(STRANGE[request.param])(folder)
    except OSError as error:
        pytest.skip(f"this system has no such names: {error}")
    return folder


@pytest.mark.parametrize("strange", STRANGE, indirect=True)
def test_what_comes_of_a_name(strange: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is read, told of in lines that move no terminal, put into a recipe, and exported."""
    if "\n" in str(strange):
        assert seen(strange).startswith(r"No pattern was found for the files (a\nb\rc")
        return
    assert seen(strange) == EXACT
    assert cli.main(["info", str(strange)]) == 0
    lines = capsys.readouterr().out.split("\n")
    assert lines[0] == f"folder:   {printable(str(strange))}"
    assert all(printable(line) == line for line in lines)
    stack = inspect_folder(strange).stack(voxel_size=(0.3, 0.1, 0.1))
    path = strange.parent / "recipe.yaml"
    Recipe(source=stack).save(path)
    again = Recipe.load(path).open()
    np.testing.assert_array_equal(again.volume(), hostile.PIXELS)
    try:
        assert export(again, strange.parent / "out").complete
    except LazyPipelineError as error:
        assert "File name too long" in str(error) and len(again.source.names[0]) == 255


@pytest.mark.parametrize("strange", STRANGE, indirect=True)
def test_what_is_wrong_is_told_in_one_line(
    strange: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (strange / os.listdir(strange)[0]).write_bytes(b"")
    assert cli.main(["info", str(strange)]) == 2
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1 and printable(printed[:-1]) == printed[:-1]


def test_json_without_end(tmp_path: Path) -> None:
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps({"schema_version": 2})[:-1] + ', "a": ' + "[" * 100_000)
    with pytest.raises(LazyPipelineError, match="cannot be read"):
        Recipe.load(path)


def test_nothing_asks_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To open, to look, to process and to export: not even for a folder that looks like a place."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("somebody asks the network")

    for name in ("getaddrinfo", "create_connection", "gethostbyname"):
        monkeypatch.setattr(socket, name, refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    folder = tmp_path / "s3:" / "bucket"
    folder.mkdir(parents=True)
    hostile.tiff(folder / "http:example.org_t0.tif")
    stack = inspect_folder(folder).stack(voxel_size=(0.3, 0.1, 0.1))
    processed = Pipeline([SubtractBackground(), Deskew(angle=31.5)]).apply(stack)
    for kind in ("tiff", "ome-zarr"):
        report = export(processed, tmp_path / kind, format=kind)  # type: ignore[arg-type]
        assert report.complete
        written = next((tmp_path / kind).glob("*.zarr"), tmp_path / kind)
        assert inspect_folder(written).stack().volume().any()
