"""OME set: files whose places in a stack their OME-XML tells, whatever their names suggest."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np

from napari_lazy_pipeline._runtime.regular_file import open_regular
from napari_lazy_pipeline.errors import FolderError, PatternError
from napari_lazy_pipeline.image.quantity_text import format_count
from napari_lazy_pipeline.io.metadata.ome_xml import FilePlace, OmeDocument, parse_ome
from napari_lazy_pipeline.io.patterns.field_values import SPARSE, select
from napari_lazy_pipeline.io.patterns.file_table import FileTable, arrange
from napari_lazy_pipeline.io.patterns.pattern import Pattern, compile_pattern
from napari_lazy_pipeline.io.patterns.proposal import Proposal, restricted
from napari_lazy_pipeline.io.readers import FileInfo

_FIELD = re.compile(r"\{(\w+)\}")
_DIGITS = re.compile(r"([0-9]+)")
_SPECIAL = re.compile(r"[{}*?\\]")  # what means something in a pattern
COMPANION = ".companion.ome"  # how the name of a file ends that describes others
_LARGEST = 2**28  # bytes that are read of one
_FEW = 20  # names that are not described, of which a person sees some
_MOST = 4  # fields of which all roles are tried


def is_companion(path: str) -> bool:
    """Whether a path is a file that describes others."""
    return path.lower().endswith(COMPANION) and os.path.isfile(path)


@dataclass(frozen=True)
class DescribedSet:
    """The files that a companion.ome describes, as far as they are beside it."""

    document: OmeDocument
    names: list[str]
    missing: int

    @classmethod
    def read(cls, path: str) -> DescribedSet:
        """Read a companion.ome; raise FolderError if it is none, or none of its files is there."""
        try:
            with open_regular(path) as file:
                document = parse_ome(file.read(_LARGEST))
        except OSError as error:
            raise FolderError(
                f"The file cannot be read: {error.strerror or error}", path
            ) from error
        described = {data.file for image in document.images for data in image.data} - {"", "?"}
        there = sorted(described.intersection(os.listdir(os.path.dirname(path))))
        if there:
            return cls(document, there, len(described) - len(there))
        if not described:
            trouble = document.trouble and f" ({document.trouble})"
            what = f"The file describes no files beside it{trouble}"
            raise FolderError(what, path, "Open the folder, or one of the images")
        what = f"None of the {format_count(len(described), 'file')} that it describes is beside it"
        raise FolderError(what, path, f"Put {min(described)} and the others into its folder")

    def alone(
        self, folder: str, layout: FileTable, proposals: list[Proposal], position: str | None
    ) -> tuple[FileTable, list[Proposal]]:
        """The same places by a pattern that takes no other files of the folder."""
        if self.missing:
            count = format_count(self.missing, "file")
            layout = layout.noting(f"Not there: {count} that the companion.ome describes")
        others = sorted(set(os.listdir(folder)).difference(self.names))
        if not select(others, compile_pattern(layout.pattern))[0]:
            return layout, proposals
        pattern = restricted(layout.pattern, self.names)
        alone = arrange(self.names, compile_pattern(pattern), position)
        proposed = Proposal(pattern, "the files that the companion.ome describes", True)
        return replace(alone, notes=layout.notes), [proposed, *proposals]


def with_document(info: FileInfo, document: OmeDocument) -> FileInfo:
    """What a file is in a set whose description it does not refer to itself."""
    if info.places or info.voxel_source == "OME":
        return info
    image = next((i for i in document.images if info.name in {data.file for data in i.data}), None)
    if image is None:
        return info
    return replace(
        info, voxel_size=image.voxel_size, voxel_source="OME", time_interval=image.interval,
        set_channels=image.channel_names, places=document.places,
    )  # fmt: skip


def arrange_set(
    names: Sequence[str],
    info: FileInfo,
    layout: FileTable,
    proposals: Sequence[Proposal],
    position: str | None,
) -> tuple[FileTable, list[Proposal]]:
    """Choose the pattern by which files have the places that their OME-XML states.

    The proposals come first, then other meanings of their numbers; if none fits, what the names
    suggest stays, and a note says so.
    """
    stated = _stated(names, info)
    if len(stated) < 2:
        return layout, list(proposals)
    several = len({place.image for place in stated.values()}) > 1
    proposed = [layout.pattern, *(proposal.pattern for proposal in proposals)]
    for pattern in _patterns([*proposed, _numbered(list(stated))], "p" if several else ""):
        try:
            table = arrange(names, compile_pattern(pattern), position)
        except PatternError:
            continue
        if _agrees(table, stated):
            summary = next(
                (p.summary for p in proposals if p.pattern == pattern), "as OME-XML says"
            )
            rest = [proposal for proposal in proposals if proposal.pattern != pattern]
            return table, [Proposal(pattern, summary, True), *rest]
    unplaced = _numbered(list(stated))
    apart = as_stated(names, info, compile_pattern(unplaced)) if unplaced else None
    if apart is not None and len(apart.names) == len(stated):
        return apart, [Proposal(unplaced, "the places that OME-XML states", True), *proposals]
    note = "OME-XML gives the files other places than their names: check which number is what"
    return layout.noting(note), list(proposals)


def as_stated(names: Sequence[str], info: FileInfo, pattern: Pattern) -> FileTable | None:
    """Give the files that fit a pattern the places that OME-XML states, as if it had no fields.

    None if it states none, or the same for two of them, or describes several images.
    """
    stated = _stated([name for name in names if pattern.match(name)], info)
    chosen = list(stated)
    if len(chosen) < 2 or len({place.image for place in stated.values()}) > 1:
        return None
    firsts = np.array([place[2:] for place in stated.values()])
    firsts -= firsts.min(axis=0)
    steps = np.maximum(np.gcd.reduce(firsts, axis=0), 1)  # of files of several time points
    where = tuple((firsts // steps).T)[: 3 if firsts[:, 2].any() else 2]
    sizes = [int(axis.max()) + 1 for axis in where]
    if int(np.prod(sizes, dtype=object)) > max(1000, 4 * SPARSE * len(chosen)):
        return None
    table = np.full(sizes, -1, np.int32)
    table[where] = np.arange(len(chosen), dtype=np.int32)
    if np.count_nonzero(table >= 0) < len(chosen):
        return None
    others = tuple(sorted(set(names).difference(chosen)))
    titles = tuple(f"ch{c}" for c in range(sizes[1]))
    return FileTable(chosen, table, titles, len(others), others[:_FEW], pattern=pattern.text)


def stated_channels(layout: FileTable, info: FileInfo) -> tuple[str, ...]:
    """Name the channels of a table by the places that OME-XML states of their files.

    Empty if files of one channel have places in several; all names if files hold several channels.
    """
    if info.inner[1] > 1:
        return info.set_channels
    stated, names = _stated(layout.names, info), dict(enumerate(info.set_channels))
    found = []
    for column in range(layout.table.shape[1]):
        files = (layout.names[index] for index in layout.table[:, column].flat if index >= 0)
        numbers = {stated[name].c if name in stated else -1 for name in files}
        found += [names.get(number, "") for number in numbers]
    return tuple(found) if all(found) and len(found) == layout.table.shape[1] else ()


def _stated(names: Sequence[str], info: FileInfo) -> dict[str, FilePlace]:
    """Places of the files that OME-XML describes, of those that lie beside the one it is of."""
    folder = os.path.dirname(next((n for n in names if os.path.basename(n) == info.name), ""))
    places = {os.path.join(folder, place.name): place for place in info.places}
    return {name: places[name] for name in names if name in places}


def _numbered(names: Sequence[str]) -> str:
    """The pattern of names that differ in numbers only; empty if they differ in more."""
    pieces = [_DIGITS.split(name) for name in names]
    if len({tuple(each[::2]) for each in pieces}) > 1 or _SPECIAL.search(names[0]):
        return ""
    columns = list(zip(*pieces, strict=True))
    fields = (
        f"{{n{i}}}" if i % 2 and len(set(each)) > 1 else each[0] for i, each in enumerate(columns)
    )
    return "".join(fields)


def _patterns(patterns: Sequence[str], position: str) -> Iterator[str]:
    """Patterns that may be meant: those proposed, then their fields in other roles."""
    proposed = list(dict.fromkeys(filter(None, patterns)))
    yield from proposed
    for pattern in reversed(proposed[: _MOST - 1] + proposed[-1:]):
        pieces = _FIELD.split(pattern)
        fields = pieces[1::2]
        if not fields or len(fields) > _MOST:
            continue
        for roles in dict.fromkeys(permutations((*position, *"tcz", *"nnnn"), len(fields))):
            numbered = [role + str(i) if role == "n" else role for i, role in enumerate(roles)]
            texts = zip(pieces[::2], [f"{{{role}}}" for role in numbered] + [""], strict=True)
            yield "".join(text + field for text, field in texts)


def _agrees(table: FileTable, stated: dict[str, FilePlace]) -> bool:
    """Return whether files lie along t, c and z in the order that is stated, and all do."""
    cells = table.table.reshape(*table.table.shape[:2], table.pieces)
    where = np.argwhere(cells >= 0)
    names = [table.names[index] for index in cells[tuple(where.T)].tolist()]
    images = {stated[name].image for name in names if name in stated}
    of_image = {name for name, place in stated.items() if place.image in images}
    count = len({place.image for place in stated.values()})
    if len(images) != 1 or set(names) != of_image or max(len(table.positions), 1) != count:
        return False
    wanted = np.array([stated[name][2:] for name in names])
    # Where each file is a volume, one without a z-stack may begin at any plane.
    axes = range(3 if table.pieces > 1 else 2)
    return all(_same_order(where[:, axis], wanted[:, axis]) for axis in axes)


def _same_order(first: np.ndarray, second: np.ndarray) -> bool:
    """Return whether two lists of numbers tell the same things apart, in the same order."""
    ranks = [np.unique(each, return_inverse=True)[1] for each in (first, second)]
    return bool(np.array_equal(ranks[0], ranks[1]))
