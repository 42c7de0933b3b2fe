"""Prints how near a crop after a deconvolution comes to the whole, and the processor time it takes.

``python tests/bench/print_crop_accuracy.py``
"""

from __future__ import annotations

import sys
from pathlib import Path
from time import process_time

import numpy as np

sys.path.extend(str(Path(__file__).parents[1] / name) for name in ("support", "compute"))

from test_part_of_volume import boxes_of, case_of, source_of

from napari_lazy_pipeline.compute import PipelineSource
from napari_lazy_pipeline.image.box import slices
from napari_lazy_pipeline.steps import Crop

CASES = ("real, then deskewed", "real, deskewed before", "real, deconvolved only", "phantom")
METHODS = ("auto", "rl", "accelerated", "fast")


def table() -> str:
    """Differences and times by case and crop, as Markdown; of each method, in the order above."""
    lines = ["| case | crop | difference | largest | time |", "|---|---|---|---|---|"]
    for case in CASES:
        columns = [figures(case, method) for method in METHODS]
        for name, *found in zip(columns[0], *(column.values() for column in columns), strict=True):
            cells = (" / ".join(texts) for texts in zip(*found, strict=True))
            lines.append(f"| {case} | {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def figures(case: str, method: str) -> dict[str, tuple[str, str, str]]:
    """Difference, largest difference and part of the time, by crop."""
    raw, steps = case_of(case, method)
    whole = source_of(raw, *steps)
    found = {}
    # The OTF is laid on a grid once, and kept for the next time point.
    whole.read(0, 0)
    full, once = timed(whole)
    for name, box in boxes_of(whole.spec.shape).items():
        cropped = source_of(raw, *steps, Crop(z=box[0], y=box[1], x=box[2]))
        cropped.read(0, 0)
        part, seconds = timed(cropped)
        expected = full[slices(box)]
        difference = np.linalg.norm(part - expected) / np.linalg.norm(expected)
        largest = np.abs(part - expected).max() / full.max()
        found[name] = (
            f"{100 * difference:.2f} %",
            f"{100 * largest:.2f} %",
            f"{seconds / once:.2f}",
        )
    return found


def timed(source: PipelineSource) -> tuple[np.ndarray, float]:
    """A volume, and the processor time it took [s], which what else is running does not change."""
    start = process_time()
    volume = source.read(0, 0)
    return volume, process_time() - start


if __name__ == "__main__":
    print(table())
