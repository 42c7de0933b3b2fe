"""Recording: whether files of a folder are those that a pattern takes."""

from __future__ import annotations

from napari_lazy_pipeline.errors import PatternError
from napari_lazy_pipeline.io.files.file_source import FileSource
from napari_lazy_pipeline.io.patterns.pattern import compile_pattern


def is_of_recording(source: FileSource, pattern: str) -> bool:
    """Return whether a stack begins with a file that a pattern of its folder takes.

    If not, it is another recording: a folder may hold several. A pattern that was refined takes the
    same files. One that is empty, or cannot be read, tells nothing: then it is so.
    """
    if pattern in ("", source.pattern):
        return True
    files = source.layout.table.ravel()
    try:
        return compile_pattern(pattern).match(source.names[files[files >= 0][0]]) is not None
    except PatternError:
        return True
