"""Compiled loops: a cache of theirs that is damaged, or of another version, costs time only."""

from __future__ import annotations

import importlib.util
import pickle
import shutil
import subprocess
import sys

import numba
import numpy as np
import pytest

from napari_lazy_pipeline._runtime import jit

LOOPS = """
from typing import NamedTuple
import numpy as np
from inner_loop import add
from napari_lazy_pipeline._runtime.jit import compiled

class Line(NamedTuple):
    n: int

@compiled()
def total(values, line):
    result = 0.0
    for i in range(line.n):
        result = add(result, values[i])
    return result
"""
INNER = """
from napari_lazy_pipeline._runtime.jit import compiled

@compiled()
def add(a, b):
    return a + b
"""
GONE = b"\x80\x04cnapari_lazy_pipeline._runtime.jit\nClassOfYesterday\n."


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "loops.py").write_text(LOOPS)
    (tmp_path / "inner_loop.py").write_text(INNER)
    monkeypatch.syspath_prepend(tmp_path)
    run(tmp_path)
    return tmp_path


def run(folder, line="Line"):
    """Call the loop as a new process would; return how often the cache was of use, and not."""
    for name in ("inner_loop", "loops"):
        sys.modules.pop(name, None)
    jit._folder_stamp.cache_clear()
    spec = importlib.util.spec_from_file_location("loops", folder / "loops.py")
    module = sys.modules["loops"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.total(np.arange(5.0), getattr(module, line)(5)) == 10
    stats = module.total.stats
    return sum(stats.cache_hits.values()), sum(stats.cache_misses.values())


def cached(folder, ending):
    (path,) = folder.glob(f"__pycache__/loops.total*{ending}")
    return path


def test_code_is_kept(folder):
    assert run(folder) == (1, 0)


@pytest.mark.parametrize(
    ("ending", "content"),
    [
        (".nbi", lambda old: pickle.dumps(numba.__version__, -1) + GONE),
        (".nbi", lambda old: old[: len(old) // 2]),
        (".nbi", lambda old: b""),
        (".nbc", lambda old: old[: len(old) // 2]),
        (".nbc", lambda old: GONE),
    ],
    ids=["index of a renamed class", "half an index", "no index", "half the code", "renamed code"],
)
def test_damaged_files_are_made_anew(folder, ending, content):
    path = cached(folder, ending)
    path.write_bytes(content(path.read_bytes()))
    assert run(folder) == (0, 1)
    assert run(folder) == (1, 0), "it is not kept"


def test_a_class_that_has_got_another_name(folder):
    """As after an update of the package in place: the index names the class of before."""
    (folder / "loops.py").write_text(LOOPS.replace("Line", "Length"))
    assert run(folder, "Length") == (0, 1)
    assert run(folder, "Length") == (1, 0)


def test_a_loop_that_it_calls_has_changed(folder):
    """Its code is within that of the caller, whose own file is the same."""
    (folder / "inner_loop.py").write_text(INNER.replace("a + b", "b + a  # another"))
    assert run(folder) == (0, 1)


def test_constants_of_the_packages_around_count_too(tmp_path):
    """A loop that was compiled with a constant of yesterday would compute with it for ever."""
    inner = tmp_path / "outer" / "inner"
    inner.mkdir(parents=True)
    for package in (inner.parent, inner):
        (package / "__init__.py").touch()
    loops, constants = inner / "loops.py", inner.parent / "constants.py"
    loops.touch()
    constants.write_text("LIMIT = 1")
    jit._folder_stamp.cache_clear()
    before = jit._folder_stamp(str(loops))
    constants.write_text("LIMIT = 10")
    jit._folder_stamp.cache_clear()
    assert jit._folder_stamp(str(loops)) != before


def test_no_room_for_the_cache(folder, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    shutil.rmtree(folder / "__pycache__")
    monkeypatch.setattr("numba.core.caching.IndexDataCacheFile._save_index", full)
    assert run(folder) == (0, 1)


def test_a_part_is_compiled_once_and_nowhere_but_in_its_caller():
    @jit.compiled_part()
    def increase(numbers, i):
        numbers[i] += 1

    @jit.compiled()
    def increase_two(numbers):
        increase(numbers, 0)
        increase(numbers, 1)

    numbers = np.zeros(3)
    increase_two(numbers)
    assert numbers.tolist() == [1, 1, 0]
    (result,) = increase_two.overloads.values()
    linked = {library.name for library in result.library._linking_libraries}
    assert linked <= {"nrt"}, "code of its own, which nobody calls"
    (code,) = increase_two.inspect_llvm().values()
    names = [line.split("(")[0] for line in code.splitlines() if line.startswith("define")]
    assert sum("increase" in name.replace("increase_two", "") for name in names) == 1


NO_NUMBA = "import sys; sys.modules['numba'] = None"
ALL_LOOPS = """
import sys
import numpy as np
from napari_lazy_pipeline.engines import DeconvolutionPlan, get_engine, notices
from napari_lazy_pipeline.image import Scan
from napari_lazy_pipeline.image.scan_geometry import DeskewPlan, RotationPlan
from napari_lazy_pipeline.psf import RadialOtf

folder, engine = sys.argv[1], get_engine()
volume, scan = np.load(folder + "/volume.npy"), Scan(31.5)
otf = RadialOtf(np.linspace(1, 0, 6)[:, None] * np.ones((6, 8)), 1.0, 0.7)
for method in ("rl", "accelerated", "fast", "auto"):
    plan = DeconvolutionPlan(otf, (0.2, 0.1, 0.1), method, 3, 5.0, shear=1.3)
    np.save(folder + f"/{method}.npy", engine.deconvolve(volume, plan))
np.save(folder + "/deskew.npy", engine.deskew(volume, DeskewPlan(volume.shape, "x", 1.3, 20), 3))
plan = RotationPlan.of(volume.shape, (0.3, 0.1, 0.1), scan)
np.save(folder + "/rotate.npy", engine.rotate(volume, plan, 3))
print(*[f"{notice.where}: {notice.what}: {notice.done}" for notice in notices], sep="\\n")
"""


def results_of(folder, code):
    """Run code on the volume of a folder; return the arrays it leaves, and what it prints."""
    (folder / "script.py").write_text(code)
    command = [sys.executable, folder / "script.py", folder]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100)
    return {path.stem: np.load(path) for path in folder.glob("*.npy")}, done.stdout


def test_without_numba_everything_works_slowly_and_a_notice_says_so(tmp_path):
    """As after an update of numpy that numba does not know yet."""
    volume = np.random.default_rng(0).poisson(50, (5, 9, 11)).astype(np.uint16)
    np.save(tmp_path / "volume.npy", volume)
    expected, printed = results_of(tmp_path, ALL_LOOPS)
    assert printed.strip() == ""
    results, printed = results_of(tmp_path, NO_NUMBA + ALL_LOOPS)
    for name in ("deskew", "rotate"):
        np.testing.assert_array_equal(results[name], expected[name])
    for name in ("rl", "accelerated", "fast", "auto"):
        np.testing.assert_allclose(results[name], expected[name], rtol=1e-4, atol=1e-2)
    assert "cpu: numba cannot be imported: ModuleNotFoundError" in printed
    assert "computed in plain Python, very slowly" in printed
    assert "computed with scipy, more slowly" in printed
