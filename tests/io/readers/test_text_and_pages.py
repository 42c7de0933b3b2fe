"""What a text says of a file, against the pages that are in it: the pages are shown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_lazy_pipeline.errors import FileError, FolderError, MissingFileError
from napari_lazy_pipeline.io import FolderInfo, inspect_folder, open_stack
from napari_lazy_pipeline.io.readers.tiff import READER

SHAPE = (6, 8)
Z = 5


def put(path: Path, values: Sequence[int], text: str | bytes, **options: object) -> Path:
    """Write a plane for each value, with a directory of its own; a text in the first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = text.encode() if isinstance(text, str) else text
    with tifffile.TiffWriter(path, ome=False) as tif:
        for index, value in enumerate(values):
            tif.write(
                np.full(SHAPE, value, np.uint16), contiguous=False, metadata=None,
                description=data if index == 0 else None, photometric="minisblack", **options,
            )  # fmt: skip
    return path


def ome(data: str = "<TiffData/>", t: int = 1, c: int = 1, z: int = Z, order: str = "XYZCT") -> str:
    channels = "".join(f'<Channel ID="Channel:0:{n}" Name="dye {n}"/>' for n in range(c))
    return (
        '<?xml version="1.0" encoding="UTF-8"?><OME UUID="urn:uuid:own" '
        'xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
        f'<Pixels ID="Pixels:0" DimensionOrder="{order}" Type="uint16" SizeX="8" SizeY="6" '
        f'SizeZ="{z}" SizeC="{c}" SizeT="{t}" PhysicalSizeZ="0.3" PhysicalSizeX="0.1" '
        f'PhysicalSizeY="0.1">{channels}{data}</Pixels></Image></OME>'
    )


def planes_of(info: FolderInfo) -> list[list[list[int]]]:
    """The value of each plane (t, c, z); each plane alone is that of its volume."""
    source = info.stack(voxel_size=(1, 1, 1)).source
    times, channels = source.sizes
    values = []
    for t in range(times):
        values.append([])
        for c in range(channels):
            volume = source(t, c)
            assert all((plane == plane.flat[0]).all() for plane in volume)
            for z, plane in enumerate(volume):
                try:
                    alone = source.read_planes(t, c, z, z + 1)[0]
                except MissingFileError:
                    alone = np.zeros_like(plane)
                np.testing.assert_array_equal(alone, plane)
            values[-1].append(volume[:, 0, 0].tolist())
    return values


def named(count: int) -> str:
    return "".join(
        f'<TiffData IFD="{i}" FirstT="{i // Z}" FirstZ="{i % Z}" PlaneCount="1"/>'
        for i in range(count)
    )


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("data", ["<TiffData/>", named(50), named(13)], ids=["all", "each", "some"])
def test_a_run_that_was_stopped_in_a_volume(
    data: str, compression: str | None, tmp_path: Path
) -> None:
    path = put(tmp_path / "a.ome.tif", range(1, 14), ome(data, t=10), compression=compression)
    info = inspect_folder(path)
    assert planes_of(info) == [[[1, 2, 3, 4, 5]], [[6, 7, 8, 9, 10]], [[11, 12, 13, 0, 0]]]
    (note,) = (note for note in info.notes if "OME-XML" in note)
    assert note == "OME-XML says 50 planes, the file has 13: what is missing is blank"
    assert not len(info.source.problems)


def test_a_plane_that_is_missing_in_the_middle(tmp_path: Path) -> None:
    there = [i for i in range(10) if i != 7]
    data = "".join(
        f'<TiffData IFD="{page}" FirstT="{i // Z}" FirstZ="{i % Z}" PlaneCount="1"/>'
        for page, i in enumerate(there)
    )
    path = put(tmp_path / "a.ome.tif", [i + 1 for i in there], ome(data, t=2))
    info = inspect_folder(path)
    assert planes_of(info) == [[[1, 2, 3, 4, 5]], [[6, 7, 0, 9, 10]]]
    assert sum("what is missing is blank" in note for note in info.notes) == 1


def test_missing_planes_of_floats_are_not_a_number(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(path, ome=False) as tif:
        for index in range(3):
            text = ome().replace("uint16", "float").encode() if index == 0 else None
            tif.write(np.ones(SHAPE, "f4"), contiguous=False, metadata=None, description=text)
    volume = open_stack(path).volume()
    assert (volume[:3] == 1).all() and np.isnan(volume[3:]).all()


def test_a_second_channel_that_was_never_recorded_is_blank(tmp_path: Path) -> None:
    path = put(tmp_path / "a.ome.tif", range(1, 11), ome(t=2, c=2, order="XYZTC"))
    info = inspect_folder(path)
    assert planes_of(info) == [[[1, 2, 3, 4, 5], [0] * 5], [[6, 7, 8, 9, 10], [0] * 5]]
    assert info.channel_names == ("dye 0", "dye 1")


def test_a_run_that_the_camera_split_goes_on_in_the_next_file(tmp_path: Path) -> None:
    text = "ImageJ=1.53k\nimages=50\nslices=5\nframes=10\nhyperstack=true\nunit=um\nspacing=0.3\n"
    put(tmp_path / "run_00001.tif", range(30), text)
    put(tmp_path / "run_00002.tif", range(30, 50), text)
    info = inspect_folder(tmp_path)
    found = planes_of(info)
    assert [volume[0][0] for volume in found[:10]] == list(range(0, 50, 5))
    assert found[10:] == [[[0] * 5]] * 2 and not len(info.source.problems)


@pytest.mark.parametrize(
    "text",
    [ome(t=2), ome('<TiffData IFD="0" PlaneCount="10"/>', t=2), ome(named(10), t=2),
     "ImageJ=1.53k\nimages=10\nslices=5\nframes=2\n"],
    ids=["ome", "ome count", "ome each", "imagej"],
)  # fmt: skip
def test_planes_of_which_a_text_says_nothing_are_shown(text: str, tmp_path: Path) -> None:
    info = inspect_folder(put(tmp_path / "a.tif", range(1, 16), text))
    assert planes_of(info) == [[[1, 2, 3, 4, 5]], [[6, 7, 8, 9, 10]], [[11, 12, 13, 14, 15]]]
    assert sum("says 10 planes, the file has 15: all are shown" in n for n in info.notes) == 1


def test_a_stack_that_is_deeper_than_its_text(tmp_path: Path) -> None:
    info = inspect_folder(put(tmp_path / "a.tif", range(7), ome()))
    assert planes_of(info) == [[list(range(7))]]


def test_another_file_with_a_plane_less_is_refused(tmp_path: Path) -> None:
    """It may be half written: only the first file tells what is usual."""
    whole = put(tmp_path / "a_t0.ome.tif", range(5), ome())
    short = put(tmp_path / "a_t1.ome.tif", range(3), ome())
    with pytest.raises(FileError, match="3 of 5 planes are there for t=0, c=0"):
        READER.read(str(short), READER.probe(str(whole)))
    source = open_stack(tmp_path).source
    assert "without 2 planes" in source.judge.why_incomplete(str(short))  # type: ignore[attr-defined]


def test_the_others_are_whole_where_the_first_one_was_half_written(tmp_path: Path) -> None:
    put(tmp_path / "a_t0.ome.tif", range(3), ome())
    whole = put(tmp_path / "a_t1.ome.tif", range(5), ome())
    info = inspect_folder(tmp_path)
    assert planes_of(info) == [[[0, 1, 2, 0, 0]], [[0, 1, 2, 3, 4]]]
    assert info.source.judge.why_incomplete(str(whole)) == ""


def test_other_files_may_have_their_own_order(tmp_path: Path) -> None:
    put(tmp_path / "a_0.ome.tif", range(1, 5), ome(t=2, z=2, order="XYZCT"))
    put(tmp_path / "a_1.ome.tif", range(1, 5), ome(t=2, z=2, order="XYTCZ"))
    info = inspect_folder(tmp_path, "a_{t}.ome.tif")
    assert planes_of(info) == [[[1, 2]], [[3, 4]], [[1, 3]], [[2, 4]]]


# ---- XML ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        ome(t=2).replace("'", "&apos;").replace('"', "'").encode(),
        ome(t=2).replace('encoding="UTF-8"', 'encoding="UTF-16"').encode("utf-16"),
        ome(t=2).replace("UTF-8", "ISO-8859-1").replace("dye 0", "dye é").encode("latin-1"),
        ome(t=2).replace("dye 0", "dye µ").encode("latin-1"),
        ome(t=2).replace("dye 0", "R & D").encode(),
        ome(t=2).replace("<", "<ome:").replace("<ome:/", "</ome:").replace("<ome:?", "<?")
        .replace("xmlns=", "xmlns:ome=").encode(),
        ome(t=2).removesuffix("</Pixels></Image></OME>").encode(),
        b"<!-- " + b"a comment " * 90 + b"-->" + ome(t=2).split("?>")[1].encode() + b"\0\0 \n",
    ],
    ids=["quotes", "utf-16", "latin-1", "wrong", "ampersand", "prefix", "cut", "comment"],
)  # fmt: skip
def test_xml_is_read_as_xml(data: bytes, tmp_path: Path) -> None:
    info = inspect_folder(put(tmp_path / "a.ome.tif", range(1, 11), data))
    assert planes_of(info) == [[[1, 2, 3, 4, 5]], [[6, 7, 8, 9, 10]]]
    assert info.voxel_size == (0.3, 0.1, 0.1)
    assert info.channel_names[0] in ("dye 0", "dye é", "dye µ", "R & D")


def test_the_time_between_planes_stands_for_an_increment(tmp_path: Path) -> None:
    times = "".join(
        f'<Plane TheT="{t}" TheC="0" TheZ="{z}" DeltaT="{1500 * t + 10 * z}" DeltaTUnit="ms"/>'
        for t in range(3) for z in range(2)
    )  # fmt: skip
    info = inspect_folder(
        put(tmp_path / "a.ome.tif", range(6), ome(f"<TiffData/>{times}", 3, 1, 2))
    )
    assert info.time_interval == 1.5


SET = {
    "channels": ("C", [(0, 0, 0), (0, 1, 0)], 10),
    "planes": ("Z", [(0, 0, z) for z in range(4)], 1),
    "times": ("T", [(t, 0, 0) for t in range(3)], 5),
}


def put_set(folder: Path, kind: str, names: Sequence[str], master: str = "") -> None:
    """A set of files, of which each describes all, or refers to the one that does."""
    axis, places, count = SET[kind]
    data = "".join(
        f'<TiffData FirstT="{t}" FirstC="{c}" FirstZ="{z}" IFD="0" PlaneCount="{count}">'
        f'<UUID FileName="{name}">urn:uuid:{name}</UUID></TiffData>'
        for name, (t, c, z) in zip(names, places, strict=True)
    )
    sizes = {"t": {"channels": 2, "planes": 1, "times": 3}[kind], "c": 1 + (axis == "C")}
    text = ome(data, z=4 if axis == "Z" else 5, order="XYZTC", **sizes)
    stub = (
        f'<OME UUID="urn:uuid:stub"><BinaryOnly MetadataFile="{master}" UUID="urn:uuid:m"/></OME>'
    )
    for number, name in enumerate(names):
        own = text.replace('UUID="urn:uuid:own"', f'UUID="urn:uuid:{name}"', 1)
        values = range(100 * number + 1, 100 * number + count + 1)
        put(folder / name, values, stub if master and name != master else own)
    if master and master not in names:
        (folder / master).write_text(text)


@pytest.mark.parametrize("master", ["", "run.companion.ome", "s_0.ome.tif"])
@pytest.mark.parametrize("kind", SET)
def test_a_set_is_put_together_as_its_xml_says(kind: str, master: str, tmp_path: Path) -> None:
    """By the names alone, all three are time points."""
    count = len(SET[kind][1])
    put_set(tmp_path, kind, [f"s_{number}.ome.tif" for number in range(count)], master)
    info = inspect_folder(tmp_path)
    expected = {
        "channels": [
            [[1, 2, 3, 4, 5], [101, 102, 103, 104, 105]],
            [[6, 7, 8, 9, 10], [106, 107, 108, 109, 110]],
        ],
        "planes": [[[1, 101, 201, 301]]],
        "times": [[list(range(100 * t + 1, 100 * t + 6))] for t in range(3)],
    }[kind]
    assert planes_of(info) == expected
    assert not [question for question in info.questions if question.about == "pattern"]
    if kind == "channels":
        assert info.channel_names == ("dye 0", "dye 1")
    again = inspect_folder(tmp_path, info.pattern, **info.source.options)
    assert planes_of(again) == expected


@pytest.mark.parametrize(
    ("kind", "stub"),
    # Plain files of several volumes have pages whose order only a person knows.
    [("channels", True), ("planes", True), ("times", True), ("planes", False), ("times", False)],
)
def test_a_companion_is_opened_as_the_set_that_it_describes(
    kind: str, stub: bool, tmp_path: Path
) -> None:
    count = len(SET[kind][1])
    names = [f"s_{number}.ome.tif" for number in range(count)]
    put_set(tmp_path, kind, names, "run.companion.ome")
    expected = planes_of(inspect_folder(tmp_path))
    if not stub:
        for number, name in enumerate(names):
            put(tmp_path / name, range(100 * number + 1, 100 * number + SET[kind][2] + 1), "")
    put(tmp_path / f"s_{count}.ome.tif", range(5), "")  # of another run
    put(tmp_path / "other_0.ome.tif", range(5), "")
    info = inspect_folder(tmp_path / "run.companion.ome")
    assert planes_of(info) == expected
    assert info.voxel_size == (0.3, 0.1, 0.1)
    assert not [question for question in info.questions if question.about == "pattern"]
    again = inspect_folder(info.folder, info.pattern, **info.source.options)
    assert planes_of(again) == expected
    together = [tmp_path / "s_0.ome.tif", tmp_path / "run.companion.ome"]
    assert planes_of(inspect_folder(together)) == expected


def test_a_companion_of_one_file_beside_others(tmp_path: Path) -> None:
    put(tmp_path / "s_1.ome.tif", range(10, 15), "")
    put(tmp_path / "s_2.ome.tif", range(5), "")
    data = '<TiffData><UUID FileName="s_1.ome.tif">urn:uuid:a</UUID></TiffData>'
    (tmp_path / "s.companion.ome").write_text(ome(data))
    info = inspect_folder(tmp_path / "s.companion.ome")
    assert planes_of(info) == [[[10, 11, 12, 13, 14]]]
    assert planes_of(inspect_folder(info.folder, info.pattern)) == [[[10, 11, 12, 13, 14]]]


def test_files_that_a_companion_describes_and_that_are_not_there(tmp_path: Path) -> None:
    names = [f"s_{number}.ome.tif" for number in range(3)]
    put_set(tmp_path, "times", names, "run.companion.ome")
    (tmp_path / names[2]).unlink()
    info = inspect_folder(tmp_path / "run.companion.ome")
    assert "Not there: 1 file that the companion.ome describes" in info.notes
    assert planes_of(info) == [[[1, 2, 3, 4, 5]], [[101, 102, 103, 104, 105]]]
    for name in names[:2]:
        (tmp_path / name).unlink()
    with pytest.raises(FolderError, match="None of the 3 files that it describes is beside it"):
        open_stack(tmp_path / "run.companion.ome")
    (tmp_path / "none.companion.ome").write_text(ome())
    with pytest.raises(FolderError, match=r"describes no files beside it.*none\.companion"):
        open_stack(tmp_path / "none.companion.ome")
    (tmp_path / "bad.companion.ome").write_bytes(b"\x00\xff" * 50)
    with pytest.raises(FolderError, match="describes no files beside it"):
        open_stack(tmp_path / "bad.companion.ome")


@pytest.mark.parametrize("master", ["", "plate.companion.ome"])
def test_images_in_files_of_their_own_are_positions(master: str, tmp_path: Path) -> None:
    """Wells or stage positions, of which the names say no word."""
    names = [f"s_{number}.ome.tif" for number in range(3)]
    images = "".join(
        f'<Image ID="Image:{n}" Name="well {n}"><Pixels DimensionOrder="XYZCT" SizeX="8" SizeY="6" '
        f'SizeZ="5" SizeC="1" SizeT="2"><TiffData IFD="0" PlaneCount="10">'
        f'<UUID FileName="{name}">urn:uuid:{name}</UUID></TiffData></Pixels></Image>'
        for n, name in enumerate(names)
    )
    for n, name in enumerate(names):
        own = f'<OME UUID="urn:uuid:{name}">{images}</OME>'
        stub = f'<OME UUID="urn:uuid:{name}"><BinaryOnly MetadataFile="{master}"/></OME>'
        put(tmp_path / name, range(100 * n, 100 * n + 10), stub if master else own)
    if master:
        (tmp_path / master).write_text(f"<OME>{images}</OME>")
    for where in [tmp_path, *([tmp_path / master] if master else [])]:
        info = inspect_folder(where)
        assert info.positions == ("0", "1", "2")
        for n, position in enumerate(info.positions):
            shown = inspect_folder(where, position=position)
            first = 100 * n
            assert planes_of(shown) == [
                [list(range(first, first + 5))], [list(range(first + 5, first + 10))]
            ]  # fmt: skip


# ---- smaller images -----------------------------------------------------------------------


def test_thumbnails_and_lower_resolutions_are_no_planes(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "tail.tif") as tif:
        for index in range(4):
            tif.write(np.full((8, 10), index, "u2"), contiguous=False, metadata=None)
        tif.write(np.full((4, 5), 9, "u2"), metadata=None, subfiletype=1)
    with tifffile.TiffWriter(tmp_path / "each.tif") as tif:  # as LSM has them
        for index in range(4):
            tif.write(np.full((8, 10), index, "u2"), contiguous=False, metadata=None)
            tif.write(np.full((2, 2, 3), 9, "u1"), metadata=None, photometric="rgb")
    with tifffile.TiffWriter(tmp_path / "first.tif") as tif:
        tif.write(np.full((4, 5), 9, "u2"), metadata=None)
        for index in range(4):
            tif.write(np.full((8, 10), index, "u2"), contiguous=False, metadata=None)
    for name in ("tail", "each", "first"):
        info = inspect_folder(tmp_path / f"{name}.tif")
        assert planes_of(info) == [[[0, 1, 2, 3]]], name
        assert sum("thumbnails" in note for note in info.notes) == 1


def test_an_image_of_ome_that_is_a_label_is_no_position(tmp_path: Path) -> None:
    label = (
        '<Image Name="label"><Pixels DimensionOrder="XYZCT" SizeX="4" SizeY="3" SizeZ="1" '
        'SizeC="1" SizeT="1"><TiffData IFD="0"/></Pixels></Image>'
    )
    text = ome('<TiffData IFD="1" PlaneCount="5"/>').replace("<Image", label + "<Image", 1)
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=False) as tif:
        tif.write(np.full((3, 4), 9, "u2"), description=text.encode(), metadata=None)
        for index in range(5):
            tif.write(np.full(SHAPE, index, "u2"), contiguous=False, metadata=None)
    info = inspect_folder(tmp_path)
    assert planes_of(info) == [[[0, 1, 2, 3, 4]]] and info.positions == ()
    assert len(info.notes) == 1 and "thumbnails" in info.notes[0]


def test_images_of_several_sizes_are_named(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        for shape in ((8, 10), (8, 10), (8, 6), (8, 6)):
            tif.write(np.zeros(shape, "u2"), contiguous=False, metadata=None)
    with pytest.raises(FileError, match=r"several sizes \(8 x 10, 8 x 6\)"):
        READER.probe(str(tmp_path / "a.tif"))


# ---- axes without names -------------------------------------------------------------------


def test_axes_without_names_are_asked_with_their_lengths(tmp_path: Path) -> None:
    data = np.arange(15, dtype="u2").reshape(3, 5, 1, 1) * np.ones(SHAPE, "u2")
    tifffile.imwrite(tmp_path / "a.tif", data, photometric="minisblack")
    info = inspect_folder(tmp_path)
    (question,) = (question for question in info.questions if question.about == "axes")
    assert question.text == "Each file holds 3 x 5 planes: what are they?"
    assert question.choices == ("TZYX", "CZYX", "ZTYX", "ZCYX")
    assert question.words[3] == "3 planes x 5 channels"
    assert [volume[0] for volume in planes_of(info)] == np.arange(15).reshape(3, 5).tolist()
    other = inspect_folder(tmp_path, axes="ZCYX")
    assert planes_of(other) == [np.arange(15).reshape(3, 5).T.tolist()]
    assert not [question for question in other.questions if question.about == "axes"]
    assert inspect_folder(tmp_path, axes="ZYX").shape == (15, *SHAPE)


def test_five_axes_without_names(tmp_path: Path) -> None:
    data = np.arange(24, dtype="u2").reshape(3, 2, 4, 1, 1) * np.ones(SHAPE, "u2")
    tifffile.imwrite(tmp_path / "a.tif", data, photometric="minisblack", compression="zlib")
    info = inspect_folder(tmp_path)
    assert planes_of(info) == data[..., 0, 0].tolist()
    (question,) = (question for question in info.questions if question.about == "axes")
    assert question.choices[0] == "TCZYX" and len(question.choices) == 6
    turned = inspect_folder(tmp_path, axes="CTZYX")
    assert planes_of(turned) == data[..., 0, 0].swapaxes(0, 1).tolist()


def test_volumes_that_were_appended_to_one_file(tmp_path: Path) -> None:
    for number in range(3):
        volume = np.full((4, *SHAPE), number, "u2")
        tifffile.imwrite(tmp_path / "a.tif", volume, photometric="minisblack", append=number > 0)
    info = inspect_folder(tmp_path)
    assert planes_of(info) == [[[t] * 4] for t in range(3)]
    (question,) = (question for question in info.questions if question.about == "axes")
    assert question.text.startswith("Each file holds 3 x 4 planes")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"planes": 4}, np.arange(12).reshape(3, 1, 4)),
        ({"planes": 4, "axes": "CZYX"}, np.arange(12).reshape(1, 3, 4)),
        ({"planes": 4, "axes": "ZCYX"}, np.arange(12).reshape(1, 4, 3).swapaxes(1, 2)),
        ({"planes": 4, "axes": "ZTYX"}, np.arange(12).reshape(4, 3).T[:, None]),
        ({"axes": "TYX"}, np.arange(12).reshape(12, 1, 1)),
        ({"axes": "cyx"}, np.arange(12).reshape(1, 12, 1)),
        ({"planes": 5}, np.array([*range(12), 0, 0, 0]).reshape(3, 1, 5)),
    ],
)
def test_so_many_planes_a_volume(
    options: dict[str, object], expected: np.ndarray, tmp_path: Path
) -> None:
    put(tmp_path / "a.tif", range(12), "")
    info = inspect_folder(tmp_path, **options)  # type: ignore[arg-type]
    assert planes_of(info) == expected.tolist()
    again = inspect_folder(tmp_path, info.pattern, **info.source.options)
    assert planes_of(again) == expected.tolist()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"planes": 5, "axes": "ZCYX"}, "12 planes are no whole volumes of 5"),
        ({"axes": "TZYX"}, r"The pages of the file are 12, of other axes"),
        ({"axes": "QZYX"}, "axes may be ZYX, TZYX, ZCYX or the like, not 'QZYX'"),
        ({"axes": "TCZYX", "planes": 3}, "Volumes of 3 planes may be TZYX"),
    ],
)
def test_axes_that_do_not_fit(options: dict[str, object], message: str, tmp_path: Path) -> None:
    put(tmp_path / "a.tif", range(12), "")
    with pytest.raises(Exception, match=message):
        inspect_folder(tmp_path, **options)  # type: ignore[arg-type]


def test_what_tifffile_was_told_beside_the_array_is_read(tmp_path: Path) -> None:
    said = {"axes": "TZYX", "spacing": -0.4, "unit": "um", "finterval": 500, "tunit": "ms"}
    data = np.zeros((2, 3, *SHAPE), "u2")
    tifffile.imwrite(
        tmp_path / "a.tif", data, photometric="minisblack", metadata=said, resolution=(10, 10)
    )
    info = inspect_folder(tmp_path)
    assert (info.voxel_size, info.time_interval) == ((0.4, 0.1, 0.1), 0.5)
    assert "axes" not in {question.about for question in info.questions}


def test_frames_per_second_of_imagej(tmp_path: Path) -> None:
    said = {"axes": "TZYX", "fps": 5.0, "spacing": -0.3, "unit": "um"}
    data = np.zeros((2, 3, *SHAPE), "u2")
    tifffile.imwrite(tmp_path / "a.tif", data, imagej=True, metadata=said)
    info = inspect_folder(tmp_path)
    assert info.time_interval == 0.2 and info.voxel_size[0] == 0.3
    assert any("5 frames per second" in note for note in info.notes)


def test_a_shape_of_json_that_is_none_is_passed_over(tmp_path: Path) -> None:
    for shape in ([], [0, 6, 8], [7, 7], [10**30, 6, 8]):
        path = put(tmp_path / "a.tif", range(3), json.dumps({"shape": shape}))
        assert planes_of(inspect_folder(path)) == [[[0, 1, 2]]]


def test_more_axes_than_there_are_names_for_are_told_truly(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((2, 3, 4, 5, *SHAPE), "u2"))
    with pytest.raises(FileError, match=r"holds 2 x 3 x 4 x 5 x 6 x 8 \(QQQQYX\)"):
        READER.probe(str(tmp_path / "a.tif"))


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize(
    ("shape", "dtype"), [((2, 4, 3, 4), "u2"), ((2, 5, 6, 8), "u1"), ((2, 1, 6, 8), "u2")]
)
def test_a_second_camera_in_one_file_is_a_position(
    tmp_path: Path, order: tuple[int, int], shape: tuple[int, ...], dtype: str
) -> None:
    """Another size, another type, another number of planes: each has its own."""
    first = np.arange(2 * 5 * 6 * 8, dtype="u2").reshape(2, 5, 6, 8)
    volumes = [first, (np.arange(np.prod(shape)) % 251).reshape(shape).astype(dtype)]
    with tifffile.TiffWriter(tmp_path / "run.ome.tif", ome=True) as file:
        for camera in order:
            sizes = {f"PhysicalSize{axis}": 0.1 + camera for axis in "XYZ"}
            text = {"axes": "TZYX", "Name": f"camera {camera}", **sizes}
            file.write(volumes[camera], photometric="minisblack", metadata=text)
    for camera, volume in enumerate(volumes):
        stack = open_stack(tmp_path / "run.ome.tif", position=f"camera {camera}", strict=True)
        assert stack.stack_spec.volume.stated_size[2] == pytest.approx(0.1 + camera)
        for t in range(2):
            np.testing.assert_array_equal(stack.volume(t, 0), volume[t])
            last = len(volume[t]) - 1
            np.testing.assert_array_equal(
                stack.source.read_planes(t, 0, last, last + 1), volume[t, last:]
            )
    notes = inspect_folder(tmp_path / "run.ome.tif").notes
    assert any(note.startswith("There are 2 positions (camera ") for note in notes)


def test_a_second_image_that_was_cut_off_is_not_said_to_be_whole(tmp_path: Path) -> None:
    """OME-XML says five planes of each image; of the second one there are three."""
    images = "".join(
        f'<Image Name="{name}"><Pixels DimensionOrder="XYZCT" SizeX="{x}" SizeY="6" SizeZ="5" '
        f'SizeC="1" SizeT="1"><TiffData IFD="{first}" PlaneCount="5"/></Pixels></Image>'
        for name, x, first in (("A", 8, 0), ("B", 4, 5))
    )
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as tif:
        for page in range(8):
            text = f"<OME>{images}</OME>".encode() if page == 0 else None
            plane = np.full((6, 8 if page < 5 else 4), page + 1, np.uint16)
            tif.write(plane, description=text, metadata=None, contiguous=False)
    info = READER.probe(str(tmp_path / "a.ome.tif"))
    assert not info.at_scene(1).whole
    volume = open_stack(tmp_path, position="B").volume(0, 0)
    assert volume[:, 0, 0].tolist() == [6, 7, 8, 0, 0]
