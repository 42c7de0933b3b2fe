"""Target: the folder that an export writes to, what it holds already, and what is refused."""

from __future__ import annotations

import glob
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from napari_lazy_pipeline.errors import ExportError
from napari_lazy_pipeline.journal import Journal, digest
from napari_lazy_pipeline.pipeline import PipelineSource
from napari_lazy_pipeline.stack import Stack, VolumeSource
from napari_lazy_pipeline.writing import DTYPES, converted, write_volume

# Room for what a file has besides its pixels.
_OVERHEAD = 1.01


@dataclass(frozen=True)
class Target:
    """The folder that is written to, and what is in it already.

    Attributes
    ----------
    stack
        What is written.
    folder
        Where to.
    name
        How the names of all files begin.
    dtype
        Type of the pixels.
    journal
        Which files are finished.
    """

    stack: Stack
    folder: Path
    name: str
    dtype: str
    journal: Journal

    @classmethod
    def of(cls, stack: Stack, folder: Path, dtype: str | None) -> Target:
        """Look at the folder; nothing is written yet."""
        raw = raw_folder(stack.source)
        refuse_raw(folder, raw)
        dtype = dtype or stack.spec.dtype
        if dtype not in DTYPES:
            raise ExportError(
                f"Files that ImageJ can read cannot hold {dtype}",
                hint=f"Choose a dtype: {', '.join(DTYPES)}",
            )
        name = raw.resolve().name if raw else "volume"
        path = folder / f"{name}_export.jsonl"
        settings = digest(*_settings(stack.source), stack.spec, stack.channel_names, dtype)
        try:
            target = cls(stack, folder, name, dtype, Journal.open(path, settings))
        except OSError as error:
            _refuse(error, path, "Choose another folder")
        target.refuse_strangers()
        return target

    def path(self, t: int, c: int) -> Path:
        """The file of a volume."""
        return self.folder / f"{self.name}_ch{c}_t{t:04d}.tif"

    def has(self, t: int, c: int) -> bool:
        """Whether the file of a volume is there, and made from what would be read now."""
        path = self.path(t, c)
        made_from = self.journal.origins.get(path.name)
        # What was never written needs no look at its raw file, perhaps on a slow share.
        return made_from is not None and made_from == self.origin(t, c) and path.is_file()

    def origin(self, t: int, c: int) -> str:
        """What a volume is made from."""
        return digest(self.stack.source.identity(t, c))

    def refuse_strangers(self) -> None:
        """Do not mix with files of these names that no export wrote."""
        strangers = sorted(self.folder.glob(f"{glob.escape(self.name)}_ch*_t*.tif"))
        if strangers and not self.journal.path.exists():
            raise ExportError(
                "The file is there already, and no journal says what it was made with",
                str(strangers[0]),
                "Choose an empty folder",
            )

    def prepare(self, count: int) -> None:
        """Make sure that so many volumes can be written."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            _refuse_if_full(self.folder, count, self.stack.spec.replace(dtype=self.dtype).nbytes)
            self.journal.begin(_provenance(self.stack.source))
        except OSError as error:
            _refuse(error, self.folder, "Choose another folder")

    def write(self, t: int, c: int, volume: np.ndarray, origin: str) -> Path:
        """Write one volume; the file appears when it is complete."""
        path = self.path(t, c)
        part = path.with_name(path.name + ".part")
        try:
            write_volume(part, converted(volume, self.dtype), self.stack, c)
            os.replace(part, path)
            self.journal.finish(path.name, origin)
        except OSError as error:
            _refuse(error, path, "What was written stays: mend it and run the export again")
        finally:
            part.unlink(missing_ok=True)
        return path


def _refuse(error: OSError, path: Path, hint: str) -> NoReturn:
    raise ExportError(
        f"Cannot write: {error.strerror or error}", str(error.filename or path), hint
    ) from error


def _refuse_if_full(folder: Path, count: int, nbytes: int) -> None:
    free = shutil.disk_usage(folder).free
    needed = int(count * nbytes * _OVERHEAD)
    if needed > free:
        raise ExportError(
            f"{count} volumes need {needed / 1e9:.3g} GB, but {free / 1e9:.3g} GB are free",
            str(folder),
            "Free some space, choose another disk, fewer volumes, or dtype uint16",
        )


def _settings(source: VolumeSource) -> tuple[object, ...]:
    """What all volumes are made with; a folder that has grown meanwhile is the same.

    Each volume is compared with its own files besides.
    """
    raw = _raw(source)
    data = source.token if raw is None else (str(raw.folder), getattr(raw, "pattern", ""))
    options = sorted(getattr(raw, "options", {}).items())
    return data, options, source.work if isinstance(source, PipelineSource) else ""


def raw_folder(source: VolumeSource) -> Path | None:
    """The folder that the raw files are in, however deep the source is wrapped."""
    raw = _raw(source)
    return None if raw is None else Path(raw.folder)


def _raw(source: Any) -> Any:
    """The innermost source, if it has a folder."""
    while source is not None and getattr(source, "folder", None) is None:
        source = getattr(source, "raw", None) or getattr(source, "source", None)
    return source


def refuse_raw(folder: Path, raw: Path | None) -> None:
    """Raw data are never written to: neither their folder nor one inside it."""
    if raw is None:
        return
    place, forbidden = folder.resolve(), raw.resolve()
    if any(_same(parent, forbidden) for parent in (place, *place.parents)):
        raise ExportError(
            "The raw data would be written to", str(folder), f"Choose a folder outside {raw}"
        )


def _same(one: Path, other: Path) -> bool:
    # Names alone do not tell: some file systems ignore case, and folders can be mounted twice.
    return one == other or (one.exists() and other.exists() and one.samefile(other))


def _provenance(source: VolumeSource) -> dict[str, Any]:
    if not isinstance(source, PipelineSource):
        return {}
    steps = source.pipeline.model_dump(mode="json")["steps"]
    return {"raw": str(raw_folder(source)), "engine": source.engine, "steps": steps}
