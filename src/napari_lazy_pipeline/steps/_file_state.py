"""File state: what tells that a file was changed."""

from __future__ import annotations

import os
from collections.abc import Hashable


def file_state(path: str) -> Hashable:
    """Size and time of change of a file; None if there is none."""
    try:
        state = os.stat(path)
    except OSError:
        return None
    return state.st_size, state.st_mtime_ns
