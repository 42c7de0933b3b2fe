"""Background tasks: a place that hangs holds up nothing else, and only the latest result counts."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from napari_lazy_pipeline.errors import Cancelled, FolderError


@pytest.fixture
def task(qtbot: Any) -> Any:
    from napari_lazy_pipeline._gui.widgets.background_task import BackgroundTask

    task = BackgroundTask("The share is ill", name="lazy-test")
    task.results = []  # type: ignore[attr-defined]
    task.finished.connect(task.results.append)  # type: ignore[attr-defined]
    task.failed.connect(task.results.append)  # type: ignore[attr-defined]
    return task


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What hangs until it is opened; at the latest at the end of the test."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def ended(qtbot: Any) -> Any:
    """Wait until no thread of a task is left, and its last signal has arrived."""

    def wait() -> None:
        qtbot.waitUntil(lambda: not threads())
        qtbot.wait(1)

    return wait


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "lazy-test"]


def test_another_place_is_worked_on_at_once(
    task: Any, gate: threading.Event, qtbot: Any, ended: Any
) -> None:
    task.start("hangs", lambda _: gate.wait(60) and "late")
    task.start("answers", lambda _: "at once")
    assert task.busy
    qtbot.waitUntil(lambda: bool(task.results))
    assert task.results == ["at once"] and not task.busy
    assert len(threads()) == 1, "one hangs still"
    gate.set()
    ended()
    assert task.results == ["at once"], "nobody wants the late result any more"


def test_of_those_that_wait_only_the_latest_runs(
    task: Any, gate: threading.Event, qtbot: Any, ended: Any
) -> None:
    calls: list[int] = []
    task.start("place", lambda _: gate.wait(60) and "first")
    for number in range(3):
        task.start("place", lambda _, number=number: calls.append(number) or number)
    assert len(threads()) == 1, "one thing at a time is done with a place"
    gate.set()
    qtbot.waitUntil(lambda: not task.busy)
    ended()
    assert calls == [2] and task.results == [2]


def test_the_one_before_is_cancelled(task: Any, qtbot: Any, ended: Any) -> None:
    def work(run: Any) -> None:
        while not run.cancelled():
            run.stop.wait(0.01)
        raise Cancelled

    task.start("place", work)
    task.start("place", lambda _: "second")
    qtbot.waitUntil(lambda: not task.busy)
    ended()
    assert task.results == ["second"]


def test_what_is_cancelled_still_has_a_result(task: Any, gate: Any, qtbot: Any) -> None:
    """An export says how far it came."""
    task.start("place", lambda run: gate.wait(60) and run.cancelled())
    task.cancel()
    assert task.busy
    gate.set()
    qtbot.waitUntil(lambda: not task.busy)
    assert task.results == [True]


def test_what_gives_up_ends_without_a_result(task: Any, qtbot: Any) -> None:
    def give_up(run: Any) -> None:
        raise Cancelled

    task.start("place", give_up)
    qtbot.waitUntil(lambda: not task.busy)
    assert task.results == []


def test_a_forgotten_result_is_dropped(
    task: Any, gate: threading.Event, qtbot: Any, ended: Any
) -> None:
    cancelled: list[bool] = []
    task.start("place", lambda run: gate.wait(60) and cancelled.append(run.cancelled()))
    task.forget()
    assert not task.busy
    gate.set()
    ended()
    assert cancelled == [True] and task.results == []


def test_progress_is_that_of_the_latest(task: Any, gate: threading.Event, qtbot: Any) -> None:
    values: list[object] = []
    task.progressed.connect(values.append)
    task.start("hangs", lambda run: run.report("late") or gate.wait(60))
    task.start("place", lambda run: [run.report(percent) for percent in (0, 50, 100)])
    qtbot.waitUntil(lambda: not task.busy)
    assert values == [0, 50, 100], "in order, and before the result"


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (FolderError("It is gone", "share"), "It is gone (share)"),
        (OSError("input/output"), "The share is ill: input/output (place)"),
        (ZeroDivisionError(), "The share is ill: ZeroDivisionError (place)"),
    ],
)
def test_errors_are_reported(task: Any, qtbot: Any, error: Exception, sentence: str) -> None:
    def fail(run: Any) -> None:
        raise error

    task.start("place", fail)
    qtbot.waitUntil(lambda: bool(task.results))
    assert str(task.results[0]) == sentence


def test_it_outlives_its_owner_until_the_function_has_ended(
    gate: threading.Event, qtbot: Any
) -> None:
    import gc
    import weakref

    from napari_lazy_pipeline._gui.widgets.background_task import BackgroundTask

    task = BackgroundTask()
    alive = weakref.ref(task)
    task.start("place", lambda _: gate.wait(60))
    del task
    gc.collect()
    assert alive() is not None
    gate.set()
    qtbot.waitUntil(lambda: alive() is None or not alive().busy)


@pytest.mark.parametrize("daemon", [True, False])
def test_the_program_ends_without_it_unless_it_has_to_end_well(
    gate: threading.Event, qtbot: Any, ended: Any, daemon: bool
) -> None:
    from napari_lazy_pipeline._gui.widgets.background_task import BackgroundTask

    task = BackgroundTask(name="lazy-test", daemon=daemon)
    task.start("hangs", lambda _: gate.wait(60))
    assert [thread.daemon for thread in threads()] == [daemon]
    gate.set()
    ended()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a priority for each thread")
def test_the_window_goes_first(task: Any, qtbot: Any) -> None:
    task.start("place", lambda _: os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
    qtbot.waitUntil(lambda: not task.busy)
    assert task.results == [10]
