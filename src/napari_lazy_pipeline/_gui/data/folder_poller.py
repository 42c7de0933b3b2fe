"""Poller: looks at a folder again and again, in a thread, as often as the share can bear."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic

from qtpy.QtCore import QObject, QTimer, Signal

from napari_lazy_pipeline.io.files.identity_cache import IdentityCache
from napari_lazy_pipeline.io.live.stack_watcher import PollResult, StackWatcher

_SHARE = 2  # a poll may take half of the time; slow shares are polled less often
_SILENT = 5.0  # s without an answer, after which a share is said not to answer

Places = list[tuple[int, int]]


@dataclass(frozen=True)
class PollOutcome:
    """What a poll brought.

    Attributes
    ----------
    look
        What the watcher says.
    replaced
        Time point and channel of volumes on screen whose files are others now.
    """

    look: PollResult
    replaced: tuple[tuple[int, int], ...]


class FolderPoller(QObject):
    """Polls a folder in a thread, as often as it can bear, until it is told to stop.

    Between two polls for new files, there is one that only looks whether those seen before have
    changed: a file is then shown within less than two intervals of its completion.

    Parameters
    ----------
    interval
        Time from one look for new files to the next [s].

    Signals
    -------
    found(Found)
        A poll is done.
    troubled(str)
        A poll failed, or takes long: why. It is tried again.
    """

    found = Signal(object)
    troubled = Signal(str)
    _done = Signal(int, object, float)

    def __init__(self, interval: float) -> None:
        super().__init__()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="lazy-watch")
        self._timer = QTimer(self)
        self.set_interval(interval)
        self._timer.timeout.connect(self._tick)
        self._done.connect(self._on_done)
        self._watcher: StackWatcher | None = None
        self._wanted: Callable[[], tuple[IdentityCache, Places]]
        self._turn = self._generation = 0
        self._busy, self._began, self._not_before = False, 0.0, 0.0

    def set_interval(self, seconds: float) -> None:
        """Poll as often as that from now on."""
        self._timer.setInterval(max(round(500 * seconds), 1))

    def start(
        self,
        watcher: StackWatcher,
        on_screen: Callable[[], tuple[IdentityCache, Places]],
    ) -> None:
        """Poll from now on.

        Parameters
        ----------
        watcher
            Looks at the folder.
        on_screen
            Tells which volumes are on screen.
        """
        self.stop()
        self._watcher, self._wanted, self._turn, self._not_before = watcher, on_screen, 0, 0.0
        self._timer.start()
        self._tick()

    def stop(self) -> None:
        """Poll no more; what is under way is not told."""
        self._timer.stop()
        self._generation += 1
        self._watcher = None

    def close(self) -> None:
        """End."""
        self.stop()
        self._pool.shutdown(wait=False, cancel_futures=True)

    @property
    def active(self) -> bool:
        """Whether it polls."""
        return self._watcher is not None

    def _tick(self) -> None:
        now = monotonic()
        if self._busy:
            if now - self._began > _SILENT:
                self.troubled.emit("the folder does not answer")
            return
        if self._watcher is not None and now >= self._not_before:
            self._busy, self._began = True, now
            watcher, generation, listing = self._watcher, self._generation, self._turn % 2 == 0
            raw, places = self._wanted()
            self._turn += 1
            self._pool.submit(lambda: self._poll(watcher, raw, places, listing, generation))

    def _poll(
        self,
        watcher: StackWatcher,
        raw: IdentityCache,
        places: Places,
        listing: bool,
        generation: int,
    ) -> None:
        begin = monotonic()
        try:
            look = watcher.poll(listing)
            result: object = PollOutcome(look, () if look.unreachable else _replaced(raw, places))
        except Exception as error:  # noqa: BLE001
            # Nobody waits for this thread: what it does not say is never heard.
            result = f"{type(error).__name__}: {error}"
        self._done.emit(generation, result, monotonic() - begin)

    def _on_done(self, generation: int, result: object, seconds: float) -> None:
        self._busy = False
        self._not_before = self._began + _SHARE * seconds
        if generation != self._generation:
            return
        if isinstance(result, PollOutcome):
            self.found.emit(result)
        else:
            self.troubled.emit(str(result))


def _replaced(raw: IdentityCache, places: Places) -> tuple[tuple[int, int], ...]:
    """Those of the volumes on screen whose files are others than when they were read."""
    sizes = raw.sizes
    return tuple(
        (t, c)
        for t, c in places
        if t < sizes[0] and raw.known(t, c) and raw.identity(t, c) != raw.refresh(t, c)
    )
