"""Janelia settings: the Settings.txt that the lattice light-sheet software writes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from napari_lazy_pipeline._runtime.regular_file import open_regular
from napari_lazy_pipeline.image import Scan
from napari_lazy_pipeline.io.metadata.claim import MetadataClaims
from napari_lazy_pipeline.io.metadata.text_beside import text_beside

# Pixel of the sCMOS cameras of these microscopes [um].
_CAMERA_PIXEL = 6.5
_MOST = 2**22  # bytes; real ones have a hundredth of that
_NUMBER = r"([-+]?[0-9]+(?:[.,][0-9]*)?(?:[eE][-+]?[0-9]+)?)"
# A text of any size and content is read through once: blanks are given back by no pattern.
_WAVEFORM = re.compile(
    r"^[ \t]*+(\S.*?) Offset, Interval \(um\), # of Pixels for Excitation \([0-9]+\)\s*:\s*"
    rf"{_NUMBER}\s+{_NUMBER}\s+([0-9]+)",
    re.MULTILINE,
)
_ANGLE = re.compile(rf"Angle between stage and bessel beam \(deg\)\s*[=:]\s*\"?{_NUMBER}", re.I)
_MAGNIFICATION = re.compile(rf"^[ \t]*+Magnification\s*[=:]\s*\"?{_NUMBER}", re.I | re.MULTILINE)
_MOTION = re.compile(r"^[ \t]*+Z motion[ \t]*+:[ \t]*+(.+)$", re.I | re.MULTILINE)
_LASERS = re.compile(r"^[ \t]*+Excitation Filter, Laser.*\(([0-9]+)\)\s*:\s*(.*)$", re.MULTILINE)
_STACKS = re.compile(r"^[ \t]*+# of stacks \(0\)\s*:\s*([0-9]+)", re.MULTILINE)
_ROI = re.compile(r"ROI\s*:\s*Left=(\d+)\s+Top=(\d+)\s+Right=(\d+)\s+Bot(?:tom)?=(\d+)")
# The MOSAIC names the axis that moved; XZ is along the optical axis of its objective.
_STAGES, _OBJECTIVES = ("s pzt", "s piezo", "x stage"), ("z pzt", "xz stage")


def find_settings(names: Sequence[str], first: str) -> str | None:
    """Choose, among the names in a folder, the Settings.txt of the file ``first``."""
    return text_beside(names, first, "JaneliaSettings.txt", "Settings.txt", "settings.txt")


def read_settings(path: str, title: str) -> MetadataClaims:
    """Read a Settings.txt, in whatever encoding it was written."""
    with open_regular(path) as file:
        return parse_settings(_decoded(file.read(_MOST)), title)


def parse_settings(text: str, title: str = "Settings.txt") -> MetadataClaims:
    """What the text of a Settings.txt states; its voxel size has the step of the stage as z."""
    steps: dict[str, float] = {}
    planes: dict[str, int] = {}
    for name, _, interval, count in _WAVEFORM.findall(text):
        steps.setdefault(name.strip().lower(), _float(interval))
        planes.setdefault(name.strip().lower(), int(count))
    stage = next((name for name in _STAGES if steps.get(name)), "")
    objective = next((name for name in _OBJECTIVES if steps.get(name)), "")
    motion = _MOTION.search(text)
    moved = motion[1].strip().lower() if motion else ""
    sample_scan = "sample piezo" in moved or "x stage" in moved if moved else bool(stage)
    axis = (stage or objective) if sample_scan else (objective or stage)
    step, pixel, angle = steps.get(axis), _pixel(text), _first(_ANGLE, text)
    backwards = (
        f"{title} says that the stage moved backwards: if deskewing shears the wrong way, change "
        "the sign of the angle"
    )
    return MetadataClaims(
        title,
        (abs(step) if step else None, pixel, pixel),
        channel_names=_lasers(text),
        angle=angle,
        scan=Scan(angle, "x", "stage") if sample_scan and angle else None,
        sizes=_sizes(text, planes.get(axis, 0)),
        notes=(backwards,) if sample_scan and step and step < 0 else (),
    )


def _pixel(text: str) -> float | None:
    """Size of a pixel in the sample [um]."""
    magnification = _first(_MAGNIFICATION, text)
    return round(_CAMERA_PIXEL / magnification, 4) if magnification else None


def _lasers(text: str) -> tuple[str, ...]:
    """Wavelength of each excitation, in the second column; of several lasers, the first."""
    columns = {int(number): values.split("\t") for number, values in _LASERS.findall(text)}
    lasers = [values[1].strip() for _, values in sorted(columns.items()) if len(values) > 1]
    return tuple(lasers) if all(laser.isdecimal() for laser in lasers) else ()


def _sizes(text: str, planes: int) -> dict[str, int]:
    stacks, roi = _STACKS.search(text), _ROI.search(text)
    sizes = {"time points": int(stacks[1]) if stacks else 0, "planes": planes}
    if roi:
        left, top, right, bottom = map(int, roi.groups())
        # The camera is turned: its rows are the columns of the image.
        sizes |= {"rows": right - left + 1, "columns": bottom - top + 1}
    return {axis: count for axis, count in sizes.items() if count > 0}


def _decoded(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    if data.count(b"\0") > len(data) // 4:
        return data.decode("utf-16-le" if data[1:2] == b"\0" else "utf-16-be", "replace")
    # Nothing that is looked for is beyond ASCII.
    return data.decode("utf-8-sig", "replace")


def _first(pattern: re.Pattern[str], text: str) -> float | None:
    match = pattern.search(text)
    return (_float(match[1]) or None) if match else None


def _float(text: str) -> float:
    return float(text.replace(",", "."))
