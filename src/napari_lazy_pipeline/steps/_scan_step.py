"""Scan step: what the steps that undo the skew of a stage scan have in common."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

import numpy as np
from pydantic import AfterValidator, Field

from napari_lazy_pipeline.engines import Need
from napari_lazy_pipeline.errors import ScanUnknownError
from napari_lazy_pipeline.image import Scan, StackSpec
from napari_lazy_pipeline.image.scan_geometry import SkewAxis, StepKind
from napari_lazy_pipeline.steps._base import Step, Unit

# How a volume was deskewed, by what its axes lie along.
DESKEWED = dict.fromkeys(("sample", "other"), "deskewed")
DESKEWED["coverslip"] = "rotated, and with that deskewed,"


def _not_flat(angle: float | None) -> float | None:
    if angle is not None and abs(angle) < 1:
        raise ValueError("the angle must be at least 1 degree from 0: such a scan has no depth")
    return angle


class ScanStep(Step):
    """A step that undoes how the planes were scanned: as the data say, or as it states itself."""

    group: ClassVar[str] = "Geometry"

    angle: Annotated[
        float | None,
        Field(
            ge=-179,
            le=179,
            title="Angle",
            description="Angle between the light sheet and the direction of the scan. None: angle, "
            "scan axis and meaning of the z step are those of the data.",
            json_schema_extra={"step": 0.1, "slider": [1, 90], "empty": "as data"},
            examples=[31.5],
        ),
        Unit("°"),
        AfterValidator(_not_flat),
    ] = None
    skew_axis: Annotated[
        SkewAxis,
        Field(
            title="Scan axis",
            description="Image axis along which the planes are displaced: "
            "x for most lattice light-sheets, y for Zeiss Lattice Lightsheet 7.",
        ),
    ] = "x"
    step: Annotated[
        StepKind,
        Field(
            title="z step measured",
            description="Along the stage from one plane to the next, or perpendicular to the "
            "planes.",
            json_schema_extra={
                "words": {
                    "stage": "along the stage",
                    "perpendicular": "perpendicular to the planes",
                }
            },
        ),
    ] = "stage"

    def brief(self) -> str:
        if self.angle is None:
            return "as data"
        return f"{self.angle:g}° along {self.skew_axis}"

    def scan(self) -> Scan | None:
        return None if self.angle is None else Scan(self.angle, self.skew_axis, self.step)

    def with_scan(self, scan: Scan | None) -> Self:
        """The step with the scan of the data, unless it states one itself."""
        return self.model_copy(update=vars(scan)) if scan and self.angle is None else self

    def caution(self, before: StackSpec) -> str:
        known = before.recorded or before.undone
        if known is None or known.alike(self._scan):
            return ""
        whose = "the data have" if before.recorded else "an earlier one has"
        return f"This step has a scan of its own ({self._scan.text}); {whose} {known.text}"

    def need(self, before: StackSpec, engine: str) -> Need:
        """The volume in a type that engines move, if it has another."""
        dtype = movable(before.dtype)
        return Need(before.volume.replace(dtype=dtype).nbytes if dtype != before.dtype else 0)

    @property
    def _scan(self) -> Scan:
        """Return how the planes were scanned; a `ScanUnknownError` if nobody stated it."""
        scan = self.scan()
        if scan is None:
            raise ScanUnknownError.of()
        return scan


def movable(dtype: str) -> str:
    """Types that engines move as they are; all others become float32."""
    return dtype if dtype in ("uint16", "float32") else "float32"


def as_movable(part: np.ndarray) -> np.ndarray:
    """The voxels, in a type that engines move."""
    return part.astype(movable(part.dtype.name), copy=False)
