"""Code step: a step that runs a person's function, which has a name or is in memory only."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Hashable, Iterator
from contextlib import suppress
from typing import Annotated, Any, Self

import numpy as np
from pydantic import AfterValidator, ConfigDict, Field, field_serializer

from napari_lazy_pipeline.errors import GeometryError, LazyPipelineError
from napari_lazy_pipeline.image import StackSpec
from napari_lazy_pipeline.steps._base import Step
from napari_lazy_pipeline.steps._identity import code_identity, value_identity
from napari_lazy_pipeline.steps._per_channel import FrozenDict
from napari_lazy_pipeline.steps._user_code import (
    allow_code,
    is_allowed,
    load_function,
    split_name,
)


class CodeStep(Step):
    """A step that runs a person's function, once that is allowed."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    function: Annotated[
        str | Callable[..., Any],
        Field(
            title="Function",
            description="package.module:function, or the path of a Python file and :function.",
            examples=["numpy:negative"],
        ),
    ] = ""
    arguments: Annotated[
        dict[str, Any],
        AfterValidator(FrozenDict),
        Field(
            title="Arguments",
            description="Values for the parameters of the function, by name.",
        ),
    ] = FrozenDict()

    @property
    def label(self) -> str:
        """The name of the function."""
        if isinstance(self.function, str):
            return self.function.rpartition(":")[2] or self.title
        return _name(self.function)

    def key(self, before: StackSpec) -> Hashable:
        return self.kind, self._identity(), self.visible(before)

    def files(self) -> Iterator[str]:
        if isinstance(self.function, str) and ".py:" in self.function:
            yield split_name(self.function)[0]

    def with_files(self, move: Callable[[str], str]) -> Step:
        for path in self.files():
            return self.replace(function=f"{move(path)}:{self.label}")
        return self

    def allow(self) -> Self:
        """Let the code that is named run in this process; returns the step."""
        if isinstance(self.function, str) and self.function:
            allow_code(self.function)
        return self

    def loaded(self) -> Callable[..., Any]:
        """The function; an error if none is named, or it is not allowed to run, or not found."""
        if not self.function:
            raise GeometryError("No function is chosen", hint="Choose one, or remove the step")
        return load_function(self.function) if isinstance(self.function, str) else self.function

    def called(self, volume: np.ndarray) -> np.ndarray:
        """What the function makes of a volume; an error if that is none."""
        # It may work in place, and may keep what it returns.
        returned = self.loaded()(volume.copy(), **self.arguments)
        if isinstance(returned, np.ma.MaskedArray):
            raise GeometryError(f"{self.label} made a masked array", hint="Return it filled")
        result = np.array(returned)
        if result.ndim != 3 or result.dtype.kind not in "buif" or not result.size:
            raise GeometryError(
                f"{self.label} made an array of shape {result.shape} and type {result.dtype}, "
                "which is no volume",
                hint="It has to return one of axes (z, y, x)",
            )
        return result

    def _identity(self) -> Hashable:
        """Return what tells the function and its arguments from others, in every process."""
        code: Hashable = self.function
        if not isinstance(self.function, str):
            code = code_identity(self.function)
        elif is_allowed(self.function) and not any(self.files()):
            with suppress(LazyPipelineError):
                code = code_identity(self.loaded())
        values = {name: value for name, value in self if name != "function"}
        return code, self.file_states(), value_identity(values)

    @field_serializer("function")
    def _function_name(self, function: Any) -> str:
        return function if isinstance(function, str) else full_name(function) or self.label

    def only_in_memory(self) -> str:
        if isinstance(self.function, str) or full_name(self.function):
            return ""
        return (
            f"The function {self.label} has no name by which it could be found: put it into a file"
        )

    def __getstate__(self) -> dict[Any, Any]:
        allowed = isinstance(self.function, str) and is_allowed(self.function)
        return {**super().__getstate__(), "code_allowed": allowed}

    def __setstate__(self, state: dict[Any, Any]) -> None:
        allowed = state.pop("code_allowed", False)
        super().__setstate__(state)
        if allowed:  # by whoever sent it: another process of the same person
            self.allow()


def _name(function: Callable[..., Any]) -> str:
    if isinstance(function, functools.partial):
        return _name(function.func)
    return getattr(function, "__name__", type(function).__name__).replace("<lambda>", "lambda")


def full_name(function: Callable[..., Any]) -> str:
    """``module:function``, if it is found by that; else empty."""
    module, name = getattr(function, "__module__", None), getattr(function, "__name__", "")
    is_there = module != "__main__" and getattr(sys.modules.get(module or ""), name, None)
    return f"{module}:{name}" if is_there is function else ""
