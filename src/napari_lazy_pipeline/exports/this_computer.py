"""On this computer: while one volume is written, the next are encoded, made and read."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing

from napari_lazy_pipeline._runtime.free_memory import budget
from napari_lazy_pipeline.compute import Progress
from napari_lazy_pipeline.compute.resource_estimate import step_costs
from napari_lazy_pipeline.errors import Cancelled
from napari_lazy_pipeline.exports.outputs import Encoded, Failed, Outputs, Volume, Written

_AHEAD = 2  # volumes: one that is made, or encoded, and one that is read


def write_here(
    outputs: Outputs, pending: Mapping[Volume, Sequence[int]], cancelled: Callable[[], bool]
) -> Generator[tuple[Volume, Written | Failed], None, None]:
    """Make and write volumes (t, c) in order; yield each stage, or why it failed.

    Steps run on one volume at a time, which has all CPUs; what its files hold is encoded while
    those of the next run. Where memory is short, a volume is written before the next is read. Once
    cancelled, nothing more is written.
    """
    with closing(_made(outputs, pending, cancelled)) as volumes:
        try:
            for volume, results in volumes:
                if cancelled():
                    return
                for one in results:
                    yield volume, outputs.write(volume, one)
        except Cancelled:
            return


def _made(
    outputs: Outputs, pending: Mapping[Volume, Sequence[int]], cancelled: Callable[[], bool]
) -> Generator[tuple[Volume, list[Encoded | Failed]], None, None]:
    """Yield what is made of each volume, or why it is not, while others make those behind it."""
    stop, need = threading.Event(), _memory(outputs)
    waiting, begun = deque(pending.items()), deque[tuple[Volume, Future[list[Encoded | Failed]]]]()
    before = threading.Event()
    before.set()
    with ThreadPoolExecutor(_AHEAD, "lazy-export-make") as pool:

        def begin() -> None:
            nonlocal before
            volume, indices = waiting.popleft()
            turn, before = before, threading.Event()

            def started(step: int | None) -> None:
                if step is not None:
                    turn.wait()

            progress = Progress(lambda: stop.is_set() or cancelled(), started)
            making = pool.submit(_make, outputs, volume, indices, progress, before)
            begun.append((volume, making))

        try:
            while waiting or begun:
                if not begun:
                    begin()
                volume, making = begun.popleft()
                results = making.result()
                while waiting and len(begun) < _AHEAD and need <= budget():
                    begin()
                yield volume, results
        finally:
            stop.set()


def _make(
    outputs: Outputs,
    volume: Volume,
    indices: Sequence[int],
    progress: Progress,
    over: threading.Event,
) -> list[Encoded | Failed]:
    try:
        made = [*outputs.make(volume, indices, progress)]
    finally:
        over.set()
    # None is held longer than that.
    return [outputs.encode(volume, made.pop(0)) for _ in indices]


def _memory(outputs: Outputs) -> float:
    """Memory that is taken while a volume is written, another encoded, and one made [byte]."""
    plan = outputs.plan
    results = sum(one.stack.spec.nbytes for one in outputs.destinations)
    if plan is None:
        return (_AHEAD + 3) * results  # of what is encoded there are three, in two types
    try:
        costs = step_costs(plan, outputs.result.stack.source.overhead)
    except Exception:  # noqa: BLE001 - the step itself will say of each volume what is wrong
        return math.inf
    return plan.raw.volume.nbytes + max(cost.memory for cost in costs) + 4 * results
