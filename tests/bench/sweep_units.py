"""kill -9 of each of 8 units at one moment after the other: all is as one run would write it.

    python tests/bench/sweep_units.py [--units N] [--moments N] [--format tiff] [--only UNIT...]

Give it the paths of the package and of tests/support in PYTHONPATH. In each round all units run at
the same time, one of them is killed and run again, and a last run joins them.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from interrupting import command, environment, write_job

WORKERS = 2  # units that run at the same time


def main() -> None:
    """Sweep, and print a line for each unit."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--units", type=int, default=8)
    parser.add_argument("--moments", type=int, default=10)
    parser.add_argument("--format", choices=("tiff", "ome-zarr"), default="ome-zarr")
    parser.add_argument("--only", type=int, nargs="*", help="numbers of the units to kill")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        job = write_job(folder, times=12, shape=(24, 64, 64))
        words = ["run", str(job), "--format", options.format, "--stage", "1", "--mip", "z"]
        run(*words, "--out", str(folder / "whole"))
        wanted = content(folder / "whole")
        start = time.monotonic()
        run(*words, "--out", str(folder / "out"), "--units", f"1/{options.units}")
        longest = time.monotonic() - start
        print(f"{len(wanted)} files; a unit takes {longest:.1f} s", flush=True)
        for unit in options.only or range(1, options.units + 1):
            for moment in range(options.moments):
                seconds = longest * moment / max(options.moments - 1, 1)
                left = sweep(words, folder / "out", unit, options.units, seconds)
                found = content(folder / "out")
                assert found == wanted, (unit, seconds, found.keys() ^ wanted.keys())
                print(
                    f"unit {unit} killed after {seconds:.2f} s, {left} files: identical", flush=True
                )


def sweep(words: list[str], out: Path, unit: int, units: int, seconds: float) -> int:
    """Run all units, kill one and run it again, join all; return how many files it left."""
    shutil.rmtree(out, ignore_errors=True)
    words = [*words, "--out", str(out)]
    process = subprocess.Popen(
        command(*words, "--units", f"{unit}/{units}"), env=environment(), stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
    left = sum(path.is_file() for path in out.rglob("*"))
    waiting, running = [*range(1, units + 1)], []
    while waiting or running:
        while waiting and len(running) < WORKERS:
            running.append(
                subprocess.Popen(
                    command(*words, "--units", f"{waiting.pop()}/{units}"), env=environment(),
                    stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                )
            )  # fmt: skip
        _, said = running[0].communicate()
        assert running.pop(0).returncode == 0, said
    run(*words)
    return left


def run(*words: str) -> None:
    """Run the program, which has to succeed."""
    subprocess.run(command(*words), env=environment(), check=True, capture_output=True)


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
