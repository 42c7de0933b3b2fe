"""Stated interval: the time between two time points, as files state it."""

from __future__ import annotations

from napari_lazy_pipeline.io.files.file_source import FileSource


def stated_interval(source: FileSource) -> float | None:
    """Time between two time points as the files state it [s].

    Each file of an export has that of the whole recording, of which it may hold every tenth time
    point: the numbers in the names tell, while it is the export that gave them.
    """
    info = source.info
    parted = info.exported and info.inner[0] == 1
    interval = info.time_interval
    return interval * source.layout.exported_step if interval and parted else interval
