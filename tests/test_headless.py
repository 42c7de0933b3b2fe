"""The core works where neither Qt nor napari is installed, and starts quickly."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import napari_lazy_pipeline
from package_files import core_modules

ROOT = Path(napari_lazy_pipeline.__file__).parent
GUI_LIBRARIES = (
    "napari", "magicgui", "qtpy", "superqt", "vispy", "PyQt5", "PyQt6", "PySide2", "PySide6",
)  # fmt: skip

REFUSE = f"""
import importlib.abc, sys

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {GUI_LIBRARIES}:
            raise ImportError(f"the core asked for {{name}}")

sys.meta_path.insert(0, Refuse())
"""


def run(code: str) -> str:
    """Run code in a new interpreter, and give what it prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_all_of_the_core_is_found() -> None:
    assert {"napari_lazy_pipeline", "napari_lazy_pipeline.steps.deskew"} < set(core_modules())
    assert not any("_gui" in module for module in core_modules())


def test_the_core_does_without_qt_and_napari() -> None:
    code = f"import importlib\nfor name in {core_modules()}: importlib.import_module(name)\n"
    run(REFUSE + code)


def test_the_public_names_do_without_qt_and_napari() -> None:
    code = "import napari_lazy_pipeline as p\nprint([getattr(p, n).__name__ for n in p.__all__])"
    printed = run(REFUSE + code)
    assert printed.strip() == str(napari_lazy_pipeline.__all__)


def test_the_refusal_works() -> None:
    code = REFUSE + "\ntry:\n    import qtpy\nexcept ImportError as error:\n    print(error)"
    assert run(code).strip() == "the core asked for qtpy"


def test_importing_the_package_costs_nothing() -> None:
    loaded = run("import sys, napari_lazy_pipeline\nprint(*sys.modules)").split()
    heavy = {"dask", "numpy", "numba", "scipy", "tifffile", "pydantic"}
    assert heavy.isdisjoint(loaded)


def test_recipes_and_steps_do_without_what_takes_long() -> None:
    modules = "napari_lazy_pipeline.session.recipe, napari_lazy_pipeline.steps"
    code = f"import sys, {modules}\nprint(*sys.modules)"
    slow = {"dask", "dask.array", "scipy.stats", "scipy.signal", "scipy.optimize"}
    assert slow.isdisjoint(run(code).split())
