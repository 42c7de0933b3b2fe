"""Queue: exports that run one after the other, and are there again after a restart."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterable
from itertools import count
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter

from napari_lazy_pipeline._runtime.cancellation import not_cancelled
from napari_lazy_pipeline._runtime.fresh_file import remove_leftovers, write_text
from napari_lazy_pipeline._runtime.regular_file import NotAFileError, read_text
from napari_lazy_pipeline.errors import ExportError, LazyPipelineError
from napari_lazy_pipeline.exports.job import Job, JobSettings, State
from napari_lazy_pipeline.session import Recipe


class _SavedJob(BaseModel):
    """What a file has of a job."""

    title: str
    position: str | None
    channels: int | None
    state: State
    done: int
    total: int
    error: str
    raw: Path | None
    out: Path | None
    recipe: Recipe
    settings: JobSettings

    def job(self) -> Job:
        """The job: it goes on as it was begun, when the person says so."""
        job = Job(**dict(self), own_recipe=True)
        if job.state in ("running", "waiting"):
            job.state = "cancelled"
        return job


_SAVED_JOBS = TypeAdapter(list[_SavedJob])


class ExportQueue:
    """Jobs that run one after the other; one that fails does not stop the others.

    Jobs may be added while it runs, from any thread.

    Examples
    --------
    >>> queue = ExportQueue([Job("cell5"), Job("cell6")])
    >>> queue.run()  # nothing is ready: no job has a recipe
    >>> [job.state for job in queue.jobs]
    ['waiting', 'waiting']
    """

    def __init__(self, jobs: Iterable[Job] = ()) -> None:
        self.jobs: list[Job] = list(jobs)
        self._saving = threading.Lock()

    def run(
        self,
        changed: Callable[[Job], None] = lambda job: None,
        cancelled: Callable[[], bool] = not_cancelled,
    ) -> None:
        """Run all jobs that are ready, in their order; none writes to raw data of another.

        Parameters
        ----------
        changed
            Called with a job whose state or progress is another.
        cancelled
            Asked as `export` does: the job that runs stops, and those behind it wait.
        """
        while not cancelled():
            job = next((job for job in tuple(self.jobs) if job.ready), None)
            if job is None:
                return
            job.run(changed, cancelled, self.raw_folders)

    @property
    def raw_folders(self) -> list[Path]:
        """Folders of raw files, of all jobs: nothing may be written there."""
        folders = (job.raw_folder for job in tuple(self.jobs))
        return [folder for folder in folders if folder is not None]

    @property
    def resumable(self) -> bool:
        """Return whether there is something to resume."""
        return any(job.resumable for job in self.jobs)

    def resume(self) -> None:
        """Let cancelled and failed jobs wait for their turn: `run` completes what is missing."""
        for job in self.jobs:
            if job.resumable:
                job.restart()

    def save(self, path: Path) -> None:
        """Write the jobs that are not done, for `load`; those in memory only cannot be."""
        jobs = [_as_json(job) for job in self.jobs if job.state != "done" and _can_be_saved(job)]
        with self._saving:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, json.dumps(jobs, indent=1))

    @classmethod
    def load(cls, path: Path) -> ExportQueue:
        """Read the jobs that an earlier process did not complete; none if there is no such file.

        What was running or waiting then is cancelled now. A file that cannot be read raises an
        `ExportError`; it is kept beside, under another name, and not written over.
        """
        if not path.exists():
            return cls()
        what = "The queue of the last session cannot be read"
        try:
            remove_leftovers(path.parent)
            saved = _SAVED_JOBS.validate_python(json.loads(read_text(path, follow=False)))
            return cls(one.job() for one in saved)
        except NotAFileError as error:
            what = f"{what}: {error.strerror}"
            raise ExportError(what, str(path), "Move it away, and add the folders again") from error
        # A damaged file may also have more brackets than can be followed.
        except (OSError, ValueError, LazyPipelineError, RecursionError) as error:
            kept = _kept(path)
            hint = f"It is kept as {kept.name}. Add its folders again"
            raise ExportError(what, str(path), hint) from error


def _kept(path: Path) -> Path:
    """Rename a file that cannot be read, to a name that is free, and return that."""
    names = (path.with_name(f"{path.name}.broken{n or ''}") for n in count())
    kept = next(name for name in names if not os.path.lexists(name))
    os.replace(path, kept)
    return kept


def _can_be_saved(job: Job) -> bool:
    """Return whether a recipe says all there is to say about a job."""
    recipe = job.recipe
    if recipe is None or (recipe.source is None and job.raw is None):
        return False
    return not any(step.only_in_memory() for step in recipe.pipeline.steps)


def _as_json(job: Job) -> dict[str, Any]:
    saved = _SavedJob.model_validate(job, from_attributes=True)
    return saved.model_dump(mode="json")
