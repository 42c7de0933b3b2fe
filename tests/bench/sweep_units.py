"""kill -9 of each of 8 units at one moment after the other: all is as one run would write it.

    python tests/bench/sweep_units.py [--units N] [--moments N] [--format tiff] [--only UNIT...]

Give it the paths of the package and of tests/support in PYTHONPATH. In each round all units begin
at once, one of them is killed and run again, and a last run joins them. Each is a process of its
own, forked from one that has imported all: so most moments are those of reading and writing.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from interrupting import write_job

PACKAGE = "napari_lazy_pipeline"
PRELOADED = [
    "sweep_units", "zarr", f"{PACKAGE}.cli.run_recipe", f"{PACKAGE}.exports.export",
    f"{PACKAGE}.exports.formats.ome_zarr", f"{PACKAGE}.engines.cpu.cpu_engine",
]  # fmt: skip
_TRIES = 8  # of a round, until the unit is killed before it has ended


def main() -> None:
    """Sweep, and print a line for each round."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--units", type=int, default=8)
    parser.add_argument("--moments", type=int, default=10)
    parser.add_argument("--format", choices=("tiff", "ome-zarr"), default="ome-zarr")
    parser.add_argument("--only", type=int, nargs="*", help="numbers of the units to kill")
    options = parser.parse_args()
    multiprocessing.set_forkserver_preload(PRELOADED)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        job = write_job(folder, times=12, shape=(24, 64, 64))
        words = ["run", str(job), "--format", options.format, "--stage", "1", "--mip", "z"]
        finish(begin(words, folder / "whole"))
        wanted = content(folder / "whole")
        start, seconds = time.monotonic(), dict[int, float]()
        for unit, process in everybody(words, folder / "out", options.units).items():
            finish(process)
            seconds[unit] = time.monotonic() - start
        print(f"{len(wanted)} files; the units take {max(seconds.values()):.1f} s", flush=True)
        left = Counter[bool]()
        for unit in options.only or range(1, options.units + 1):
            for moment in range(options.moments):
                after = seconds[unit] * (moment + 0.5) / options.moments
                shutil.rmtree(folder / "out")
                files = sweep(words, folder / "out", unit, options.units, after)
                found = content(folder / "out")
                assert found == wanted, (unit, after, found.keys() ^ wanted.keys())
                left[files > 0] += 1
                print(f"unit {unit} killed, moment {moment}, {files} files: identical", flush=True)
        print(f"{left.total()} units killed, {left[True]} of them while there were files of theirs")


def sweep(words: list[str], out: Path, unit: int, units: int, after: float) -> int:
    """Begin all units, kill one, run it again, join all; return how many files it was to name."""
    for _ in range(_TRIES):
        start, processes = time.monotonic(), everybody(words, out, units)
        victim = processes.pop(unit)
        victim.join(max(start + after - time.monotonic(), 0.0))
        victim.kill()
        victim.join()
        left = sum(f"{unit}of{units}" in path.name for path in out.rglob("*"))
        for process in processes.values():
            finish(process)
        if victim.exitcode == -9:
            break
        assert victim.exitcode == 0
        after *= 0.8  # it had ended
        shutil.rmtree(out)
    else:
        raise RuntimeError(f"unit {unit} is always faster")
    finish(begin(words, out, f"{unit}/{units}"))
    finish(begin(words, out))
    return left


def everybody(words: list[str], out: Path, units: int) -> dict[int, ForkServerProcess]:
    """Begin all units at once; by their numbers."""
    return {unit: begin(words, out, f"{unit}/{units}") for unit in range(1, units + 1)}


def begin(words: list[str], out: Path, unit: str = "") -> ForkServerProcess:
    """Begin a process that runs the program."""
    words = [*words, "--out", str(out), *(["--units", unit] if unit else [])]
    process = multiprocessing.get_context("forkserver").Process(target=perform, args=(words,))
    process.start()
    return process


def perform(words: list[str]) -> None:
    """Run the program; runs in a process of its own."""
    from napari_lazy_pipeline import cli

    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - until the process ends
    sys.exit(cli.main(words))


def finish(process: ForkServerProcess) -> None:
    """Wait for the end of a process that has to succeed."""
    process.join()
    assert process.exitcode == 0, process.exitcode


def content(folder: Path) -> dict[str, bytes]:
    """All files, hidden ones too; of the provenance, what is not the date."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            if path.name.endswith("_provenance.json"):
                data = json.dumps({**json.loads(data), "date": ""}).encode()
            found[path.relative_to(folder).as_posix()] = data
    return found


if __name__ == "__main__":
    main()
