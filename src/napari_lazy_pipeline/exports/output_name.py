"""Output name: made from the name of a folder, and no longer than a file system takes."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

_LONGEST = 255  # bytes
_ENDINGS = 20  # bytes that are kept for what comes behind it: "_export.12of99.jsonl"


def output_name(raw: Path | None) -> str:
    """How the names of all files of an export begin: with that of the folder of raw data."""
    return shortened(Path(os.path.realpath(raw)).name if raw else "volume")


def shortened(name: str) -> str:
    """Cut a name that leaves no room for endings; then it ends with a digest of all of it.

    Examples
    --------
    >>> shortened("cell5")
    'cell5'
    >>> len(shortened(255 * "x")), shortened(255 * "x")[-12:]
    (235, 'xxx_a67e38b5')
    """
    most = _LONGEST - _ENDINGS
    if len(os.fsencode(name)) <= most:
        return name
    digest = hashlib.blake2b(os.fsencode(name), digest_size=4).hexdigest()
    while len(os.fsencode(name)) > most - len(digest) - 1:
        name = name[:-1]  # a letter may take several bytes
    return f"{name}_{digest}"
