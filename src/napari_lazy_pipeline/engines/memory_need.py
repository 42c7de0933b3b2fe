"""What a deconvolution takes on each engine: how much memory, and into how many tiles."""

from __future__ import annotations

import math
from dataclasses import dataclass

from napari_lazy_pipeline.engines import DeconvolutionPlan, get_engine
from napari_lazy_pipeline.image.scan_geometry import Shape


@dataclass(frozen=True)
class Need:
    """What is taken beside the input and the result.

    Attributes
    ----------
    memory
        Main memory [byte].
    device
        Memory of the graphics card [byte].
    tiles
        In how many parts it is done; 0: not even a small part fits.
    """

    memory: int = 0
    device: int = 0
    tiles: int = 1


def deconvolution_need(engine: str, shape: Shape, plan: DeconvolutionPlan) -> Need:
    """Estimate what the deconvolution of one volume takes; nothing is computed.

    Parameters
    ----------
    engine
        Its name; ``"auto"`` stands for the best there is.
    shape
        Shape of the volume (z, y, x).
    plan
        What is done.
    """
    from napari_lazy_pipeline.engines.array_api import array_engine as _array_engine
    from napari_lazy_pipeline.engines.auto import best_engine
    from napari_lazy_pipeline.engines.cudadecon import cudadecon_engine as pycudadecon
    from napari_lazy_pipeline.engines.padding import Frame

    engine = best_engine() if engine == "auto" else engine
    if engine == "cpu":
        return _on_cpu(shape, plan)
    voxel = pycudadecon.BYTES if engine == "pycudadecon" else _array_engine.BYTES[plan.method]
    return Need(device=round(voxel * math.prod(Frame.of(shape, plan).shape)))


def _on_cpu(shape: Shape, plan: DeconvolutionPlan) -> Need:
    """In one part if the memory allows it; the result is counted with the input."""
    from napari_lazy_pipeline._runtime.free_memory import budget
    from napari_lazy_pipeline.engines import tiling as _tiling
    from napari_lazy_pipeline.engines.cpu.cpu_engine import BYTES, RESULT, CpuEngine
    from napari_lazy_pipeline.engines.padding import Frame

    cpu = get_engine("cpu")
    limit = cpu.memory_limit if isinstance(cpu, CpuEngine) else None
    memory = _tiling.Memory(BYTES[plan.method], budget() if limit is None else limit, RESULT)
    whole = Frame.of(shape, plan)
    result = RESULT * math.prod(shape)
    if memory.needed(whole.shape) <= memory.limit:
        return Need(round(memory.needed(whole.shape)) - result)
    try:
        parts = _tiling.tiles(whole, plan, memory)
    except _tiling.TooLittleMemory:
        return Need(round(memory.needed(whole.shape)) - result, tiles=0)
    return Need(round(memory.needed(parts[0].shape)), tiles=len(parts))
