"""Linked steps: those that take from the data how the planes were scanned."""

from __future__ import annotations

from dataclasses import replace

from napari_lazy_pipeline.image import Scan
from napari_lazy_pipeline.io import FolderInfo, MetadataOverrides
from napari_lazy_pipeline.io.metadata_overrides import OF_SCAN
from napari_lazy_pipeline.steps._base import Step
from napari_lazy_pipeline.steps._scan_step import ScanStep


def is_linked(step: Step) -> bool:
    """Return whether a step takes the scan from the data."""
    return isinstance(step, ScanStep) and step.angle is None


def shown_step(
    step: Step, scan: Scan | None, overrides: MetadataOverrides, folder_info: FolderInfo | None
) -> Step:
    """A step with what it takes from the data, as far as that is known."""
    if scan is None and is_linked(step):
        angle = overrides.angle
        if angle is None and folder_info is not None:
            angle = folder_info.angle
        return step.model_copy(update={"angle": angle or None})
    return step.with_scan(scan)


def split_edit(
    step: Step, shown: Step, edited: Step, overrides: MetadataOverrides
) -> tuple[Step, MetadataOverrides]:
    """Return what an edit of a shown step makes of the step, and of what is stated about the data.

    What the step takes from the data is stated of the data; the other values are its own.
    """
    if not is_linked(step):
        return edited, overrides
    of_scan = {name: getattr(edited, name) for name in OF_SCAN}
    changed = {name: value for name, value in of_scan.items() if value != getattr(shown, name)}
    own = edited.replace(**{name: getattr(step, name) for name in OF_SCAN})
    return own, replace(overrides, **changed)
