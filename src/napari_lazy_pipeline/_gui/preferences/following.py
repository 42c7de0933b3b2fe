"""Following preferences: lets session and watching do as the person prefers, from the start on."""

from __future__ import annotations

from qtpy.QtCore import QObject

from napari_lazy_pipeline._gui.data.watch_control import Live
from napari_lazy_pipeline._gui.preferences.preferences import Preferences, PreferencesReader
from napari_lazy_pipeline.engines import get_engine, notices
from napari_lazy_pipeline.engines.cpu.cpu_engine import CpuEngine
from napari_lazy_pipeline.image.problem_log import Problem
from napari_lazy_pipeline.session.session import Session

# Engines that work everywhere.
ALWAYS = ("cpu", "auto")


class FollowingPreferences(QObject):
    """Applies the preferences, now and whenever they change.

    Parameters
    ----------
    session, live
        Whose cache and engine, and whose polling.
    interval
        Time between two looks at a folder that is watched [s]; None: as the preferences say.
    """

    def __init__(self, session: Session, live: Live, interval: float | None) -> None:
        super().__init__()
        self._session, self._live, self._interval = session, live, interval
        self._reader = PreferencesReader()
        self._engine = session.engine
        self._missing: dict[str, str | None] = {}
        self._reader.changed.connect(self._apply)
        self._apply(self._reader.now)

    def close(self) -> None:
        """Listen no more."""
        self._reader.close()

    def on_engines(self, missing: dict[str, str | None]) -> None:
        """By now it is known why which engine cannot be used here."""
        self._missing = missing
        if self._engine not in ALWAYS:
            self._take_engine()

    def _apply(self, preferences: Preferences) -> None:
        self._session.cache.limit = preferences.cache_bytes
        cpu = get_engine("cpu")
        if isinstance(cpu, CpuEngine):
            cpu.use_threads(preferences.threads)
        self._live.set_interval(self._interval or preferences.interval)
        if preferences.engine != self._engine:
            self._engine = preferences.engine
            self._take_engine()

    def _take_engine(self) -> None:
        """Take the engine that is preferred, once it is known to work here."""
        name = self._engine
        if reason := self._missing.get(name):
            notices.report(Problem("Preferences", f"{name}: {reason}", "the CPU is used"))
        elif name in ALWAYS or name in self._missing:
            self._session.set_engine(name)
