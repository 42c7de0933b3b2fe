"""A package of somebody else that offers a step, as pip would install it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
STEP = '''
"""Halve: divides what is there by two, or more."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from napari_lazy_pipeline.steps import Context, Unit, VoxelStep


class Halve(VoxelStep):
    """Divide by a number, rounding down.

    Examples
    --------
    >>> Halve().divisor
    2
    """

    summary: ClassVar[str] = "Make everything darker"
    group: ClassVar[str] = "Of a lab"
    order: ClassVar[int] = 70

    divisor: Annotated[
        int, Field(ge=1, le=9, title="Divisor", description="What is divided by."), Unit("1")
    ] = 2

    def apply(self, pixels: np.ndarray, at: Context) -> np.ndarray:
        return pixels // pixels.dtype.type(self.divisor)
'''


def install(folder: Path) -> None:
    """Put the package ``lab_steps``, with the step ``halve``, into a folder."""
    package, about = folder / "lab_steps", folder / "lab_steps-1.0.dist-info"
    package.mkdir(parents=True)
    about.mkdir()
    (package / "__init__.py").write_text("")
    (package / "halve.py").write_text(STEP.lstrip())
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: lab-steps\nVersion: 1.0\n")
    entry = "[napari_lazy_pipeline.steps]\nhalve = lab_steps.halve:Halve\n"
    (about / "entry_points.txt").write_text(entry)


def python(folder: Path, *words: str) -> str:
    """What Python prints with the package; an error if it fails."""
    paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, *words]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout
