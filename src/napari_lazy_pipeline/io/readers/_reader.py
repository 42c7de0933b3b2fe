"""Reader: the contract of what turns files into volumes, and the header of a file."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from napari_lazy_pipeline._runtime.regular_file import NotAFileError
from napari_lazy_pipeline.errors import FileError, too_little_memory
from napari_lazy_pipeline.image import Shape
from napari_lazy_pipeline.image.quantity_text import format_count
from napari_lazy_pipeline.image.scan_geometry import StatedSize, Triple
from napari_lazy_pipeline.image.spec import UNKNOWN, Frame
from napari_lazy_pipeline.io.metadata.claim import MetadataClaims
from napari_lazy_pipeline.io.metadata.ome_xml import FilePlace


@dataclass(frozen=True)
class FileInfo:
    """What the header of one file states, and what the other files are checked against.

    Pages are counted through all planes of a file, of all time points, channels and positions.
    """

    name: str
    shape: Shape  # of a volume (z, y, x) [voxel]
    dtype: str  # name of the numpy type, in the byte order of this machine
    size: int  # of the file [byte]
    voxel_size: StatedSize = UNKNOWN  # (z, y, x) [um]; None where the file does not state it
    voxel_source: str = ""  # what states it: "ImageJ", "OME", ...
    time_interval: float | None = None  # [s]; None if the file does not state it
    notes: tuple[str, ...] = ()  # sentences a person should read
    offset: int = -1  # of the first pixel [byte] if all lie plain, one after the other; else -1
    # Pieces (position, bytes) that a file must share for its pixels to lie there, too.
    landmarks: tuple[tuple[int, bytes], ...] = ()
    # Tags that the directory of each plane must have for the plane to lie plain in the file;
    # empty if planes have to be decoded.
    page: tuple[int, ...] = ()
    byteorder: str = "<"  # "<" or ">": how the pixels lie in the file
    inner: tuple[int, int] = (1, 1)  # number of time points and channels in the file
    part: tuple[int, int] = (0, 0)  # which of them, (t, c), is to be read; see `at`
    strides: tuple[int, int, int] = (0, 0, 1)  # pages to the next time point, channel and plane
    scenes: tuple[str, ...] = ()  # names of the positions in the file, if there are several
    scene: int = 0  # which of them is to be read
    datasets: tuple[str, ...] = ()  # names that find them in other files, also a single one
    firsts: tuple[int, ...] = (0,)  # first page of each position
    channel_names: tuple[str, ...] = ()  # empty if the file does not state them
    # Pages (position, t, c, z) as 32-bit numbers, -1 where there is none, if they lie in no regular
    # order or not all are there; else empty.
    pages: bytes = field(default=b"", repr=False)
    unnamed: tuple[int, ...] = ()  # lengths of axes that nobody names, in the order of the pages
    axes: str = ""  # names of the axes, and number of planes of a volume, if a person stated them
    depth: int = 0
    # Names of all channels of a set of files that this one belongs to, as far as it states them.
    set_channels: tuple[str, ...] = ()
    # Where the files of such a set begin.
    places: tuple[FilePlace, ...] = field(default=(), compare=False, repr=False)
    # Whether planes are located by an index or by the names of chunks, in this file and in
    # others; more may come.
    indexed: bool = False
    overhead: int = 0  # memory that reading a volume takes besides its pixels [byte]
    frame: Frame = "camera"  # what its axes are along, if this package wrote it
    translate: Triple = (0.0, 0.0, 0.0)  # of the first voxel (z, y, x) [um], if it is stated
    # Position of the first pixel of the last plane [byte], if the file holds one volume and
    # its planes lie plain; else -1.
    last_plane: int = -1
    first_plane: int = 0  # at which it begins, in a set of files
    whole: bool = False  # whether the file has all planes that its text says
    exported: bool = False  # whether this package wrote it: its interval is that of all files
    kinds: tuple[tuple[int, int, str], ...] = ()  # (rows, columns, type) by channel, if they differ
    # What is stated of each position, and its number of time points, if the header tells of all.
    claims: tuple[MetadataClaims, ...] = field(default=(), compare=False, repr=False)
    # Positions of another shape or type, which are the last of all.
    others: tuple[FileInfo, ...] = ()

    @classmethod
    def of(
        cls,
        path: str,
        shape: Sequence[int],
        dtype: DTypeLike,
        claims: MetadataClaims | None = None,
        **details: Any,
    ) -> FileInfo:
        """Describe a file of volumes: name, size, native type and what it claims are filled in."""
        native = np.dtype(dtype).newbyteorder("=")
        content = f"{tuple(shape)} {native.name}"
        if len(shape) != 3 or not all(shape):
            raise FileError(f"The file holds {content}: no volume (z, y, x)", path)
        check_grey(native, content, path)
        z, y, x = shape
        if claims:
            details |= claims.details
        return cls(os.path.basename(path), (z, y, x), native.name, os.path.getsize(path), **details)

    def check(self, shape: Sequence[int], dtype: DTypeLike, path: str, hint: str = "") -> None:
        """Raise FileError if a file, or planes of it, have another shape (z, y, x) or type."""
        native = np.dtype(dtype).newbyteorder("=").name
        if (tuple(shape), native) != (self.shape, self.dtype):
            expected = f"{self.shape} {self.dtype} as {self.name}"
            raise FileError(f"The file holds {tuple(shape)} {native}, not {expected}", path, hint)

    @property
    def content(self) -> str:
        """Shape and type, as errors give them."""
        times, channels = self.inner
        several = f"{times} x {channels} times " if self.inner != (1, 1) else ""
        less = f" without {format_count(self.missing, 'plane')}" if self.missing else ""
        return f"{several}{self.shape} {self.dtype}{less}"

    def at(self, t: int, c: int) -> FileInfo:
        """The same for the volume at (t, c) of the file, in its own size and type."""
        if self.kinds:
            y, x, dtype = self.kinds[c]
            own = replace(self, shape=(self.shape[0], y, x), dtype=dtype, kinds=())
            return replace(own, part=(t, c))
        return self if self.part == (t, c) else replace(self, part=(t, c))

    def at_scene(self, scene: int) -> FileInfo:
        """The same for another of its positions, in its own shape and type, as far as it tells."""
        first = len(self.scenes) - len(self.others)
        if self.others and scene >= first:
            return replace(self.others[scene - first], part=self.part)
        if self.pages and scene >= len(self.firsts):
            what = f"The file holds {format_count(len(self.firsts), 'position')}"
            raise FileError(what, self.name, "It may not be complete yet")
        own: dict[str, Any] = {"scene": scene}
        for claims in self.claims[scene : scene + 1]:
            own |= {**claims.details, "notes": self.notes, "channel_names": claims.channel_names}
            own["inner"] = claims.sizes["time points"], self.inner[1]
        return replace(self, **own)

    @property
    def restated(self) -> bool:
        """Whether a person stated what the pages are."""
        return bool(self.axes or self.depth)

    @property
    def page_table(self) -> NDArray[np.int32]:
        """Pages (position, t, c, z), -1 where there is none."""
        (times, channels), depth = self.inner, self.shape[0]
        if self.pages:  # of as many time points as the longest position has
            table = np.frombuffer(self.pages, np.int32)
            return table.reshape(len(self.firsts), -1, channels, depth)[:, :times]
        steps = np.tensordot(self.strides, np.indices((times, channels, depth)), 1)
        return np.asarray(steps + np.reshape(self.firsts, (-1, 1, 1, 1)), np.int32)

    @property
    def missing(self) -> int:
        """Number of planes that a text promises, and that are not there."""
        return int(np.count_nonzero(self.page_table[self.scene] < 0)) if self.pages else 0

    def with_pages(self, table: NDArray[np.int32]) -> FileInfo:
        """The same with other pages (position, t, c, z): by strides if their order is regular."""
        _, t, c, z = table.shape
        firsts = table[:, 0, 0, 0]
        steps = [
            int(np.diff(table, axis=axis).ravel()[0]) if table.shape[axis] > 1 else 0
            for axis in (1, 2, 3)
        ]
        regular = np.tensordot(steps, np.indices((t, c, z)), 1)[None] + firsts[:, None, None, None]
        values: dict[str, Any] = {"shape": (z, *self.shape[1:]), "inner": (t, c)}
        if table.min() >= 0 and np.array_equal(table, regular):
            values |= {"strides": (*steps[:2], steps[2] or 1), "firsts": tuple(firsts.tolist())}
            return replace(self, pages=b"", **values)
        packed = np.ascontiguousarray(table, np.int32).tobytes()
        return replace(self, firsts=(0,) * len(table), pages=packed, **values)

    @property
    def planes(self) -> Sequence[int]:
        """The pages of the volume that is to be read, -1 for those that are not there."""
        t, c = self.part
        if self.pages:
            pages: list[int] = self.page_table[self.scene, t, c].tolist()
            return pages
        first = self.firsts[self.scene] + t * self.strides[0] + c * self.strides[1]
        return range(first, first + self.shape[0] * self.strides[2], self.strides[2])


class Reader(ABC):
    """Reads files that hold one volume each, or ``info.inner`` volumes; pickles, holds no state."""

    suffixes: tuple[str, ...]  # endings of the names of its files, in lower case
    # Whether volumes are made of pages that a person may name, by `FileInfo.page_table`.
    by_pages: bool = False
    # Whether a person has to name them where they have several axes: nothing tells what is usual.
    states_axes: bool = False
    # Whether each of its files is a folder, which does not change when one in it does.
    in_folders: bool = False
    # What names have in them where `hidden` tells of some; it is asked for no others.
    mark: str = ""

    @property
    def options(self) -> dict[str, object]:
        """Arguments of `open_stack` that choose this reader; none if the names do."""
        return {}

    @property
    def token(self) -> str:
        """Name of how pixels are read; another one for each reader that `options` choose."""
        return str(self.options or "")

    def accepts(self, path: str) -> bool:
        """Tell from the name whether this reader is for the file."""
        return os.fspath(path).lower().endswith(self.suffixes)

    @abstractmethod
    def probe(self, path: str) -> FileInfo:
        """Read the header of this one file, and no pixel.

        Raises
        ------
        FileError
            If it is bad, or still being written.
        """

    def at_scene(self, path: str, info: FileInfo, scene: int) -> FileInfo:
        """Describe another position of a file; ``info`` is what `probe` tells of the first."""
        return info.at_scene(scene) if scene else info

    @abstractmethod
    def read(self, path: str, info: FileInfo) -> np.ndarray:
        """Read volume ``info.part`` (z, y, x), C-contiguous, in the byte order of this machine.

        Raises
        ------
        FileError
            If it is not as ``info`` states: a file that is half there must never look whole.
        """

    def hidden(self, names: Sequence[str]) -> set[str]:
        """Those among the names that are read by way of another of them."""
        return set()

    def companions(self, path: str, info: FileInfo) -> tuple[str, ...]:
        """Paths of other files that are read with this one."""
        return ()

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(type(self))


class PlaneReader(Reader):
    """Reads some planes of a volume without the others."""

    def read(self, path: str, info: FileInfo) -> np.ndarray:
        return self.read_planes(path, info, 0, info.shape[0])

    @abstractmethod
    def read_planes(self, path: str, info: FileInfo, start: int, stop: int) -> np.ndarray:
        """Read planes ``start`` to ``stop - 1`` of volume ``info.part``; otherwise like `read`.

        What is checked may not cost more than the planes do, save for the first of a file.
        """


@dataclass(frozen=True)
class GrowthState:
    """How much there is of a file that grows from within."""

    complete: int  # time points to which nothing is added any more
    present: int  # the same, with a last one that may just look whole
    planes: int  # of a volume, as far as they are known by now; the same for channels
    channels: int
    run: Hashable  # name of the run that recorded it
    mark: Hashable  # another one whenever something was added


class GrowingReader(PlaneReader):
    """Reads files that grow from within, time point by time point."""

    def grows(self, info: FileInfo) -> bool:
        """Return whether this is such a file."""
        return info.indexed

    @abstractmethod
    def growth(self, path: str, info: FileInfo) -> GrowthState:
        """Return how much there is of the file now; no pixel is read."""

    @abstractmethod
    def state(self, path: str, info: FileInfo) -> Hashable:
        """What volume ``info.part`` is made from; stays the same while other volumes come."""


@contextmanager
def file_errors(path: str, hint: str = "") -> Iterator[None]:
    """Turn whatever a library raises over a file into a FileError that names the file."""
    try:
        yield
    except FileError:
        raise
    except OSError as error:
        raise os_problem(error, path) from error
    except MemoryError as error:
        what = too_little_memory("read the file", error)
        raise FileError(what, path, "Close other programs") from error
    except Exception as error:
        # A damaged file makes decoders raise nearly anything.
        what = f"The file is damaged ({type(error).__name__}: {error})"
        raise FileError(what, path, hint) from error


def os_problem(error: OSError, path: str) -> FileError:
    """Say in plain words why the system does not hand out a file."""
    if isinstance(error, FileNotFoundError):
        return FileError("The file is gone", path, "It was there when the folder was opened")
    if isinstance(error, PermissionError):
        return FileError("The file may not be read", path, "Ask for permission to read it")
    if isinstance(error, IsADirectoryError):
        return FileError("This is a folder, not a file", path, "Open the folder itself")
    # What is said of a folder may be about a file in it.
    where = error.filename if isinstance(error, NotAFileError) else path
    return FileError(f"The file cannot be read: {error.strerror or error}", os.fspath(where))


def file_stamp(path: str) -> tuple[int, int]:
    """Size [byte] and time of change [ns] of a file; raise FileError if it is gone."""
    try:
        status = os.stat(path)
    except OSError as error:
        raise os_problem(error, path) from error
    return status.st_size, status.st_mtime_ns


def file_stamp_or_empty(path: str) -> tuple[int, ...]:
    """Size [byte] and time of change [ns] of a file; empty if it is gone."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return ()
    return status.st_size, status.st_mtime_ns


def check_grey(dtype: np.dtype, content: str, path: str) -> None:
    """Raise FileError unless values are real numbers; ``content`` is what the file holds."""
    if dtype.kind not in "buif":
        complex_ = dtype.kind == "c"
        what = "only real numbers have a picture" if complex_ else "no grey values"
        hint = "Save their magnitude, or another part" if complex_ else ""
        raise FileError(f"The file holds {content}: {what}", path, hint)
