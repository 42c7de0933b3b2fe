"""Pages of a TIFF that are planes, told from thumbnails, lower resolutions and damaged ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.image.quantity_text import format_count
from napari_lazy_pipeline.io.readers._tiff.tiff_directories import Directory

_Size = tuple[int, int]


def image_pages(
    directories: list[Directory], path: str, apart: Collection[int] = ()
) -> tuple[list[int], str]:
    """Return which pages are planes, and a note on those that are left out; empty if none is.

    Those that are said to be another image are ``apart``.

    Planes are of one size, and packed alike: each page is unpacked by its own header. What is
    smaller both ways is a thumbnail or a lower resolution; one wrong number makes none.

    Raises
    ------
    FileError
        If pages of several sizes are left, or one of them is packed in another way.
    """
    there = [index for index in range(len(directories)) if index not in apart]
    sizes = [directories[index].size for index in there]
    whole = [directories[index].size for index in there if not directories[index].reduced]
    largest = max(whole or sizes, key=lambda size: (size[0] * size[1], size))
    pages = [index for index in there if directories[index].size == largest]
    others = (each for each in map(directories.__getitem__, there) if each.size != largest)
    if not all(_is_smaller(each, largest) for each in others):
        raise _several_sizes(sizes, path)
    first = directories[pages[0]].packing
    for index in pages:
        if directories[index].packing != first:
            what = f"The header of plane {index} is damaged"
            raise FileError(what, path, f"It is packed in another way than plane {pages[0]}")
    rest = len(there) - len(pages)
    smaller = format_count(rest, "smaller image")
    return pages, f"{smaller} in the file, thumbnails or the like, left out" if rest else ""


def _is_smaller(page: Directory, size: _Size) -> bool:
    """Return whether a page is smaller both ways, or says that it is smaller, and is."""
    (rows, columns), (height, width) = page.size, size
    if page.reduced:
        return rows <= height and columns <= width
    return rows < height and columns < width


def _several_sizes(sizes: list[_Size], path: str) -> FileError:
    """Say which sizes there are; one page that is larger than all others has a wrong number."""
    usual, often = Counter(sizes).most_common(1)[0]
    odd = [index for index, size in enumerate(sizes) if size != usual]
    if often > 1 and len(odd) == 1 and max(sizes[odd[0]]) > max(usual):
        what = f"The header of plane {odd[0]} is damaged"
        said = f"It says {_words(sizes[odd[0]])}, another size than the first plane"
        return FileError(what, path, f"{said}, {_words(usual)}")
    several = ", ".join(map(_words, dict.fromkeys(sizes[:20])))
    return FileError(f"The file holds images of several sizes ({several})", path, "Split it")


def _words(size: _Size) -> str:
    return f"{size[0]} x {size[1]}"
