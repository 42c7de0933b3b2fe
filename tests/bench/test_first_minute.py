"""The first minute: install into an environment with napari, then dock, sample and Deconvolve.

``scripts/bench tests/bench/test_first_minute.py``. The wheel is built before, and installed by pip
into an environment of its own that sees the packages of this one; caches and settings are empty.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import pytest

from bench_size import MEASURED

pytestmark = pytest.mark.gui
Figure = Callable[[str, float, str, float], None]

ROOT, PERSON = Path(__file__).parents[2], Path(__file__).with_name("first_minute.py")


def installed(folder: Path) -> Path:
    """Build the wheel, install it; return the Python that finds it."""
    wheels, environment = folder / "wheels", folder / "environment"
    build = "wheel", "--quiet", "--no-deps", "--wheel-dir", str(wheels), str(ROOT)
    subprocess.run([sys.executable, "-m", "pip", *build], check=True)
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    windows = sys.platform == "win32"
    python = environment / ("Scripts/python.exe" if windows else "bin/python")
    lines = "import sysconfig; print(sysconfig.get_path('purelib'))"
    own = subprocess.run([python, "-c", lines], check=True, capture_output=True, text=True).stdout
    others = sysconfig.get_path("purelib")
    (Path(own.strip()) / "others.pth").write_text(f"{others}\n")
    (wheel,) = wheels.glob("*.whl")
    start = perf_counter()
    install = "install", "--quiet", "--no-deps", "--ignore-installed", str(wheel)
    subprocess.run([python, "-m", "pip", *install], check=True)
    print(f"\npip install of the wheel: {perf_counter() - start:.1f} s")
    return python


def begin(python: Path, home: Path) -> dict[str, float]:
    """Let the person begin, with caches and settings in a folder."""
    home.mkdir(exist_ok=True)
    names = ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
    own = dict.fromkeys(names, str(home)) | {"NAPARI_CONFIG": str(home / "napari.yaml")}
    if MEASURED:
        own |= {"NUMBA_CACHE_DIR": str(home / "numba"), "PYTHONPATH": ""}
    report = home / "report.json"
    subprocess.run(
        [python, str(PERSON), str(report)], check=True, cwd=home, env={**os.environ, **own}
    )
    seconds: dict[str, float] = json.loads(report.read_text())
    print("\n" + ", ".join(f"{what} {value:.1f} s" for what, value in seconds.items()))
    return seconds


def test_first_minute(figure: Figure, tmp_path: Path) -> None:
    """With empty caches, and once more with what was compiled meanwhile."""
    python = installed(tmp_path) if MEASURED else Path(sys.executable)
    new = begin(python, tmp_path / "home")
    later = begin(python, tmp_path / "home") if MEASURED else new
    for what in ("first picture", "last picture"):
        beyond = new[what] - 2 * later[what]
        figure(f"{what} of Deconvolve after installing, beyond twice a later one", beyond, "s", 2.0)
