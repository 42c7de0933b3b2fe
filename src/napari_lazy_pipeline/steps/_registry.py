"""Step registry: every step by its tag, ours and those of other packages."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from napari_lazy_pipeline.steps._base import Step

ENTRY_POINTS = "napari_lazy_pipeline.steps"


@cache
def step_types() -> dict[str, type[Step]]:
    """All steps by their tag: ours, then those of other packages.

    Another package offers a step by an entry point of the group
    ``napari_lazy_pipeline.steps`` that names the class.
    """
    package = importlib.import_module(ENTRY_POINTS)
    ours = [
        _step_of(importlib.import_module(f"{package.__name__}.{module.name}"))
        for module in pkgutil.iter_modules(package.__path__)
        if not module.name.startswith("_")
    ]
    others = [point.load() for point in entry_points(group=ENTRY_POINTS)]
    return {step.kind: step for step in [*sorted(ours, key=lambda step: step.order), *others]}


def _step_of(module: Any) -> type[Step]:
    """The public step that a module of ``steps/`` defines."""
    (step,) = (
        value
        for name, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, Step)
        and value.__module__ == module.__name__
        and not name.startswith("_")
    )
    return step
