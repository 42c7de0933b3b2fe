"""User code: functions that are named in a recipe or a form, and run only once that is allowed."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Hashable
from functools import lru_cache
from types import ModuleType
from typing import Any

from napari_lazy_pipeline._runtime.regular_file import open_regular
from napari_lazy_pipeline.errors import LazyPipelineError
from napari_lazy_pipeline.steps._identity import file_state, value_identity

_allowed: set[str] = set()


class CodeNotAllowedError(LazyPipelineError):
    """Code is named that nobody has allowed to run."""


def allow_code(name: str, allowed: bool = True) -> None:
    """Let the code of this name run in this process, or not any more."""
    (_allowed.add if allowed else _allowed.discard)(_absolute(name))


def is_allowed(name: str) -> bool:
    """Return whether the code of a name may run in this process."""
    return _absolute(name) in _allowed


def _absolute(name: str) -> str:
    """The name with the whole path of a file: it is this one that is allowed, and no other."""
    return os.path.abspath(name) if ".py:" in name else name


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
        loaded = getattr(code, function, None)
    except (Exception, SystemExit) as error:
        what = f"{name} cannot be loaded: {type(error).__name__}: {error}"
        raise LazyPipelineError(what, hint="Mend the code, or choose another function") from error
    if loaded is None:
        raise LazyPipelineError(
            f"There is no {function} in {module}", hint="Choose another function"
        )
    if not callable(loaded):
        raise LazyPipelineError(f"{name} is not a function", hint="Choose another one")
    return loaded  # type: ignore[no-any-return]


@lru_cache(maxsize=32)
def _module_of_file(path: str, state: Hashable) -> Any:
    """Run a Python file as a module, once for each state of the file."""
    if state is None:
        raise FileNotFoundError(path)
    path = os.path.abspath(path)
    module = ModuleType(f"_user_code_{value_identity(path)}")
    module.__file__ = path
    sys.modules[module.__name__] = module  # dataclasses and pickle look for it there
    try:
        with open_regular(path) as file:  # no compiled file is left beside it, none is trusted
            exec(compile(file.read(), path, "exec"), vars(module))
    except BaseException:
        del sys.modules[module.__name__]  # nobody may find half of it
        raise
    return module
