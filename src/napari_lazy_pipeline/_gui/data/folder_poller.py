"""Folder poller: polls a folder again and again, in a thread, as often as the share can bear."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from qtpy.QtCore import QObject, QTimer, Signal

from napari_lazy_pipeline._gui.widgets.background_task import BackgroundTask
from napari_lazy_pipeline.io.files.file_source import FileSource
from napari_lazy_pipeline.io.files.identity_cache import IdentityCache
from napari_lazy_pipeline.io.live.folder_watcher import stack_watcher
from napari_lazy_pipeline.io.live.stack_watcher import PollResult, StackWatcher

_SHARE = 2  # a poll may take half of the time; slow shares are polled less often
_SILENCE = 5.0  # s without an answer, after which a share is said not to answer

Volumes = list[tuple[int, int]]
OnScreen = Callable[[], tuple[IdentityCache, Volumes]]


class FolderPoller(QObject):
    """Polls a folder in a thread, as often as it can bear, until it is stopped.

    Between two polls for new files, there is one that only checks whether those seen before have
    changed: a file is then shown within less than two intervals [s] of its completion.
    """

    polled = Signal(object, object)  # PollResult; volumes (t, c) on screen of other files now
    failed = Signal(str)  # why a poll failed, or takes long; it is tried again

    def __init__(self, interval: float) -> None:
        super().__init__()
        self._timer = QTimer(self)
        self.set_interval(interval)
        self._timer.timeout.connect(self._on_timeout)
        self._task = BackgroundTask("The folder cannot be polled", name="lazy-watch")
        self._task.finished.connect(self._on_finished)
        self._task.failed.connect(self._on_failed)
        self._watcher: StackWatcher | None = None
        self._on_screen: OnScreen
        self._folder, self._count = "", 0
        self._start = self._not_before = 0.0

    def set_interval(self, seconds: float) -> None:
        """Poll as often as that from now on."""
        self._timer.setInterval(max(round(500 * seconds), 1))

    def start(self, source: FileSource, on_screen: OnScreen) -> None:
        """Poll from now on; ``source`` is what the folder held when it was opened."""
        self.stop()
        self._watcher, self._on_screen = stack_watcher(source), on_screen
        self._folder, self._count, self._not_before = source.folder, 0, 0.0
        self._timer.start()
        self._on_timeout()

    def stop(self) -> None:
        """Poll no more; the result of a poll that is under way is dropped."""
        self._timer.stop()
        self._task.forget()
        self._watcher = None

    @property
    def active(self) -> bool:
        """Return whether it polls."""
        return self._watcher is not None

    def _on_timeout(self) -> None:
        now, watcher = monotonic(), self._watcher
        if self._task.busy:
            if now - self._start > _SILENCE:
                self.failed.emit("the folder does not answer")
        elif watcher is not None and now >= self._not_before:
            listing = self._count % 2 == 0
            raw, volumes = self._on_screen()
            self._start, self._count = now, self._count + 1
            self._task.start(self._folder, lambda _: _poll(watcher, listing, raw, volumes))

    def _on_finished(self, outcome: tuple[PollResult, Volumes]) -> None:
        self._pause()
        self.polled.emit(*outcome)

    def _on_failed(self, error: Exception) -> None:
        self._pause()
        self.failed.emit(str(error))

    def _pause(self) -> None:
        self._not_before = self._start + _SHARE * (monotonic() - self._start)


def _poll(
    watcher: StackWatcher, listing: bool, raw: IdentityCache, volumes: Volumes
) -> tuple[PollResult, Volumes]:
    """Poll, and list the volumes on screen whose files are others than when they were read."""
    result, times = watcher.poll(listing), raw.sizes[0]
    if result.unreachable:
        return result, []
    cached = [(t, c) for t, c in volumes if t < times and raw.known(t, c)]
    return result, [volume for volume in cached if raw.identity(*volume) != raw.refresh(*volume)]
