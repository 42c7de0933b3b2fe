"""Chunk graph: what chunks are made of, volume by volume, and the tasks that dask has for them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import NamedTuple

from napari_lazy_pipeline.compute.pipeline_source import PipelineSource
from napari_lazy_pipeline.compute.stage import Place
from napari_lazy_pipeline.compute.stage_runner import StageRunner
from napari_lazy_pipeline.image.stack import dask_array


class Volume(NamedTuple):
    """What the first ``stages`` make of a time point and channel; of none: is read."""

    stages: int
    t: int
    c: int


def chunk_graph(
    source: PipelineSource, chunks: Iterable[Place]
) -> dict[Volume, tuple[Volume, ...]]:
    """Tell which volumes are made for some chunks (t, c), and of which others each is made.

    It is what is carried out where nothing is cached: steps that are fused are one, the last of
    them, and a volume that several others need is there once.
    """
    runner = StageRunner(source.raw, source.plan)
    graph: dict[Volume, tuple[Volume, ...]] = {}
    waiting = [Volume(source.count, t, c) for t, c in chunks]
    while waiting:
        volume = waiting.pop()
        if volume not in graph:
            graph[volume] = ()
            if volume.stages:
                count, places = runner.needs(*volume)
                graph[volume] = tuple(Volume(count, t, c) for t, c in places)
            waiting += graph[volume]
    return graph


def dask_key(source: PipelineSource, chunk: Place) -> tuple[str, int, int, int, int, int]:
    """Name the task of dask that makes a chunk of `Stack.data`."""
    return dask_array(source).name, *chunk, 0, 0, 0


def dask_graph(
    source: PipelineSource, chunks: Iterable[Place], fused: bool = False
) -> Mapping[Hashable, Iterable[Hashable]]:
    """Tell the tasks of dask for some chunks, each with those it needs, after culling.

    ``fused``: as they are carried out, after dask put together what it can.
    """
    from dask.blockwise import optimize_blockwise

    graph, keys = dask_array(source).dask, {dask_key(source, chunk) for chunk in chunks}
    graph = optimize_blockwise(graph, keys=keys) if fused else graph
    needs: Mapping[Hashable, Iterable[Hashable]] = graph.cull(keys).get_all_dependencies()
    return needs
