"""Function: any function of a volume as a step."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Annotated, Any, ClassVar, Literal, get_args

import numpy as np
from annotated_types import Unit
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, field_serializer

from napari_lazy_pipeline.engines import Need
from napari_lazy_pipeline.errors import GeometryError, LazyPipelineError
from napari_lazy_pipeline.image import Block, Shape, StackSpec
from napari_lazy_pipeline.image.box import whole, widened
from napari_lazy_pipeline.image.pixel_type import convert
from napari_lazy_pipeline.steps._base import Context, Step, as_announced
from napari_lazy_pipeline.steps._identity import code_identity, value_identity
from napari_lazy_pipeline.steps._per_channel import FrozenDict
from napari_lazy_pipeline.steps._user_code import (
    allow_code,
    is_allowed,
    load_function,
    split_name,
)

_at_once: ContextVar[bool] = ContextVar("at_once", default=True)
_Trial = tuple[tuple[int, ...], str]  # shape and type
_tried: dict[Hashable, tuple[_Trial | Exception, Any]] = {}
_SMALL = 8  # voxels of a trial beyond the neighbours that a function sees


@contextmanager
def trials(at_once: bool) -> Iterator[None]:
    """Let functions be tried to see what they make, or not: a window does that elsewhere."""
    before = _at_once.set(at_once)
    try:
        yield
    finally:
        _at_once.reset(before)


class NotTriedError(GeometryError):
    """What a function makes is not known before it was tried; `try_it` does that."""

    def __init__(self, step: Function, before: StackSpec) -> None:
        super().__init__(f"{step.label} is being tried", hint="Wait a moment")
        self.step, self.before = step, before

    def try_it(self) -> None:
        """Call the function, in any thread; what it raises is raised when it is asked again."""
        try:
            self.step.trial(self.before)
        except Exception as error:  # noqa: BLE001 - whatever it is, the step's card shows it
            self.step.note_trial(self.before, error)


GreyType = Literal["", "uint8", "uint16", "uint32", "int16", "int32", "float32", "float64"]


def _usual_name(value: Any) -> Any:
    """The name of a type of grey values, however it is written; empty if none is stated."""
    with suppress(TypeError):
        name = np.dtype(value).name if value else ""
        if name in get_args(GreyType):
            return name
    names = ", ".join(get_args(GreyType)[1:])
    raise ValueError(f"{value!r} is no type of grey values; use one of {names}")


class Function(Step):
    """Apply any function of a volume: an array (z, y, x) in, an array (z, y, x) out.

    Parameters
    ----------
    function
        A callable, or the name of one: ``"package.module:function"``, or the path of a Python
        file and ``:function``. Code that is only named runs once that is allowed; a Python file
        is loaded anew when it was changed.
    arguments
        Further arguments of the function, by name.
    halo
        How far (z, y, x) a voxel of the result sees around its place [voxel]: then planes and parts
        are made alone, and the shape stays. None: it is given whole volumes.
    shape, dtype
        What comes out, if it is not to be found out: without them, the function is called once on
        made-up voxels for each shape and type of its input.

    Examples
    --------
    >>> from napari_lazy_pipeline import Pipeline
    >>> volume = np.arange(27.0).reshape(3, 3, 3)
    >>> Pipeline([Function(function=np.flip, arguments={"axis": 0})]).apply(volume).volume()[0, 0]
    array([18., 19., 20.])
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    title: ClassVar[str] = "Function"
    summary: ClassVar[str] = "Apply a function of your own to each volume"
    group: ClassVar[str] = "Your own"
    order: ClassVar[int] = 90

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
    halo: Annotated[
        tuple[Annotated[int, Field(ge=0, le=10_000)], ...] | None,
        Field(
            min_length=3,
            max_length=3,
            title="Neighbours",
            description="How far (z, y, x) a voxel of the result sees; without it, the function is "
            "given whole volumes.",
            examples=[None, (0, 0, 0)],
        ),
        Unit("voxels"),
    ] = None
    shape: Annotated[
        tuple[Annotated[int, Field(ge=1, le=1_000_000)], ...] | None,
        Field(
            min_length=3,
            max_length=3,
            title="Result shape",
            description="Shape (z, y, x) of what comes out; found out by a trial if not stated.",
            examples=[None],
        ),
        Unit("voxels"),
    ] = None
    dtype: Annotated[
        GreyType,
        BeforeValidator(_usual_name),
        Field(
            title="Result type",
            description="Type of the voxels that come out; found out by a trial if not stated.",
            examples=["", "float32"],
            json_schema_extra={
                "words": {"": "as it comes", **{name: name for name in get_args(GreyType)[1:]}}
            },
        ),
    ] = ""

    @property
    def label(self) -> str:
        """The name of the function."""
        if isinstance(self.function, str):
            return self.function.rpartition(":")[2] or self.title
        return _name(self.function)

    def brief(self) -> str:
        """The function and its arguments."""
        if not self.function:
            return "no function chosen"
        bound = getattr(self.function, "keywords", {})
        values = {**bound, **self.arguments}.items()
        arguments = ", ".join(f"{name}={value}" for name, value in values)
        return f"{self.label}({arguments})"[:40]

    def output(self, before: StackSpec) -> StackSpec:
        self.loaded()  # what may not run is refused before anything is computed
        shape, dtype = self.shape or self._shape_kept(before), str(self.dtype)
        if shape is None or not dtype:
            tried = self._trial_result(before)
            shape, dtype = shape or tried[0], dtype or tried[1]
        after = before.replace(shape=shape, dtype=dtype)
        if self.halo is not None:
            return after
        # Where the voxels of the result lie is not known: it may turn or mirror the volume.
        outline = before.volume.outline if shape == before.shape else ()
        return after.replace(camera=None, outline=outline)

    def inputs(self, wanted: Block, before: StackSpec) -> tuple[Block, ...]:
        if self.halo is None:
            return (wanted.replace(box=whole(before.shape)),)
        return (wanted.replace(box=widened(wanted.box, self.halo, before.shape)),)

    def run(self, parts: tuple[np.ndarray, ...], at: Context) -> np.ndarray:
        result = self._call(parts[0])
        expected = at.after.shape if self.halo is None else parts[0].shape
        if result.shape != expected:
            raise GeometryError(
                f"{self.label} made an array of shape {result.shape} where {expected} was expected",
                hint="State the shape of its result, or no neighbours",
            )
        box = tuple(slice(a, b) for a, b in at.wanted.box) if self.halo is None else at.inner
        if self.dtype:
            return convert(result[box], self.dtype)
        return as_announced(result[box], at.after.dtype)

    def key(self, before: StackSpec) -> Hashable:
        return self.kind, self._identity(), self.visible(before)

    def need(self, before: StackSpec, engine: str) -> Need:
        """The copy that it may change; what it takes itself is not known."""
        return Need(before.volume.nbytes)

    def files(self) -> Iterator[str]:
        if isinstance(self.function, str) and ".py:" in self.function:
            yield split_name(self.function)[0]

    def with_files(self, move: Callable[[str], str]) -> Step:
        for path in self.files():
            return self.replace(function=f"{move(path)}:{self.label}")
        return self

    def allow(self) -> Function:
        """Let the code that is named run in this process; returns the step."""
        if isinstance(self.function, str) and self.function:
            allow_code(self.function)
        return self

    def loaded(self) -> Callable[..., Any]:
        """The function; an error if none is named, or it is not allowed to run, or not found."""
        if not self.function:
            raise GeometryError("No function is chosen", hint="Choose one, or remove the step")
        return load_function(self.function) if isinstance(self.function, str) else self.function

    # ---- what comes out -------------------------------------------------------------------

    def trial(self, before: StackSpec) -> _Trial:
        """Call the function on made-up voxels; shape and type of what comes out."""
        shape: tuple[int, ...] = before.shape
        if self.halo is not None:
            shape = tuple(min(n, 2 * r + _SMALL) for n, r in zip(shape, self.halo, strict=True))
        values = np.random.default_rng(0).integers(1, 100, shape).astype(before.dtype)
        volume = self._call(values)
        result = volume.shape, volume.dtype.name
        self.note_trial(before, result)
        return result

    def note_trial(self, before: StackSpec, result: _Trial | Exception) -> None:
        """Remember what came out, or was raised, for stacks of this shape and type."""
        _tried[self._trial_key(before)] = result, self.function  # which keeps its number

    def _trial_result(self, before: StackSpec) -> _Trial:
        tried, _ = _tried.get(self._trial_key(before), (None, None))
        if isinstance(tried, Exception):
            raise tried
        if tried is not None:
            return tried
        if not _at_once.get():
            raise NotTriedError(self, before)
        return self.trial(before)

    def _trial_key(self, before: StackSpec) -> Hashable:
        values = {name: value for name, value in self if name != "function"}
        code = self.function if isinstance(self.function, str) else id(self.function)
        return code, self.file_states(), value_identity(values), before.shape, before.dtype

    def _shape_kept(self, before: StackSpec) -> Shape | None:
        return before.shape if self.halo is not None else None

    def _call(self, volume: np.ndarray) -> np.ndarray:
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
        return function if isinstance(function, str) else _full_name(function) or self.label

    def only_in_memory(self) -> str:
        if isinstance(self.function, str) or _full_name(self.function):
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


def _full_name(function: Callable[..., Any]) -> str:
    """``module:function``, if it is found by that; else empty."""
    module, name = getattr(function, "__module__", None), getattr(function, "__name__", "")
    is_there = module != "__main__" and getattr(sys.modules.get(module or ""), name, None)
    return f"{module}:{name}" if is_there is function else ""
