"""Many monkeys: ``python -m tests.monkey 0:100 --actions 1000``, and ``--bare`` for the control.

Each seed has a process and, with xvfb-run, a screen of its own. What goes wrong is told in a
table; with ``--shrink``, each failing seed becomes a short script that fails in the same way.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

_SCREEN = ["xvfb-run", "-a", "-s", "-screen 0 1366x768x24"]
_TIMEOUT = 1800  # s; a process that has not ended by then hangs
_ENVIRONMENT = {**os.environ, "LP_NUM_THREADS": "1"}  # Mesa's threads wait for each other
_ENVIRONMENT.pop("PYTHONDONTWRITEBYTECODE", None)  # each seed would compile all anew


# What napari does on its own: seen with --bare, too, and told in docs/upstream.md.
_OF_NAPARI = (
    r"in _new_labels\n",
    r"_labels_mouse_bindings",
    r"in _add_rectangle_ellipse_line\n",
    r"\A(?!(?s:.*)napari_lazy_pipeline)(?s:.*)in _finish_drawing\n",
    r"\A(?!(?s:.*)napari_lazy_pipeline)(?s:.*)in add_vertex_to_path\n",
    r"\A(?!(?s:.*)napari_lazy_pipeline)(?s:.*)in vertex_insert\n",
    r"QBackingStore::endPaint|QPainter::",
    r"in _(reset_sliders|on_axis_changed)\n",
    r"in _set_frame\n",
    r"QtDimSliderWidget has been deleted|'fps_changed' and 'set_fps'",
)


@dataclass
class Outcome:
    """How one play ended."""

    seed: int
    done: list[str]  # actions, one line each
    trouble: list[str]
    stalls: list[tuple[float, str]]
    grown: float  # MiB
    more: list[tuple[str, int]]  # types of which there are more objects than at the start

    @property
    def kinds(self) -> set[str]:
        """First lines of what went wrong: by these, two failures are the same."""
        return {text.splitlines()[0][:100] for text in self.trouble}


def play(
    seed: int, actions: int, bare: bool, script: list[str] | None = None, own_screen: bool = True
) -> Outcome:
    """Let one monkey play in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="monkey") as top:
        folder = Path(top) / "scene"
        command = [
            *(_SCREEN if own_screen else ()),
            sys.executable,
            "-m",
            "tests.monkey.play",
            "--seed",
            str(seed),
        ]
        command += ["--actions", str(actions), "--folder", str(folder)]
        command += ["--bare"] if bare else []
        if script is not None:
            (Path(top) / "script").write_text("\n".join(script))
            command += ["--script", str(Path(top) / "script")]
        try:
            ended = subprocess.run(
                command, capture_output=True, text=True, timeout=_TIMEOUT, env=_ENVIRONMENT
            )
            code, said = ended.returncode, ended.stderr
        except subprocess.TimeoutExpired:
            code, said = 124, ""
        log, death = folder / "log.jsonl", folder / "death.txt"
        done = log.read_text().splitlines() if log.exists() else []
        if code or not (folder / "report.json").exists():
            last = f"{said[-1500:]}\n{death.read_text() if death.exists() else ''}"
            return Outcome(seed, done, [f"died with {code}\n{last}"], [], 0.0, [])
        report = json.loads((folder / "report.json").read_text())
        trouble = [
            f"{text}\n({n} times)"
            for text, n in report["trouble"].items()
            if bare or not any(re.search(known, text) for known in _OF_NAPARI)
        ]
        trouble += [f"thread left: {name}" for name in report["threads"]]
        return Outcome(seed, done, trouble, report["stalls"], report["grown"], report["more"])


def shrink(outcome: Outcome, bare: bool, patience: int = 60) -> list[str]:
    """Leave out actions as long as what is left fails in the same way."""
    script, kinds, tries = outcome.done, outcome.kinds, 0
    size = len(script) // 2
    while size and tries < patience:
        start = 0
        while start < len(script) and tries < patience:
            shorter = script[:start] + script[start + size :]
            tries += 1
            if play(outcome.seed, 0, bare, shorter).kinds & kinds:
                script = shorter
            else:
                start += size
        size //= 2
    return script


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seeds", help="as 100, or 20:40")
    parser.add_argument("--actions", type=int, default=1000)
    parser.add_argument("--bare", action="store_true")
    parser.add_argument("--shrink", action="store_true")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="folder for logs of what failed")
    options = parser.parse_args()
    first, _, last = options.seeds.rpartition(":")
    seeds = range(int(first or 0), int(last))
    bad, kinds = 0, Counter[str]()
    with ThreadPoolExecutor(options.workers) as pool:
        for outcome in pool.map(lambda s: play(s, options.actions, options.bare), seeds):
            stalls = [(where.startswith("of the dock"), time) for time, where in outcome.stalls]
            ours, theirs = (
                max((t for o, t in stalls if o is w), default=0.0) for w in (True, False)
            )
            words = "; ".join(sorted(outcome.kinds)) or "well"
            print(
                f"seed {outcome.seed}: {len(outcome.done)} actions, {words}; "
                f"longest stall of the dock {ours:.1f} s, of napari alone {theirs:.1f} s; "
                f"{outcome.grown:+.0f} MiB",
                flush=True,
            )
            if options.keep and (outcome.trouble or outcome.stalls):
                options.keep.mkdir(parents=True, exist_ok=True)
                stalls = [f"stall of {time:.1f} s\n{where}" for time, where in outcome.stalls]
                more = "\n".join(f"{number:+8} {kind}" for kind, number in outcome.more)
                text = "\n\n".join([*outcome.trouble, *stalls, more])
                (options.keep / f"{outcome.seed}.txt").write_text(text)
                (options.keep / f"{outcome.seed}.jsonl").write_text("\n".join(outcome.done))
            if outcome.trouble:
                bad += 1
                kinds.update(outcome.kinds)
                if options.shrink:
                    print("  " + "\n  ".join(shrink(outcome, options.bare)), flush=True)
    print(f"{len(seeds) - bad} of {len(seeds)} seeds well")
    for kind, count in kinds.most_common():
        print(f"{count:4} {kind}")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
