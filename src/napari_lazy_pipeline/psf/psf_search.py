"""PSF search: files of PSFs and OTFs in a folder, or beside the data."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from fnmatch import fnmatch
from pathlib import Path

from napari_lazy_pipeline._runtime.cancellation import not_cancelled
from napari_lazy_pipeline.errors import Cancelled, PsfError

_TIFF = {".tif", ".tiff"}
# PSFs and OTFs, also as part of a word ("totPSF"), but "otf" not as part of another.
_PSF = re.compile(r"psf|(?<![a-z])otfs?(?![a-z])", re.IGNORECASE)


def psf_files(where: str | Path | Iterable[str | Path]) -> list[str]:
    """TIFF files of a folder, of a pattern (``"psfs/psf_*.tif"``), or those that are listed.

    Raises
    ------
    PsfError
        If there are none, or the folder cannot be read.
    """
    if not isinstance(where, str | Path):
        return [str(path) for path in where]
    folder, pattern = (Path(where), "*") if Path(where).is_dir() else _split(Path(where))
    try:
        files = [path for path in _tiffs(folder) if fnmatch(path.name, pattern)]
    except OSError as error:
        what = f"The folder of the PSFs cannot be read: {error.strerror or error}"
        raise PsfError(what, str(folder), "Check the path") from error
    if not files:
        raise PsfError("There is no TIFF file here", str(where), "Choose the folder of the PSFs")
    return [str(path) for path in files]


def psf_files_near(
    folder: str | Path,
    raw: Collection[str] = (),
    cancelled: Callable[[], bool] = not_cancelled,
) -> list[str]:
    """TIFF files that are called PSF or OTF, in the folder of the data or right beside it.

    Looked at are, until there is one: the folder; folders in it that are called so; the folder
    around it; and folders called so in that. What cannot be read is passed over.

    Parameters
    ----------
    folder
        Where the raw files are.
    raw
        Names of the raw files, which are none, whatever they are called.
    cancelled
        Asked between places.
    """
    home = Path(folder).absolute()
    for around in dict.fromkeys((home, home.parent)):
        ignored = set(raw) if around == home else {home.name}
        files = [p for p in _readable(around) if _is_psf(p) and p.name not in ignored]
        if files:
            return [str(path) for path in files]
        for place in _psf_folders(around, ignored):
            if cancelled():
                raise Cancelled
            if files := _readable(place):
                return [str(path) for path in files]
    return []


def _split(path: Path) -> tuple[Path, str]:
    return path.parent, path.name


def _tiffs(folder: Path) -> list[Path]:
    files = (path for path in folder.iterdir() if path.suffix.lower() in _TIFF)
    return sorted(path for path in files if not path.name.startswith(".") and path.is_file())


def _readable(folder: Path) -> list[Path]:
    try:
        return _tiffs(folder)
    except OSError:  # a folder of somebody else beside the data
        return []


def _psf_folders(folder: Path, ignored: set[str]) -> list[Path]:
    try:
        places = sorted(path for path in folder.iterdir() if _is_psf(path))
        return [path for path in places if path.name not in ignored and path.is_dir()]
    except OSError:
        return []


def _is_psf(path: Path) -> bool:
    return bool(_PSF.search(path.stem))
