"""Options of a field: what a model states about it, as its widget and its label need it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Unit
from pydantic.fields import FieldInfo

from napari_lazy_pipeline.steps._per_channel import value_type

# Bounds beyond which nobody goes: they are not worth a line of a tooltip.
_ENDLESS = 1e6


def extras(info: FieldInfo) -> dict[str, Any]:
    """Return how a field wants to be shown: its ``json_schema_extra``, or options for magicgui."""
    options = dict(info.json_schema_extra) if isinstance(info.json_schema_extra, dict) else {}
    for mark in _marks(info):
        options.update(mark if isinstance(mark, dict) else {})
    return options


def bounds(info: FieldInfo) -> tuple[float, float]:
    """Smallest and largest value of a number, or of the members of a tuple."""
    low: Any = -math.inf
    high: Any = math.inf
    for mark in _marks(info):
        low = getattr(mark, "ge", getattr(mark, "gt", low))
        high = getattr(mark, "le", getattr(mark, "lt", high))
    return low, high


def bare_type(annotation: Any) -> Any:
    """An annotation without what is said about it."""
    return bare_type(get_args(annotation)[0]) if get_origin(annotation) is Annotated else annotation


def kind(annotation: Any) -> Any:
    """Return what is edited of a union: its first member that is not None."""
    if get_origin(annotation) not in (Union, UnionType):
        return annotation
    return next(part for part in get_args(annotation) if part is not NoneType)


def choices(info: FieldInfo) -> tuple[Any, ...]:
    """The values that can be chosen from; none of numbers, and of what is typed."""
    annotation = kind(bare_type(value_type(info)))
    stated = extras(info).get("choices", ())
    return tuple(stated or (get_args(annotation) if get_origin(annotation) is Literal else ()))


def is_advanced(info: FieldInfo) -> bool:
    """Return whether few need a field."""
    return bool(extras(info).get("advanced"))


def can_be_tried(info: FieldInfo) -> bool:
    """Return whether several values can be tried: of a number, a choice or a switch."""
    annotation = kind(bare_type(value_type(info)))
    return annotation in (int, float, bool) or bool(choices(info))


def length(info: FieldInfo) -> int:
    """Number of members of a tuple; 0 if that is open."""
    members = get_args(kind(bare_type(value_type(info))))
    if Ellipsis not in members:
        return len(members)
    bounds = [getattr(m, "min_length", 0) or getattr(m, "max_length", 0) for m in _marks(info)]
    return max(bounds, default=0)


def table_columns(info: FieldInfo) -> tuple[str, ...] | None:
    """Names of the columns of a field that is a table; none if a row is one number.

    None for a field that is no table: one is a tuple of any length, of tuples of numbers, or of
    numbers that ``rows`` names.
    """
    annotation = kind(bare_type(value_type(info)))
    if get_origin(annotation) is not tuple or Ellipsis not in get_args(annotation):
        return None
    row, extra = bare_type(get_args(annotation)[0]), extras(info)
    members = get_args(row) if get_origin(row) is tuple else ()
    if members and Ellipsis not in members and all(bare_type(m) in (int, float) for m in members):
        return tuple(extra.get("columns") or map(str, range(len(members))))
    return () if row in (int, float) and "rows" in extra else None


def unit(info: FieldInfo) -> str:
    """Unit of a field; empty for text, choices and plain numbers."""
    mark = next((str(mark.unit) for mark in _marks(info) if isinstance(mark, Unit)), "")
    return "" if mark == "1" else mark


def label(info: FieldInfo, name: str) -> str:
    title, mark = info.title or name, unit(info)
    return f"{title} ({mark})" if mark else title


def tooltip(info: FieldInfo) -> str:
    """Description of a field, and its range."""
    (low, high), text = bounds(info), info.description or ""
    if low > -_ENDLESS and high < _ENDLESS:
        text += f"\nFrom {low:g} to {high:g} {unit(info)}".rstrip() + "."
    return text


def in_words(info: FieldInfo, value: Any) -> str:
    """A value of a field as a person reads it, with its unit."""
    words, extra = _words(extras(info), value), extras(info)
    if words == extra.get("empty", "nothing") or "rows" in extra:
        return words
    return words + ("°" if unit(info) == "°" else f" {unit(info)}".rstrip())


def default_in_words(info: FieldInfo) -> str:
    """The value of a new model in words, or what ``default`` calls it."""
    value = info.get_default(call_default_factory=True)
    return str(extras(info).get("default", "")) or in_words(info, value)


def _words(extra: dict[str, Any], value: Any) -> str:
    if isinstance(value, Mapping) and value:
        return ", ".join(f"{key}: {_words(extra, part)}" for key, part in value.items())
    if "rows" in extra and isinstance(value, tuple) and value:
        return f"{len(value)} {extra['rows']}"
    if isinstance(value, tuple) and value:
        return ", ".join(_words(extra, part) for part in value)
    if isinstance(value, float):
        return f"{value:g}"
    words = extra.get("words", {})
    return str(words.get(value, value)) if value or value == 0 else extra.get("empty", "nothing")


def _marks(info: FieldInfo) -> Iterator[Any]:
    """Everything that is stated about a field, or about the members of a tuple."""
    yield from info.metadata
    yield from _marks_of(value_type(info))


def _marks_of(annotation: Any) -> Iterator[Any]:
    parts = get_args(annotation)
    if get_origin(annotation) is Annotated:
        for mark in parts[1:]:
            yield from mark.metadata if isinstance(mark, FieldInfo) else [mark]
        yield from _marks_of(parts[0])
    elif get_origin(annotation) in (tuple, Union, UnionType) and parts:
        yield from _marks_of(parts[0])
