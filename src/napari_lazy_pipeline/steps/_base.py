"""Step: one operation on one volume, as a frozen value; and the registry of all steps."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any, ClassVar

import numpy as np
from annotated_types import Unit
from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

from napari_lazy_pipeline.engines import Engine, Need, get_engine
from napari_lazy_pipeline.errors import LazyPipelineError
from napari_lazy_pipeline.image.box import Box, before, cut, slices, widened
from napari_lazy_pipeline.image.scan_geometry import Scan, Shape
from napari_lazy_pipeline.image.stack import VolumeSpec

__all__ = ["Context", "Step", "Unit"]


def _no_other_channel(c: int) -> np.ndarray:
    raise LazyPipelineError(
        f"Channel {c} is not at hand", hint="Run the step as part of a pipeline on a stack"
    )


@dataclass(frozen=True)
class Context:
    """What a step may know besides the pixels it is given.

    Attributes
    ----------
    spec
        The volume the step meets.
    t, c
        Time point and channel of the volume.
    engine
        Where to compute.
    cancelled
        True once nobody wants the result: long steps ask it and raise `Cancelled`.
    progress
        Told the finished fraction of the step, 0 to 1.
    channel
        The volume of another channel at this time point, at the same stage; only for steps
        with ``reads_channels``.
    """

    spec: VolumeSpec
    t: int = 0
    c: int = 0
    engine: Engine = field(default_factory=get_engine)
    cancelled: Callable[[], bool] = lambda: False
    progress: Callable[[float], None] = lambda fraction: None
    channel: Callable[[int], np.ndarray] = _no_other_channel


class Step(BaseModel):
    """One operation on a volume (z, y, x).

    A step is immutable and hashable: it can be compared, handed to a thread, and serve as
    part of a cache key. Its fields are its parameters; form, recipe, command line and
    documentation are made from them.

    Attributes
    ----------
    title, summary
        How the step is called in menus, and one line on what it does.
    order
        Its place among the steps of a menu, lower first.
    reads_channels
        Whether it uses other channels than the one it works on.
    plane_local
        Whether some planes of the result need only some planes of the input, and whatever box
        of it is made alone is, bit for bit, what it is in the whole.
    enabled
        A step that is switched off does nothing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    title: ClassVar[str]
    summary: ClassVar[str]
    order: ClassVar[int] = 100
    reads_channels: ClassVar[bool] = False
    plane_local: ClassVar[bool] = False

    kind: str
    enabled: bool = Field(default=True, title="On", description="Switches the step on or off.")

    def output_spec(self, spec: VolumeSpec) -> VolumeSpec:
        """Shape, type and place of the result; no pixels are needed.

        Raises
        ------
        GeometryError
            If the step does not fit the volume.
        """
        raise NotImplementedError

    def run(self, volume: np.ndarray, context: Context) -> np.ndarray:
        """Process one volume (z, y, x); the volume itself is left alone."""
        raise NotImplementedError

    def halo(self, spec: VolumeSpec) -> Shape | None:
        """How far (z, y, x) a voxel of the result sees around its place [voxel]; None: everything.

        A step that tells it can be run on a part of a volume.
        """
        return None

    def needed_box(self, spec: VolumeSpec, box: Box) -> Box | None:
        """Which voxels of the input a box of the result needs; None: all of them."""
        halo = self.halo(spec)
        if halo is None:
            return None
        seen = before(box, self.output_spec(spec), spec, self.frame(spec))
        return widened(seen, halo, spec.shape)

    def run_box(self, part: np.ndarray, inner: Box, box: Box, context: Context) -> np.ndarray:
        """Make a box of the result; as it is here, for steps that keep each voxel in its place.

        Parameters
        ----------
        part
            The voxels ``inner`` of the input, those that `needed_box` asks for.
        inner, box
            (start, stop) along z, y and x, in the whole input and in the whole result.
        context
            Its ``spec`` is that of the whole input.
        """
        made = self.run(part, replace(context, spec=cut(context.spec, inner)))
        return made[slices(box, inner)]

    def cache_key(self, spec: VolumeSpec) -> Hashable:
        """Everything the pixels of the result depend on, besides those of the input."""
        return self

    def scan(self) -> Scan | None:
        """The scan geometry this step undoes; steps before it then know of it too."""
        return None

    def frame(self, spec: VolumeSpec) -> np.ndarray:
        """Matrix (3, 3) from positions (z, y, x) before the step to those after it; both in um."""
        return np.eye(3)

    def windowless(self) -> Step:
        """The step without any window counted in voxels: for a part of the volume, or coarser."""
        return self

    def draft(self) -> Step:
        """A quicker step that gives about the same: for previews."""
        return self

    def need(self, spec: VolumeSpec, engine: str) -> Need:
        """Estimate what the step takes beside its input and its result; nothing is computed."""
        return Need()

    def after_edit(self, name: str) -> Step:
        """The step once a person has changed this field: what was said of its old value goes."""
        return self

    def brief(self) -> str:
        """Say the main values in a few words, for a line in the list of steps."""
        fields = type(self).model_fields
        names = [name for name in fields if name not in ("kind", "enabled")]
        return ", ".join(_told(getattr(self, name), fields[name]) for name in names[:2])

    def files(self) -> dict[str, str]:
        """Fields that name a file, and the paths they hold."""
        return {
            name: value
            for name, value in ((name, getattr(self, name)) for name in self.file_fields())
            if value
        }

    @classmethod
    def file_fields(cls) -> tuple[str, ...]:
        """Names of the fields that hold a path."""
        return tuple(
            name
            for name, info in cls.model_fields.items()
            if isinstance(info.json_schema_extra, dict)
            and info.json_schema_extra.get("format") == "path"
        )

    def replace(self, **changes: Any) -> Step:
        """Return a copy with some fields changed, checked like a new one."""
        return type(self).model_validate({**dict(self), **changes})


def _told(value: Any, info: FieldInfo) -> str:
    """A value with its unit; of a path, the name of the file."""
    if isinstance(info.json_schema_extra, dict) and info.json_schema_extra.get("format") == "path":
        return PurePath(value).name or "no file"
    values = value if isinstance(value, tuple) else (value,)
    text = " x ".join(f"{one:g}" if isinstance(one, float) else str(one) for one in values)
    unit = next((mark.unit for mark in info.metadata if isinstance(mark, Unit)), "1")
    return text if unit == "1" else f"{text}{'' if unit == '°' else ' '}{unit}"
