"""Engines of other packages: found by their entry point, chosen, and no harm if they are broken."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import numpy as np
import pytest

from devices import NumpyEngine, offer_engine
from napari_lazy_pipeline import Pipeline, VolumeSpec
from napari_lazy_pipeline.engines import (
    DeconvolutionPlan,
    Engine,
    Need,
    best_engine,
    engine_names,
    engine_registry,
    get_engine,
)
from napari_lazy_pipeline.errors import EngineError, StepError
from napari_lazy_pipeline.image.scan_geometry import DeskewPlan
from napari_lazy_pipeline.psf import make_otf
from napari_lazy_pipeline.steps import Deskew
from stacks import bead

VOLUME = np.arange(4 * 6 * 8, dtype=np.uint16).reshape(4, 6, 8)
PLAN = DeskewPlan(VOLUME.shape, "x", 1.3, 14)
DECONVOLUTION = DeconvolutionPlan(make_otf(bead(), (0.2, 0.1, 0.1)), (0.2, 0.1, 0.1))


class FastEngine(NumpyEngine):
    """Another package's engine that wants to be used by itself."""

    auto_priority = 50


@pytest.fixture
def installed(monkeypatch):
    """Another package with entry points is installed for the time of a test."""

    def install(**values):
        points = [EntryPoint(name, value, "napari_lazy_pipeline.engines")
                  for name, value in values.items()]  # fmt: skip

        def entry_points(group):
            return [point for point in points if point.group == group]

        monkeypatch.setattr(engine_registry, "entry_points", entry_points)
        engine_registry._entries.cache_clear()
        engine_registry._engine.cache_clear()

    yield install
    monkeypatch.undo()
    engine_registry._entries.cache_clear()
    engine_registry._engine.cache_clear()


def test_ours_come_first():
    assert engine_names()[:6] == ("cpu", "auto", "cupy", "mlx", "torch", "pycudadecon")


def test_an_engine_of_another_package(installed):
    installed(metal="devices:NumpyEngine")
    assert engine_names()[-1] == "metal"
    engine = get_engine("metal")
    assert engine is get_engine("metal")
    assert isinstance(engine, Engine)
    spec = VolumeSpec(VOLUME.shape, "uint16", (0.3, 0.1, 0.1))
    pipeline = Pipeline(steps=[Deskew(angle=31.5)])
    np.testing.assert_array_equal(
        pipeline.run_volume(VOLUME, spec, "metal"), pipeline.run_volume(VOLUME, spec, "cpu")
    )
    assert best_engine() != "metal", "it has no priority"


def test_it_may_be_the_first_choice(monkeypatch):
    monkeypatch.setattr("devices.FastEngine", FastEngine, raising=False)
    offer_engine(monkeypatch, "fast", "devices:FastEngine")
    assert best_engine() == "fast"
    assert get_engine("auto").need((9, 9, 9), DECONVOLUTION).device > 0


def test_ours_cannot_be_replaced(installed):
    installed(cpu="devices:NumpyEngine")
    assert get_engine().name == "cpu"
    assert engine_names().count("cpu") == 1


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("no_such_package:Engine", "ModuleNotFoundError: No module named 'no_such_package'"),
        ("devices:NoSuchEngine", "AttributeError"),
        ("devices:offer_engine", "TypeError"),
    ],
)
def test_one_that_cannot_be_loaded_says_why_and_the_others_work(installed, value, message):
    installed(broken=value)
    assert "broken" in engine_names()
    engine = get_engine("broken")
    assert message in engine.unavailable()
    assert "\n" not in engine.unavailable()
    assert engine.need((9, 9, 9), DECONVOLUTION) == Need()
    with pytest.raises(EngineError, match=r"broken cannot be used here .*Use the cpu engine"):
        engine.deskew(VOLUME, PLAN)
    with pytest.raises(StepError, match="cannot be used here"):
        Pipeline(steps=[Deskew(angle=31.5)]).run_volume(
            VOLUME, VolumeSpec(VOLUME.shape, "uint16", (0.3, 0.1, 0.1)), "broken"
        )
    assert best_engine() in ("cpu", "cupy", "mlx", "torch", "pycudadecon")


def test_no_such_engine():
    with pytest.raises(EngineError, match=r"no engine 'gpu'. Choose one of: cpu, auto, cupy"):
        get_engine("gpu")
