"""Text beside: which of several texts in a folder is about a file."""

from __future__ import annotations

from collections.abc import Sequence
from unicodedata import normalize


def text_beside(names: Sequence[str], first: str, *endings: str) -> str | None:
    """Choose, among the names in a folder, the text of the file ``first``; None: there is none.

    It begins with what the file begins with, or has no name of its own, and lies beside it or in a
    folder above. What begins otherwise is of another recording.

    Examples
    --------
    >>> texts = ["a_metadata.txt", "metadata.txt", "b_metadata.txt"]
    >>> [text_beside(texts, name, "metadata.txt") for name in ("b_t0.tif", "c_t0.tif")]
    ['b_metadata.txt', 'metadata.txt']
    >>> text_beside(["Cell1_metadata.txt"], "cell1A_t0.tif", "metadata.txt")
    'Cell1_metadata.txt'
    >>> text_beside(["cell1_metadata.txt"], "cell10_t0.tif", "metadata.txt")
    """
    folder, _, title = _plain(first).rpartition("/")
    own: dict[tuple[int, int], str] = {}
    for name in sorted(names, reverse=True):
        ending = next((one for one in endings if name.endswith(one)), None)
        place, _, text = _plain(name).rpartition("/")
        above = f"{folder}/".startswith(f"{place}/" if place else "")
        if ending is None or not above or text.startswith("._"):  # what macOS leaves on shares
            continue
        start = text.removesuffix(_plain(ending)).rstrip(" _-.")
        if title.startswith(start) and not _goes_on(start[-1:], title[len(start) :][:1]):
            own[len(place), len(start)] = name
    return own[max(own)] if own else None


def _plain(name: str) -> str:
    """A name as it is compared: file systems differ in case, and in how they write an accent."""
    return normalize("NFC", name).casefold()


def _goes_on(last: str, following: str) -> bool:
    """Return whether a name goes on behind its last character: cell1 in cell10, not in cell1A."""
    return (last.isalpha() and following.isalnum()) or (last.isdigit() and following.isdigit())
