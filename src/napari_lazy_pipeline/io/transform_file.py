"""Transform file: affine transforms between channels, read and written.

Read are the ``.reg`` files of LLSpy (made by fiducialreg), matrices as JSON or CSV, and what is
written here. All become matrices (4, 4) of positions (z, y, x) in um that are counted from the
centre of the first voxel.

References: T. Lambert, LLSpy and fiducialreg, https://github.com/tlambert03/fiducialreg
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_lazy_pipeline._runtime.regular_file import open_regular
from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.image import StackSpec

_FORMAT = "napari-lazy-pipeline transforms"
_HINT = "Choose a .reg file of LLSpy, or a matrix of 3 or 4 rows of 4 numbers as JSON or CSV"
# Of several transforms between two channels, unless one is of the kind that is asked for.
_PREFERRED = ("2step", "affine", "similarity", "rigid", "translation")
_SIMILAR = 0.01  # relative difference of voxel sizes that are meant to be the same
_LARGEST = 10_000_000  # byte


@dataclass(frozen=True, eq=False)
class ChannelTransform:
    """Transform (4, 4) of a channel; one without names is of any channel to the reference."""

    matrix: np.ndarray
    moving: str = ""
    reference: str = ""
    model: str = ""

    def inverse(self) -> ChannelTransform:
        """The transform the other way round."""
        matrix = np.linalg.inv(self.matrix)
        return ChannelTransform(matrix, self.reference, self.moving, self.model)


@dataclass(frozen=True, eq=False)
class TransformFile:
    """What a file of transforms holds.

    Attributes
    ----------
    of_volume
        Whether positions are counted from the first voxel of the volume that was registered; else
        from that of the volume as it was recorded, as napari shows them.
    voxel_size
        (z, x) [um] of what it was made of, if it says so.
    """

    path: str
    transforms: tuple[ChannelTransform, ...]
    of_volume: bool = False
    voxel_size: tuple[float, float] | None = None

    def values(
        self, spec: StackSpec, reference: str = "", model: str = ""
    ) -> tuple[dict[str, Any], str]:
        """Find the transforms of the channels of a stack.

        Parameters
        ----------
        spec
            What is registered, before it is cropped.
        reference
            The channel that stays; empty: the one that the file has, or the first.
        model
            The kind of transform that is taken where the file has several.

        Returns
        -------
        tuple
            Values of the fields of the step by their names, and what was read, as a sentence.

        Raises
        ------
        FileError
            If the file has no transform for any of the channels.
        """
        onto = reference or self._own_reference(spec.channels)
        matrices, words = {onto: np.eye(4)[:3].tolist()}, []
        for name in spec.channels:
            found = self._between(name, onto, model) if name != onto else None
            if found is not None:
                matrices[name] = self._placed(found.matrix, spec)[:3].tolist()
                words.append(f"{name} ({found.model or 'matrix'})")
        missing = [name for name in spec.channels if name not in matrices]
        if not words or missing:
            pairs = ", ".join(f"{t.moving} to {t.reference}" for t in self.transforms if t.moving)
            raise FileError(
                f"The file has no transform of {', '.join(missing) or 'another channel'} to {onto}",
                self.path,
                f"It has: {pairs}" if pairs else "Open a stack with several channels",
            )
        sentence = f"Read onto {onto}: {', '.join(words)}{self._doubt(spec)}"
        return {"reference": onto, "transform": matrices}, sentence

    def _own_reference(self, names: Sequence[str]) -> str:
        stated = [n for t in self.transforms for n in names if _same(n, t.reference)]
        without = [n for n in names if not any(_same(n, t.moving) for t in self.transforms)]
        return [*stated, *without, *names][0]

    def _between(self, moving: str, reference: str, model: str) -> ChannelTransform | None:
        ways = [*self.transforms, *(t.inverse() for t in self.transforms if t.reference)]
        fitting = [
            t
            for t in ways
            if (not t.moving or _same(moving, t.moving))
            and (not t.reference or _same(reference, t.reference))
        ]
        wanted = [kind for kind in (model, *_PREFERRED) if kind]
        order = {kind: place for place, kind in reversed(list(enumerate(wanted)))}
        return min(fitting, key=lambda t: order.get(t.model, len(order)), default=None)

    def _placed(self, matrix: np.ndarray, spec: StackSpec) -> np.ndarray:
        """The transform of positions as napari shows them."""
        start = np.eye(4)
        start[:3, 3] = spec.volume.translate if self.of_volume else 0
        return np.asarray(start @ matrix @ np.linalg.inv(start))

    def _doubt(self, spec: StackSpec) -> str:
        if self.voxel_size is None or not spec.volume.size_known:
            return ""
        size = spec.voxel_size[0], spec.voxel_size[2]
        if np.allclose(size, self.voxel_size, rtol=_SIMILAR):
            return ""
        own, other = (f"{z:.4g} x {x:.4g} um" for z, x in (size, self.voxel_size))
        return f". It was made with voxels (z, x) of {other}; these are {own}"


def read_transforms(path: str | Path) -> TransformFile:
    """Read a file of transforms.

    Raises
    ------
    FileError
        If it holds none.
    """
    where = str(path)
    try:
        with open_regular(path) as file:
            content = file.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise ValueError("it is far too long")
        text = content.decode("utf-8-sig")
        if Path(path).suffix.lower() in (".csv", ".txt", ".tsv"):
            return TransformFile(where, (ChannelTransform(_matrix(_table(text))),))
        stated = json.loads(text)
        if isinstance(stated, Mapping) and "tforms" in stated:
            return _reg_file(where, stated)
        return _json_file(where, stated)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise FileError(f"No transform can be read: {reason}", where, _HINT) from error


def write_transforms(
    path: str | Path, reference: str, transforms: Mapping[str, Sequence[Sequence[float]]]
) -> None:
    """Write the transforms of some channels to a reference channel, as JSON.

    Raises
    ------
    FileError
        If the file cannot be written.
    """
    matrices = {name: np.vstack([m, (0, 0, 0, 1)]).tolist() for name, m in transforms.items()}
    content = {
        "format": _FORMAT,
        "unit": "um",
        "axes": "zyx",
        "reference": reference,
        "transforms": matrices,
    }
    try:
        Path(path).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise FileError(f"It cannot be written: {error.strerror}", str(path)) from error


def _reg_file(where: str, content: Mapping[str, Any]) -> TransformFile:
    """What LLSpy wrote: positions (x, y, z) of the centre of voxel i are 1/2 + (i - 1/2) d.

    But for coherent point drift, it wrote shifts that are half a voxel too small, by which its
    resampling moves all by half a voxel.
    """
    x, z = float(content["dx"]), float(content["dz"])
    size = np.array([x, x, z])
    origin = 0.5 - 0.5 * size  # of our positions in theirs
    transforms = []
    for entry in content["tforms"]:
        matrix, model = _matrix(entry["tform"]), str(entry["mode"])
        linear, shift = matrix[:3, :3].copy(), matrix[:3, 3].copy()
        if not entry.get("inworld", True):
            linear, shift = linear * size[:, None] / size, shift * size
        else:
            shift += 0 if model.startswith("cpd") else size / 2
            shift += linear @ origin - origin
        matrix[:3] = np.c_[linear, shift][::-1, [2, 1, 0, 3]]
        names = str(entry["moving"]), str(entry["reference"])
        transforms.append(ChannelTransform(matrix, *names, model))
    if not transforms:
        raise ValueError("the file has no transforms")
    return TransformFile(where, tuple(transforms), True, (z, x))


def _json_file(where: str, content: Any) -> TransformFile:
    """One matrix, a matrix by the names of channels, or what `write_transforms` wrote."""
    reference, reverse = "", False
    if isinstance(content, Mapping):
        reference = str(content.get("reference", ""))
        reverse = content.get("axes") == "xyz"
        content = content.get("transforms", content.get("matrix", content))
    named = content if isinstance(content, Mapping) else {"": content}
    transforms = []
    for name, rows in named.items():
        matrix = _matrix(rows)
        if reverse:
            matrix = matrix[[2, 1, 0, 3]][:, [2, 1, 0, 3]]
        if not name or name != reference:
            transforms.append(ChannelTransform(matrix, name, reference if name else ""))
    return TransformFile(where, tuple(transforms))


def _table(text: str) -> list[list[float]]:
    """Rows of numbers, whatever stands between them."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    separator = next((mark for mark in "\t;," if lines and mark in lines[0]), None)
    if separator is None:
        return [[float(number) for number in line.split()] for line in lines]
    rows = csv.reader(lines, delimiter=separator)
    comma = separator != ","
    return [[float(n.replace(",", ".") if comma else n) for n in row if n.strip()] for row in rows]


def _matrix(rows: Any) -> np.ndarray:
    """A matrix (4, 4) that can be undone, of three rows or four."""
    matrix = np.array(rows, dtype=np.float64)
    if matrix.shape == (3, 4):
        matrix = np.vstack([matrix, (0, 0, 0, 1)])
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
        raise ValueError("it is no matrix of 3 or 4 rows of 4 numbers")
    if not np.allclose(matrix[3], (0, 0, 0, 1)):
        raise ValueError("the last row of the matrix is not 0, 0, 0, 1")
    if abs(np.linalg.det(matrix[:3, :3])) < 1e-6:
        raise ValueError("the matrix makes the volume flat")
    return matrix


def _same(name: str, other: str) -> bool:
    """Whether two names are of one channel: the same text, or the same wavelength."""
    waves = [re.findall(r"(?<!\d)\d{3,4}(?!\d)", text) for text in (name, other)]
    return name == other or (waves[0] == waves[1] != [] and len(waves[0]) == 1)
