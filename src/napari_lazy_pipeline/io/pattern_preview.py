"""Pattern preview: what an edit of the pattern would make of the names; opens no file."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass

import numpy as np

from napari_lazy_pipeline.image.quantity_text import format_bytes, format_count
from napari_lazy_pipeline.io.files.folder_listing import choose_images, list_names
from napari_lazy_pipeline.io.patterns.field_table import FieldRow, field_rows
from napari_lazy_pipeline.io.patterns.field_values import format_names
from napari_lazy_pipeline.io.patterns.file_table import FileTable, arrange
from napari_lazy_pipeline.io.patterns.pattern import compile_pattern
from napari_lazy_pipeline.io.readers import Reader

_SAMPLE = 64  # files whose sizes are compared: each costs a network share a round trip


@dataclass(frozen=True)
class PatternPreview:
    """What a pattern makes of the names in a folder."""

    pattern: str
    layout: FileTable  # at one position if there are several
    rows: tuple[FieldRow, ...]  # values in the names, a row for each field

    @property
    def summary(self) -> str:
        """One line for a person."""
        layout = self.layout
        times, channels = layout.table.shape[:2]
        pieces = f" x {layout.pieces} planes" if layout.table.ndim > 2 else ""
        places = f" x {len(layout.positions)} positions" if len(layout.positions) > 1 else ""
        missing = np.count_nonzero(layout.plan.cells & ~layout.plan.present)
        return (
            f"{format_count(len(layout.names), 'file')} -> {format_count(channels, 'channel')} x "
            f"{format_count(times, 'time point')}{pieces}{places}. {missing} missing"
        )


class PatternPreviews:
    """Tries patterns on one folder, which is listed once for each depth that patterns go to.

    Examples
    --------
    >>> from napari_lazy_pipeline.samples.samples import real_stack_folder
    >>> PatternPreviews(str(real_stack_folder())).attempt("*.tif").summary
    '1 file -> 1 channel x 1 time point. 0 missing'
    """

    def __init__(self, folder: str, reader: Reader | None = None) -> None:
        self.folder, self._reader = folder, reader
        self._listed: dict[str, list[str]] = {}

    def attempt(self, pattern: str, position: str | None = None) -> PatternPreview:
        """Put the files in the places that a pattern gives them; see `list_names` and `arrange`."""
        compiled = compile_pattern(pattern)
        folders = pattern.rpartition("/")[0]
        if folders not in self._listed:
            self._listed[folders] = list_names(self.folder, compiled)
        images = choose_images(self._listed[folders], self.folder, compiled, self._reader)
        layout = arrange(images, compiled, position)
        return PatternPreview(pattern, layout, field_rows(layout))

    def sizes(self, preview: PatternPreview) -> FieldRow | None:
        """Compare the sizes of a few files, spread over the folder; None if none can be had."""
        names = preview.layout.names
        sizes = {}
        for name in names[:: -(-len(names) // _SAMPLE)]:
            try:
                sizes[name] = os.path.getsize(os.path.join(self.folder, name))
            except OSError:
                # A file that is gone meanwhile has no size; opening it says so.
                continue
        return _size_row(sizes, len(names)) if sizes else None


def _size_row(sizes: dict[str, int], count: int) -> FieldRow:
    """Row of how large files are; if most are alike, which are not."""
    usual, often = Counter(sizes.values()).most_common(1)[0]
    low, high = min(sizes.values()), max(sizes.values())
    values = format_bytes(low) if low == high else f"{format_bytes(low)} to {format_bytes(high)}"
    unlike = [name for name, size in sizes.items() if size != usual]
    # Compressed files all differ, and that means nothing.
    extra = format_names(unlike) if often > len(sizes) / 2 else ""
    role = "file size" if len(sizes) == count else f"file size ({len(sizes)} of {count})"
    return FieldRow("size", role, values, len(set(sizes.values())), extra=extra)
