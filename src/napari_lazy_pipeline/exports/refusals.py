"""Refusals: folders that are not written to, and what cannot be written."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from napari_lazy_pipeline._runtime.fresh_file import refuse_links
from napari_lazy_pipeline._runtime.regular_file import NotAFileError
from napari_lazy_pipeline.errors import ExportError, VoxelSizeUnknownError
from napari_lazy_pipeline.exports.formats import Format
from napari_lazy_pipeline.image import VolumeSpec


def refuse_folder(folder: Path, raw: Path | None) -> None:
    """Refuse what can be no folder to write to, and raw data."""
    try:
        mode = os.stat(folder).st_mode
    except FileNotFoundError as error:
        mode = stat.S_IFDIR
        if folder.is_symlink():
            what = "This is a link that leads nowhere"
            raise ExportError(what, str(folder), "Choose another folder") from error
    except (OSError, ValueError) as error:  # a name with a zero byte is a wrong value
        what = f"There can be no such folder: {getattr(error, 'strerror', None) or error}"
        raise ExportError(what, str(folder), "Choose another folder") from error
    if not stat.S_ISDIR(mode):
        raise ExportError("This is not a folder", str(folder), "Choose another one")
    _refuse_raw(folder, raw)


def refuse_inner_link(folder: Path, within: Path) -> None:
    """Refuse a link inside of the folder that is written to: it leads elsewhere."""
    try:
        refuse_links(folder, within)
    except NotAFileError as error:
        what, hint = f"Cannot write: {error.strerror}", "Move it away, or choose another folder"
        raise ExportError(what, str(error.filename or folder), hint) from error


def _refuse_raw(folder: Path, raw: Path | None) -> None:
    """Refuse to write to raw data: neither to their folder nor to one inside it."""
    if raw is None:
        return
    # Unlike `Path.resolve`, it knows no error.
    resolved, forbidden = Path(os.path.realpath(folder)), Path(os.path.realpath(raw))
    if any(_same(parent, forbidden) for parent in (resolved, *resolved.parents)):
        raise ExportError(
            "This would write into the raw data", str(folder), f"Choose a folder outside {raw}"
        )


def refuse_unknown_size(spec: VolumeSpec) -> None:
    """Refuse volumes whose voxel size nobody stated: files without it would pass for others."""
    if not spec.size_known:
        error = VoxelSizeUnknownError.of(spec.stated_size)
        raise ExportError(error.what, hint=f"{error.hint}, so that it is in the files")


def refuse_dtype(format_: Format, dtype: str) -> None:
    """Refuse a type of pixels that a format cannot hold."""
    if dtype not in format_.dtypes:
        raise ExportError(
            f"{format_.title}: such files cannot hold {dtype}",
            hint=f"Choose a dtype: {', '.join(format_.dtypes)}",
        )


def _same(folder: Path, other: Path) -> bool:
    # Names alone do not tell: some file systems ignore case, and folders can be mounted twice.
    exist = os.path.exists(folder) and os.path.exists(other)
    return folder == other or (exist and folder.samefile(other))
