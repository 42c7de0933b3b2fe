"""PSF array: a PSF that is in memory, where the path of a file is expected."""

from __future__ import annotations

import hashlib
import os
from typing import Annotated, Any

import numpy as np
from pydantic import ValidatorFunctionWrapHandler, WrapValidator


class PsfArray(str):
    """Stands for a PSF (z, y, x) that is in no file; two of the same values are equal."""

    array: np.ndarray

    def __new__(cls, array: np.ndarray) -> PsfArray:
        values = np.array(array, np.float32, order="C")
        values.flags.writeable = False
        digest = hashlib.blake2b(values.tobytes(), digest_size=8, key=str(values.shape).encode())
        self = super().__new__(cls, f"array {digest.hexdigest()}")
        self.array = values
        return self

    def __reduce__(self) -> Any:
        return PsfArray, (self.array,)


def _path_or_array(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    if isinstance(value, PsfArray):
        return value
    if isinstance(value, np.ndarray):
        return PsfArray(value)
    return validate(os.fspath(value) if isinstance(value, os.PathLike) else value)


# A path, a `pathlib.Path`, or an array (z, y, x).
PsfFile = Annotated[str, WrapValidator(_path_or_array)]
