"""Preferences: shown by napari, used by the dock at once, and never a reason not to start."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import napari_lazy_pipeline
from dock_helpers import edit, expected, on_screen
from napari_lazy_pipeline._runtime.threads import cpu_count
from napari_lazy_pipeline.compute import StageCache
from napari_lazy_pipeline.engines import get_engine, notices
from napari_lazy_pipeline.session import Session

TIMEOUT = 30_000
NAME = "napari-lazy-pipeline"


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """What is set for the whole process is set back."""
    notices.clear()
    yield
    notices.clear()
    get_engine("cpu").use_threads(0)  # type: ignore[attr-defined]


@pytest.fixture
def registered(plugin_settings: None, npe2pm: Any) -> Any:
    """Our manifest alone, with settings in a folder of the test."""
    from npe2 import PluginManifest

    manifest = Path(napari_lazy_pipeline.__file__).with_name("napari.yaml")
    npe2pm.register(PluginManifest.from_file(manifest))
    return npe2pm


@pytest.fixture
def make_dock(registered: Any, make_napari_viewer: Callable[..., Any]) -> Iterator[Any]:
    made = []

    def make() -> Any:
        from napari_lazy_pipeline._gui.dock import LazyPipelineWidget

        viewer = make_napari_viewer()
        dock = LazyPipelineWidget(viewer)
        viewer.window.add_dock_widget(dock, name="Lazy Pipeline")
        made.append(dock)
        return dock

    yield make
    for dock in made:
        dock.shut_down()
        dock.compute_thread.join()


def settings() -> Any:
    from napari.settings import get_plugin_settings

    return get_plugin_settings(NAME)


def write(tmp_path: Path, text: str) -> None:
    (tmp_path / f"{NAME}.yaml").write_text(text)


def told() -> str:
    return "\n".join(f"{p.where}: {p.what}; {p.done}" for p in notices)


def test_the_manifest_and_the_core_agree_on_the_defaults(registered: Any) -> None:
    from napari_lazy_pipeline._gui.data.watch_control import WATCH_INTERVAL
    from napari_lazy_pipeline._gui.preferences.preferences import Preferences

    here, there = settings().processing, settings().watching
    assert Preferences() == Preferences(here.cache_size, here.threads, here.engine, there.interval)
    assert Preferences().cache_bytes == StageCache().limit
    assert Preferences().engine == Session().engine
    assert Preferences().interval == WATCH_INTERVAL


def test_every_engine_can_be_preferred(registered: Any) -> None:
    from napari_lazy_pipeline.engines import engine_names

    manifest = registered.get_manifest(NAME)
    choices = manifest.contributions.configurations["processing"].properties["engine"].enum
    assert set(choices) == set(engine_names())


def test_they_hold_from_the_start(make_dock: Any, tmp_path: Path) -> None:
    write(
        tmp_path,
        "processing: {cache_size: 0.25, threads: 1, engine: auto}\nwatching: {interval: 3}\n",
    )
    dock = make_dock()
    assert dock.session.cache.limit == 2**28
    assert get_engine("cpu").threads.count == 1  # type: ignore[attr-defined]
    assert dock.session.engine == dock.view.engine.currentText() == "auto"
    assert dock.live.poller._timer.interval() == 1500, (
        "half of it: every second look is a short one"
    )
    assert not told()


def test_a_change_holds_at_once(
    make_dock: Any, settle: Callable[[Any], None], raw_folder: Path
) -> None:
    dock = make_dock()
    dock.open_folder(raw_folder)
    settle(dock)
    edit(dock, "deskew")
    settle(dock)
    settings().processing.cache_size = 0.1
    assert dock.session.cache.limit == int(0.1 * 2**30)
    settings().processing.threads = 1
    assert get_engine("cpu").threads.count == 1  # type: ignore[attr-defined]
    settings().watching.interval = 5.0
    assert dock.live.poller._timer.interval() == 2500
    settings().processing.engine = "auto"
    assert dock.view.engine.currentText() == "auto"
    settle(dock)
    np.testing.assert_array_equal(on_screen(dock.layers.layers[0]), expected(dock, 0, 0, 6))
    settings().processing.threads = 0
    assert get_engine("cpu").threads.count == cpu_count()  # type: ignore[attr-defined]


def test_another_engine_chosen_in_the_dock_stays_chosen(make_dock: Any) -> None:
    dock = make_dock()
    dock.view.engine.setCurrentText("auto")
    settings().watching.interval = 2.0
    assert dock.session.engine == "auto"


def test_a_dock_that_is_closed_takes_no_notice(make_dock: Any) -> None:
    dock = make_dock()
    dock.shut_down()
    before = dock.session.cache.limit
    settings().processing.cache_size = 0.5
    assert dock.session.cache.limit == before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("processing: {cache_size: -3}\n", "processing.cache_size = -3 in"),
        ("processing: {engine: abacus}\n", "processing.engine = 'abacus' in"),
        ("processing: {threads: many}\n", "processing.threads = 'many' in"),
        ("watching: {interval: 0}\n", "watching.interval = 0 in"),
        ("processing: {cache_size: [\n", "cannot be read"),
        ("- a list\n", "cannot be read"),
        ("\0\x01", "cannot be read"),
    ],
)
def test_what_cannot_be_used_is_said_and_the_default_holds(
    make_dock: Any, tmp_path: Path, text: str, words: str
) -> None:
    write(tmp_path, text)
    dock = make_dock()
    assert words in told() and ("is used" in told() or "are used" in told())
    assert dock.problems.button.isVisibleTo(dock)
    assert dock.session.cache.limit == StageCache().limit
    assert dock.session.engine == "cpu"
    assert dock.live.poller._timer.interval() == 500


def test_more_than_the_machine_has_is_cut_and_said(make_dock: Any, tmp_path: Path) -> None:
    from napari_lazy_pipeline._runtime.free_memory import available

    write(tmp_path, "processing: {cache_size: 2000, threads: 1000}\n")
    dock = make_dock()
    assert "A cache of 2000 GB is more than" in told()
    assert "1000 threads are more than there are CPUs" in told()
    assert dock.session.cache.limit <= max(available(), StageCache().limit)
    assert get_engine("cpu").threads.count == cpu_count()  # type: ignore[attr-defined]


def test_an_engine_that_does_not_work_here_is_said(
    make_dock: Any, tmp_path: Path, qtbot: Any
) -> None:
    reason = get_engine("pycudadecon").unavailable()
    if reason is None:
        pytest.skip("pycudadecon works here")
    write(tmp_path, "processing: {engine: pycudadecon}\n")
    dock = make_dock()
    assert dock.session.engine == "cpu"
    qtbot.waitUntil(lambda: f"pycudadecon: {reason}" in told(), timeout=TIMEOUT)
    assert dock.session.engine == "cpu"


def test_without_the_plugin_the_defaults_hold(plugin_settings: None, npe2pm: Any) -> None:
    from napari_lazy_pipeline._gui.preferences.preferences import (
        Preferences,
        load_settings,
        read_preferences,
    )

    assert read_preferences(load_settings()) == Preferences()
    assert "cannot be read" in told()
