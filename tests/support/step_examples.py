"""Examples of steps of any kind, by what their fields say: types, bounds, `Field(examples=...)`."""

from __future__ import annotations

import math
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import numpy as np
import tifffile
from hypothesis import strategies as st
from pydantic.fields import FieldInfo

from napari_lazy_pipeline.errors import ParameterError
from napari_lazy_pipeline.psf import save_psf
from napari_lazy_pipeline.steps import Function, Step
from napari_lazy_pipeline.steps._per_channel import value_type
from stacks import gaussian_psf

_FEW = 6  # numbers without a slider are from -6 to 6, within their bounds


def fields(step_type: type[Step]) -> dict[str, FieldInfo]:
    """All fields but the switch."""
    return {n: f for n, f in step_type.model_fields.items() if n != "enabled"}


def extras(info: FieldInfo) -> dict[str, Any]:
    return info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}


def example(
    step_type: type[Step], folder: Path, camera: tuple[int, ...], channels: tuple[str, ...]
) -> Step:
    """A step that can run: each field has the first of its examples, or its default.

    A field for a channel names one; a file is a PSF, or an image (y, x) of the camera.
    """
    known = fields(step_type)
    values = {name: info.examples[0] for name, info in known.items() if info.examples}
    named = [name for name, info in known.items() if extras(info).get("format") == "channel"]
    values |= dict(zip(named, channels, strict=False))
    return _made(step_type, values | _files(step_type, folder, camera))


def steps_of(
    step_type: type[Step], folder: Path, camera: tuple[int, ...], channels: tuple[str, ...]
) -> st.SearchStrategy[Step]:
    """Steps of a kind, with any values that its fields allow, one by one."""
    files = _files(step_type, folder, camera)
    anything = {
        name: _values(info, channels)
        for name, info in fields(step_type).items()
        if name not in files
    }

    def make(drawn: dict[str, Any]) -> Step:
        base = example(step_type, folder, camera, channels)
        for name, value in drawn.items():
            try:
                base = base.replace(**{name: value})
            except ParameterError:
                continue  # it does not go with the others
        return base

    return st.fixed_dictionaries({}, optional=anything).map(make)


def _made(step_type: type[Step], values: dict[str, Any]) -> Step:
    step = step_type(**values)
    return step.allow() if isinstance(step, Function) else step


def _files(step_type: type[Step], folder: Path, camera: tuple[int, ...]) -> dict[str, str]:
    paths, known = {}, fields(step_type)
    for number, name in enumerate(step_type.file_fields(), start=1):
        psf = "psf" in name
        path = folder / (f"{name}.tif" if psf else f"{name}_{camera}.tif")
        if not path.exists():
            if psf:
                save_psf(gaussian_psf(), (0.1, 0.1, 0.1), path)
            else:
                image = np.full(camera, 10 * number, "float32")
                planes = [image, *[image / 1000] * (extras(known[name]).get("planes", 1) - 1)]
                tifffile.imwrite(path, np.squeeze(planes), photometric="minisblack")
        paths[name] = str(path)
    return paths


def _values(info: FieldInfo, channels: tuple[str, ...]) -> st.SearchStrategy[Any]:
    if info.examples:
        return st.sampled_from(info.examples)
    if extras(info).get("format") == "channel":
        return st.sampled_from(["", *channels])
    ends = extras(info).get("slider", (-_FEW, _FEW))
    made = _of_type(value_type(info), info.metadata, *ends)
    return st.just(info.get_default(call_default_factory=True)) if made is None else made


def _of_type(annotation: Any, marks: Any, low: float, high: float) -> st.SearchStrategy[Any] | None:
    """Values of a type within bounds; None for one of which nothing is known."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if hasattr(annotation, "__metadata__"):
        inner = [
            deeper
            for mark in annotation.__metadata__
            for deeper in (mark.metadata if isinstance(mark, FieldInfo) else [mark])
        ]
        return _of_type(annotation.__origin__, [*inner, *marks], low, high)
    if origin is Literal:
        return st.sampled_from(parts)
    if NoneType in parts:
        others = [_of_type(part, marks, low, high) for part in parts if part is not NoneType]
        return st.none() | others[0] if others[0] is not None else st.none()
    if origin is tuple and Ellipsis not in parts:
        members = [_of_type(part, marks, low, high) for part in parts]
        return None if None in members else st.tuples(*members)  # type: ignore[arg-type]
    for mark in marks:
        low = max(low, getattr(mark, "ge", getattr(mark, "gt", low)))
        high = min(high, getattr(mark, "le", getattr(mark, "lt", high)))
    if annotation is bool:
        return st.booleans()
    if annotation is int:
        return st.integers(math.ceil(low), math.floor(high))
    if annotation is float:
        return st.integers(math.ceil(low * 4), math.floor(high * 4)).map(lambda n: n / 4)
    return None
