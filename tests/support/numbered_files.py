"""Folders of files with any numbers, and steps with values of their time points."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile

from napari_lazy_pipeline import Pipeline, Recipe, Stack, open_stack
from napari_lazy_pipeline.steps import BleachCorrection, Drift

DRIFT = Drift(drift=((0, 0, 0), (0, 0.1, 0), (0, 0.2, 0)), interpolation="none")
BRIGHTNESS = BleachCorrection(brightness=(1, 0.5, 0.25))


class Folder:
    """A folder of files with any numbers, each of which holds its number."""

    def __init__(self, folder: Path, *names: object) -> None:
        folder.mkdir()
        self.path = folder
        self.write(*names)

    def file(self, name: object) -> Path:
        return self.path / f"cell_ch0_t{name if isinstance(name, str) else f'{name:03d}'}.tif"

    def write(self, *names: object) -> None:
        for name in names:
            pixels = np.full((2, 8, 9), 10 * int(str(name)[-3:]), "uint16")
            tifffile.imwrite(self.file(name), pixels, photometric="minisblack")

    def remove(self, *names: object) -> None:
        for name in names:
            self.file(name).unlink()

    def open(self) -> Stack:
        return open_stack(self.path, voxel_size=(0.4, 0.1, 0.1))

    def save(self, *steps: object) -> Path:
        path = self.path.parent / "recipe.yaml"
        Recipe(source=self.open(), pipeline=Pipeline(steps)).save(path)  # type: ignore[arg-type]
        return path


def from_elsewhere(steps: str, own: Folder, other: Folder) -> str:
    what = f"The values of {steps} for each time point were set on {own.path}"
    return f"{what}. Estimate them again for {other.path}, or leave them if they are meant for it"
