"""Radial OTF, as cudaDecon averages it: made from a PSF, read, written and interpolated."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import tifffile
from scipy import fft

from napari_lazy_pipeline._runtime.fresh_file import fresh_file
from napari_lazy_pipeline.errors import PsfError
from napari_lazy_pipeline.image import Shape, Triple
from napari_lazy_pipeline.image.scan_geometry import SkewAxis
from napari_lazy_pipeline.psf.psf_file import check_psf, is_otf, load_psf, read_image

# cudaDecon places the peak this many planes of the PSF further on than it finds it: what it
# deconvolves lies so far from where it lay. `RadialOtf.centred` undoes that.
PEAK_OFFSET = 0.6
# Positions per plane of the PSF among which its peak is looked for.
FINENESS = 20
ORIGIN_RINGS = 10
FEWEST_RINGS = 4
# No lens sees more finely along its axis than across it. A depth of field of more than so many
# times the resolution takes an aperture below 0.1.
SHORTEST, LONGEST = 0.5, 50.0
# A PSF that sums up to much less than its strongest frequency would take light away.
LOWEST_ORIGIN = 0.5


@dataclass(frozen=True, eq=False, repr=False)
class RadialOtf:
    """An OTF that depends on kz and on the distance kr from the axis only.

    Two of them are equal if their ``key`` is.

    Attributes
    ----------
    values
        complex64 (kr, kz); kr from 0 upwards, kz in the order of an FFT; at most 1.
    dkr, dkz
        Spacing of kr and kz [1/um].
    """

    values: np.ndarray
    dkr: float
    dkz: float
    key: str = ""

    def __post_init__(self) -> None:
        values = np.array(self.values, np.complex64, order="C")
        values.flags.writeable = False
        digest = hashlib.blake2b(values.tobytes(), digest_size=16)
        digest.update(repr((values.shape, float(self.dkr), float(self.dkz))).encode())
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "key", digest.hexdigest())

    @property
    def voxel_size(self) -> tuple[float, float]:
        """Voxel size (z, lateral) of an even-sized PSF with this frequency grid [um]."""
        rings, planes = self.values.shape
        return 1 / (planes * self.dkz), 1 / (2 * (rings - 1) * self.dkr)

    @property
    def frequencies(self) -> tuple[np.ndarray, np.ndarray]:
        """Frequencies kr and kz of the values [1/um]."""
        rings, planes = self.values.shape
        return np.arange(rings) * self.dkr, np.fft.fftfreq(planes, 1 / planes) * self.dkz

    def axial_profile(self) -> tuple[np.ndarray, np.ndarray]:
        """Positions along the axis [um], `FINENESS` per plane, and the PSF there (any unit)."""
        (kr, kz), (step, _) = self.frequencies, self.voxel_size
        z = np.arange(-len(kz) * FINENESS // 2, len(kz) * FINENESS // 2) * step / FINENESS
        return z, (kr @ self.values @ np.exp(2j * np.pi * np.outer(kz, z))).real

    def centred(self) -> RadialOtf:
        """Return the same OTF with the middle of the PSF along z at the origin.

        What is deconvolved with it lies where it lay; with one as cudaDecon makes it, 0.6 planes
        of the PSF further up. The middle is the centroid of what is above half the peak.
        """
        z, profile = self.axial_profile()
        top = int(profile.argmax())
        above = np.roll(profile - profile[top] / 2, len(z) // 2 - top)
        low = np.flatnonzero(above <= 0)
        first = np.max(low[low < len(z) // 2], initial=-1) + 1
        stop = np.min(low[low > len(z) // 2], initial=len(z))
        middle = np.average(z[first:stop], weights=above[first:stop])
        phases = np.exp(2j * np.pi * self.frequencies[1] * (middle + z[top] - z[len(z) // 2]))
        return RadialOtf(self.values * phases, self.dkr, self.dkz)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RadialOtf) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return f"RadialOtf(shape={self.values.shape}, key={self.key[:8]!r})"


def make_otf(psf: np.ndarray, psf_voxel_size: Triple) -> RadialOtf:
    """Average the spectrum of a PSF around the optical axis, as cudaDecon does.

    The peak is found by parabolas and moved to the origin; rings are averaged; the value on
    the axis, which the background of the PSF has spoilt, is replaced by a straight line
    through the rings next to it; the largest magnitude becomes 1.

    Parameters
    ----------
    psf
        (z, y, x), any background, its peak anywhere; y and x may differ in length.
    psf_voxel_size
        (z, y, x) [um].

    Raises
    ------
    PsfError
        If `check_psf` finds fault with the PSF; if with these voxels it would be of a shape that
        no lens makes; or if its spectrum does not fall off from the origin, as that of any image
        of a bead does.

    References
    ----------
    cudaDecon, Lin Shao and Dan Milkie, Janelia Research Campus; the program ``radialft``.

    Examples
    --------
    >>> z, y, x = np.ogrid[-16:16, -16:16, -16:16]
    >>> make_otf(np.exp(-(z**2 / 8 + y**2 / 4 + x**2 / 4)), (0.1, 0.1, 0.1)).values.shape
    (17, 32)
    """
    _check_voxel_size(psf_voxel_size)
    check_psf(psf)
    volume = np.array(psf, np.float32)
    peak = _peak(volume)
    volume -= _background(volume, peak)
    _check_proportions(volume, psf_voxel_size)
    spectrum = fft.rfftn(volume, overwrite_x=True)
    spectrum *= _phases(volume.shape, peak)
    values, dkr = _rings(spectrum, volume.shape, psf_voxel_size)
    # Each kz averaged with its opposite: the spectrum of a real volume.
    values = (values + np.conj(np.roll(values[:, ::-1], 1, axis=1))) / 2
    _repair_axis(values)
    values /= np.abs(values).max()
    return RadialOtf(values, dkr, 1 / (volume.shape[0] * psf_voxel_size[0]))


def load_otf(path: str | Path, psf_voxel_size: Triple) -> RadialOtf:
    """Read an OTF in the format of cudaDecon, made from a PSF of a voxel size (z, y, x) [um].

    That is a two-dimensional float32 TIFF: rows are kr, columns real and imaginary parts of kz.
    """
    _check_voxel_size(psf_voxel_size)
    image = read_image(path)
    if image.ndim != 2 or image.dtype != np.float32 or image.shape[1] % 2 or image.shape[0] < 2:
        raise PsfError(
            f"This is no radially averaged OTF: {image.dtype} {image.shape}",
            str(path),
            "Give a PSF instead: a volume (z, y, x)",
        )
    values = np.ascontiguousarray(image.astype("=f4")).view(np.complex64)
    if not np.isfinite(values).all() or not values.any():
        raise PsfError("The OTF is empty or not finite", str(path), "Make it again from the PSF")
    rings, planes = values.shape
    z, _, x = psf_voxel_size
    return RadialOtf(values, 1 / (2 * (rings - 1) * x), 1 / (planes * z))


def save_otf(otf: RadialOtf, path: str | Path) -> None:
    """Write an OTF in the format of cudaDecon (see `load_otf`)."""
    with fresh_file(Path(path)) as file:
        tifffile.imwrite(file, otf.values.view(np.float32), photometric="minisblack")


def read_psf_or_otf(path: str | Path, psf_voxel_size: Triple) -> RadialOtf:
    """Read an OTF, or read a PSF and make its OTF, centred; remembered until the file changes."""
    try:
        stat = Path(path).stat()
    except (OSError, ValueError) as error:
        raise PsfError("There is no PSF or OTF file here", str(path), "Check the path") from error
    z, y, x = psf_voxel_size
    return _read(str(path), (float(z), float(y), float(x)), stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=16)
def _read(path: str, psf_voxel_size: Triple, size: int, mtime_ns: int) -> RadialOtf:
    """Read once per state of the file."""
    if is_otf(path):
        return load_otf(path, psf_voxel_size).centred()
    psf = load_psf(path)
    try:
        return make_otf(psf, psf_voxel_size).centred()
    except PsfError as error:
        raise PsfError(error.what, path, error.hint) from error


def interpolate(
    otf: RadialOtf,
    shape: Shape,
    voxel_size: Triple,
    shear: float = 0.0,
    skew_axis: SkewAxis = "x",
) -> np.ndarray:
    """Lay the OTF on the frequency grid of a volume, bilinearly as cudaDecon does.

    The result, complex64 (z, y, x // 2 + 1), multiplies the `numpy.fft.rfftn` of the volume, and
    is 0 beyond the OTF. Planes are ``voxel_size[0]`` [um] apart, perpendicular to them. In a skewed
    volume plane ``k`` shows at pixel ``i`` what lies at ``i + shear * k``; hence so does its PSF,
    and the spectrum of that is ``OTF(kz - shear * k_skew)`` with frequencies in cycles per plane
    and per pixel, kz taken into its Nyquist range.
    """
    from napari_lazy_pipeline.psf.otf_grid import fill_grid

    depth, height, width = shape
    grid = np.empty((depth, height, width // 2 + 1), np.complex64)
    z, y, x = voxel_size
    scales = (1 / (z * otf.dkz), 1 / (y * otf.dkr), 1 / (x * otf.dkr))
    shears = (float(shear), 0.0) if skew_axis == "y" else (0.0, float(shear))
    numbers, values = (array.view(np.float32) for array in (grid, otf.values))
    fill_grid(numbers, values, width, *scales, *shears)
    return grid


def _check_voxel_size(voxel_size: Triple) -> None:
    if len(voxel_size) != 3 or not all(math.isfinite(d) and d > 0 for d in voxel_size):
        raise PsfError(
            f"The voxel size of the PSF is {voxel_size}", hint="Give three lengths in um (z, y, x)"
        )


def _peak(volume: np.ndarray) -> Triple:
    """Position of the peak (z, y, x) [voxel], between voxels by a parabola along each axis."""
    z, y, x = (_vertex(line, index) for line, index in _lines_through_peak(volume))
    return z + PEAK_OFFSET, y, x


def _lines_through_peak(volume: np.ndarray) -> list[tuple[np.ndarray, int]]:
    """Line along each axis through the brightest voxel, and its index there."""
    peak = np.unravel_index(int(volume.argmax()), volume.shape)
    lines = (np.moveaxis(volume, axis, -1)[tuple(np.delete(peak, axis))] for axis in range(3))
    return [(line, int(index)) for line, index in zip(lines, peak, strict=True)]


def _vertex(line: np.ndarray, index: int) -> float:
    before, at, after = (float(line[(index + i) % len(line)]) for i in (-1, 0, 1))
    curvature = after + before - 2 * at
    offset = -(after - before) / 2 / curvature if curvature else 0.0
    return index + (offset if abs(offset) <= 1.5 else 0.0)


def _background(volume: np.ndarray, peak: Triple) -> float:
    """Mean of the rows well above the peak, in its plane; 0 if there are none."""
    rows = peak[1] - 20
    if rows <= 0:
        return 0.0
    plane = volume[int(peak[0]) % len(volume)]
    above = plane[: math.ceil(rows)]
    return float(above.sum(dtype=np.float64) / (rows * plane.shape[1]))


def _check_proportions(volume: np.ndarray, voxel_size: Triple) -> None:
    """Refuse a PSF of a shape that only a wrong voxel size can explain."""
    counts = [int((line > line[top] / 2).sum()) for line, top in _lines_through_peak(volume)]
    (z_least, z_most), *across = (
        ((n - 1) * step, (n + 1) * step) for n, step in zip(counts, voxel_size, strict=True)
    )
    least, most = (max(width[i] for width in across) for i in (0, 1))
    if z_most < SHORTEST * least or z_least > LONGEST * most:
        z, y, x = (n * step for n, step in zip(counts, voxel_size, strict=True))
        raise PsfError(
            f"The PSF would be {z:.4g} um long and {max(y, x):.4g} um wide, as no lens makes it",
            hint="Check the voxel size of the PSF, the z step first",
        )


def _phases(shape: tuple[int, ...], peak: Triple) -> np.ndarray:
    """Factors (z, y, x // 2 + 1) that move the peak to the origin."""
    z, y, x = (
        np.exp(2j * np.pi * _signed(n) * position / n)
        for n, position in zip(shape, peak, strict=True)
    )
    return z[:, None, None] * y[:, None] * x[: shape[2] // 2 + 1]


def _signed(n: int) -> np.ndarray:
    """Index the frequencies of an FFT; that of Nyquist is positive."""
    index = np.arange(n)
    return np.where(index <= n // 2, index, index - n)


def _rings(
    spectrum: np.ndarray, shape: tuple[int, ...], voxel_size: Triple
) -> tuple[np.ndarray, float]:
    """Average rings about the axis: (kr, kz), and the spacing of kr [1/um].

    Rings are as wide as the coarser lateral frequency step and end at the lower lateral Nyquist
    frequency, so y and x may differ in length and in pixel size.
    """
    _, ny, nx = shape
    _, dy, dx = voxel_size
    dkr = max(1 / (ny * dy), 1 / (nx * dx))
    count = int(min(0.5 / dy, 0.5 / dx) / dkr + 1e-9) + 1
    ky = _signed(ny)[:, None] / (ny * dy * dkr)
    kx = np.arange(nx // 2 + 1) / (nx * dx * dkr)
    ring = np.rint(np.hypot(ky, kx)).astype(int)
    inside = ring < count
    members = np.maximum(np.bincount(ring[inside], minlength=count), 1)
    values = np.empty((count, len(spectrum)), complex)
    for k, plane in enumerate(spectrum):
        inner = plane[inside]
        values[:, k] = np.bincount(ring[inside], inner.real, count)
        values[:, k] += 1j * np.bincount(ring[inside], inner.imag, count)
    return values / members[:, None], dkr


def _repair_axis(values: np.ndarray) -> None:
    """Replace the ring kr = 0 by a straight line through the next ones, in place."""
    for last in range(min(ORIGIN_RINGS, len(values) - 1), FEWEST_RINGS - 1, -1):
        rings = np.arange(1, last + 1)
        slope = (rings - rings.mean()) @ values[1 : last + 1] / ((rings - rings.mean()) ** 2).sum()
        axis = values[1 : last + 1].mean(axis=0) - slope * rings.mean()
        if abs(axis[0]) > abs(values[1, 0]):
            values[0] = axis
            if axis[0].real >= LOWEST_ORIGIN * np.abs(values).max():
                return
            break
    raise PsfError(
        "The spectrum of the PSF does not fall off from its origin",
        hint="Use the image of a single bead, sharp and free of neighbours",
    )
