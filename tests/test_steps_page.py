"""The reference of the steps in docs/steps.md is that of the steps there are."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest

SCRIPT = Path(__file__).parent.parent / "docs" / "make_steps.py"
HOW = "made anew by: python docs/make_steps.py"
SLOW = {"deconvolve"}


@pytest.fixture(scope="module")
def make_steps() -> Any:
    spec = importlib.util.spec_from_file_location("make_steps", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_steps"] = module
    spec.loader.exec_module(module)
    return module


def test_the_page_tells_the_steps_as_they_are(make_steps: Any) -> None:
    page = make_steps.PAGE.read_text("utf-8")
    start, end = page.index(make_steps.START), page.index(make_steps.END)
    assert page[start : end + len(make_steps.END)] == make_steps.reference(), HOW


def test_every_field_of_every_step_is_in_it(make_steps: Any) -> None:
    page = make_steps.PAGE.read_text("utf-8")
    for kind in make_steps.kinds():
        part = page.partition(f"In recipes: `{kind.kind}`.")[2].partition("\n#### ")[0]
        for name, info in kind.model_fields.items():
            row = f"| {info.title} | `{name}` |"
            assert name == "enabled" or (row in part and info.description in part), (kind, name)


def test_every_step_has_a_small_picture(make_steps: Any) -> None:
    pictures = {path.stem: path.stat().st_size for path in make_steps.PICTURES.glob("*.png")}
    assert set(pictures) == {kind.kind for kind in make_steps.kinds()}, HOW
    assert max(pictures.values()) < 25_000
    for path in make_steps.PICTURES.glob("*.png"):
        picture = iio.imread(path).astype(float)
        width = (picture.shape[1] - 6) // 2
        difference = np.abs(picture[:, :width] - picture[:, -width:])
        assert difference.mean() > 1, f"{path.stem}: one sees nothing of it"


def test_pictures_show_what_the_steps_make(make_steps: Any, tmp_path: Path) -> None:
    stack = make_steps.sample(tmp_path)
    for kind in make_steps.kinds():
        if kind.kind not in SLOW:
            made = make_steps.picture(kind, stack, tmp_path)
            kept = iio.imread(make_steps.PICTURES / f"{kind.kind}.png")
            kept = kept if made.ndim == 3 else kept.reshape(*kept.shape[:2], -1)[..., 0]
            assert made.shape == kept.shape, f"{kind.kind}: {HOW}"
            difference = np.abs(made.astype(float) - kept)
            assert difference.mean() < 2, f"{kind.kind}: {HOW}"
