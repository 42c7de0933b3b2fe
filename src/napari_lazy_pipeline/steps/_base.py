"""Step: one operation on a stack, as a frozen value: what it makes, what it needs, and how."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator, Mapping
from pathlib import PurePath
from typing import Any, ClassVar, Self

import numpy as np
from annotated_types import Unit
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)
from pydantic.fields import FieldInfo

from napari_lazy_pipeline._runtime.refusal import PlainModel
from napari_lazy_pipeline.engines import Need
from napari_lazy_pipeline.errors import GeometryError
from napari_lazy_pipeline.image import Block, Scan, Shape, StackSpec
from napari_lazy_pipeline.image.box import Affine, widened
from napari_lazy_pipeline.image.curve import Curve
from napari_lazy_pipeline.image.renumbering import Numbers
from napari_lazy_pipeline.image.resampling import Interpolation
from napari_lazy_pipeline.steps._context import Context
from napari_lazy_pipeline.steps._identity import code_identity, file_state, value_identity
from napari_lazy_pipeline.steps._per_channel import (
    ChannelValues,
)

__all__ = ["Context", "FilterStep", "Step", "Unit", "VoxelStep"]


class Step(BaseModel, metaclass=PlainModel):
    """One operation on a stack.

    A step is immutable and hashable: it can be compared, handed to a thread, and serve as
    part of a cache key. Its fields are its parameters; form, recipe, command line and
    documentation are made from them.

    Attributes
    ----------
    kind
        Its tag in recipes; made from the name of the class unless it is stated.
    title, summary, group
        How the step is called in menus, one line on what it does, and where it stands there.
    order
        Its usual place in a pipeline, lower first.
    exact
        Whether a box of the result that is made alone is, bit for bit, that of the whole.
    depends_on
        What else makes a difference for the pixels: time point ``"t"`` and channel ``"c"``; and
        ``"scan"`` and ``"times"``, the scan geometry that another step states and the number of
        time points, which `run` is told of only then.
    keeps_grid
        Whether voxels stay where they are, so that later steps fit without it, too.
    enabled
        A step that is switched off does nothing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: ClassVar[str] = ""
    title: ClassVar[str] = ""
    summary: ClassVar[str] = ""
    group: ClassVar[str] = "Other"
    order: ClassVar[int] = 100
    exact: ClassVar[bool] = True
    depends_on: ClassVar[frozenset[str]] = frozenset()
    keeps_grid: ClassVar[bool] = False

    enabled: bool = Field(default=True, title="On", description="Switches the step on or off.")

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        own, words = vars(cls), re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", cls.__name__).lower()
        if "kind" not in own and not cls.__name__.startswith("_"):
            cls.kind = words.replace(" ", "_")
        if "title" not in own:
            cls.title = words.capitalize()

    @property
    def label(self) -> str:
        """Return how the step is called in messages."""
        return self.title

    # ---- what a step is -------------------------------------------------------------------

    def output(self, before: StackSpec) -> StackSpec:
        """Tell what the step makes of a stack: shape, type, place, channels; no pixels are needed.

        Raises
        ------
        GeometryError
            If the step does not fit the stack.
        """
        return before

    def inputs(self, wanted: Block, before: StackSpec) -> tuple[Block, ...]:
        """Tell which parts of its input a part of its result needs; as it is here, the same."""
        return (wanted,)

    def run(self, parts: tuple[np.ndarray, ...], at: Context) -> np.ndarray:
        """Make the wanted block (z, y, x) from the parts given; these are left alone."""
        raise NotImplementedError

    def world(self, before: StackSpec, c: int) -> Affine:
        """Transform (4, 4) from positions (z, y, x) before the step to those after it; in um."""
        return np.eye(4)

    def world_at(self, before: StackSpec, t: int, c: int) -> Affine:
        """The same for one time point, where that matters; `world` is that of the first."""
        return self.world(before, c)

    def interpolates(self, before: StackSpec, c: int) -> tuple[Interpolation, float] | None:
        """How a step that does nothing but what `world` says fills voxels, and those without data.

        Neighbours that put the same where there are no data are made in one interpolation. None:
        the step does something else, or moves nothing.
        """
        return None

    def scan(self) -> Scan | None:
        """The scan geometry that this step states; None: it states none."""
        return None

    def with_scan(self, scan: Scan | None) -> Step:
        """The step with what it takes from the data: how their planes were scanned."""
        return self

    def require(self, before: StackSpec) -> None:
        """Raise an `IncompleteError` if a value is missing that only a person can state."""

    def caution(self, before: StackSpec) -> str:
        """Say why the step cannot be right where it stands; empty: it can."""
        return ""

    def doubt(self, before: StackSpec) -> str:
        """Say what speaks against the files of the step, as far as they were read; empty: nothing.

        Asked for often: no file is read for it.
        """
        return ""

    def curve(self, before: StackSpec) -> Curve | None:
        """Its values over a range, over time say, for a plot in its card; None: nothing to plot."""
        return None

    def draft(self) -> Step:
        """A quicker step that gives about the same, of the same shape: for previews."""
        return self

    def need(self, before: StackSpec, engine: str) -> Need:
        """Estimate what the step takes beside its input and its result; nothing is computed."""
        return Need()

    def after_edit(self, name: str, old: Step) -> Step:
        """The step once a person has changed this field: what depended on its old value goes."""
        return self

    def renumbered(self, now: Numbers) -> Step:
        """The step once the time points of its input have other numbers: a folder has grown.

        What it holds of a time point has to stay with it.
        """
        return self

    def idle_fields(self) -> frozenset[str]:
        """Return which fields change nothing while the others are what they are."""
        return frozenset()

    def brief(self) -> str:
        """Tell the main values in a few words, for a line in the list of steps."""
        fields = type(self).model_fields
        names = [name for name in fields if name != "enabled"]
        words = (_in_words(getattr(self, name), fields[name]) for name in names[:2])
        return ", ".join(words) or "nothing to set"

    # ---- what follows from it -------------------------------------------------------------

    def key(self, before: StackSpec) -> Hashable:
        """Everything the pixels depend on, but for the input, time point and channel."""
        values = value_identity(dict(self))
        return (
            self.kind,
            code_identity(type(self)),
            values,
            self.visible(before),
            self.file_states(),
        )

    def file_states(self) -> Hashable:
        """Return what changes when a file does that its fields name."""
        return tuple(file_state(path) for path in self.files())

    def visible(self, before: StackSpec) -> StackSpec:
        """What `run` is told of its input: else, pixels in a cache would be those of another."""
        hidden: dict[str, Any] = {"recorded": None, "undone": None}
        if "scan" not in self.depends_on:
            hidden["scan"] = None
        if "times" not in self.depends_on:
            hidden |= {"times": 1, "time_interval": None}  # both change while a folder grows
        return before.replace(**hidden)

    def for_channel(self, name: str) -> Self:
        """The step with the values of one channel.

        Raises
        ------
        GeometryError
            If a field has values for other channels only.
        """
        per_channel = {field: value for field, value in self if isinstance(value, ChannelValues)}
        for field_name, value in per_channel.items():
            if name not in value:
                title = type(self).model_fields[field_name].title or field_name
                raise GeometryError(
                    f"There is no {title} for the channel {name}",
                    hint=f"It is stated for: {', '.join(value)}",
                )
        values = {field_name: value[name] for field_name, value in per_channel.items()}
        return self.model_copy(update=values) if values else self

    def files(self) -> Iterator[str]:
        """Paths of the files that its fields name."""
        for name in self.file_fields():
            value = getattr(self, name)
            paths = value.values() if isinstance(value, ChannelValues) else (value,)
            yield from (path for path in paths if path)

    def with_files(self, move: Callable[[str], str]) -> Step:
        """Return a copy in which each path is another."""
        changes: dict[str, Any] = {}
        for name in self.file_fields():
            value = getattr(self, name)
            if isinstance(value, ChannelValues):
                changes[name] = {c: path and move(path) for c, path in value.items()}
            elif value:
                changes[name] = move(value)
        return self.replace(**changes) if changes else self

    def only_in_memory(self) -> str:
        """Say what of the step no recipe can hold; empty: it can hold all."""
        return ""

    @classmethod
    def file_fields(cls) -> tuple[str, ...]:
        """Names of the fields that hold a path."""
        return tuple(name for name, info in cls.model_fields.items() if _is_path(info))

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields changed, checked like a new one."""
        return type(self)(**{**dict(self), **changes})

    @model_validator(mode="before")
    @classmethod
    def _without_kind(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and "kind" in values:
            return {name: value for name, value in values.items() if name != "kind"}
        return values

    @model_serializer(mode="wrap")
    def _with_kind(self, make: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {"kind": self.kind, **make(self)}


class VoxelStep(Step):
    """A step that makes each voxel of the one in its place: only `apply` has to be written."""

    keeps_grid: ClassVar[bool] = True

    def apply(self, pixels: np.ndarray, at: Context) -> np.ndarray:
        """Make the voxels (z, y, x) from those of the input; of any type."""
        raise NotImplementedError

    def run(self, parts: tuple[np.ndarray, ...], at: Context) -> np.ndarray:
        return as_announced(np.asarray(self.apply(parts[0], at)), at.after.dtype)


class FilterStep(VoxelStep):
    """A step that makes each voxel of those around it: `halo` and `apply` have to be written."""

    def halo(self, before: StackSpec) -> Shape:
        """Return how far (z, y, x) a voxel of the result sees around its place [voxel]."""
        raise NotImplementedError

    def inputs(self, wanted: Block, before: StackSpec) -> tuple[Block, ...]:
        box = widened(wanted.box, self.halo(before), before.shape)
        return (wanted.replace(box=box),)

    def run(self, parts: tuple[np.ndarray, ...], at: Context) -> np.ndarray:
        result = super().run(parts, at)
        if result.shape != parts[0].shape:
            raise GeometryError(
                f"`apply` made the shape {result.shape} of a part of the shape {parts[0].shape}"
            )
        return result[at.inner]


def as_announced(result: np.ndarray, dtype: str) -> np.ndarray:
    """Floats of the precision announced; other types stay, and are refused if they differ."""
    if result.dtype.kind == "f" and np.dtype(dtype).kind == "f":
        return result.astype(dtype, copy=False)
    return result


def _is_path(info: FieldInfo) -> bool:
    extra = info.json_schema_extra
    return isinstance(extra, dict) and extra.get("format") == "path"


def _in_words(value: Any, info: FieldInfo) -> str:
    """A value with its unit; of a path, the name of the file."""
    several = isinstance(value, ChannelValues)
    texts = [_in_short(one, info) for one in (value.values() if several else [value])]
    unit = next((str(mark.unit) for mark in info.metadata if isinstance(mark, Unit)), "1")
    space, unit = ("", "") if unit == "1" else ("" if unit == "°" else " ", unit)
    return f"{', '.join(texts)}{space}{unit}{' per channel' if several else ''}"


def _in_short(value: Any, info: FieldInfo) -> str:
    if _is_path(info):
        return PurePath(value).name or "no file"
    values = value if isinstance(value, tuple) else (value,)
    return " x ".join(f"{one:g}" if isinstance(one, float) else str(one) for one in values)
