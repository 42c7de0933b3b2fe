"""Prints how near a crop after a deconvolution comes to the whole, and in what part of its time.

``python tests/bench/region.py``
"""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from napari_lazy_pipeline.boxes import slices
from napari_lazy_pipeline.pipeline import PipelineSource
from napari_lazy_pipeline.steps import Crop
from quality import nrmse
from test_region import boxes_of, case_of, source_of

CASES = ("real, then deskewed", "real, deskewed before", "real, deconvolved only", "phantom")
METHODS = ("rl", "accelerated", "fast")
ROUNDS = 3


def table() -> str:
    """Differences by case, method and crop, as Markdown."""
    lines = [
        "| case, method | crop | difference | after the best scale | largest | time |",
        "|---|---|---|---|---|---|",
    ]
    for case in CASES:
        for method in METHODS:
            lines += rows(case, method)
    return "\n".join(lines)


def rows(case: str, method: str) -> list[str]:
    """One line for each crop."""
    raw, steps = case_of(case, method)
    whole = source_of(raw, *steps)
    lines = []
    for name, box in boxes_of(whole.spec.shape).items():
        cropped = source_of(raw, *steps, Crop(z=box[0], y=box[1], x=box[2]))
        # The OTF is laid on a grid once, and kept for the next time point.
        full, part = whole.read(0, 0), cropped.read(0, 0)
        ratio = median(seconds(cropped) / seconds(whole) for _ in range(ROUNDS))
        expected = full[slices(box)]
        difference = np.linalg.norm(part - expected) / np.linalg.norm(expected)
        largest = np.abs(part - expected).max() / full.max()
        figures = f"{100 * difference:.1f} % | {100 * nrmse(part, expected):.1f} %"
        times = f"{100 * largest:.1f} % | {ratio:.2f}"
        lines.append(f"| {case}, {method} | {name} | {figures} | {times} |")
    return lines


def seconds(source: PipelineSource) -> float:
    """Time one volume takes [s]."""
    start = perf_counter()
    source.read(0, 0)
    return perf_counter() - start


if __name__ == "__main__":
    print(table())
