"""Reads the Settings.txt that the Janelia lattice light-sheet software writes beside its files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from napari_lazy_pipeline.image.scan_geometry import Scan, Triple
from napari_lazy_pipeline.io.metadata.claim import MetadataClaims

# Pixel of the sCMOS cameras of these microscopes [um].
_CAMERA_PIXEL = 6.5
_NUMBER = r"([-+]?[0-9]+(?:[.,][0-9]*)?(?:[eE][-+]?[0-9]+)?)"
_WAVEFORM = re.compile(
    r"^\s*(.+?) Offset, Interval \(um\), # of Pixels for Excitation \([0-9]+\)\s*:\s*"
    rf"{_NUMBER}\s+{_NUMBER}\s+([0-9]+)",
    re.MULTILINE,
)
_ANGLE = re.compile(rf"Angle between stage and bessel beam \(deg\)\s*[=:]\s*\"?{_NUMBER}", re.I)
_MAGNIFICATION = re.compile(rf"^\s*Magnification\s*[=:]\s*\"?{_NUMBER}", re.I | re.MULTILINE)
_MOTION = re.compile(r"^\s*Z motion\s*:\s*(.+?)\s*$", re.I | re.MULTILINE)
_LASERS = re.compile(r"^\s*Excitation Filter, Laser.*\(([0-9]+)\)\s*:\s*(.*)$", re.MULTILINE)
_STACKS = re.compile(r"^\s*# of stacks \(0\)\s*:\s*([0-9]+)", re.MULTILINE)
_ROI = re.compile(r"ROI\s*:\s*Left=(\d+)\s+Top=(\d+)\s+Right=(\d+)\s+Bot(?:tom)?=(\d+)")
# The MOSAIC names the axis that moved; XZ is along the optical axis of its objective.
_STAGES, _OBJECTIVES = ("s pzt", "s piezo", "x stage"), ("z pzt", "xz stage")


@dataclass(frozen=True)
class JaneliaSettings:
    """What a Settings.txt says about the geometry.

    Attributes
    ----------
    z_step
        Way between two planes [um]; None if not said.
    pixel
        Size of a pixel in the sample [um]; None if not said.
    angle
        Angle between the light sheet and the stage [degree]; None if not said.
    sample_scan
        Whether the sample was moved, so that the stack is skewed.
    backwards
        Whether the stage moved towards lower coordinates.
    lasers
        Wavelengths [nm], one per channel.
    sizes
        How many time points, planes, rows and columns; as far as it says.
    """

    z_step: float | None = None
    pixel: float | None = None
    angle: float | None = None
    sample_scan: bool = False
    backwards: bool = False
    lasers: tuple[str, ...] = ()
    sizes: dict[str, int] = field(default_factory=dict, hash=False)

    @property
    def voxel_size(self) -> Triple | None:
        """(z, y, x) [um], z as the stage moved; None if not said."""
        if not (self.z_step and self.pixel):
            return None
        return (self.z_step, self.pixel, self.pixel)

    @property
    def scan(self) -> Scan | None:
        """How the stack is skewed; None if it is not, or if nobody says by how much."""
        if not (self.sample_scan and self.angle):
            return None
        return Scan(self.angle, "x", "stage")


def parse_settings(text: str) -> JaneliaSettings:
    """Read the text of a Settings.txt; what is not there stays None.

    Examples
    --------
    >>> parse_settings("Magnification = 62.5").pixel
    0.104
    """
    steps: dict[str, float] = {}
    planes: dict[str, int] = {}
    for name, _, interval, count in _WAVEFORM.findall(text):
        steps.setdefault(name.strip().lower(), _float(interval))
        planes.setdefault(name.strip().lower(), int(count))
    stage = next((name for name in _STAGES if steps.get(name)), "")
    objective = next((name for name in _OBJECTIVES if steps.get(name)), "")
    motion = _MOTION.search(text)
    moved = motion[1].lower() if motion else ""
    sample = "sample piezo" in moved or "x stage" in moved if moved else bool(stage)
    axis = (stage or objective) if sample else (objective or stage)
    magnification = _first(_MAGNIFICATION, text)
    return JaneliaSettings(
        z_step=abs(steps[axis]) if axis else None,
        pixel=round(_CAMERA_PIXEL / magnification, 4) if magnification else None,
        angle=_first(_ANGLE, text),
        sample_scan=sample,
        backwards=sample and bool(axis) and steps[axis] < 0,
        lasers=_lasers(text),
        sizes=_sizes(text, planes.get(axis, 0)),
    )


def _lasers(text: str) -> tuple[str, ...]:
    """Wavelength of each excitation: what is in the second column, of several the first."""
    found = {int(number): values.split("\t") for number, values in _LASERS.findall(text)}
    lasers = [values[1].strip() for _, values in sorted(found.items()) if len(values) > 1]
    return tuple(lasers) if all(laser.isdecimal() for laser in lasers) else ()


def _sizes(text: str, planes: int) -> dict[str, int]:
    stacks, roi = _STACKS.search(text), _ROI.search(text)
    sizes = {"time points": int(stacks[1]) if stacks else 0, "planes": planes}
    if roi:
        left, top, right, bottom = map(int, roi.groups())
        # The camera is turned: its rows are the columns of the image.
        sizes |= {"rows": right - left + 1, "columns": bottom - top + 1}
    return {what: count for what, count in sizes.items() if count > 0}


def find_settings(names: Sequence[str], first: str) -> str | None:
    """Choose, among the names in a folder, the Settings.txt of the file ``first``."""
    found = [name for name in names if name.endswith(("Settings.txt", "settings.txt"))]
    if not found:
        return None
    return max(sorted(found), key=lambda name: _shared(name, first))


def read_settings(path: str) -> JaneliaSettings:
    """Read a Settings.txt, in whatever encoding it was written."""
    with open(path, "rb") as file:
        return parse_settings(_decoded(file.read()))


def read_claims(path: str, title: str) -> MetadataClaims:
    """Read what a Settings.txt says."""
    return claims_of(read_settings(path), title)


def _decoded(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    if data.count(b"\0") > len(data) // 4:
        return data.decode("utf-16-le" if data[1:2] == b"\0" else "utf-16-be", "replace")
    # Nothing that is looked for is beyond ASCII.
    return data.decode("utf-8-sig", "replace")


def claims_of(settings: JaneliaSettings, title: str) -> MetadataClaims:
    """Tell what a Settings.txt says."""
    notes = []
    if settings.backwards:
        notes.append(
            f"{title} says that the stage moved backwards: if deskewing shears the wrong way, "
            "change the sign of the angle"
        )
    return MetadataClaims(
        title, settings.voxel_size, None, settings.lasers, settings.angle, settings.scan,
        settings.sizes, tuple(notes),
    )  # fmt: skip


def _shared(first: str, second: str) -> int:
    """Number of characters with which both begin."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(first), len(second)))


def _first(pattern: re.Pattern[str], text: str) -> float | None:
    found = pattern.search(text)
    return (_float(found[1]) or None) if found else None


def _float(text: str) -> float:
    return float(text.replace(",", "."))
