"""Fresh files: whole or not there, never over what is not theirs, and nothing of them is left."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from foreign_things import SPECIAL, THINGS, Put, state
from napari_lazy_pipeline._runtime import fresh_file as module
from napari_lazy_pipeline._runtime.fresh_file import (
    ForeignFileError,
    fresh_file,
    fresh_folder,
    new_part,
    remove_leftovers,
    write_text,
)
from napari_lazy_pipeline._runtime.regular_file import NotAFileError, open_regular

pytestmark = pytest.mark.timeout(60)  # it only matters if something hangs


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    (tmp_path / "raw").mkdir()
    path = tmp_path / "raw" / "a.tif"
    path.write_text("raw")
    return path


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def test_a_file_appears_when_it_is_complete(out: Path) -> None:
    with fresh_file(out / "a" / "b" / "c.tif", within=out) as file:
        file.write(b"half")
        assert not (out / "a" / "b" / "c.tif").exists()
        (part,) = out.glob("*.part")
        assert part.name.startswith(".")
    assert (out / "a" / "b" / "c.tif").read_text() == "half"
    assert [path.name for path in out.iterdir()] == ["a"]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_a_failure_leaves_what_was_there(out: Path, error: type[BaseException]) -> None:
    (out / "a").write_text("before")
    with pytest.raises(error), fresh_file(out / "a") as file:
        file.write(b"half")
        raise error
    assert [path.read_text() for path in out.iterdir()] == ["before"]


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("when", ["before", "meanwhile"])
@pytest.mark.parametrize("thing", SPECIAL.values(), ids=SPECIAL.keys())
def test_nothing_but_a_file_is_replaced(
    raw: Path, out: Path, tmp_path: Path, thing: Put, when: str, replace: bool
) -> None:
    with pytest.raises(NotAFileError, match="this is a"):
        if when == "before":
            thing(out / "a", raw)
        with fresh_file(out / "a", replace=replace) as file:
            file.write(b"new")
            thing(out / "a", raw)
    thing(tmp_path / "a", raw)
    kind = stat.S_IFMT(os.lstat(tmp_path / "a").st_mode)
    assert stat.S_IFMT(os.lstat(out / "a").st_mode) == kind and raw.read_text() == "raw"
    assert not list(out.glob(".*"))


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_a_file_of_others_stays_unless_it_is_the_same(
    out: Path, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the file system has one name for each file only."""
    if not links:

        def no_links(part: object, path: object) -> None:
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(os, "link", no_links)
    write_text(out / "a", "mine", replace=False)
    write_text(out / "a", "mine", replace=False)
    with pytest.raises(ForeignFileError, match="another file is there already"):
        write_text(out / "a", "yours", replace=False)
    assert [path.read_text() for path in out.iterdir()] == ["mine"]
    write_text(out / "a", "yours")
    assert [path.read_text() for path in out.iterdir()] == ["yours"]


def test_links_on_the_way_are_not_followed(raw: Path, out: Path) -> None:
    (out / "a").symlink_to(raw.parent)
    with pytest.raises(NotAFileError, match="this folder is a link, which leads elsewhere"):
        write_text(out / "a" / "b.tif", "new", within=out)
    assert os.listdir(raw.parent) == ["a.tif"]


@pytest.mark.parametrize("thing", THINGS.values(), ids=THINGS.keys())
def test_a_folder_takes_no_place_of_others(raw: Path, out: Path, thing: Put) -> None:
    with pytest.raises(ForeignFileError), fresh_folder(out / "a") as folder:
        folder.mkdir()
        (folder / "file").write_text("new")
        thing(out / "a", raw)
        there = state(out / "a")
    assert state(out / "a") == there and not list(out.glob(".*"))


KILLED = """
import os, sys
from pathlib import Path
from napari_lazy_pipeline._runtime.fresh_file import fresh_file, fresh_folder

with fresh_file(Path(sys.argv[1], "a")) as file, fresh_folder(Path(sys.argv[1], "b")) as folder:
    file.write(b"half")
    file.flush()
    folder.mkdir()
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="what is open cannot be removed there")
def test_leftovers_of_the_dead_are_removed_and_nothing_else(raw: Path, out: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(out)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None and process.stdout.readline() == b"ready\n"
    parts = sorted(out.iterdir())
    assert len(parts) == 2
    remove_leftovers(out)
    assert sorted(out.iterdir()) == parts, "somebody writes to them"
    process.kill()
    process.wait()
    foreign = [new_part(out) for name in SPECIAL if name != "folder"]
    for thing, place in zip(SPECIAL.values(), foreign, strict=False):
        thing(place, raw)
    others = {path: state(path) for path in (*foreign, *_named(out))}
    remove_leftovers(out)
    assert {path: state(path) for path in others} == others
    assert not any(map(os.path.lexists, parts)) and raw.read_text() == "raw"


def _named(out: Path) -> list[Path]:
    """Files that are called nearly like ours."""
    names = [".napari-lazy-pipeline-0.part", "a.part", ".napari-lazy-pipeline.part"]
    for name in names:
        (out / name).write_text("mine")
    return [out / name for name in names]


def test_where_there_are_no_locks_they_are_left_for_a_day(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fcntl = pytest.importorskip("fcntl")

    def no_locks(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    young, old = new_part(out), new_part(out)
    young.write_text("half")
    old.write_text("half")
    monkeypatch.setattr(module, "time", lambda: young.stat().st_mtime + 100)
    os.utime(old, (0, 0))
    remove_leftovers(out)
    assert list(out.iterdir()) == [young]
    write_text(out / "a", "whole")
    assert (out / "a").read_text() == "whole"


@pytest.mark.parametrize("follow", [True, False])
@pytest.mark.parametrize("mode", ["rb", "ab"])
@pytest.mark.parametrize("thing", SPECIAL.values(), ids=SPECIAL.keys())
def test_only_files_are_opened(raw: Path, out: Path, thing: Put, mode: str, follow: bool) -> None:
    thing(out / "a", raw)
    there = state(out / "a")
    if thing is SPECIAL["link to a raw file"] and follow:
        with open_regular(out / "a", mode) as file:  # type: ignore[arg-type]
            assert file.tell() == (0 if mode == "rb" else 3)
    else:
        with pytest.raises(OSError) as caught:
            open_regular(out / "a", mode, follow=follow)  # type: ignore[arg-type]
        if thing in (SPECIAL["pipe"], SPECIAL["socket"]) or not follow:
            assert "not a file" in str(caught.value)
    assert state(out / "a") == there and raw.read_text() == "raw"


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="there are no devices with a name")
def test_devices_are_no_files() -> None:
    with pytest.raises(NotAFileError, match="this is a device, not a file"):
        open_regular("/dev/zero")


def test_adding_makes_no_file(out: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_regular(out / "a", "ab")
