"""Queue report: what became of the exports of a queue, in words."""

from __future__ import annotations

from collections.abc import Sequence

from napari_lazy_pipeline.exports.job import Job
from napari_lazy_pipeline.image.problem_log import Problem


def summary(jobs: Sequence[Job]) -> str:
    """Say what became of the jobs in a line; empty if all there is to say is an error."""
    if len(jobs) == 1:
        return f"{jobs[0].report}." if jobs[0].report is not None else ""
    done = sum(job.state == "done" for job in jobs)
    failed = sum(job.state == "failed" for job in jobs)
    stopped = (job for job in jobs if job.state == "cancelled" and job.total)
    parts = [f"{job.title}: {job.description}" for job in stopped]
    parts.append(f"{done} of {len(jobs)} folders done")
    parts += [f"{failed} failed"] if failed else []
    return f"{'; '.join(parts)}."


def problems(jobs: Sequence[Job]) -> list[Problem]:
    """List the volumes that could not be written."""
    listed = []
    for job in jobs:
        title = f"{job.title}: " if len(jobs) > 1 else ""
        for one in job.report.failed if job.report is not None else ():
            stage = f" in {one.stage}" if one.stage else ""
            where = f"{title}time point {one.t}, channel {one.c}{stage}"
            listed.append(Problem(where, one.why, "not written"))
    return listed
