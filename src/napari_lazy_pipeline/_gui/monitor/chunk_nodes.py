"""Chunk nodes: the graph of the chunks on screen, with what became of each volume."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path

from napari_lazy_pipeline._gui.monitor.block_graph import Arrow, Graph, Node
from napari_lazy_pipeline._gui.monitor.chunk_map import ChunkState
from napari_lazy_pipeline.compute import PipelineSource
from napari_lazy_pipeline.compute.chunk_graph import Volume, chunk_graph, dask_graph, dask_key
from napari_lazy_pipeline.compute.compute_log import BlockRecord, State
from napari_lazy_pipeline.compute.stage import Place
from napari_lazy_pipeline.image.quantity_text import format_bytes, format_count, format_duration

MOST_CHANNELS = 4  # that are drawn
_FILE = -1  # number of stages behind a file; on screen is what one more than all of them make


def graph_of(source: PipelineSource, chunks: Sequence[Place]) -> Graph:
    """The way from the files to some chunks; time points of one channel share a box."""
    chunks = sorted(chunks, key=lambda place: place[1])[:MOST_CHANNELS]
    shown = [Volume(source.count + 1, t, c) for t, c in chunks]
    needs = {**chunk_graph(source, chunks)}
    for volume in [*needs]:
        if not volume.stages:
            needs[volume] = (volume._replace(stages=_FILE),)
    needs |= {volume: (volume._replace(stages=source.count),) for volume in shown}
    records = {n: entries(source, n) for n in {volume.stages for volume in needs}}
    record = {volume: records[volume.stages].get((volume.t, volume.c)) for volume in needs}
    followed = _followed(shown, needs, record)
    groups = defaultdict[tuple[int, int], list[Volume]](list)
    arrows = dict[tuple[tuple[int, int], tuple[int, int]], bool]()
    for volume in sorted({*needs, *chain(*needs.values())}):
        groups[volume.stages, volume.c].append(volume)
        for other in needs.get(volume, ()):
            pair = (other.stages, other.c), (volume.stages, volume.c)
            arrows[pair] = arrows.get(pair, False) or volume in followed
    places, number = _places(source, [*groups]), {group: i for i, group in enumerate(groups)}
    nodes = []
    for group, volumes in groups.items():
        if group[0] == _FILE:
            nodes.append(_file(source, volumes, *places[group]))
        elif group[0] > source.count:
            below = nodes[number[source.count, group[1]]].tile
            nodes.append(_chunk(source, (volumes[0].t, group[1]), below, *places[group]))
        else:
            title = _title(source, group[0], needs[volumes[0]])
            made = [(volume, record[volume]) for volume in volumes]
            nodes.append(_made(source, title, made, *places[group]))
    return Graph(nodes, [Arrow(number[a], number[b], solid) for (a, b), solid in arrows.items()])


def dask_text(source: PipelineSource, chunks: Sequence[Place]) -> str:
    """What dask has for these chunks, and what it makes of that."""
    times, channels = source.sizes
    count = format_count(times * channels, "chunk")
    shape, here = " x ".join(map(str, source.spec.shape)), format_count(len(chunks), "chunk")
    kept, fused = len(dask_graph(source, chunks)), len(dask_graph(source, chunks, fused=True))
    return (
        f"dask sees {count} of {shape}, one per time point and channel. Building this graph costs "
        f"the same for 6 or 6000 files.\nCulled to the {here} on screen, it has "
        f"{format_count(kept, 'task')}: a number for each chunk, and {source.title}. Fused by "
        f"dask, {format_count(fused, 'task')}. Within, the steps above go through the cache."
    )


def entries(source: PipelineSource, count: int) -> dict[Place, BlockRecord]:
    """What became of the volumes that the first ``count`` stages make."""
    if source.compute_log is None or not 0 <= count <= source.count:
        return {}
    return source.compute_log.of(source.plan.work(count))


def stage_title(source: PipelineSource, count: int) -> str:
    """What a stage is called."""
    return source.plan.stages[count - 1].step.label if count else "Read"


def state_of(
    source: PipelineSource, place: Place, count: int, entry: BlockRecord | None
) -> ChunkState:
    """State as which a chunk is painted."""
    if entry is None:
        return ChunkState.UNTOUCHED
    if entry.state is State.RUNNING:
        return ChunkState.RUNNING
    if entry.state is State.FAILED:
        return ChunkState.FAILED
    if source.is_cached(*place, count):
        return ChunkState.CACHED
    return ChunkState.PART if entry.state is State.PART else ChunkState.MADE


def _followed(
    shown: Sequence[Volume],
    needs: Mapping[Volume, tuple[Volume, ...]],
    record: Mapping[Volume, BlockRecord | None],
) -> set[Volume]:
    """Volumes that were made of what they need, when they were needed last."""
    found, waiting = set[Volume](), [*shown]
    while waiting:
        volume = waiting.pop()
        entry = record.get(volume)
        if volume not in found and not (entry and entry.from_cache):
            found.add(volume)
            waiting += needs.get(volume, ())
    return found


def _places(
    source: PipelineSource, groups: Sequence[tuple[int, int]]
) -> dict[tuple[int, int], tuple[int, float]]:
    """Row and middle of each box: a channel stays in its column as long as it is one."""
    shown = {c for stages, c in groups if stages > source.count}
    found = {}
    for row, stages in enumerate(sorted({stages for stages, _ in groups})):
        columns = {c for number, c in groups if number == stages}
        spec = source.plan.spec(min(max(stages, 0), source.count))
        columns |= shown if spec.channels == source.plan.after.channels else set()
        for index, c in enumerate(sorted(columns)):
            found[stages, c] = row, (index + 0.5) / len(columns)
    return found


def _title(source: PipelineSource, stages: int, needed: Sequence[Volume]) -> str:
    """What a stage is called, with those that it is fused with."""
    first = max((volume.stages for volume in needed), default=stages - 1) + 1
    return " + ".join(stage_title(source, number) for number in range(first, stages + 1))


def _file(source: PipelineSource, volumes: Sequence[Volume], row: int, middle: float) -> Node:
    path = getattr(getattr(source.raw, "source", source.raw), "path", lambda *_: None)
    paths = [path(volume.t, volume.c) for volume in volumes]
    names = [Path(one).name if one else "no file" for one in paths]
    text = names[0] + (f" and {len(names) - 1} more" if len(names) > 1 else "")
    size = format_bytes(len(volumes) * source.raw.spec.nbytes)
    return Node(text, size, ChunkState.UNTOUCHED, row, middle, "\n".join(names[:10]))


def _made(
    source: PipelineSource,
    title: str,
    made: Sequence[tuple[Volume, BlockRecord | None]],
    row: int,
    middle: float,
) -> Node:
    """The box of what a stage makes of one channel."""
    (stages, first, c), (_, last, _) = made[0][0], made[-1][0]
    known = [entry for _, entry in made if entry is not None]
    cached, detail = sum(entry.from_cache for entry in known), ""
    if len(made) > 1:
        title += f", t {first} to {last}"
        detail = format_count(len(made), "chunk")
    elif known:
        detail = "cached" if cached else format_duration(known[0].seconds)
    tip = f"Channel {source.plan.spec(stages).channels[c]}"
    if any(entry.seconds for entry in known):
        tip += f"\n{format_duration(sum(entry.seconds for entry in known))} when made last"
    if known:
        tip += f"\nWhen the next was made, {cached} of {len(made)} came from the cache"
    states = [state_of(source, (v.t, v.c), stages, entry) for v, entry in made]
    urgent = [state for state in (ChunkState.FAILED, ChunkState.RUNNING) if state in states]
    return Node(title, detail, urgent[0] if urgent else min(states), row, middle, tip)


def _chunk(source: PipelineSource, place: Place, tile: ChunkState, row: int, middle: float) -> Node:
    """The box of a chunk on screen: a task of dask."""
    t, c = place
    name, size = source.plan.after.channels[c], " x ".join(map(str, source.spec.shape))
    tip = f"Task of dask: {dask_key(source, place)}"
    return Node(f"t {t}, {name}", size, tile, row, middle, tip)
