"""Reads the Settings.txt that the Janelia lattice light-sheet software writes beside its files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from napari_lazy_pipeline.geometry import Scan, Triple

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
_STAGES = ("s pzt", "s piezo", "x stage", "xz stage")


@dataclass(frozen=True)
class Settings:
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
    """

    z_step: float | None = None
    pixel: float | None = None
    angle: float | None = None
    sample_scan: bool = False

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


def parse_settings(text: str) -> Settings:
    """Read the text of a Settings.txt; what is not there stays None.

    Examples
    --------
    >>> parse_settings("Magnification = 62.5").pixel
    0.104
    """
    steps: dict[str, float] = {}
    for name, _, interval, _ in _WAVEFORM.findall(text):
        steps.setdefault(name.strip().lower(), abs(_float(interval)))
    stage = next((steps[name] for name in _STAGES if steps.get(name)), None)
    motion = _MOTION.search(text)
    moved = motion[1].lower() if motion else ""
    sample = "sample piezo" in moved or "x stage" in moved if moved else stage is not None
    objective = steps.get("z pzt") or None
    magnification = _first(_MAGNIFICATION, text)
    return Settings(
        z_step=(stage or objective) if sample else (objective or stage),
        pixel=round(_CAMERA_PIXEL / magnification, 4) if magnification else None,
        angle=_first(_ANGLE, text),
        sample_scan=sample,
    )


def find_settings(names: Sequence[str], first: str) -> str | None:
    """Choose, among the names in a folder, the Settings.txt of the file ``first``."""
    found = [name for name in names if name.endswith(("Settings.txt", "settings.txt"))]
    if not found:
        return None
    return max(sorted(found), key=lambda name: _shared(name, first))


def read_settings(path: str) -> Settings:
    """Read a Settings.txt, in whatever encoding it was written."""
    with open(path, encoding="utf-8", errors="replace") as file:
        return parse_settings(file.read())


def _shared(first: str, second: str) -> int:
    """Number of characters with which both begin."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(first), len(second)))


def _first(pattern: re.Pattern[str], text: str) -> float | None:
    found = pattern.search(text)
    return (_float(found[1]) or None) if found else None


def _float(text: str) -> float:
    return float(text.replace(",", "."))
