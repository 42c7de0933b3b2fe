"""The tables and pictures of the documentation can be made again; here of very little."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.bench import print_crop_accuracy, print_quality


def test_quality(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(print_quality, "SEEDS", {"lines": (20,)})
    monkeypatch.setattr(print_quality, "PHOTONS", (200,))
    monkeypatch.setattr(print_quality, "SHAPE", (10, 32, 40))
    rows = print_quality.table().splitlines()[2:]
    assert [row.split(" | ")[2] for row in rows] == ["raw", *print_quality.METHODS]
    image = np.random.default_rng(0).random((6, 16, 20))
    print_quality.draw({"truth": image, "raw": image}, 3.0, tmp_path / "images" / "both.png")
    assert (tmp_path / "images" / "both.png").stat().st_size > 0


def test_crop_accuracy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(print_crop_accuracy, "CASES", ("phantom",))
    monkeypatch.setattr(print_crop_accuracy, "METHODS", ("fast",))
    rows = print_crop_accuracy.table().splitlines()[2:]
    assert rows and all(row.startswith("| phantom | ") for row in rows)
