"""Preferences: what the person set in napari's own dialog, checked before it is used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml
from napari.settings import get_plugin_settings
from qtpy.QtCore import QObject, Signal

from napari_lazy_pipeline._gui.data.watch_control import WatchControl
from napari_lazy_pipeline._runtime.free_memory import budget
from napari_lazy_pipeline._runtime.threads import cpu_count
from napari_lazy_pipeline.engines import get_engine, notices
from napari_lazy_pipeline.engines.cpu.cpu_engine import CpuEngine
from napari_lazy_pipeline.image.problem_log import Problem
from napari_lazy_pipeline.session.session import Session

PLUGIN = "napari-lazy-pipeline"
_GB = 2**30
_WHERE = "Preferences"


@dataclass(frozen=True)
class Preferences:
    """What can be set; the defaults are those of the core.

    Attributes
    ----------
    cache_size
        Memory for results [GB].
    threads
        How many the CPU engine uses; 0 for one per CPU.
    engine
        Where a new dock computes.
    interval
        Time from one look for new files to the next [s].
    """

    cache_size: float = 2.0
    threads: int = 0
    engine: str = "cpu"
    interval: float = 1.0

    @property
    def cache_bytes(self) -> int:
        """Memory for results [byte]."""
        return int(self.cache_size * _GB)


class PreferencesReader(QObject):
    """Reads the preferences from napari, and tells when they change.

    What cannot be used is replaced and listed among the problems.

    Signals
    -------
    changed(Preferences)
        The person changed something.
    """

    changed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._settings: Any = None
        try:
            self._settings = get_plugin_settings(PLUGIN)
        except Exception as error:  # noqa: BLE001 - whatever a damaged file makes napari raise
            _report(
                f"They cannot be read: {type(error).__name__}: {error}", "the defaults are used"
            )
        else:
            for what, done in _refused(self._settings):
                _report(what, done)
            self._settings.events.changed.connect(self._on_changed)
        self.now = self._read()

    def close(self) -> None:
        """Listen no more."""
        if self._settings is not None:
            self._settings.events.changed.disconnect(self._on_changed)

    def _on_changed(self, event: Any = None) -> None:
        now = self._read()
        if now != self.now:
            self.now = now
            self.changed.emit(now)

    def _read(self) -> Preferences:
        """What is set, as far as this machine can do it."""
        if self._settings is None:
            return Preferences()
        here, there = self._settings.processing, self._settings.watching
        return Preferences(
            _cache(here.cache_size), _threads(here.threads), here.engine, there.interval
        )


def _cache(size: float) -> float:
    """The size of the cache [GB]; what nobody chose is not held against the memory."""
    most = budget() / _GB
    if size <= max(most, Preferences.cache_size):
        return size
    _report(
        f"A cache of {size:g} GB is more than the {most:.1f} GB of memory that it may have",
        f"{most:.1f} GB are used",
    )
    return most


def _threads(count: int) -> int:
    most = cpu_count()
    if count <= most:
        return count
    _report(f"{count} threads are more than there are CPUs", f"{most} are used")
    return most


def _report(what: str, done: str) -> None:
    notices.report(Problem(_WHERE, what, done))


def _refused(settings: Any) -> list[tuple[str, str]]:
    """What stands in the file of the settings and was not taken over; napari only logs it."""
    path = settings.config_path
    if not path or not path.is_file():
        return []
    try:
        written = yaml.safe_load(path.read_text("utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return [(f"{path} cannot be read", "the defaults are used")]
    return [
        (f"{group}.{name} = {value!r} in {path} is not possible", f"{used!r} is used")
        for group in ("processing", "watching")
        for name, value in _entries(written.get(group)).items()
        if (used := getattr(getattr(settings, group), name, value)) != value
    ]


def _entries(group: Any) -> dict[str, Any]:
    return group if isinstance(group, dict) else {}


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

    def __init__(self, session: Session, live: WatchControl, interval: float | None) -> None:
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
