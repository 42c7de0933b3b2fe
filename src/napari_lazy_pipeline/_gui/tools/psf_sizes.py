"""PSF sizes: voxel sizes that a person entered for PSF files, in a file with other settings."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from napari_lazy_pipeline._runtime.fresh_file import write_text
from napari_lazy_pipeline._runtime.regular_file import read_text
from napari_lazy_pipeline.image import Triple

_MOST = 200  # PSF files


@dataclass(frozen=True)
class EnteredSize:
    """What was entered for one PSF."""

    name: str  # of its file at that time, for whoever reads this file
    voxel_size: Triple  # (z, y, x) [um]


class PsfSizes:
    """Sizes by the content of the PSF file, the latest first."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._sizes: dict[str, EnteredSize] | None = None

    def of(self, identity: str) -> Triple | None:
        """Return what was entered for a PSF; None: nothing."""
        entered = self._all.get(identity)
        return None if entered is None else entered.voxel_size

    def note(self, identity: str, name: str, voxel_size: Triple) -> bool:
        """Remember what is entered for a PSF (z, y, x) [um]; return whether that is new."""
        if not identity or self.of(identity) == voxel_size:
            return False
        others = {one: size for one, size in self._all.items() if one != identity}
        first = {identity: EnteredSize(name, voxel_size)}
        self._sizes = dict(list({**first, **others}.items())[:_MOST])
        return True

    def write(self) -> None:
        """Write the file in one go; where that is not allowed, it is not stored."""
        data = {
            identity: {"file": one.name, "voxel_size": one.voxel_size}
            for identity, one in self._all.items()
        }
        with suppress(OSError):  # it saves typing, and no data depend on it
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_text(self._file, json.dumps(data, indent=1))

    @property
    def _all(self) -> dict[str, EnteredSize]:
        if self._sizes is None:
            self._sizes = _read(self._file)
        return self._sizes


def _read(file: Path) -> dict[str, EnteredSize]:
    """Read the file; what is broken in it, or not there, was not entered."""
    try:
        data = json.loads(read_text(file))
    except (OSError, ValueError):
        return {}  # what is entered next writes it anew
    sizes = {}
    for identity, values in data.items() if isinstance(data, dict) else ():
        with suppress(TypeError, ValueError, KeyError):
            z, y, x = (float(length) for length in values["voxel_size"])
            if all(0 < length < 1000 for length in (z, y, x)):
                sizes[identity] = EnteredSize(str(values["file"]), (z, y, x))
    return sizes
