"""Queue store: where the exports that are not complete wait for the next session."""

from __future__ import annotations

from pathlib import Path
from time import monotonic

from qtpy.QtCore import QStandardPaths

from napari_lazy_pipeline._gui.widgets.background_task import TaskRun
from napari_lazy_pipeline.errors import ExportError
from napari_lazy_pipeline.exports.job import Job
from napari_lazy_pipeline.exports.queue import ExportQueue

_INTERVAL = 2.0  # s between two saves of how far a job is


def queue_file() -> Path:
    """Path of the queue of the person."""
    location = QStandardPaths.StandardLocation.GenericConfigLocation
    folder = QStandardPaths.writableLocation(location)
    return Path(folder) / "napari-lazy-pipeline" / "queue.json"


def run_queue(queue: ExportQueue, file: Path, run: TaskRun) -> None:
    """Run a queue in the background, and save how far it is: napari may be closed at any time.

    What cannot be saved is written all the same; the `ExportError` comes at the end.
    """
    state, saved, failure = "", 0.0, None

    def save() -> None:
        nonlocal failure
        try:
            queue.save(file)
        except OSError as error:
            failure = error

    def changed(job: Job) -> None:
        nonlocal state, saved
        run.report(job)
        if job.state != state or monotonic() > saved + _INTERVAL:
            state, saved = job.state, monotonic()
            save()

    save()
    queue.run(changed, run.cancelled)
    save()
    if failure is not None:
        what = f"The queue cannot be saved for the next session: {failure.strerror or failure}"
        raise ExportError(what, str(file)) from failure
