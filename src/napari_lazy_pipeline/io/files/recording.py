"""Recording: whether files of a folder are those that a pattern takes."""

from __future__ import annotations

from napari_lazy_pipeline.errors import PatternError
from napari_lazy_pipeline.io.files.file_source import FileSource
from napari_lazy_pipeline.io.patterns.field_values import position_of
from napari_lazy_pipeline.io.patterns.pattern import compile_pattern


def is_of_recording(source: FileSource, pattern: str, position: str | None = None) -> bool:
    """Return whether a stack has a file that a pattern of its folder takes, at a position, too.

    If not, it is another recording: a folder may hold several. A pattern that was refined, or made
    wider, takes some of the same. One that is empty, or cannot be read, tells nothing: then it has.
    A position that is None is any.
    """
    if pattern in ("", source.pattern):
        return True
    try:
        match = compile_pattern(pattern).match
    except PatternError:
        return True
    files = source.layout.table.ravel()
    found = (match(source.names[file]) for file in files[files >= 0])
    positions = (position_of(one) for one in found if one is not None)
    return any(None in (one, position) or one == position for one in positions)
