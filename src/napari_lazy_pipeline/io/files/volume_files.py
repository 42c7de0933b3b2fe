"""Volume files: which files, and what of each, make up the volume at (t, c)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import numpy as np

from napari_lazy_pipeline.errors import FileError, FolderError
from napari_lazy_pipeline.image.scan_geometry import Shape
from napari_lazy_pipeline.io.patterns.file_table import FileTable
from napari_lazy_pipeline.io.readers import FileInfo, Reader, reader_for

_TRIES = 5
Piece = tuple[int, FileInfo]


class VolumeFiles:
    """Finds the pieces of volumes: one file, a part of a file, or several files.

    Parameters
    ----------
    layout
        The names of the files and their places.
    infos
        The headers of the pieces of one volume; a single one if all are alike.
    """

    def __init__(self, layout: FileTable, infos: Sequence[FileInfo]) -> None:
        self.layout, self.infos = layout, tuple(infos)
        self.inner = infos[0].inner

    @property
    def info(self) -> FileInfo:
        """The header of the first good file."""
        return self.infos[0]

    @property
    def shape(self) -> Shape:
        """Shape of each volume (z, y, x)."""
        planes = sum(self._info_of(piece).shape[0] for piece in range(self.layout.pieces))
        return (planes, *self.info.shape[1:])

    @property
    def sizes(self) -> tuple[int, int]:
        """Number of time points and channels."""
        times, channels = self.layout.table.shape[:2]
        return times * self.inner[0], channels * self.inner[1]

    @property
    def missing(self) -> int:
        """Number of volumes of which there is no file, or not each."""
        incomplete = np.count_nonzero((self.layout.cells < 0).any(1))
        return int(incomplete) * self.inner[0] * self.inner[1]

    def files(self, t: int, c: int) -> list[int]:
        """Indices of the files of a volume among the names; -1 where there is none."""
        cell = self.layout.table[t // self.inner[0], c // self.inner[1]]
        return [int(cell)] if self.layout.table.ndim == 2 else cell.tolist()

    def pieces(self, t: int, c: int) -> Iterator[Piece]:
        """Yield the files of a volume, and what to read of each."""
        part = t % self.inner[0], c % self.inner[1]
        for piece, index in enumerate(self.files(t, c)):
            info = self._info_of(piece)
            yield index, info if self.inner == (1, 1) else info.at(*part)

    def _info_of(self, piece: int) -> FileInfo:
        """What the file of a piece has to be like."""
        return self.infos[piece if len(self.infos) > 1 else 0]


def probe_volume_files(
    folder: str, layout: FileTable, reader: Reader | None = None
) -> tuple[VolumeFiles, Reader, list[FileError]]:
    """Read the headers of the first volume that has good ones.

    Returns
    -------
    volumes, reader, errors
        The errors are those of the files that were passed over.

    Raises
    ------
    FolderError
        If the first few volumes are all bad.
    """
    errors: list[FileError] = []
    complete = layout.cells[(layout.cells >= 0).all(1)]
    for files in complete[:_TRIES].tolist():
        try:
            paths = [os.path.join(folder, layout.names[index]) for index in files]
            chosen = reader or reader_for(paths[0])
            infos = [chosen.probe(paths[0])]
            # Single planes are alike; where a volume goes on, the last file is shorter.
            if infos[0].shape[0] > 1:
                infos += [chosen.probe(path) for path in paths[1:]]
            return VolumeFiles(layout, infos), chosen, errors
        except FileError as error:
            errors.append(error)
    if not errors:
        raise FolderError(
            "There is no volume of which all files are there", folder, "Check the pattern"
        )
    raise FolderError(
        f"None of the first {len(errors)} files can be read: {errors[0].what}",
        errors[0].where,
        errors[0].hint,
    ) from errors[0]
