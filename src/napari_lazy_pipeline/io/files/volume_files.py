"""Volumes: which files, and what of each, make up the volume at (t, c)."""

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
        What the headers of the pieces of one volume say; a single one if all are alike.
    """

    def __init__(self, layout: FileTable, infos: Sequence[FileInfo]) -> None:
        self.names, self.table = layout.names, layout.table
        self.infos = tuple(infos)
        self.inner = infos[0].inner

    @property
    def info(self) -> FileInfo:
        """What the header of the first good file says."""
        return self.infos[0]

    @property
    def depth(self) -> int:
        """Number of pieces of each volume."""
        return self.table.shape[2] if self.table.ndim == 3 else 1

    @property
    def shape(self) -> Shape:
        """Shape of each volume (z, y, x)."""
        planes = sum(self.info_of(piece).shape[0] for piece in range(self.depth))
        return (planes, *self.info.shape[1:])

    @property
    def sizes(self) -> tuple[int, int]:
        """Number of time points and channels."""
        return self.table.shape[0] * self.inner[0], self.table.shape[1] * self.inner[1]

    @property
    def missing(self) -> int:
        """Number of volumes of which there is no file, or not each."""
        cells = self.table.reshape(-1, self.depth)
        return int(np.count_nonzero((cells < 0).any(1))) * self.inner[0] * self.inner[1]

    def info_of(self, piece: int) -> FileInfo:
        """What the file of a piece has to be like."""
        return self.infos[piece if len(self.infos) > 1 else 0]

    def files(self, t: int, c: int) -> list[int]:
        """Indices into ``names`` of the files of a volume; -1 where there is none."""
        cell = self.table[t // self.inner[0], c // self.inner[1]]
        return [int(cell)] if self.table.ndim == 2 else cell.tolist()

    def pieces(self, t: int, c: int) -> Iterator[Piece]:
        """Yield the files of a volume, and what to read of each."""
        for piece, index in enumerate(self.files(t, c)):
            info = self.info_of(piece)
            yield (
                index,
                info if self.inner == (1, 1) else info.at(t % self.inner[0], c % self.inner[1]),
            )

    def ordered(self) -> list[str]:
        """Names in the order of their places: the system lists them in any."""
        return [self.names[index] for index in self.table.ravel().tolist() if index >= 0]


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
    bad: list[FileError] = []
    for files in _complete(layout)[:_TRIES].tolist():
        try:
            paths = [os.path.join(folder, layout.names[index]) for index in files]
            found = reader or reader_for(paths[0])
            infos = [found.probe(paths[0])]
            # Single planes are alike; where a volume goes on, the last file is shorter.
            if infos[0].shape[0] > 1:
                infos += [found.probe(path) for path in paths[1:]]
            return VolumeFiles(layout, infos), found, bad
        except FileError as error:
            bad.append(error)
    if not bad:
        raise FolderError(
            "There is no volume of which all files are there", folder, "Check the pattern"
        )
    raise FolderError(
        f"None of the first {len(bad)} files can be read: {bad[0].what}",
        bad[0].where,
        bad[0].hint,
    ) from bad[0]


def _complete(layout: FileTable) -> np.ndarray:
    """Files of the volumes of which each piece is there, (volume, piece)."""
    cells = layout.table.reshape(-1, layout.table.shape[2] if layout.table.ndim == 3 else 1)
    return cells[(cells >= 0).all(1)]
