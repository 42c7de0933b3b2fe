"""A step of another package: in the command line, in recipes, and in the contract tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile

from other_package import install, python

RECIPE = """
source: {{folder: {folder}, voxel_size: [0.4, 0.1, 0.1]}}
pipeline:
  steps:
  - {{kind: halve, divisor: 4}}
"""


def test_it_is_listed_and_carried_out(tmp_path: Path, raw_folder: Path) -> None:
    install(tmp_path / "site")
    printed = python(tmp_path / "site", "-m", "napari_lazy_pipeline.cli", "steps")
    assert "halve: Make everything darker" in printed and "What is divided by." in printed
    recipe, out = tmp_path / "recipe.yaml", tmp_path / "out"
    recipe.write_text(RECIPE.format(folder=raw_folder))
    command = ["-m", "napari_lazy_pipeline.cli", "run", str(recipe), "--out", str(out)]
    python(tmp_path / "site", *command, "--set", "halve.divisor=3", "-t", "0", "-c", "0")
    (written,) = out.glob("*.tif")
    raw = tifffile.imread(min(raw_folder.glob("*_ch0_*.tif")))
    np.testing.assert_array_equal(np.squeeze(tifffile.imread(written)), raw // 3)


def test_the_contract_tests_take_it(tmp_path: Path) -> None:
    install(tmp_path)
    files = ["tests/steps/test_contract.py", "tests/steps/test_random_pipelines.py"]
    options = ["-q", "-p", "no:xvfb", "-p", "no:cacheprovider", "-m", "not gui", "-k", "halve"]
    printed = python(tmp_path, "-m", "pytest", *options, *files)
    last = printed.strip().splitlines()[-1]
    assert int(last.split(" passed")[0].split()[-1]) >= 10, last
