"""The auto engine: who is chosen, and who steps in."""

from __future__ import annotations

import numpy as np
import pytest

from devices import NumpyDevice
from napari_lazy_pipeline.engines import (
    DeconvolutionPlan,
    Engine,
    auto,
    engine_names,
    get_engine,
    notices,
)
from napari_lazy_pipeline.engines.array_api.array_engine import ArrayEngine
from napari_lazy_pipeline.engines.auto import AutoEngine, best_engine
from napari_lazy_pipeline.engines.cpu.cpu_engine import CpuEngine
from napari_lazy_pipeline.errors import Cancelled, EngineError
from napari_lazy_pipeline.image import Scan
from napari_lazy_pipeline.image.scan_geometry import DeskewPlan, RotationPlan
from napari_lazy_pipeline.psf import make_otf
from stacks import bead

VOXEL = (0.2, 0.1, 0.1)
OTF = make_otf(bead(), VOXEL)
VOLUME = np.random.default_rng(0).poisson(40, (6, 9, 12)).astype(np.uint16)
PLAN = DeskewPlan.of(VOLUME.shape, (0.3, 0.1, 0.1), Scan(31.5))


class Stub(ArrayEngine):
    """A GPU engine on numpy that refuses as told."""

    def __init__(self, name, reason=None, refusal=None):
        super().__init__(name, NumpyDevice)
        self.reason, self.refusal, self.done = reason, refusal, 0

    def unavailable(self):
        return self.reason

    def deskew(self, *arguments):
        return self._count(super().deskew, arguments)

    def deconvolve(self, *arguments):
        return self._count(super().deconvolve, arguments)

    def _count(self, function, arguments):
        if self.refusal:
            raise EngineError(self.refusal)
        self.done += 1
        return function(*arguments)


@pytest.fixture
def engines(monkeypatch):
    """Replace the GPU engines; they are no part of what is tested."""
    stubs = {"cpu": CpuEngine(), "pycudadecon": Stub("pycudadecon"), "cupy": Stub("cupy")}
    stubs["pycudadecon"].auto_priority, stubs["cupy"].auto_priority = 10, 20
    monkeypatch.setattr(auto, "engine_names", lambda: tuple(stubs))
    monkeypatch.setattr(auto, "get_engine", lambda name="cpu": stubs[name])
    notices.clear()
    yield stubs
    notices.clear()


def plan_of(**changes):
    return DeconvolutionPlan(**{"otf": OTF, "voxel_size": VOXEL, "iterations": 2, **changes})


def test_is_an_engine_and_not_the_default():
    assert isinstance(get_engine("auto"), Engine)
    assert get_engine("auto").unavailable() is None
    assert engine_names()[0] == "cpu"
    assert "auto" in engine_names()
    assert get_engine().name == "cpu"


def test_every_engine_gives_its_reason():
    for name in engine_names():
        reason = get_engine(name).unavailable()
        assert reason is None or (len(reason) > 20 and "\n" not in reason)


@pytest.mark.parametrize(
    ("missing", "best"),
    [((), "cupy"), (("cupy",), "pycudadecon"), (("cupy", "pycudadecon"), "cpu")],
)
def test_the_fastest_there_is(engines, missing, best):
    for name in missing:
        engines[name].reason = "There is no GPU"
    assert best_engine() == best
    engine = AutoEngine()
    out = engine.deconvolve(VOLUME, plan_of())
    np.testing.assert_allclose(out, CpuEngine().deconvolve(VOLUME, plan_of()), rtol=1e-3)
    np.testing.assert_array_equal(engine.deskew(VOLUME, PLAN), CpuEngine().deskew(VOLUME, PLAN))
    np.testing.assert_array_equal(
        engine.deskew(VOLUME[2:4], PLAN, planes=(2, 4)), CpuEngine().deskew(VOLUME, PLAN)[2:4]
    )
    done = {name: engines[name].done for name in ("cupy", "pycudadecon")}
    assert done == {name: 3 if name == best else 0 for name in done}
    assert not len(notices)


def test_another_engine_steps_in_and_it_is_said_once(engines):
    engines["cupy"].refusal = "The GPU failed"
    engines["pycudadecon"].refusal = "pycudadecon has no method 'fast'"
    for _ in range(2):
        AutoEngine().deconvolve(VOLUME, plan_of())
    assert [(notice.where, notice.what) for notice in notices] == [
        ("cupy", "The GPU failed"),
        ("pycudadecon", "pycudadecon has no method 'fast'"),
    ]


def test_nonsense_is_refused_by_the_first_to_look(engines):
    with pytest.raises(EngineError, match="at least 1 iteration"):
        AutoEngine().deconvolve(VOLUME, plan_of(iterations=0))
    with pytest.raises(EngineError, match="Convert them to uint16 or float32"):
        AutoEngine().deskew(VOLUME.astype(int), PLAN)
    assert not len(notices)


def test_cancelled_is_for_all(engines):
    with pytest.raises(Cancelled):
        AutoEngine().deconvolve(VOLUME, plan_of(), lambda: True)


def test_rotation_is_that_of_the_cpu(engines):
    plan = RotationPlan.of(VOLUME.shape, (0.3, 0.1, 0.1), Scan(31.5))
    expected = CpuEngine().rotate(VOLUME, plan)
    for engine in (AutoEngine(), engines["cupy"]):
        np.testing.assert_array_equal(engine.rotate(VOLUME, plan), expected)
