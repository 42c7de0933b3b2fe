"""Estimator registry: every estimator by the kind of its step, ours and those of other packages."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache
from importlib.metadata import entry_points
from inspect import isabstract
from typing import Any

from napari_lazy_pipeline.estimate._estimator import Estimator

ENTRY_POINTS = "napari_lazy_pipeline.estimators"


def estimators_of(kind: str) -> tuple[Estimator, ...]:
    """What can be estimated for a kind of step, in the order of the buttons."""
    return tuple(one for one in _estimators() if one.kind == kind)


@cache
def _estimators() -> tuple[Estimator, ...]:
    """All of them: ours, then those of other packages.

    Another package offers one by an entry point of the group ``napari_lazy_pipeline.estimators``
    that names the class.
    """
    package = importlib.import_module("napari_lazy_pipeline.estimate")
    modules = (
        importlib.import_module(f"{package.__name__}.{module.name}")
        for module in pkgutil.iter_modules(package.__path__)
        if not module.name.startswith("_")
    )
    ours = sorted((one() for module in modules for one in _defined(module)), key=lambda e: e.order)
    return (*ours, *(point.load()() for point in entry_points(group=ENTRY_POINTS)))


def _defined(module: Any) -> Iterator[type[Estimator]]:
    """The estimators that a module defines."""
    for name, value in vars(module).items():
        own = isinstance(value, type) and value.__module__ == module.__name__
        if own and issubclass(value, Estimator) and not isabstract(value) and name[0] != "_":
            yield value
