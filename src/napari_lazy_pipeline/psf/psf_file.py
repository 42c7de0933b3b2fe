"""PSF file: a measured point spread function, an array in its place, or what is wrong with it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tifffile
from pydantic import ValidatorFunctionWrapHandler, WrapValidator

from napari_lazy_pipeline._runtime.regular_file import open_regular
from napari_lazy_pipeline.errors import FileError, PsfError
from napari_lazy_pipeline.io.readers.tiff import check_tiff

# Smaller than this, the radial average has too few rings to be repaired at its origin.
SMALLEST = (3, 8, 8)
# A sharp peak touches its maximum once or twice; more voxels than this are a plateau.
PLATEAU = 8
FULL_SCALE = tuple(2**bits - 1 for bits in (8, 10, 11, 12, 14, 15, 16))


def load_psf(path: str | Path) -> np.ndarray:
    """Read a PSF, the image of one bead that is smaller than the resolution: float32 (z, y, x).

    A `PsfError` is raised if the file is missing or is no TIFF, or if the volume is not
    three-dimensional, too small, flat, saturated (its brightest value is the full scale of a camera
    and fills more than a few voxels) or has values that are not finite.
    """
    psf = read_image(path)
    if _is_otf_in_three_dimensions(psf):
        raise PsfError(
            "This is an OTF in three dimensions, not the image of a bead",
            str(path),
            "Give the PSF it was made of, or an OTF that is averaged around the axis",
        )
    psf = psf.reshape([n for n in psf.shape if n > 1] if psf.ndim > 3 else psf.shape)
    check_psf(psf, str(path))
    return psf.astype(np.float32)


def is_otf(path: str | Path) -> bool:
    """Return whether a TIFF file holds a radially averaged OTF as cudaDecon writes it, not a PSF.

    That is two-dimensional float32, real and imaginary parts in turn, the second column zero: the
    spectrum of a real volume is real at its origin.
    """
    image = read_image(path)
    return (
        image.ndim == 2
        and image.dtype == np.float32
        and image.shape[1] >= 2
        and image.shape[1] % 2 == 0
        and not image[:, 1].any()
    )


def _is_otf_in_three_dimensions(image: np.ndarray) -> bool:
    """Return whether an image is a spectrum: real and imaginary parts in turn, its peak at 0.

    The imaginary parts of the spectrum of a real volume are 0 at the origin.
    """
    if image.ndim != 3 or image.dtype.kind != "f" or image.shape[2] % 2 or not image.size:
        return False
    return bool(image.argmax() == 0 and image[0, 0, 1] == 0 and image.min() < 0)


def read_image(path: str | Path) -> np.ndarray:
    """Read a TIFF file, or raise a `PsfError` that names it."""
    if not os.path.exists(path):
        raise PsfError("There is no PSF or OTF file here", str(path), "Check the path")
    try:
        with open_regular(path) as file:
            check_tiff(str(path))
            return np.asarray(tifffile.imread(file))
    except OSError as error:
        what = f"The PSF cannot be read: {error.strerror or error}"
        raise PsfError(what, str(path), "Check the path") from error
    except Exception as error:  # whatever a damaged file makes the decoder raise
        reason = error.what if isinstance(error, FileError) else str(error)
        raise PsfError(
            f"The PSF cannot be read as TIFF: {reason}", str(path), "Save it as a plain TIFF stack"
        ) from error


def check_psf(psf: np.ndarray, where: str = "") -> None:
    """Raise a `PsfError` if an array (z, y, x) cannot serve as a PSF."""
    for what, hint in _faults(psf):
        raise PsfError(f"The PSF {what}", where, hint)


def _faults(psf: np.ndarray) -> Iterator[tuple[str, str]]:
    """Yield what is wrong and what to do about it, the simplest first."""
    if psf.dtype.kind not in "uif":
        yield f"holds {psf.dtype} values", "Give a real-valued PSF, or an OTF made by cudaDecon"
    if psf.ndim != 3:
        yield f"has shape {psf.shape}", "Give one volume (z, y, x), or an OTF made by cudaDecon"
    if any(n < least for n, least in zip(psf.shape, SMALLEST, strict=True)):
        yield f"has only {psf.shape} voxels", f"It needs at least {SMALLEST} (z, y, x)"
    if not np.isfinite(psf).all():
        yield "has values that are not finite", "Replace NaN and infinity, by 0 for instance"
    top = psf.max()
    if top == psf.min():
        yield f"is {top} everywhere", "Check that the file holds a bead"
    plateau = int((psf == top).sum())
    if top in FULL_SCALE and plateau > PLATEAU:
        yield (
            f"is saturated: {plateau} voxels are at {top}",
            "Record it again with less light or a shorter exposure",
        )


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
