"""PSF identity: the content of a PSF file as a short text, whatever it is called and wherever."""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from pathlib import Path

from napari_lazy_pipeline._runtime.regular_file import open_regular

_PIECE = 1 << 20  # bytes


def psf_identity(path: str | Path) -> str:
    """Hash of the content of a file; empty if it cannot be read. Read once per state of the file.

    Examples
    --------
    >>> psf_identity("absent.tif")
    ''
    """
    try:
        stat = os.stat(path)
        return _hash(str(path), stat.st_size, stat.st_mtime_ns)
    except (OSError, ValueError):
        return ""


@lru_cache(maxsize=32)
def _hash(path: str, size: int, mtime_ns: int) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with open_regular(path) as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()
