"""One monkey before one window: ``python -m tests.monkey.play --seed 3 --folder F``.

Each action is written down before it is done; with ``--script``, those of a file are done again.
The last line of the report tells what went wrong. If the process dies, the log has what it did.
"""

from __future__ import annotations

import argparse
import ctypes
import faulthandler
import gc
import json
import os
import random
import sys
import threading
import time
from collections import Counter
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "support")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--actions", type=int, default=1000)
    parser.add_argument("--folder", type=Path, required=True, help="all that is written to")
    parser.add_argument("--script", type=Path, help="actions to be done again, one a line")
    parser.add_argument("--bare", action="store_true", help="napari alone, without the dock")
    options = parser.parse_args()
    folder = options.folder.resolve()
    script = options.script.read_text().splitlines() if options.script else None
    (folder / "home").mkdir(parents=True)
    faulthandler.enable(open(folder / "death.txt", "w"), all_threads=True)  # noqa: SIM115

    from tests.monkey.scene import BareScene, DockScene, own_settings, untouched

    from quick_windows import no_hidden_menu_bar, quick_manifests, quick_shaders

    own_settings(folder)
    quick_manifests(setattr)
    quick_shaders(setattr)
    if options.seed % 4:  # the others look at each event as napari does, which takes a sixth
        no_hidden_menu_bar(setattr)
    from tests.monkey.hands import Hands

    from napari_lazy_pipeline.engines.cpu import preparation

    scene = BareScene(folder) if options.bare else DockScene(folder)
    scene.warm_up()
    raw = {} if options.bare else untouched(scene.folders[1:])
    threads, memory, alive = _threads(), _memory(), _alive()
    gc.freeze()  # napari collects all at each layer that goes, which took a third of the time
    scene.begin()
    hands, dice = Hands(scene.viewer), random.Random(options.seed)
    with open(folder / "log.jsonl", "w") as log:
        for number in range(len(script) if script is not None else options.actions):
            if script is not None:
                action = json.loads(script[number])
            elif dice.random() < 0.2:
                action = dice.choice(scene.others(dice))
            else:
                action = hands.choose(dice, scene.inside)
            print(json.dumps(action), file=log, flush=True)
            if hasattr(scene, f"do_{action[0].replace(' ', '_')}"):
                scene.do(action)
            else:
                scene.try_to(hands.do, action)
            scene.done += 1
            scene.do_wait(0)
            scene.check_list()
    hands.close()
    gc.unfreeze()
    scene.try_to(scene.check)
    scene.end()
    scene.try_to(scene.as_at_the_start)
    grown, more = _memory() - memory, (_alive() - alive).most_common(30)
    now = {} if options.bare else untouched(scene.folders[1:])
    if written := sorted(f for f in {*raw, *now} if raw.get(f) != now.get(f)):
        scene.note("the raw folder was written to", "\n".join(written))
    scene.try_to(scene.close)
    while preparation.is_running():  # it writes into the folder, which is about to be removed
        time.sleep(0.1)
    left = sorted(_threads() - threads)
    report = {
        "trouble": dict(scene.trouble),
        "stalls": scene.stalls,
        "threads": left,
        "grown": round(grown, 1),
        "more": more,
    }
    (folder / "report.json").write_text(json.dumps(report))
    sys.stdout.flush()
    os._exit(0)  # what Python does at its end is not what is tried


def _threads() -> set[str]:
    """Names of the threads there are, but for those of pools, which stay for good."""
    kept = ("lazy-pipeline-cpu", "ThreadPoolExecutor", "asyncio_", "zarr_io")
    return {one.name for one in threading.enumerate() if not one.name.startswith(kept)}


def _alive() -> Counter[str]:
    """How many objects there are, by their type."""
    gc.collect()
    kinds = (type(one) for one in gc.get_objects())
    return Counter(f"{kind.__module__}.{kind.__qualname__}" for kind in kinds)


def _memory() -> float:
    """Resident memory of this process, without what only waits to be used again [MiB]."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


if __name__ == "__main__":
    main()
