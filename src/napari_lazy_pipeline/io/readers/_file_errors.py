"""Turns whatever a library raises over a file into a FileError that names the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.io.readers import os_problem


@contextmanager
def guarded(path: str, hint: str = "") -> Iterator[None]:
    """Say which file it was, whatever goes wrong with it."""
    try:
        yield
    except FileError:
        raise
    except OSError as error:
        raise os_problem(error, path) from error
    except MemoryError as error:
        raise FileError("There is not enough memory to read the file", path) from error
    except Exception as error:
        # A damaged file makes decoders raise nearly anything.
        raise FileError(
            f"The file is damaged ({type(error).__name__}: {error})", path, hint
        ) from error
