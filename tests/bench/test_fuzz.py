"""Many thousands of mutated files through the reader, in a process of limited memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import fuzzing
from bench_size import size

Figure = Callable[[str, float, str, float], None]
FILES = int(os.environ.get("FUZZ_FILES", size("30000", "20")))


def test_broken_files(figure: Figure, tmp_path: Path) -> None:
    """No crash, no hang, no volume of a wrong shape, no wrong pixels of a file that was cut."""
    seed = int(os.environ.get("FUZZ_SEED", "0"))
    command = [sys.executable, str(fuzzing.__file__), str(FILES), str(seed), str(tmp_path)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=1200,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    counts = {key: found.get(key, 0) for key in ("refused", "exact", "changed")}
    print(f"\n{FILES} files: {counts}")
    assert sum(counts.values()) == FILES and found["wrong"] == []
    figure(f"slowest of {FILES} broken files", found["slowest"], "s", 5.0)
    figure(f"memory for {FILES} broken files", found["memory"] / 2**20, "MiB", 256.0)
