"""Text beside: which of several texts in a folder is about a file."""

from __future__ import annotations

from collections.abc import Sequence


def text_beside(names: Sequence[str], first: str, *endings: str) -> str | None:
    """Choose, among the names in a folder, the text of the file ``first``; None: there is none.

    It begins with what the file begins with, or has no name of its own, and lies beside it or in a
    folder above. What begins otherwise is of another recording.

    Examples
    --------
    >>> texts = ["a_metadata.txt", "metadata.txt", "b_metadata.txt"]
    >>> [text_beside(texts, name, "metadata.txt") for name in ("b_t0.tif", "c_t0.tif")]
    ['b_metadata.txt', 'metadata.txt']
    >>> text_beside(["cell1_metadata.txt"], "cell10_t0.tif", "metadata.txt")
    """
    folder, _, title = first.rpartition("/")
    own: dict[tuple[int, int], str] = {}
    for name in sorted(names, reverse=True):
        ending = next((one for one in endings if name.endswith(one)), None)
        place, _, text = name.rpartition("/")
        if ending is None or f"{folder}/".find(f"{place}/" if place else "") != 0:
            continue
        start = text.removesuffix(ending).rstrip(" _-.")
        if title.startswith(start) and not (start and title[len(start) :][:1].isalnum()):
            own[len(place), len(start)] = name
    return own[max(own)] if own else None
