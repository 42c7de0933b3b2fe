"""Opener: looks at folders and engines in the background."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QObject, Signal

from napari_lazy_pipeline._gui.widgets.background_task import BackgroundTask
from napari_lazy_pipeline.engines import engine_names, get_engine
from napari_lazy_pipeline.io.open_stack import inspect_folder


class FolderOpener(QObject):
    """Looks at folders and engines in the background; of several folders, the latest wins.

    Attributes
    ----------
    busy
        Whether a folder is being looked at.

    Signals
    -------
    opened(Survey), failed(LazyPipelineError)
        What came of the latest folder.
    engines(dict)
        For each engine, why it cannot be used, or None.
    """

    opened = Signal(object)
    failed = Signal(object)
    engines = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.busy = False
        # A share that hangs must not hold up the next folder.
        self._errand = BackgroundTask("The folder cannot be opened")
        self._errand.answered.connect(self.opened)
        self._errand.failed.connect(self.failed)
        self._engines = BackgroundTask("The engines cannot be looked at")
        self._engines.answered.connect(self.engines)

    def done(self) -> None:
        """The answer has arrived where it was wanted."""
        self.busy = False

    def open(self, folder: str, pattern: str = "", options: dict[str, Any] | None = None) -> None:
        """Look at a folder; the answer comes as a signal.

        Parameters
        ----------
        folder, pattern
            What to look at; an empty pattern is proposed.
        options
            What else `folder_info` is told.
        """
        self.busy = True
        told = options or {}
        self._errand.ask(folder, lambda: inspect_folder(folder, pattern or None, **told))

    def look_at_engines(self) -> None:
        """Find out which engines can be used."""
        self._engines.ask("engines", _reasons)


def _reasons() -> dict[str, str | None]:
    return {name: get_engine(name).unavailable() for name in engine_names()}
