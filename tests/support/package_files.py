"""The files of the package, and the names by which they are imported."""

from __future__ import annotations

from pathlib import Path

import napari_lazy_pipeline

ROOT = Path(napari_lazy_pipeline.__file__).parent


def core_files() -> list[Path]:
    """All files of the package but those of the GUI."""
    return sorted(path for path in ROOT.rglob("*.py") if "_gui" not in path.parts)


def module_name(path: Path) -> str:
    """Name by which a file is imported."""
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def core_modules() -> list[str]:
    """Names of all modules but those of the GUI."""
    return [module_name(path) for path in core_files()]
