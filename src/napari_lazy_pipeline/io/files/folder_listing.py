"""Folder listing: the names in a folder, and in its folders if a pattern goes there."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from napari_lazy_pipeline.errors import FolderError
from napari_lazy_pipeline.image.quantity_text import format_count
from napari_lazy_pipeline.io.patterns.pattern import Pattern
from napari_lazy_pipeline.io.readers import Reader, hidden, reader_for, suffixes
from napari_lazy_pipeline.io.readers.image import READER as PICTURE_READER
from napari_lazy_pipeline.io.readers.tiff import READER as TIFF_READER
from napari_lazy_pipeline.io.readers.zarr import is_zarr

# Depth to which images are searched if there is none in the folder: positions in acquisitions.
_DEPTH = 2
_TEXTS = ("", ".txt", ".xml", ".json", ".csv", ".log", ".yaml", ".yml", ".md", ".ini")
_REASONS: dict[type[OSError], tuple[str, str]] = {
    FileNotFoundError: ("There is no such folder", "Check the path"),
    NotADirectoryError: (
        "This is a file, not a folder",
        "Give its folder, and its name as the pattern",
    ),
    PermissionError: ("The folder may not be read", "Ask for permission"),
}
_THUMBNAIL = re.compile(r"(?:^|[^a-z])thumb(?:nail)?s?(?:[^a-z]|$)", re.IGNORECASE)
_HINT = "choose the folder that holds the images"


def list_names(folder: str, pattern: Pattern | None) -> list[str]:
    """Names in a folder, hidden files left out; below it, the path is in the name.

    One pass over the folder, and one over each folder that the pattern goes into. Without
    a pattern, folders are listed only where there is no image beside them.
    """
    depth = pattern.depth if pattern is not None else 0
    if pattern is not None and depth:
        return _below(folder, depth, pattern.folders)
    names = _names_in(folder)
    if pattern is None and names and not _any_readable(names):
        for depth in range(1, _DEPTH + 1):
            deeper = _below(folder, depth, ())
            if _any_readable(deeper):
                return [*names, *deeper]
    return names


@contextmanager
def _listing_errors(folder: str) -> Iterator[None]:
    """Turn the reason why a folder cannot be listed into plain words."""
    try:
        yield
    except OSError as error:
        what, hint = _REASONS.get(type(error), (f"The folder cannot be read: {error.strerror}", ""))
        raise FolderError(what, folder, hint) from error
    except ValueError as error:
        raise FolderError("There can be no folder of that name", folder, "Check it") from error


def _below(folder: str, depth: int, allowed: Sequence[re.Pattern[str]]) -> list[str]:
    """Names so many folders below a folder."""
    fits: Callable[[str], object] = allowed[0].fullmatch if allowed else bool
    with _listing_errors(folder), os.scandir(folder) as entries:
        fitting = [entry for entry in entries if entry.name[0] != "." and fits(entry.name)]
        folders = [entry.name for entry in fitting if _is_folder(entry)]
    names = []
    for name in sorted(folders):
        path = os.path.join(folder, name)
        inside = _below(path, depth - 1, allowed[1:]) if depth > 1 else _names_in(path)
        names += [f"{name}/{below}" for below in inside]
    return names


def _names_in(folder: str) -> list[str]:
    with _listing_errors(folder):
        return [name for name in os.listdir(folder) if name[0] != "."]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    # An OME-Zarr is a folder for the system, but an image for everybody else.
    return entry.is_dir() and not entry.name.lower().endswith(suffixes())


def choose_images(
    names: Sequence[str], folder: str, pattern: Pattern | None, reader: Reader | None = None
) -> list[str]:
    """Choose the names of images: TIFF if there is any, else the most frequent kind.

    With a reader of its own, a pattern may name files of any kind.
    """
    if not names:
        raise FolderError("The folder is empty", folder, _HINT.capitalize())
    if reader is not None and pattern is not None:
        return list(names)
    images = _readable(names, reader)
    if not images:
        what = f"None of the {len(names)} names in the folder ends with {', '.join(suffixes())}"
        raise FolderError(what, folder, f"One of them is {min(names)}: {_HINT}")
    continued = hidden(images)
    if continued:
        images = [name for name in images if name not in continued]
    images = without_thumbnails(images, pattern) or images
    return images if pattern is not None or reader is not None else _one_kind(images)


def left_out(names: Sequence[str], images: Sequence[str]) -> str:
    """A note on files that could be opened, too, but are no part of the stack; empty if none are.

    Pictures and thumbnails are no data.
    """
    others = [
        name for name in _readable(list(set(names).difference(images)))
        if not PICTURE_READER.accepts(name) and not _THUMBNAIL.search(name)
    ]  # fmt: skip
    others = sorted(set(others).difference(hidden(names))) if others else []
    if not others:
        return ""
    kinds = Counter(os.path.splitext(name)[1] for name in others)
    listed = ", ".join(format_count(count, f"{end} file") for end, count in kinds.most_common(4))
    return f"Left out: {listed}; a pattern can name them"


def endings_of(images: Sequence[str], reader: Reader | None) -> tuple[str, ...]:
    """Return how the names of images end, in lower case."""
    if reader is None or reader.suffixes:
        return reader.suffixes if reader else suffixes()
    return tuple({os.path.splitext(name)[1].lower() for name in images} - {""})


def _any_readable(names: Sequence[str]) -> bool:
    endings = _in_each_case(suffixes())
    return any(name.endswith(endings) for name in names)


def _readable(names: Sequence[str], reader: Reader | None = None) -> list[str]:
    if reader is not None:
        return _ending(names, reader.suffixes) if reader.suffixes else _most_frequent(names)
    tiffs = _ending(names, TIFF_READER.suffixes)
    if len(tiffs) == len(names):
        return tiffs
    others = set(names).difference(tiffs)
    return tiffs + _ending([name for name in names if name in others], suffixes())


def _most_frequent(names: Sequence[str]) -> list[str]:
    """The names with the most frequent ending, texts left out."""
    ends = [os.path.splitext(name)[1].lower() for name in names]
    common = Counter(end for end in ends if end not in _TEXTS).most_common(1)
    return [name for name, end in zip(names, ends, strict=True) if common and end == common[0][0]]


def _ending(names: Sequence[str], endings: Sequence[str]) -> list[str]:
    """The names that end so."""
    either = _in_each_case(endings)
    end = os.path.splitext(names[0])[1] if names else ""
    # Most often all end alike: one search in all at once costs a fifth of one in each.
    if end in either and "\0".join((*names, "")).count(f"{end}\0") == len(names):
        return list(names)
    return [name for name in names if name.endswith(either)]


def _in_each_case(endings: Sequence[str]) -> tuple[str, ...]:
    """Endings as they are written, because to lower each of many names takes longer."""
    return (*endings, *map(str.upper, endings), *(f".{e[1:].title()}" for e in endings))


def without_thumbnails(images: list[str], pattern: Pattern | None) -> list[str]:
    """The images that are not called thumbnails; all of them for a pattern that says the word."""
    meant = pattern is not None and "thumb" in pattern.text.lower()
    text = "\0".join(images)
    if meant or not any(part in text for part in ("humb", "HUMB")):
        return images
    return [name for name in images if not _THUMBNAIL.search(name)]


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
    return is_zarr(path) or (os.path.isfile(path) and bool(_readable([path])))
