"""Every public name is documented, by itself or by what it overrides: nothing is said twice."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator

import pytest

from package_files import core_modules


def undocumented(name: str) -> Iterator[str]:
    """Names of the public classes, methods and functions of a module without a docstring."""
    module = importlib.import_module(name)
    for value in vars(module).values():
        own = inspect.isclass(value) or inspect.isfunction(value)
        if not own or value.__module__ != name or value.__name__.startswith("_"):
            continue
        if not inspect.getdoc(value):
            yield value.__name__
        if inspect.isclass(value):
            for member in [name for name in vars(value) if not name.startswith("_")]:
                if is_method(vars(value)[member]) and not inspect.getdoc(getattr(value, member)):
                    yield f"{value.__name__}.{member}"


def is_method(member: object) -> bool:
    """Whether a member of a class was written with ``def``."""
    function = getattr(member, "fget", None) or getattr(member, "__func__", member)
    return inspect.isfunction(function) and function.__name__ != "<lambda>"


@pytest.mark.parametrize("name", core_modules())
def test_every_public_name_is_documented(name: str) -> None:
    assert list(undocumented(name)) == []
