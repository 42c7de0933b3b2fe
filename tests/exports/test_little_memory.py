"""Where memory is short, an export goes on in tiles, and says so of each volume."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_lazy_pipeline._runtime.buffer_pool import pool
from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.engines import get_engine
from napari_lazy_pipeline.exports.export import export
from napari_lazy_pipeline.image import Stack
from napari_lazy_pipeline.io import open_stack
from napari_lazy_pipeline.steps import Deconvolve
from stacks import gaussian_psf

SHAPE, VOXEL = (40, 256, 256), (0.2, 0.1, 0.1)


def deconvolved(folder: Path) -> Stack:
    """Two volumes of beads; the steps for them."""
    (folder / "cell").mkdir()
    for t in range(2):
        rng = np.random.default_rng(t)
        volume = rng.poisson(20, SHAPE).astype("uint16")
        volume[tuple(rng.integers(n, size=200) for n in SHAPE)] += 4000
        tifffile.imwrite(folder / "cell" / f"cell_t{t:03d}.tif", volume)
    tifffile.imwrite(folder / "psf.tif", gaussian_psf((21, 32, 32)))
    step = Deconvolve(psf=str(folder / "psf.tif"), psf_voxel_size=VOXEL, method="rl", iterations=2)
    return Pipeline(steps=[step]).apply(open_stack(folder / "cell", voxel_size=VOXEL))


def starve(folder: str) -> None:
    """Export with all memory, and once more with less than a volume takes."""
    import resource

    place = Path(folder)
    view = deconvolved(place)
    assert not export(view, place / "whole").remarks
    need = get_engine("cpu").need(
        SHAPE, view.source.stated_plan.steps[0].plan(view.source.raw.spec)
    )
    pool().clear()
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    most = used + need.memory * 3 // 4
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    report = export(view, place / "tiled")
    print(json.dumps({"complete": report.complete, "said": list(map(str, report.remarks))}))


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")
def test_an_export_goes_on_in_tiles_and_says_so(tmp_path: Path) -> None:
    code = f"import test_little_memory\ntest_little_memory.starve({str(tmp_path)!r})"
    places = os.pathsep.join([*sys.path, str(Path(__file__).parent)])
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=200,
        env={**os.environ, "PYTHONPATH": places},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["complete"] and len(found["said"]) == 2
    assert all("tiles, since memory was short" in one for one in found["said"])
    journal = (tmp_path / "tiled" / "cell_export.jsonl").read_text()
    assert journal.count("tiles, since memory was short") == 2
    for t in range(2):
        name = f"cell_ch0_t{t:04d}.tif"
        tiled, whole = (tifffile.imread(tmp_path / one / name) for one in ("tiled", "whole"))
        # As docs/deconvolution.md says of tiles.
        assert 0 < np.linalg.norm(tiled - whole) < 0.015 * np.linalg.norm(whole)
