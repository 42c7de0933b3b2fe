"""User code: functions that are named in a recipe or a form, and run only once that is allowed."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import Any

from napari_lazy_pipeline.errors import LazyPipelineError
from napari_lazy_pipeline.steps._file_state import file_state

_allowed: set[str] = set()


class CodeNotAllowedError(LazyPipelineError):
    """Code is named that nobody has allowed to run."""


def allow_code(name: str, allowed: bool = True) -> None:
    """Let the code of this name run in this process, or not any more."""
    (_allowed.add if allowed else _allowed.discard)(name)


def is_allowed(name: str) -> bool:
    """Whether the code of a name may run in this process."""
    return name in _allowed


def split_name(name: str) -> tuple[str, str]:
    """Module, or path of a Python file, and the name of the function in it.

    Examples
    --------
    >>> split_name("scipy.ndimage:median_filter"), split_name("/lab/my_steps.py:smooth")
    (('scipy.ndimage', 'median_filter'), ('/lab/my_steps.py', 'smooth'))
    """
    module, _, function = name.rpartition(":")
    is_module = all(map(str.isidentifier, module.split(".")))
    if not function.isidentifier() or not (is_module or module.endswith(".py")):
        raise LazyPipelineError(
            f"{name!r} names no function",
            hint="Write package.module:function, or the path of a Python file and :function",
        )
    return module, function


def load_function(name: str) -> Callable[..., Any]:
    """Import a function; that of a Python file anew once the file was changed.

    A `CodeNotAllowedError` if nobody has allowed it; a `LazyPipelineError` if there is no such
    function, or its module cannot be imported.
    """
    module, function = split_name(name)
    if not is_allowed(name):
        raise CodeNotAllowedError(
            f"This step would run code: {name}",
            hint="If you know it, allow it: in the dock, with --trust, or Recipe.open(trust=True)",
        )
    try:
        if module.endswith(".py"):
            code = _module_of_file(module, file_state(module))
        else:
            code = importlib.import_module(module)
        loaded = getattr(code, function)
    except Exception as error:
        what = f"{name} cannot be loaded: {type(error).__name__}: {error}"
        raise LazyPipelineError(what, hint="Mend the code, or choose another function") from error
    if not callable(loaded):
        raise LazyPipelineError(f"{name} is not a function", hint="Choose another one")
    return loaded  # type: ignore[no-any-return]


@lru_cache(maxsize=32)
def _module_of_file(path: str, state: Hashable) -> Any:
    """Run a Python file as a module, once for each state of the file."""
    if state is None:
        raise FileNotFoundError(path)
    title = os.path.splitext(os.path.basename(path))[0]
    spec = importlib.util.spec_from_file_location(f"_user_code_{title}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickle look for it there
    spec.loader.exec_module(module)
    return module
