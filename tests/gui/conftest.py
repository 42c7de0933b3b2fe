"""The dock in a real viewer; every test closes what it opens."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from quick_windows import (
    no_hidden_menu_bar,
    no_saved_settings,
    quick_manifests,
    quick_shaders,
)

TIMEOUT = 60_000  # ms; nothing waits for it unless something is broken


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in Path(item.fspath).parents:
            item.add_marker(pytest.mark.gui)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Compile before the first test: on a busy computer that takes longer than a test may."""
    if not session.config.option.collectonly and any(map(_is_gui, session.items)):
        from napari_lazy_pipeline._gui.first_use import warm_up

        warm_up()


def _is_gui(item: pytest.Item) -> bool:
    return item.get_closest_marker("gui") is not None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Iterator[None]:
    """Collect what a test left, and do not search through the rest of it again.

    napari collects all garbage at each layer that goes: that was two fifths of these tests' time.
    """
    result = yield
    gc.collect()
    gc.freeze()
    return result


@pytest.fixture(scope="session", autouse=True)
def _quick_windows() -> Iterator[None]:
    """What each new viewer does again and again, made cheap: it is most of the time of these tests.

    What was imported is not searched for garbage, either.
    """
    import napari.viewer  # noqa: F401

    import napari_lazy_pipeline._gui.dock  # noqa: F401

    with pytest.MonkeyPatch.context() as patch:
        for quick in (quick_manifests, quick_shaders, no_hidden_menu_bar, no_saved_settings):
            quick(patch.setattr)
        gc.collect()
        gc.freeze()
        yield
        gc.unfreeze()


@pytest.fixture(autouse=True)
def _alone(nobody_there: None) -> None:
    """Every test is."""


@pytest.fixture
def dock(make_napari_viewer: Callable[..., Any]) -> Iterator[Any]:
    """The dock as `add_plugin_dock_widget` makes it."""
    viewer = make_napari_viewer()
    _, widget = viewer.window.add_plugin_dock_widget("napari-lazy-pipeline", "Lazy Pipeline")
    yield widget
    widget.shut_down()
    widget.compute_thread.join()


@pytest.fixture
def settle(qtbot: Any) -> Callable[[Any], None]:
    """Wait until a dock shows what its steps make."""

    def wait(dock: Any) -> None:
        def idle() -> bool:
            return bool(dock.idle)

        qtbot.waitUntil(idle, timeout=TIMEOUT)
        # The last signal may still be on its way.
        qtbot.wait(1)
        qtbot.waitUntil(idle, timeout=TIMEOUT)

    return wait


@pytest.fixture
def nothing_stated() -> None:
    """For tests of folders about which neither files nor a person say anything."""


@pytest.fixture(autouse=True)
def stated(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person stated voxels and scan of the folders that `write_raw` writes, earlier."""
    if "nothing_stated" in request.fixturenames:
        return
    from napari_lazy_pipeline._gui.data.stated_values import StatedValues
    from napari_lazy_pipeline.io import MetadataOverrides

    values = MetadataOverrides(voxel_size=(1.0, 1.0, 1.0), angle=31.5, step="stage")
    remembered = StatedValues.of

    def of(self: Any, folder: str) -> Any:
        ours = any(Path(folder).glob("cell_ch*"))
        return remembered(self, folder) or (values if ours else None)

    monkeypatch.setattr(StatedValues, "of", of)


@pytest.fixture
def opened(dock: Any, settle: Callable[[Any], None], raw_folder: Path) -> Any:
    """The dock with a small folder open: 3 time points, 2 channels."""
    dock.open_folder(raw_folder)
    settle(dock)
    return dock
