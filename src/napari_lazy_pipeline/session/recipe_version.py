"""Recipe version: of the format, and of the packages that a recipe was written with."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from napari_lazy_pipeline.errors import RecipeError

# Version 2 adds values per channel, functions, ends of a crop counted from behind, and steps that
# take the scan from the data; what version 1 says, it says as well.
SCHEMA_VERSION = 2


def versions() -> dict[str, str]:
    """Versions of the packages that decide about the pixels."""
    return dict(_installed())


@cache
def _installed() -> dict[str, str]:
    versions = {}
    for name in ("napari-lazy-pipeline", "numpy", "scipy", "numba", "tifffile"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "unknown"
    return versions


def state_angles(data: dict[str, Any]) -> None:
    """Write the angle out that steps of version 1 had unless they stated another, in place."""
    pipeline = data.get("pipeline")
    steps = pipeline.get("steps") if isinstance(pipeline, dict) else None
    for step in steps if isinstance(steps, list) else ():
        if isinstance(step, dict) and step.get("kind") in ("deskew", "rotate"):
            step.setdefault("angle", 31.5)


def check_version(number: Any, name: str) -> None:
    """Refuse a recipe of a version that is none, or that is newer than this program."""
    if not isinstance(number, int) or number < 1:
        raise RecipeError(
            f"schema_version {number!r} is not a version",
            name,
            f"It should be 1 to {SCHEMA_VERSION}",
        )
    if number > SCHEMA_VERSION:
        raise RecipeError(
            f"The recipe has version {number}, this program knows up to {SCHEMA_VERSION}",
            name,
            "Update napari-lazy-pipeline",
        )
