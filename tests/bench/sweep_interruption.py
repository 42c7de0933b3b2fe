"""Ctrl-C at one moment after the other of a run: how it ends, and how long that takes.

    python tests/bench/sweep_interruption.py [warm] [cold] [cluster] [--every SECONDS]

Give it the paths of the package and of tests/support in PYTHONPATH. *warm*: all is compiled
already; *cold*: every loop is compiled anew; *cluster*: on two workers of a scheduler. The last
moment is after the end.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from dask_cluster import Cluster
from interrupting import Outcome, run_until, volumes, write_job

EVERY = {"warm": 0.05, "cold": 0.5, "cluster": 0.1}
SHAPE = 32, 96, 96


def main() -> None:
    """Sweep, and print a table for each kind of run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kinds", nargs="*", choices=[*EVERY, []])
    parser.add_argument("--every", type=float)
    options = parser.parse_args()
    # In the background of a script it would be ignored, by all that is started from here, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for kind in options.kinds or EVERY:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            job = write_job(folder, times=3, deconvolve=True, shape=SHAPE)
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


if __name__ == "__main__":
    main()
