"""Resampling fields: types of fields of steps that put voxels elsewhere."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from annotated_types import Unit
from pydantic import AfterValidator, BeforeValidator, Field

_Number = Annotated[float, Field(ge=-1e6, le=1e6)]
_Row = tuple[_Number, _Number, _Number, _Number]
IDENTITY = ((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0))


def _three_rows(value: Any) -> Any:
    """Let an array, and a matrix (4, 4) whose last row is 0 0 0 1, stand for three rows."""
    rows = value.tolist() if isinstance(value, np.ndarray) else value
    if not _is_list(rows) or len(rows) not in (3, 4) or any(not _is_list(r, 4) for r in rows):
        raise ValueError("an affine matrix has three rows (z, y, x) of four numbers")
    if list(rows[3:]) not in ([], [[0, 0, 0, 1]], [(0, 0, 0, 1)]):
        raise ValueError("the last row of an affine matrix (4, 4) is 0, 0, 0, 1")
    return rows[:3]


def _is_list(value: Any, length: int | None = None) -> bool:
    return isinstance(value, list | tuple) and length in (None, len(value))


def _invertible(value: tuple[_Row, _Row, _Row]) -> tuple[_Row, _Row, _Row]:
    if abs(np.linalg.det(np.array(value)[:, :3])) < 1e-6:
        raise ValueError("the matrix makes the volume flat: nothing can be moved by it")
    return value


# Three rows (z, y, x) of an affine matrix, frozen; the last number of each is a shift.
Matrix = Annotated[
    tuple[_Row, _Row, _Row], BeforeValidator(_three_rows), AfterValidator(_invertible)
]
Fill = Annotated[
    float,
    Field(
        ge=0,
        le=65535,
        title="Outside",
        description="Value where there are no data: 0 after the background is subtracted.",
        json_schema_extra={"advanced": True},
    ),
    Unit("counts"),
]
