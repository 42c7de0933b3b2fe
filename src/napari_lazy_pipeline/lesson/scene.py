"""Scene: what is open, and which steps are on, when an exercise begins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.image import Scan
from napari_lazy_pipeline.io import FolderInfo, MetadataOverrides, inspect_folder
from napari_lazy_pipeline.samples.few_photons import FEW_PHOTONS, write_few_photons
from napari_lazy_pipeline.samples.samples import TIMELAPSE, psf_path
from napari_lazy_pipeline.samples.simulated_cell import write_timelapse
from napari_lazy_pipeline.session import Session
from napari_lazy_pipeline.session.default_pipeline import sample_pipeline

_NAME = "sample"
_SAMPLES: dict[str, tuple[Callable[[Path], Path], Mapping[str, Any]]] = {
    "cell": (write_timelapse, TIMELAPSE),
    "photons": (write_few_photons, FEW_PHOTONS),
}


@dataclass(frozen=True)
class Scene:
    """A sample, the steps that are on, and whether the laziness monitor is looked at."""

    sample: Literal["cell", "photons"] = "cell"
    on: tuple[str, ...] = ("subtract_background", "deskew")
    monitor: bool = True

    def write(self, base: Path) -> Path:
        """Write the sample into a folder of its own, if it is not there; return that.

        A `FolderError` is raised if it cannot be written.
        """
        write, _ = _SAMPLES[self.sample]
        return write(base / f"lesson_{self.sample}")

    def data(self, folder: Path) -> tuple[FolderInfo, MetadataOverrides]:
        """What is in the folder, and what is known of it besides; no pixel is read."""
        _, sample = _SAMPLES[self.sample]
        return known(folder, sample)

    def pipeline(self, folder: Path) -> Pipeline:
        """The usual steps, set to what is known of the sample."""
        _, sample = _SAMPLES[self.sample]
        psf = folder / "PSF" / "psf.tif" if self.sample == "photons" else psf_path()
        steps = sample_pipeline(sample["background"], psf).steps
        return Pipeline([step.replace(enabled=step.kind in self.on) for step in steps])

    def session(self, base: Path) -> Session:
        """All of it without a window."""
        folder, session = self.write(base), Session()
        session.set_pipeline(self.pipeline(folder))
        session.show(*self.data(folder))
        return session


def known(folder: Path, sample: Mapping[str, Any]) -> tuple[FolderInfo, MetadataOverrides]:
    """A folder of a sample, and what is known of it; the latter goes into recipes, too."""
    voxel_size, angle = sample["voxel_size"], sample["angle"]
    folder_info = replace(
        inspect_folder(folder, sample.get("pattern")), voxel_size=voxel_size, voxel_source=_NAME,
        angle=angle, angle_source=_NAME, scan=Scan(angle), questions=(),
    )  # fmt: skip
    return folder_info, MetadataOverrides(voxel_size=voxel_size, angle=angle, step="stage")
