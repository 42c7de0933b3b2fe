"""Identity: what tells code, values and files from others, in every process."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Hashable
from functools import lru_cache, partial
from typing import Any

from napari_lazy_pipeline._runtime.regular_file import open_regular


def file_state(path: str) -> Hashable:
    """Size and time of change of a file; None if there is none, or can be none of that name."""
    try:
        state = os.stat(path)
    except (OSError, ValueError):
        return None
    return state.st_size, state.st_mtime_ns


def value_identity(value: Any) -> str:
    """A text that is equal for equal values only; arrays are told apart by their content."""
    from dask.base import tokenize

    return str(tokenize(value))


def code_identity(code: Any) -> str:
    """A text that differs for other code: of a function or a class, or of one in another file."""
    if isinstance(code, partial):
        return value_identity((code_identity(code.func), code.args, code.keywords))
    named = code if isinstance(code, type) or hasattr(code, "__qualname__") else type(code)
    name = f"{named.__module__}.{named.__qualname__}"
    if name.startswith("napari_lazy_pipeline."):
        return name
    file = getattr(sys.modules.get(named.__module__), "__file__", None) or ""
    source = _content(file, file_state(file))
    if isinstance(code, type):
        # What was made in a notebook or within a function is known by what it is.
        local = not source or "<locals>" in name
        return f"{name} {source} {_pickled(code) if local else ''}"
    return f"{name} {source} {value_identity((code, getattr(code, '__dict__', None)))}"


@lru_cache(maxsize=256)
def _content(path: str, state: Hashable) -> str:
    """A text for what is in a file; empty if there is none."""
    if state is None:
        return ""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()[:24]


def _pickled(code: Any) -> str:
    import cloudpickle  # type: ignore[import-untyped]

    return hashlib.blake2b(cloudpickle.dumps(code), digest_size=12).hexdigest()
