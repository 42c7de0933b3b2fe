"""Target: the folder that an export writes to, what it holds already, and what is refused."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from napari_lazy_pipeline.compute.pipeline import PipelineSource
from napari_lazy_pipeline.errors import ExportError
from napari_lazy_pipeline.exports.export_log import ExportLog, digest
from napari_lazy_pipeline.exports.formats import Format, get_format
from napari_lazy_pipeline.exports.formats.imagej_tiff import converted
from napari_lazy_pipeline.image.stack import Stack, VolumeSource

_MEND = "What was written stays: mend it and run the export again"


@dataclass(frozen=True)
class Destination:
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
    format
        How they are written.
    """

    stack: Stack
    folder: Path
    name: str
    dtype: str
    journal: ExportLog
    format: Format

    @classmethod
    def of(cls, stack: Stack, folder: Path, dtype: str | None, kind: str = "tiff") -> Destination:
        """Look at the folder; nothing is written yet."""
        format_ = get_format(kind)
        reason = format_.unavailable()
        if reason is not None:
            raise ExportError(f"{format_.title} cannot be written", reason)
        raw = raw_folder(stack.source)
        refuse_raw(folder, raw)
        dtype = dtype or stack.spec.dtype
        refuse_dtype(format_, dtype)
        name = raw.resolve().name if raw else "volume"
        path = folder / f"{name}_export.jsonl"
        settings = digest(*_settings(stack.source), stack.spec, stack.channel_names, dtype)
        try:
            target = cls(stack, folder, name, dtype, ExportLog.open(path, settings), format_)
        except OSError as error:
            _refuse(error, path, "Choose another folder")
        target.refuse_strangers()
        return target

    def path(self, t: int, c: int) -> Path:
        """The file of a volume."""
        return self.format.path(self.folder, self.name, t, c)

    @property
    def place(self) -> Path:
        """What a person opens: the folder of files, or the one store in it."""
        return self.format.place(self.folder, self.name)

    def unit(self, t: int, c: int) -> str:
        """What the journal calls a volume: its file, below the folder."""
        return self.path(t, c).relative_to(self.folder).as_posix()

    def has(self, t: int, c: int) -> bool:
        """Whether the file of a volume is there, and made from what would be read now."""
        unit = self.unit(t, c)
        made_from = self.journal.origins.get(unit)
        # What was never written needs no look at its raw file, perhaps on a slow share.
        if made_from is None or made_from != self.origin(t, c):
            return False
        return unit in self.journal.empty or self.path(t, c).is_file()

    def origin(self, t: int, c: int) -> str:
        """What a volume is made from."""
        return digest(self.stack.source.identity(t, c))

    def places(self) -> tuple[str, str]:
        """The folder of the raw files, or nothing, and the folder that is written to."""
        raw = raw_folder(self.stack.source)
        return str(raw) if raw else "", str(self.folder)

    def bare(self) -> Destination:
        """The same for another process: it writes volumes, but does not know which are done."""
        return replace(self, journal=replace(self.journal, origins={}, empty=set()))

    def refuse_strangers(self) -> None:
        """Do not mix with files of these names that no export wrote."""
        strangers = self.format.strangers(self.folder, self.name)
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
            nbytes = self.stack.spec.replace(dtype=self.dtype).nbytes
            _refuse_if_full(self.folder, count, int(nbytes * self.format.overhead))
            about = _provenance(self.stack.source)
            self.journal.begin(about)
            self.format.create(self.folder, self.name, self.stack, self.dtype, about)
        except OSError as error:
            _refuse(error, self.folder, "Choose another folder")

    def write(self, t: int, c: int, volume: np.ndarray) -> Path:
        """Write one volume; the file appears when it is complete."""
        path = self.path(t, c)
        try:
            final = converted(volume, self.dtype)
            self.format.write(self.folder, self.name, self.stack, t, c, final)
        except OSError as error:
            _refuse(error, path, _MEND)
        return path

    def finish(self, t: int, c: int, origin: str) -> None:
        """Note that a volume is written, and what it was made from."""
        try:
            self.format.finished(self.folder, self.name, t, c)
            empty = not self.path(t, c).is_file()
            self.journal.finish(self.unit(t, c), origin, empty)
        except OSError as error:
            _refuse(error, self.journal.path, _MEND)


def _refuse(error: OSError, path: Path, hint: str) -> NoReturn:
    raise ExportError(
        f"Cannot write: {error.strerror or error}", str(error.filename or path), hint
    ) from error


def _refuse_if_full(folder: Path, count: int, nbytes: int) -> None:
    free = shutil.disk_usage(folder).free
    needed = count * nbytes
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
    return data, options, source.stated_plan.token if isinstance(source, PipelineSource) else ""


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


def refuse_dtype(format_: Format, dtype: str) -> None:
    """Not every format holds every type of pixels."""
    if dtype not in format_.dtypes:
        raise ExportError(
            f"{format_.title}: such files cannot hold {dtype}",
            hint=f"Choose a dtype: {', '.join(format_.dtypes)}",
        )


def _same(one: Path, other: Path) -> bool:
    # Names alone do not tell: some file systems ignore case, and folders can be mounted twice.
    return one == other or (one.exists() and other.exists() and one.samefile(other))


def _provenance(source: VolumeSource) -> dict[str, Any]:
    if not isinstance(source, PipelineSource):
        return {}
    steps = [step.model_dump(mode="json") for step in source.stated_plan.steps]
    return {"raw": str(raw_folder(source)), "engine": source.stated_plan.engine, "steps": steps}
