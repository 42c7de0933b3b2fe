"""Interruption: a signal stops a command within seconds, whatever it is doing.

A `KeyboardInterrupt` does not: raised in a callback of compiled code or of the garbage collector it
is lost, raised in the middle of an import or of another library it ends in tracebacks, and code
that waits in C does not raise it at all. So the command has a thread of its own, and the main
thread has nothing to do but take the signals.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

# How long a command may go on once it is asked to stop, to finish a file or an iteration [s].
PATIENCE = 3.0
_TICK = 0.05  # s between two looks at the command
# Ctrl-C, a request to end, a terminal that was closed; not all systems have all of them.
_SIGNALS = "SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"


class Interruption:
    """Runs one command; asks it to stop at a signal, and ends the process if it does not."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._signal = 0
        self._finished = self._told = False
        self._code = 0
        self._error: BaseException | None = None

    def run(self, command: Callable[[threading.Event], int]) -> int:
        """Run a command, which is to stop at the event; return its code, or 128 and the signal.

        Whatever the command raises is raised here, unless it was asked to stop. From here to the
        end of the process its signals are taken, but for those that it was told to ignore.
        """
        for number in _numbers():
            signal.signal(number, self._on_signal)
            # Registered first, so it comes last: what is complete is not said to be interrupted.
            atexit.register(signal.signal, number, signal.SIG_IGN)
        thread = threading.Thread(
            target=self._work, args=(command,), name="lazy-pipeline-command", daemon=True
        )
        thread.start()
        deadline: threading.Timer | None = None
        while thread.is_alive():
            thread.join(_TICK)
            if self._signal and deadline is None:
                # The end of the process may wait for threads, too.
                deadline = threading.Timer(PATIENCE, self._end)
                deadline.daemon = True
                deadline.start()
        self._finished = True
        if self._signal:
            self._say()
            return 128 + self._signal
        if self._error is not None:
            raise self._error
        return self._code

    def _work(self, command: Callable[[threading.Event], int]) -> None:
        try:
            self._code = command(self._stop)
        except BaseException as error:  # noqa: BLE001 - the main thread raises it
            self._error = error

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        # The second time, or with nothing left to stop, it is at once.
        at_once = self._finished or self._signal
        self._signal = self._signal or number
        if at_once:
            self._end()
        self._stop.set()

    def _end(self) -> None:
        """End the process as it is: no file that is not complete has its name yet."""
        self._say()
        os._exit(128 + self._signal)

    def _say(self) -> None:
        """Say once, in one line, that the command was stopped, and where it stands if it knows."""
        if self._told:
            return
        self._told = True
        how = "interrupted" if self._signal == signal.SIGINT else "terminated"
        where = self._state() if self._finished else ""
        # A line that counts volumes on a screen is not complete.
        start = "\n" if sys.stderr is not None and sys.stderr.isatty() else ""
        line = f"{start}napari-lazy-pipeline: {how}{where and f': {where}'}\n"
        try:
            # Not by `sys.stderr`: a signal may come while that is written to.
            os.write(2, line.encode(errors="backslashreplace"))
        except OSError:
            return  # the terminal is gone

    def _state(self) -> str:
        """What a command that stopped as it was asked to says of its state."""
        from napari_lazy_pipeline.errors import Cancelled

        return str(self._error) if isinstance(self._error, Cancelled) else ""


def _numbers() -> list[int]:
    """Signals to take: a program in the background, or under nohup, is to ignore some."""
    if threading.current_thread() is not threading.main_thread():
        return []
    numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
    return [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
