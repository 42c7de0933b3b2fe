"""Lists what is in a folder, and in its folders if a pattern goes there: names, nothing else."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from napari_lazy_pipeline.errors import FolderError
from napari_lazy_pipeline.io.patterns.pattern import Pattern
from napari_lazy_pipeline.io.readers import Reader, hidden, reader_for, suffixes
from napari_lazy_pipeline.io.readers.tiff import READER as TIFF_READER

# How deep images are looked for if there is none in the folder: positions within acquisitions.
_DEEP = 2
_TEXTS = ("", ".txt", ".xml", ".json", ".csv", ".log", ".yaml", ".yml", ".md", ".ini")
_WHERE = "choose the folder that holds the images"


def list_names(folder: str, pattern: Pattern | None) -> list[str]:
    """Names of what is in a folder, hidden files left out; below it, the way is in the name.

    One pass over the folder, and one over each folder that the pattern goes into. Without
    a pattern, folders are looked into only where there is no image beside them.

    Raises
    ------
    FolderError
        If the folder cannot be listed.
    """
    if pattern is not None and pattern.depth:
        return _below(folder, pattern.depth, pattern.folders)
    with _listed(folder):
        names = [name for name in os.listdir(folder) if name[0] != "."]
    if pattern is None and names and not _readable(names):
        for depth in range(1, _DEEP + 1):
            deeper = _below(folder, depth, ())
            if _readable(deeper):
                return [*names, *deeper]
    return names


@contextmanager
def _listed(folder: str) -> Iterator[None]:
    """Say in plain words why a folder cannot be listed."""
    try:
        yield
    except FileNotFoundError as error:
        raise FolderError("There is no such folder", folder, "Check the path") from error
    except NotADirectoryError as error:
        raise FolderError(
            "This is a file, not a folder", folder, "Give its folder, and its name as the pattern"
        ) from error
    except PermissionError as error:
        raise FolderError("The folder may not be read", folder, "Ask for permission") from error
    except OSError as error:
        raise FolderError(f"The folder cannot be read: {error.strerror}", folder) from error


def _below(folder: str, depth: int, allowed: Sequence[re.Pattern[str]]) -> list[str]:
    """Names of what is so many folders below a folder."""
    fits: Callable[[str], object] = allowed[0].fullmatch if allowed else bool
    with _listed(folder), os.scandir(folder) as entries:
        seen = [one for one in entries if one.name[0] != "." and fits(one.name)]
        folders = [one.name for one in seen if _enter(one)]
    found = []
    for name in sorted(folders):
        inside = os.path.join(folder, name)
        if depth > 1:
            names = _below(inside, depth - 1, allowed[1:])
        else:
            with _listed(inside):
                names = [one for one in os.listdir(inside) if one[0] != "."]
        found += [f"{name}/{one}" for one in names]
    return found


def _enter(entry: os.DirEntry[str]) -> bool:
    # An OME-Zarr is a folder for the system, but an image for everybody else.
    return entry.is_dir() and not entry.name.lower().endswith(suffixes())


def choose_images(
    names: Sequence[str], folder: str, pattern: Pattern | None, reader: Reader | None = None
) -> list[str]:
    """Keep the names of images: TIFF if there is any, else the most frequent kind.

    With a reader of its own, a pattern may name files of any kind.

    Raises
    ------
    FolderError
        If there is none.
    """
    if not names:
        raise FolderError("The folder is empty", folder, _WHERE.capitalize())
    if reader is not None and pattern is not None:
        return list(names)
    images = _readable(names, reader)
    if not images:
        endings = suffixes()
        raise FolderError(
            f"None of the {len(names)} names in the folder ends with {', '.join(endings)}",
            folder,
            f"One of them is {min(names)}: {_WHERE}",
        )
    inside = hidden(images)
    if inside:
        images = [name for name in images if name not in inside]
    return images if pattern is not None or reader is not None else _one_kind(images)


def endings_of(images: Sequence[str], reader: Reader | None) -> tuple[str, ...]:
    """How the names of images end, in lower case."""
    if reader is None or reader.suffixes:
        return reader.suffixes if reader else suffixes()
    return tuple({os.path.splitext(name)[1].lower() for name in images} - {""})


def _readable(names: Sequence[str], reader: Reader | None = None) -> list[str]:
    if reader is not None and not reader.suffixes:
        return _likely(names)
    if reader is not None:
        return _ending(names, reader.suffixes)
    tiffs = _ending(names, TIFF_READER.suffixes)
    if len(tiffs) == len(names):
        return tiffs
    there = set(tiffs)
    return tiffs + _ending([name for name in names if name not in there], suffixes())


def _likely(names: Sequence[str]) -> list[str]:
    """The names with the most frequent ending, texts left out."""
    ends = [os.path.splitext(name)[1].lower() for name in names]
    common = Counter(end for end in ends if end not in _TEXTS).most_common(1)
    return [name for name, end in zip(names, ends, strict=True) if common and end == common[0][0]]


def _ending(names: Sequence[str], endings: Sequence[str]) -> list[str]:
    """The names that end so."""
    # Each case is listed because to lower each of many names takes longer.
    either = (*endings, *map(str.upper, endings), *(f".{e[1:].title()}" for e in endings))
    return [name for name in names if name.endswith(either)]


def _one_kind(images: list[str]) -> list[str]:
    """Pictures beside the data, thumbnails say, are not part of it."""
    # TIFFs come first.
    if TIFF_READER.accepts(images[0]):
        whole = TIFF_READER.accepts(images[-1])
        return images if whole else _ending(images, TIFF_READER.suffixes)
    kinds = [reader_for(name).suffixes for name in images]
    common = Counter(kinds).most_common(1)[0][0]
    return [name for name, kind in zip(images, kinds, strict=True) if kind == common]


def is_image(path: str) -> bool:
    """Whether a path is a single image, a file or an OME-Zarr folder, and no folder of them."""
    if os.path.isdir(path):
        inside: Iterator[str] = (os.path.join(path, name) for name in ("zarr.json", ".zattrs"))
        return any(map(os.path.isfile, inside)) and bool(_readable([path]))
    return os.path.isfile(path) and bool(_readable([path]))
