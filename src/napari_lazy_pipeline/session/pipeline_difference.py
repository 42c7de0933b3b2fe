"""Pipeline difference: what an edit changed, in a few words."""

from __future__ import annotations

from collections import Counter
from pathlib import PurePath
from typing import Any

from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.steps import Step

_MOST = 2  # changes that are named
_MOST_MEMBERS = 6  # of a tuple that are written out


def difference(before: Pipeline, after: Pipeline) -> str:
    """Tell what is different in the second of two pipelines.

    Examples
    --------
    >>> from napari_lazy_pipeline.steps import Crop, Deskew
    >>> difference(Pipeline([Deskew(angle=30)]), Pipeline([Deskew(angle=31.5)]))
    'Deskew: Angle 30 \u2192 31.5'
    >>> difference(Pipeline([Deskew()]), Pipeline([Deskew(), Crop()]))
    'Crop added'
    """
    old, new = before.steps, after.steps
    kinds = [step.title for step in old], [step.title for step in new]
    if kinds[0] != kinds[1]:
        added, gone = (Counter(a) - Counter(b) for a, b in (kinds[::-1], kinds))
        changes = [*(f"{name} added" for name in added), *(f"{name} removed" for name in gone)]
        return _listed(changes) or "steps moved"
    return _listed([text for a, b in zip(old, new, strict=True) for text in _changes(a, b)])


def _changes(old: Step, new: Step) -> list[str]:
    if old.enabled != new.enabled:
        return [f"{new.title} {'on' if new.enabled else 'off'}"]
    texts = []
    for name, info in type(new).model_fields.items():
        values = getattr(old, name), getattr(new, name)
        if values[0] != values[1]:
            is_path = name in new.file_fields()
            words = " \u2192 ".join(_in_words(value, is_path) for value in values)
            texts.append(f"{new.title}: {info.title or name} {words}")
    return texts


def _in_words(value: Any, is_path: bool = False) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_in_words(one, is_path)}" for key, one in value.items())
    if is_path:
        return PurePath(value).name or "none"
    if isinstance(value, tuple) and (len(value) > _MOST_MEMBERS or _is_table(value)):
        return f"{len(value)} rows"
    if isinstance(value, tuple):
        return f"({', '.join(map(_in_words, value))})"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _is_table(value: tuple[Any, ...]) -> bool:
    return any(isinstance(one, tuple) for one in value)


def _listed(changes: list[str]) -> str:
    more = len(changes) - _MOST
    return ", ".join([*changes[:_MOST], *([f"{more} more"] if more > 0 else [])])
