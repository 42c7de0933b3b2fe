"""Function fields: what a person may state of the result of a function."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any, Literal, get_args

import numpy as np
from annotated_types import Unit
from pydantic import BeforeValidator, Field

GreyType = Literal["", "uint8", "uint16", "uint32", "int16", "int32", "float32", "float64"]


def _usual_name(value: Any) -> Any:
    """The name of a type of grey values, however it is written; empty if none is stated."""
    with suppress(TypeError):
        name = np.dtype(value).name if value else ""
        if name in get_args(GreyType):
            return name
    names = ", ".join(get_args(GreyType)[1:])
    raise ValueError(f"{value!r} is no type of grey values; use one of {names}")


Neighbours = Annotated[
    tuple[Annotated[int, Field(ge=0, le=10_000)], ...] | None,
    Field(
        min_length=3,
        max_length=3,
        title="Neighbours",
        description="How far (z, y, x) a voxel of the result sees; without it, the function is "
        "given whole volumes.",
        examples=[None, (0, 0, 0)],
    ),
    Unit("voxels"),
]

ResultShape = Annotated[
    tuple[Annotated[int, Field(ge=1, le=1_000_000)], ...] | None,
    Field(
        min_length=3,
        max_length=3,
        title="Result shape",
        description="Shape (z, y, x) of what comes out; found out by a trial if not stated.",
        examples=[None],
    ),
    Unit("voxels"),
]

ResultType = Annotated[
    GreyType,
    BeforeValidator(_usual_name),
    Field(
        title="Result type",
        description="Type of the voxels that come out; found out by a trial if not stated.",
        examples=["", "float32"],
        json_schema_extra={
            "words": {"": "as it comes", **{name: name for name in get_args(GreyType)[1:]}}
        },
    ),
]
