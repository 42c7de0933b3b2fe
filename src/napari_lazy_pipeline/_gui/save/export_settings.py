"""Wishes: how a person wants everything to be processed, kept for the next dock of the viewer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_lazy_pipeline.exports.formats import FormatName


@dataclass
class Wishes:
    """What holds for any data, unlike time points and channels.

    Attributes
    ----------
    folder
        Where to write to; None if nobody said it.
    format
        Kind of files.
    dtype
        Type of the pixels; None for that of the data.
    cluster
        Whether a dask cluster computes.
    address
        Of its scheduler.
    """

    folder: Path | None = None
    format: FormatName = "tiff"
    dtype: str | None = None
    cluster: bool = False
    address: str = ""
