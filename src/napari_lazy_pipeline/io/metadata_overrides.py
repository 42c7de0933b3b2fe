"""Metadata overrides: what a person states about the raw data, over what the files say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from napari_lazy_pipeline.errors import GeometryError
from napari_lazy_pipeline.image import Scan, Stack
from napari_lazy_pipeline.image.scan_geometry import SkewAxis, StatedSize, StepKind
from napari_lazy_pipeline.image.spec import UNKNOWN, checked_size
from napari_lazy_pipeline.io.files.recording import is_of_recording
from napari_lazy_pipeline.io.folder_info import FolderInfo

# What is stated of the way the planes lie, and not of the files; steps go by it, too.
OF_SCAN = ("angle", "step", "skew_axis")
_MEANT = {"stage": "along the stage", "perpendicular": "perpendicular to the planes"}


@dataclass(frozen=True)
class MetadataOverrides:
    """What a person states about the raw data; None where the files are believed.

    The attributes are the parameters of `open_stack` of these names; an angle that no scan has
    raises GeometryError.

    Examples
    --------
    >>> MetadataOverrides(angle=31.5).values
    {'angle': 31.5}
    """

    voxel_size: StatedSize | None = None  # (z, y, x) [um], z as it was recorded
    time_interval: float | None = None  # [s]
    channel_names: tuple[str, ...] | None = None
    angle: float | None = None  # between light sheet and scan [degree]; 0: it is not oblique
    step: StepKind | None = None
    skew_axis: SkewAxis | None = None

    def __post_init__(self) -> None:
        if self.angle and not 1 <= abs(self.angle) <= 179:
            what = f"An angle of {self.angle:g} degree is no scan"
            raise GeometryError(what, hint="It is between 1 and 179 degree, or negative")
        if self.voxel_size is not None:
            size = checked_size(self.voxel_size)
            object.__setattr__(self, "voxel_size", size if any(size) else None)

    @property
    def values(self) -> dict[str, Any]:
        """Return what is stated, by the names of the parameters of `open_stack`."""
        return {name: value for name, value in vars(self).items() if value is not None}

    def same_but_for_scan(self, other: MetadataOverrides) -> bool:
        """Return whether the two differ in how the planes were scanned at most."""
        return replace(self, **dict.fromkeys(OF_SCAN)) == replace(other, **dict.fromkeys(OF_SCAN))

    def scan(self, folder_info: FolderInfo) -> Scan | None:
        """Return how the stack is skewed; None if it is not, or angle or z step are unknown."""
        scan = folder_info.scan
        angle = self.angle
        if angle is None:
            angle = scan.angle if scan else folder_info.angle
        step = self.step or (scan.step if scan else None)
        if folder_info.source.spec.frame != "camera":
            step = "perpendicular"  # planes of deskewed data lie straight: the angle is enough
        axis = self.skew_axis or (scan.skew_axis if scan else "x")
        return Scan(angle, axis, step) if angle and step else None

    def stack(self, folder_info: FolderInfo) -> Stack:
        """Make the stack of a folder, as it was stated to be; see `FolderInfo.stack`."""
        values = {name: value for name, value in self.values.items() if name not in OF_SCAN}
        size = values.pop("voxel_size", None)
        if self.angle == 0:
            folder_info = replace(folder_info, scan=None)
        return folder_info.stack(size, scan=self.scan(folder_info), **values)

    def fitting(self, folder_info: FolderInfo) -> MetadataOverrides:
        """Leave out the names of channels if the folder has another number of them."""
        names = self.channel_names
        fits = names is None or len(names) == folder_info.sizes[1]
        return self if fits else replace(self, channel_names=None)

    def against(self, folder_info: FolderInfo, before: FolderInfo | None = None) -> str:
        """Tell what is stated otherwise than the files say, or for others; empty if nothing is.

        Parameters
        ----------
        folder_info
            What the files say.
        before
            What they said when it was stated: what is as it was then is not told, unless they were
            those of another recording in the folder.
        """
        if before is not None and not is_of_recording(folder_info.source, before.pattern):
            others = f"{folder_info.pattern} is another recording than {before.pattern}"
            kept = f"What is stated is kept: {others}, so check it" if self.values else ""
            return ". ".join(filter(None, (kept, self.against(folder_info))))
        known = [*self._beside(before)] if before is not None else []
        found = [one for one in self._beside(folder_info) if one not in known]
        if not found:
            return ""
        stated, of_files = (", ".join(words) for words in zip(*found, strict=True))
        return f"Stated, and used: {stated}; the files say {of_files}"

    def _beside(self, folder_info: FolderInfo) -> Iterator[tuple[str, str]]:
        """In words, what is stated otherwise, and what the files say."""
        z, *pixel = zip(self.voxel_size or UNKNOWN, folder_info.voxel_size, strict=True)
        scan = folder_info.scan
        for name, unit, values in (
            ("z step", " µm", [z]),
            ("pixel", " µm", pixel),
            ("interval", " s", [(self.time_interval, folder_info.time_interval)]),
            ("angle", "°", [(self.angle, scan.angle if scan else folder_info.angle)]),
        ):
            both = [pair for pair in values if pair[0] is not None and pair[1]]
            stated, said = (_listed([pair[of] for pair in both], unit) for of in (0, 1))
            if stated != said:
                yield f"{name} {stated}", said
        if self.step and scan and scan.step and self.step != scan.step:
            yield f"z step {_MEANT[self.step]}", _MEANT[scan.step]


def _listed(values: Sequence[float | None], unit: str) -> str:
    """Values of axes in words, once if they are the same."""
    return " x ".join(dict.fromkeys(f"{value:g}" for value in values)) + unit
