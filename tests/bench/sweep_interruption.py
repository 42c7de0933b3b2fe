"""Ctrl-C at one moment after the other of a run: how it ends, and how long that takes.

    python tests/bench/sweep_interruption.py [warm] [cold] [cluster] [trouble] [--every SECONDS]

Give it the paths of the package and of tests/support in PYTHONPATH. *warm*: all is compiled
already; *cold*: every loop is compiled anew; *cluster*: on two workers of a scheduler. The last
moment is after the end. *trouble*: how soon it is told that a worker or a scheduler is lost.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from dask_cluster import Cluster, freeze
from interrupting import Outcome, command, environment, run_until, volumes, write_job

EVERY = {"warm": 0.05, "cold": 0.5, "cluster": 0.1}
SHAPE = 32, 96, 96


def main() -> None:
    """Sweep, and print a table for each kind of run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kinds", nargs="*", choices=[*EVERY, "trouble", []])
    parser.add_argument("--every", type=float)
    options = parser.parse_args()
    # In the background of a script it would be ignored, by all that is started from here, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for kind in options.kinds or [*EVERY, "trouble"]:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            job = write_job(folder, times=3, deconvolve=True, shape=SHAPE)
            if kind == "trouble":
                meet_trouble(job)
            else:
                sweep(kind, job, options.every or EVERY[kind])


def sweep(kind: str, job: Path, every: float) -> None:
    """Interrupt a run after 0, 1, 2, ... times so long, until it ends before that."""
    folder, numba = job.parent, job.parent / "numba"
    words = ["run", str(job), "--out", str(folder / "whole")]
    env = {"NUMBA_CACHE_DIR": str(numba)}
    start = time.monotonic()
    run_until(1000, *words, **env)
    whole = volumes(folder / "whole")
    print(f"{kind}: {len(whole)} volumes; compiled in {time.monotonic() - start:.1f} s", flush=True)
    cluster = Cluster(folder, 2) if kind == "cluster" else None
    more = ["--scheduler", cluster.address] if cluster else []
    found: dict[str, list[tuple[float, Outcome]]] = defaultdict(list)
    moment, ended = 0.0, False
    while not ended:
        if kind == "cold":
            shutil.rmtree(numba, ignore_errors=True)
        out = folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        outcome = run_until(moment, *words[:3], str(out), *more, **env)
        time.sleep(1.0 if cluster else 0.0)  # workers finish what they were at
        assert volumes(out).items() <= whole.items(), "half-written under a final name"
        ended = outcome.seconds == 0.0
        found[outcome.kind].append((moment, outcome))
        print(f"{moment:.2f} s: {outcome.kind}, after {outcome.seconds:.1f} s", flush=True)
        moment += every
    print("| exit status, standard error | moments | from, to [s] | longest [s] | for instance |")
    print("|---|---|---|---|---|")
    for name, moments in found.items():
        times = [moment for moment, _ in moments]
        longest = max(outcome.seconds for _, outcome in moments)
        said = moments[-1][1].said[-1:] or [""]
        span = f"{times[0]:.2f}, {times[-1]:.2f}"
        print(f"| {name} | {len(times)} | {span} | {longest:.1f} | {said[0][:100]} |", flush=True)
    outcome = run_until(1000, *words[:3], str(folder / "out"), **env)
    assert outcome.code == 0 and volumes(folder / "out") == whole, "it goes on"
    if cluster:
        cluster.__exit__(None, None, None)


TROUBLES: dict[str, tuple[int, Callable[[Cluster], object]]] = {
    "one of two workers is frozen": (2, lambda own: freeze(own.workers[0])),
    "the only worker is frozen": (1, lambda own: freeze(own.workers[0])),
    "the only worker is killed": (1, lambda own: own.workers[0].kill()),
    "the scheduler is frozen": (2, lambda own: freeze(own.scheduler)),
    "the scheduler is killed": (2, lambda own: own.scheduler.kill()),
}


def meet_trouble(job: Path) -> None:
    """Print a table of what is told, and when; then the same command goes on here."""
    print("| trouble | told after [s] | ended after [s] | exit status | what is said |")
    print("|---|---|---|---|---|")
    for number, (name, (workers, happen)) in enumerate(TROUBLES.items()):
        place = job.parent / str(number)
        place.mkdir()
        words = ["run", str(job), "--out", str(place / "out")]
        with Cluster(place, workers) as own:
            process = subprocess.Popen(
                command(*words, "--scheduler", own.address),
                stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=environment(),
            )  # fmt: skip
            assert process.stderr is not None
            told, said, start = 0.0, "", 0.0
            for line in process.stderr:
                if line.startswith("1/"):
                    happen(own)
                    start = time.monotonic()
                elif "napari-lazy-pipeline: " in line and not said:
                    told, said = time.monotonic() - start, line.strip()
            code, ended = process.wait(), time.monotonic() - start
            kept = len(volumes(place / "out"))
        print(f"| {name} | {told:.1f} | {ended:.1f} | {code} | {said[22:120]} |", flush=True)
        assert kept and run_until(1000, *words).code == 0, "it goes on"


if __name__ == "__main__":
    main()
