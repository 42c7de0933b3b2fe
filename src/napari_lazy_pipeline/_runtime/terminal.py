"""Terminal: what is printed is shown as it is, and never obeyed."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any, TextIO, cast

from napari_lazy_pipeline.errors import printable

# A line is ended by us, and begun anew where progress is shown; nothing else is meant.
_MEANT = re.compile(r"(\A\r|\n)")


class PlainStream:
    """Writes to a stream of text; control characters, and what it cannot encode, as escapes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text; return its length."""
        parts = _MEANT.split(text)
        parts[::2] = map(printable, parts[::2])
        encoding = self._stream.encoding or "utf-8"
        self._stream.write("".join(parts).encode(encoding, "backslashreplace").decode(encoding))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def plain_output() -> Iterator[None]:
    """Print plainly: names of files are of others, and may hold what a terminal obeys."""
    out, errors = (
        stream and cast(TextIO, PlainStream(stream)) for stream in (sys.stdout, sys.stderr)
    )
    with redirect_stdout(out), redirect_stderr(errors):
        yield
