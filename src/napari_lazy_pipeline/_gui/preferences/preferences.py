"""Preferences: what the person set in napari's own dialog, checked before it is used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml
from napari.settings import get_plugin_settings
from qtpy.QtCore import QObject

from napari_lazy_pipeline._gui.data.watch_control import WatchControl
from napari_lazy_pipeline._runtime.free_memory import budget
from napari_lazy_pipeline._runtime.regular_file import read_text
from napari_lazy_pipeline._runtime.threads import cpu_count
from napari_lazy_pipeline.engines import get_engine, notices
from napari_lazy_pipeline.engines.cpu.cpu_engine import CpuEngine
from napari_lazy_pipeline.image.problem_log import Problem
from napari_lazy_pipeline.session import Session

PLUGIN = "napari-lazy-pipeline"
ALWAYS = ("cpu", "auto")  # engines that work everywhere
_GB = 2**30
_ABOUT = "preferences"


@dataclass(frozen=True)
class Preferences:
    """Settings of the plugin; the defaults are those of the core."""

    cache_size: float = 2.0  # memory for results [GB]
    threads: int = 0  # how many the CPU engine uses; 0 for one per CPU
    engine: str = "cpu"  # where a new dock computes
    interval: float = 1.0  # time from one look for new files to the next [s]

    @property
    def cache_bytes(self) -> int:
        return int(self.cache_size * _GB)


class PreferencesControl(QObject):
    """Applies the preferences whenever they change; lists what cannot be used as a problem."""

    def __init__(self, session: Session, live: WatchControl, interval: float | None) -> None:
        super().__init__()
        self._session, self._live, self._interval = session, live, interval
        self._engine = session.engine
        self._missing: dict[str, str | None] = {}
        self._preferences: Preferences | None = None
        _withdraw_reports()
        self._settings = load_settings()
        if self._settings is not None:
            self._settings.events.changed.connect(self._apply)
        self._apply()

    def close(self) -> None:
        if self._settings is not None:
            self._settings.events.changed.disconnect(self._apply)

    def on_engines(self, missing: dict[str, str | None]) -> None:
        """By now it is known why which engine cannot be used here."""
        self._missing = missing
        if self._engine not in ALWAYS:
            self._set_engine()

    def _apply(self, event: Any = None) -> None:
        if event is not None:
            _withdraw_reports()  # napari wrote the file anew
        preferences = read_preferences(self._settings)
        if preferences == self._preferences:
            return
        self._preferences = preferences
        self._session.cache.limit = preferences.cache_bytes
        cpu = get_engine("cpu")
        if isinstance(cpu, CpuEngine):
            cpu.use_threads(preferences.threads)
        self._live.set_interval(self._interval or preferences.interval)
        if preferences.engine != self._engine:
            self._engine = preferences.engine
            self._set_engine()

    def _set_engine(self) -> None:
        """Use the engine that is preferred, once it is known to work here."""
        name = self._engine
        if reason := self._missing.get(name):
            _report(f"{name}: {reason}", "the CPU is used")
        elif name in ALWAYS or name in self._missing:
            self._session.set_engine(name)


def load_settings() -> Any:
    """The settings of the plugin in napari; None if their file is damaged."""
    try:
        settings = get_plugin_settings(PLUGIN)
    except Exception as error:  # noqa: BLE001 - whatever a damaged file makes napari raise
        _report(f"They cannot be read: {type(error).__name__}: {error}", "the defaults are used")
        return None
    _report_ignored(settings)
    return settings


def read_preferences(settings: Any) -> Preferences:
    """Read the settings, as far as this machine can do them."""
    if settings is None:
        return Preferences()
    processing, most = settings.processing, budget() / _GB
    size, threads = processing.cache_size, processing.threads
    # What nobody chose is not held against the memory.
    if size > max(most, Preferences.cache_size):
        _report(
            f"A cache of {size:g} GB is more than the {most:.1f} GB of memory that it may have",
            f"{most:.1f} GB are used",
        )
        size = most
    if threads > cpu_count():
        _report(f"{threads} threads are more than there are CPUs", f"{cpu_count()} are used")
        threads = cpu_count()
    return Preferences(size, threads, processing.engine, settings.watching.interval)


def _report(what: str, done: str) -> None:
    notices.report(Problem("Preferences", what, done), _ABOUT)


def _withdraw_reports() -> None:
    notices.withdraw(lambda about: about == _ABOUT)


def _report_ignored(settings: Any) -> None:
    """Report what stands in the file of the settings and is not possible; napari only logs it."""
    path = settings.config_path
    if not path or not path.is_file():
        return
    try:
        written = yaml.safe_load(read_text(path)) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        _report(f"{path} cannot be read", "the defaults are used")
        return
    for group in ("processing", "watching"):
        entries = written.get(group)
        for name, value in entries.items() if isinstance(entries, dict) else ():
            used = getattr(getattr(settings, group), name, value)
            if used != value:
                what = f"{group}.{name} = {value!r} in {path} is not possible"
                _report(what, f"{used!r} is used")
