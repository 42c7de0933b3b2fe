"""Loops on several threads: errors are told, and a thread that is late keeps nothing."""

from __future__ import annotations

import os
import threading
import weakref

import numpy as np
import pytest

from napari_lazy_pipeline._runtime import threads as _workers
from napari_lazy_pipeline._runtime.threads import Threads


def test_every_number_once():
    seen = []
    Threads(3).for_each(seen.append, 200)
    assert sorted(seen) == list(range(200))


def test_what_a_thread_raises_ends_the_loop():
    def fail(i):
        if i == 3:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Threads(2).for_each(fail, 10_000_000)


def test_a_helper_that_is_late_keeps_no_memory():
    busy, over = threading.Event(), threading.Event()

    def wait(_=None):
        busy.set()
        assert over.wait(60)

    helper = _workers._pool(2, os.getpid()).submit(wait)
    try:
        assert busy.wait(60)
        array = np.zeros(10)
        gone = weakref.ref(array)
        Threads(2).for_each(array.__getitem__, 10)
        del array
        assert gone() is None
    finally:
        over.set()
        helper.result()


def test_where_the_system_gives_no_more_threads_one_does_it_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    done: list[int] = []
    Threads(7).for_each(done.append, 20)
    assert done == list(range(20))
