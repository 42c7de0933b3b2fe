"""Completeness: whether a file is a whole volume, though a half-written one opens without error."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Hashable, Iterable, Sequence

import numpy as np

from napari_lazy_pipeline._runtime.regular_file import open_regular
from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.io.readers import FileInfo, Reader, file_errors, file_stamp, with_axes
from napari_lazy_pipeline.io.readers._tiff.plain_planes import read_plain

_RESERVED = "Space is reserved in the file, but not all of its pixels are written"
_MARGIN = 4  # a volume may end with this many times more zeros than the reference has in a row
_TRIES = 3  # files that the end of another is compared with
_CACHED = 10_000  # files that are known to be written to their end
# Ends TIFFs that are written by this program: whatever their pixels are, they are all there.
END_MARK = b"\nnapari-lazy-pipeline: all pixels are written\n"
_YOUNG = 60.0  # since the last change of a file that may still be written [s]
ReadPlanes = Callable[[int, int], np.ndarray]  # those from start to just before stop (z, y, x)


class CompletenessCheck:
    """Tells whole volumes of a stack from files that are still being written.

    ``reference`` is the path of the first file, the example of what pixels look like; its header
    is the first of ``infos``, which are several if a volume goes on in other files.

    Pixels are judged where something may still write to a file: it was changed within the last
    minute, by its date or after it was read, or came while the folder was watched. Zeros at the end
    of any other file are pixels: background was subtracted, or the sample masked. They are if
    ``complete`` states so, too, and in files that end with the mark of this program's exports.
    One whose last plane is empty all the same may be a copy that was broken off: it is doubtful.
    """

    def __init__(
        self, reference: str, reader: Reader, infos: Sequence[FileInfo], complete: bool = False
    ) -> None:
        self.reference, self._reader, self._complete = reference, reader, complete
        self._info, self._kinds = infos[0], {_kind(info) for info in infos}
        self._missing = max(info.missing for info in infos)
        self._opened = _stamp(reference)
        self._zeros: int | None = None
        self._ended: dict[str, Hashable] = {}
        self._changed: dict[str, tuple[Hashable, float]] = {}
        self._doubtful: set[str] = set()

    def why_incomplete(self, path: str, came: bool = True) -> str:
        """Why a file is not a whole volume; empty if it is one. Few of its planes are read.

        The chain of its planes has to end inside the file, their number, shape and type have to
        be those of the stack, all pixels have to lie inside the file, and the last plane must
        not be space that was reserved and never written, if the file is young or ``came`` while
        the folder was watched.
        """
        try:
            info = self._probe(path)
            # One that lacks planes which the first files have is half written.
            if _kind(info) not in self._kinds or info.missing > self._missing:
                return (
                    f"The file holds {info.content}, not {self._info.content} as {self._info.name}"
                )
            judged = info.last_plane >= 0 and not self._complete and (came or is_young(path))
            if judged and self._is_reserved(_last_plane(path, info)) and not _is_marked(path):
                planes = self._reader.read(path, info)
                return "" if _zeros_are_pixels(planes) else _RESERVED
        except FileError as error:
            return error.what
        return ""

    def differs(self, path: str) -> bool:
        """Whether a file is a volume of another shape or type, as far as its header tells."""
        try:
            info = self._probe(path)
        except FileError:
            # No volume at the moment, or none that can be read: nothing is known of its shape.
            return False
        return (info.shape, info.dtype) != (self._info.shape, self._info.dtype)

    def _probe(self, path: str) -> FileInfo:
        info = self._reader.at_scene(path, self._reader.probe(path), self._info.scene)
        return with_axes(info, self._info.axes, self._info.depth) if self._info.restated else info

    def check_end(self, path: str, stamp: Hashable, end: np.ndarray, read: ReadPlanes) -> None:
        """Raise FileError if the end of a file was reserved, but not written.

        ``end`` are its last planes (z, y, x); ``read`` gives others where these are not enough.
        """
        if self.knows_end(path, stamp):
            return
        reserved = self._is_reserved(end[-1]) and not _is_marked(path)
        young = reserved and (self._changed_lately(path, stamp) or is_young(path))
        if young and not _zeros_are_pixels(read(0, self._info.shape[0])):
            hint = "Wait until it is complete, or state that all files are"
            raise FileError(_RESERVED, path, hint)
        if reserved and not end[-1].any():
            self._doubtful.add(path)
        else:
            self._doubtful.discard(path)
        self.note_whole(path, stamp)

    def note_whole(self, path: str, stamp: Hashable) -> None:
        """Note that a file in that state is written to its end: one that it has later is young."""
        if len(self._ended) >= _CACHED:
            self._ended.clear()
        self._ended[path] = stamp
        self._changed.pop(path, None)

    def _changed_lately(self, path: str, stamp: Hashable) -> bool:
        """Whether a file changed within the last minute after it was whole, whatever clocks say."""
        if self._ended.get(path, stamp) == stamp and path not in self._changed:
            return False
        known, since = self._changed.get(path, (None, 0.0))
        if known != stamp:
            since = time.monotonic()
            self._changed[path] = stamp, since
        return time.monotonic() - since < _YOUNG

    def knows_end(self, path: str, stamp: Hashable) -> bool:
        """Return whether nothing is to be learned from the last plane of a file."""
        return self._info.last_plane < 0 or self._complete or self._ended.get(path) == stamp

    def doubt(self, path: str) -> str:
        """What speaks against a file that was read; empty if nothing does."""
        if path not in self._doubtful:
            return ""
        return f"The last plane is empty, that of {self._info.name} is not: it may be half written"

    def _is_reserved(self, plane: np.ndarray) -> bool:
        """Return whether the last plane (y, x) of a volume ends with zeros that cannot be pixels.

        Where the reference never shows a zero, as cameras with an offset do not, a single one
        at the end is enough.
        """
        pixels = plane.ravel()
        if pixels[-1]:
            return False
        usual = self._usual_zeros
        written = np.flatnonzero(pixels)
        trailing = pixels.size - 1 - int(written[-1]) if written.size else pixels.size
        return trailing > (max(_MARGIN * usual, plane.shape[-1]) if usual else 0)

    @property
    def _usual_zeros(self) -> int:
        """Longest run of zeros in the last plane of the reference; threads may count it twice.

        Of files that were whole, once that one is gone or changed, and may be half written.
        """
        if self._zeros is not None:
            return self._zeros
        whole = [(self.reference, self._opened), *list(self._ended.items())[-_TRIES:]]
        for path in (path for path, stamp in whole if stamp and _stamp(path) == stamp):
            self._zeros = _zeros_at_the_end(self._reader, path)
            if self._zeros is not None:
                return self._zeros
        now = _zeros_at_the_end(self._reader, self.reference)
        # Nothing to compare with: zeros are then as good as any pixel.
        return int(np.prod(self._info.shape)) if now is None else now


def _zeros_at_the_end(reader: Reader, path: str) -> int | None:
    """Longest run of zeros in the last plane of a file; None if that cannot be told."""
    try:
        info = reader.probe(path)
        if info.last_plane < 0:
            return None
        plane = _last_plane(path, info)
    except FileError:
        return None
    bounds = np.concatenate(([-1], np.flatnonzero(plane), [plane.size]))
    return int(np.diff(bounds).max()) - 1


def _stamp(path: str) -> tuple[int, ...]:
    """State of a file; empty if it cannot be told."""
    try:
        return file_stamp(path)
    except FileError:
        return ()


def _kind(info: FileInfo) -> tuple[object, ...]:
    """The fields in which files have to agree."""
    return info.shape, info.dtype, info.inner


def _last_plane(path: str, info: FileInfo) -> np.ndarray:
    """Read the last plane (y, x), which lies plain in the file."""
    with file_errors(path), open_regular(path) as file:
        plane: np.ndarray = read_plain(file, [info.last_plane], path, info, 1)[0]
    return plane


def _is_marked(path: str) -> bool:
    with file_errors(path), open_regular(path) as file:
        file.seek(-min(len(END_MARK), os.path.getsize(path)), os.SEEK_END)
        return bool(file.read() == END_MARK)


def is_young(path: str) -> bool:
    """Whether something may still write to a file, by the clocks of the file and of this computer.

    A file of the future is young: one of the clocks is wrong.
    """
    try:
        changed = os.stat(path).st_mtime
    except OSError:
        # Reading it says what is wrong.
        return True
    return time.time() - changed < _YOUNG


def _zeros_are_pixels(planes: Iterable[np.ndarray]) -> bool:
    """Whether zeros lie between the pixels of a plane (y, x), in about every second row at least.

    Writing leaves zeros where it has not been yet: a few long runs of them at most.
    """
    for plane in planes:
        pixels = np.asarray(plane).ravel() != 0
        begins = np.count_nonzero(pixels[1:] > pixels[:-1])
        if begins >= max(3, plane.shape[0] // 2):
            return True
    return False
