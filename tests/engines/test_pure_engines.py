"""The engines mlx and torch against the CPU engine: on their GPUs, or on the CPU."""

from __future__ import annotations

import importlib.util
import math
import re

import numpy as np
import pytest

from devices import NumpyDevice
from napari_lazy_pipeline.engines import DeconvolutionPlan, auto, notices
from napari_lazy_pipeline.engines.array_api import mlx, torch
from napari_lazy_pipeline.engines.array_api.array_engine import ArrayEngine
from napari_lazy_pipeline.engines.array_api.mlx import MlxEngine
from napari_lazy_pipeline.engines.array_api.pure_fft import PureFft, trial
from napari_lazy_pipeline.engines.array_api.torch import TorchEngine
from napari_lazy_pipeline.engines.cpu.cpu_engine import CpuEngine
from napari_lazy_pipeline.engines.padding import Frame
from napari_lazy_pipeline.errors import EngineError
from napari_lazy_pipeline.image import Scan
from napari_lazy_pipeline.image.scan_geometry import DeskewPlan
from napari_lazy_pipeline.psf import make_otf
from stacks import bead

CPU = CpuEngine()
VOXEL = (0.2, 0.1, 0.1)
OTF = make_otf(bead((33, 32, 32), (2.5, 1.8, 1.8)), VOXEL)
METHODS = ["rl", "accelerated", "fast", "auto"]


def plan_of(**changes):
    return DeconvolutionPlan(**{"otf": OTF, "voxel_size": VOXEL, "iterations": 10, **changes})


class PureEngine(ArrayEngine):
    """What is the same for all libraries that cannot change arrays, on numpy."""

    transforms, voxel_bytes, frames_on_device = PureFft, PureFft.voxel_bytes, False

    def __init__(self):
        super().__init__("pure", NumpyDevice)


def gpu_or_cpu():
    return torch.kind_of_gpu(importlib.import_module("torch")) or "cpu"


@pytest.fixture(params=["numpy", "mlx", "torch"])
def engine(request, monkeypatch):
    if request.param == "numpy":
        return PureEngine()
    module = {"mlx": mlx, "torch": torch}[request.param]
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(module._problem())
    limit = 2**30
    engine = MlxEngine() if module is mlx else TorchEngine(limit, kind=gpu_or_cpu())
    monkeypatch.setattr(engine, "gpu_problem", lambda: None)
    return engine


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("start", ["image", "flat"])
@pytest.mark.parametrize(("edges", "shear"), [("reflect", 1.3), ("background", 0), ("periodic", 0)])
def test_deconvolution_equals_that_of_the_cpu(engine, method, start, edges, shear):
    volume = np.random.default_rng(0).poisson(40, (12, 31, 40)).astype(">u2")
    plan = plan_of(method=method, start=start, edges=edges, shear=shear, background=8.0)
    before = volume.copy()
    out, expected = engine.deconvolve(volume, plan), CPU.deconvolve(volume, plan)
    assert out.dtype == np.float32 and out.shape == volume.shape
    assert np.linalg.norm(out - expected) <= 1e-5 * np.linalg.norm(expected)
    np.testing.assert_array_equal(volume, before)
    assert not len(notices)


def test_deskew_is_that_of_the_cpu(engine):
    volume = np.random.default_rng(0).integers(0, 65536, (9, 12, 14)).astype(np.uint16)
    plan = DeskewPlan.of(volume.shape, (0.3, 0.1, 0.1), Scan(31.5))
    np.testing.assert_array_equal(engine.deskew(volume, plan), CPU.deskew(volume, plan))


def test_what_does_not_fit_is_done_in_tiles(engine):
    volume = np.random.default_rng(0).poisson(40, (12, 60, 90)).astype(np.uint16)
    plan = plan_of(method="rl", iterations=4)
    whole = engine.deconvolve(volume, plan)
    engine.memory_limit = 0.6 * 36 * math.prod(Frame.of(volume.shape, plan).shape)
    tiled = engine.deconvolve(volume, plan)
    assert 0 < np.linalg.norm(tiled - whole) <= 1e-3 * np.linalg.norm(whole)
    notices.clear()


def test_trial():
    assert trial(PureEngine().deconvolve_on_gpu) is None
    assert "wrong values" in trial(lambda volume, *_: volume + np.float32(1))


NO_GPU = "class cuda: is_available = lambda: False"
TORCH_PROBES = [
    ("raise ImportError('libtorch.so')", "cannot be imported: ImportError.*libtorch.*pytorch.org"),
    ("import os; os._exit(127)", "failed a small trial: The GPU worker died .exit code 127"),
    (NO_GPU, "finds no GPU that it was built for.*pytorch.org"),
]
PROBES = [
    ("raise ImportError('libmlx.so')", "cannot be imported: ImportError.*libmlx.*M chip"),
    ("import os; os._exit(127)", "failed a small trial: The GPU worker died .exit code 127"),
    (
        "gpu = 1\nclass device: type = 0\ndefault_device = lambda: device",
        "finds no GPU: .*Apple computer with an M chip",
    ),
]


@pytest.fixture
def fresh():
    for module in (mlx, torch):
        module._problem.cache_clear()
    yield
    for module in (mlx, torch):
        module._problem.cache_clear()


@pytest.mark.parametrize(("package", "message"), PROBES)
def test_reason_comes_from_another_process(tmp_path, monkeypatch, fresh, package, message):
    (tmp_path / "mlx").mkdir()
    (tmp_path / "mlx" / "__init__.py").touch()
    (tmp_path / "mlx" / "core.py").write_text(package)
    monkeypatch.syspath_prepend(tmp_path)
    reason = MlxEngine().unavailable()
    assert reason is not None and re.search(message, reason) and "\n" not in reason
    with pytest.raises(EngineError, match="mlx cannot be used here"):
        MlxEngine().deconvolve(np.ones((4, 4, 4)), plan_of())
    assert "mlx" not in list(auto._usable_engines())


@pytest.mark.parametrize(("package", "message"), TORCH_PROBES)
def test_reason_of_torch(tmp_path, monkeypatch, fresh, package, message):
    (tmp_path / "torch.py").write_text(package)
    monkeypatch.syspath_prepend(tmp_path)
    reason = TorchEngine().unavailable()
    assert reason is not None and re.search(message, reason) and "\n" not in reason
    assert "torch" not in list(auto._usable_engines())


def test_without_the_package(monkeypatch, fresh):
    monkeypatch.setattr(mlx.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EngineError, match=r"not installed.*pipeline\[mlx\].*cpu engine"):
        MlxEngine().deconvolve(np.ones((4, 4, 4)), plan_of())
