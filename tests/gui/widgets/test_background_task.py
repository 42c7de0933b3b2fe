"""Errands: a place that hangs holds up nobody else, and only the latest answer is heard."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from napari_lazy_pipeline.errors import FolderError


@pytest.fixture
def errand(qtbot: Any) -> Any:
    from napari_lazy_pipeline._gui.widgets.background_task import BackgroundTask

    one = BackgroundTask("The share is ill")
    one.heard = []  # type: ignore[attr-defined]
    one.answered.connect(one.heard.append)  # type: ignore[attr-defined]
    one.failed.connect(one.heard.append)  # type: ignore[attr-defined]
    return one


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What hangs until it is opened; at the latest at the end of the test."""
    event = threading.Event()
    yield event
    event.set()


def test_another_place_is_asked_at_once(errand: Any, gate: threading.Event, qtbot: Any) -> None:
    errand.ask("hangs", lambda: gate.wait(60) and "late")
    errand.ask("answers", lambda: "at once")
    qtbot.waitUntil(lambda: bool(errand.heard))
    assert errand.heard == ["at once"] and errand.busy
    gate.set()
    qtbot.waitUntil(lambda: not errand.busy)
    assert errand.heard == ["at once"], "nobody wants the late answer any more"


def test_of_those_that_wait_only_the_latest_is_asked(
    errand: Any, gate: threading.Event, qtbot: Any
) -> None:
    asked: list[int] = []
    errand.ask("place", lambda: gate.wait(60) and "first")
    for number in range(3):
        errand.ask("place", lambda number=number: asked.append(number) or number)
    gate.set()
    qtbot.waitUntil(lambda: not errand.busy)
    assert asked == [2] and errand.heard == [2]


def test_what_is_forgotten_is_not_heard(errand: Any, gate: threading.Event, qtbot: Any) -> None:
    errand.ask("place", lambda: gate.wait(60) and "late")
    errand.forget()
    gate.set()
    qtbot.waitUntil(lambda: not errand.busy)
    assert errand.heard == []


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (FolderError("It is gone", "share"), "It is gone (share)"),
        (OSError("input/output"), "The share is ill: input/output (place)"),
    ],
)
def test_errors_are_told(errand: Any, qtbot: Any, error: Exception, sentence: str) -> None:
    def fail() -> None:
        raise error

    errand.ask("place", fail)
    qtbot.waitUntil(lambda: bool(errand.heard))
    assert str(errand.heard[0]) == sentence


def test_it_outlives_its_owner_until_it_has_answered(gate: threading.Event, qtbot: Any) -> None:
    import gc
    import weakref

    from napari_lazy_pipeline._gui.widgets.background_task import BackgroundTask

    one = BackgroundTask()
    alive = weakref.ref(one)
    one.ask("place", lambda: gate.wait(60))
    del one
    gc.collect()
    assert alive() is not None
    gate.set()
    qtbot.waitUntil(lambda: alive() is None or not alive().busy)


def test_qt_does_not_wait_for_it_at_the_end(errand: Any, gate: threading.Event, qtbot: Any) -> None:
    errand.ask("hangs", lambda: gate.wait(60))
    threads = [one for one in threading.enumerate() if one.name == "lazy-errand"]
    assert threads and all(one.daemon for one in threads)
