"""HDF5: files of BigDataViewer with the XML beside them, of Imaris, and plain datasets."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from napari_lazy_pipeline._runtime.free_memory import require
from napari_lazy_pipeline._runtime.regular_file import refuse_special
from napari_lazy_pipeline.errors import FileError, MissingFileError
from napari_lazy_pipeline.io.metadata.bigdataviewer import SetupTable, read_setups
from napari_lazy_pipeline.io.metadata.claim import MetadataClaims
from napari_lazy_pipeline.io.patterns.field_values import format_names, steps
from napari_lazy_pipeline.io.readers._array_planes import MOST, as_planes, read_part
from napari_lazy_pipeline.io.readers._common_volume import alike
from napari_lazy_pipeline.io.readers._reader import FileInfo, PlaneReader, file_errors, file_stamp

_MOST = 1000  # datasets that are listed
_TIME = re.compile(r"(?<![a-z])t(?:ime)?[ _-]?\d+|(?<=[_-])\d+$")  # in the name of a file
_CHANNEL = re.compile(r"(?<![a-z])(?:ch|c|channel|cam|camera|w|wavelength)[ _-]?0*(\d+)")
_WORD = re.compile(r"[^\W\d_]+|\d+")
_PART = re.compile(r"-\d\d-\d\d\.h5$")


@dataclass(frozen=True)
class _Layout:
    """Where the volumes of a file are: for each position, names of datasets by (t, c).

    Empty where nothing was recorded.
    """

    places: dict[str, list[list[str]]]
    claims: MetadataClaims | None = None
    channels: tuple[str, ...] = ()
    shape: tuple[int, ...] | None = None  # of what is no filling up to a whole chunk
    unsigned: bool = False  # whether what is called int16 is uint16

    def dtype(self, dataset: Any) -> np.dtype:
        """Type of the numbers in a dataset."""
        stored: np.dtype = dataset.dtype
        return np.dtype(stored.str.replace("i2", "u2")) if self.unsigned else stored


class Hdf5Reader(PlaneReader):
    """Reads the full resolution, chunk by chunk; several datasets, or views, are positions."""

    suffixes = (".h5", ".hdf5", ".ims")
    mark = ".h5"
    states_axes = True

    def hidden(self, names: Sequence[str]) -> set[str]:
        """Parts of a file of BigDataViewer, which its first file links to."""
        whole = set(names)
        parts = {name: _PART.sub(".h5", name) for name in names if _PART.search(name)}
        return {name for name, first in parts.items() if first in whole}

    def probe(self, path: str) -> FileInfo:
        with _open(path) as file:
            layout = _layout(file, path)
            volumes = next(iter(layout.places.values()))
            dataset = file[next(place for row in volumes for place in row if place)]
            scenes = tuple(layout.places)
            unnamed, shape = as_planes(layout.shape or dataset.shape)
            return FileInfo.of(
                path, shape, layout.dtype(dataset), layout.claims,
                inner=(len(volumes), len(volumes[0])),
                channel_names=layout.channels,
                scenes=scenes if len(scenes) > 1 else (),
                firsts=(0,) * len(scenes), datasets=scenes,
                overhead=_unpacked(dataset), **unnamed,
            )  # fmt: skip

    def read_planes(self, path: str, info: FileInfo, start: int, stop: int) -> np.ndarray:
        with _open(path) as file:
            t, c = (0, 0) if info.restated else info.part
            layout = _layout(file, path, info.datasets[info.scene])
            place = _volumes(layout, info, path)[t][c]
            if not place:
                raise MissingFileError(f"Nothing was recorded for t={t}, c={c}", path)
            dataset = file[place]
            require(_unpacked(dataset))
            shape, dtype = layout.shape or dataset.shape, layout.dtype(dataset)
            flat = len(shape) == 2
            shape = (1, *shape) if flat else shape
            info.check(info.shape if info.restated else shape, dtype, path)
            whole = dataset[()][np.newaxis] if flat else dataset
            _, y, x = info.shape
            if info.restated:
                return read_part(
                    shape, info, start, stop, path, lambda n: whole[n][..., :y, :x].view(dtype)
                )
            return np.ascontiguousarray(whole[start:stop, :y, :x].view(dtype), info.dtype)


@contextmanager
def _open(path: str) -> Iterator[Any]:
    try:
        import h5py
    except ImportError as error:
        what = "HDF5 cannot be read without h5py"
        raise FileError(what, path, "pip install 'napari-lazy-pipeline[hdf5]'") from error
    with file_errors(path):
        refuse_special(path)
        # It may be written at this moment, by a program that locks it.
        with h5py.File(path, "r", locking=False) as file:
            yield file


def _layout(file: Any, path: str, wanted: str = "") -> _Layout:
    """Where the volumes are; of plain datasets the wanted one alone, if it is there."""
    if "s00" in file and any(re.fullmatch(r"t\d{5}", name) for name in file):
        return _bigdataviewer(file, path)
    if "DataSet/ResolutionLevel 0" in file:
        return _imaris(file)
    return _datasets(file, path, wanted)


def _volumes(layout: _Layout, info: FileInfo, path: str) -> list[list[str]]:
    """Datasets by (t, c) of the position that is to be read: of its name, not of its number.

    Of two files of one dataset each, that of the other may have other numbers, and words of the
    name of its file, such as its channel.
    """
    name = info.datasets[info.scene]
    if name in layout.places:
        return layout.places[name]
    if len(info.datasets) == len(layout.places) == 1:
        ((other, volumes),) = layout.places.items()
        stem, first = Path(path).stem.lower(), Path(info.name).stem.lower()
        # Of the same channel, say, the dataset has no other channel; of another it may count anew.
        words = _words if _TIME.sub("", stem) == _TIME.sub("", first) else _plain_words
        if words(other) - words(name) <= words(stem):
            return volumes
    hint = f"It holds {format_names(list(layout.places))}: open it alone"
    raise FileError(f"There is no dataset {name}", path, hint)


def _words(text: str) -> set[str]:
    """Words of a name, and numbers of channels; others count files, as those of time points do."""
    return _plain_words(text) | set(_CHANNEL.findall(text.lower()))


def _plain_words(text: str) -> set[str]:
    return {word for word in _WORD.findall(text.lower()) if not word.isdecimal()}


def _bigdataviewer(file: Any, path: str) -> _Layout:
    """Groups of the form t00000/s00/0/cells; the XML tells what the setups are.

    Java has no unsigned numbers: counts of 16 bits are stored as signed ones.
    """
    groups = _setups_by_time(path, file_stamp(path))
    times, uneven = steps([name[1:] for name in groups], len(groups), path, "t")
    name_of = dict(zip(times.tolist(), groups, strict=True))
    every = [name_of.get(t, "") for t in range(max(name_of) + 1)]
    setups = sorted(set().union(*groups.values()))
    xml = Path(path).with_suffix(".xml")
    table = read_setups(xml) if xml.is_file() else SetupTable()
    places: dict[str, list[list[str]]] = {}
    channels: tuple[str, ...] = ()
    for view, of_channel in table.views(setups).items():
        channels = channels or tuple(of_channel)
        if tuple(of_channel) != channels:
            what = f"The view {view} has the channels {', '.join(of_channel)}, the first one others"
            raise FileError(what, path, "Export views of the same channels to a file")
        places[view] = [
            [f"{t}/s{n:02d}/0/cells" if n in groups.get(t, ()) else "" for n in of_channel.values()]
            for t in every
        ]
    note = "Time points count in uneven, large steps: they are taken as they follow, without gaps"
    claims = table.claims or MetadataClaims("BigDataViewer")
    claims = replace(claims, notes=(note,) if uneven else ())
    return _Layout(places, claims, channels if len(channels) > 1 else (), unsigned=True)


@lru_cache(maxsize=16)
def _setups_by_time(path: str, _stamp: tuple[int, int]) -> dict[str, frozenset[int]]:
    """Numbers of the setups by the name of a time point; every group has to be opened for them."""
    with _open(path) as file:
        return {
            time: frozenset(int(n[1:]) for n in file[time] if re.fullmatch(r"s\d+", n))
            for time in file
            if re.fullmatch(r"t\d+", time)
        }


def _imaris(file: Any) -> _Layout:
    """Datasets of the form DataSet/ResolutionLevel 0/TimePoint 0/Channel 0/Data."""
    top, image = file["DataSet/ResolutionLevel 0"], file["DataSetInfo/Image"].attrs
    places = [
        [f"{top.name}/TimePoint {t}/Channel {c}/Data" for c in range(len(top["TimePoint 0"]))]
        for t in range(len(top))
    ]
    shape = tuple(int(_text(image[axis])) for axis in "ZYX")
    ends = {k: float(_text(v)) for k, v in image.items() if re.fullmatch(r"Ext(Min|Max)\d", k)}
    sizes = ((ends[f"ExtMax{n}"] - ends[f"ExtMin{n}"]) / shape[2 - n] for n in (2, 1, 0))
    in_um = _text(image["Unit"]).strip().lower() in ("um", "\xb5m", "\u03bcm")
    z, y, x = (round(size, 9) if in_um and size > 0 else None for size in sizes)
    return _Layout({"DataSet": places}, MetadataClaims("Imaris", (z, y, x)), shape=shape)


def _datasets(file: Any, path: str, wanted: str) -> _Layout:
    """Datasets of numbers that are alike are positions; first those of two or three axes."""
    import h5py

    if wanted and isinstance(file.get(wanted), h5py.Dataset):
        return _Layout({wanted: [[wanted]]})
    found: dict[str, Any] = {}
    deeper: dict[str, Any] = {}

    def note(name: str, node: Any) -> bool | None:
        if isinstance(node, h5py.Dataset) and node.dtype.kind in "buif":
            if node.ndim in (2, 3) and min(node.shape) > 0:
                found[name] = node
            elif 3 < node.ndim <= MOST and min(node.shape) > 0:
                deeper[name] = node
        return True if len(found) >= _MOST else None

    file.visititems(note)
    names, notes = alike(found or deeper)
    if not names:
        what = "The file holds no dataset of volumes (z, y, x)"
        raise FileError(what, path, "Choose another file")
    return _Layout({name: [[name]] for name in names}, MetadataClaims("HDF5", notes=notes))


def _unpacked(dataset: Any) -> int:
    """Size of a chunk, which is unpacked as a whole [byte]."""
    return math.prod(dataset.chunks or (0,)) * int(dataset.dtype.itemsize)


def _text(value: Any) -> str:
    """A text of Imaris, which writes one letter an element."""
    if isinstance(value, np.ndarray):
        return b"".join(value.ravel().tolist()).decode("utf-8", "replace")
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


READER = Hdf5Reader()
