"""Function: any function of a volume as a step."""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar

import numpy as np

from napari_lazy_pipeline.engines import Need
from napari_lazy_pipeline.errors import GeometryError
from napari_lazy_pipeline.image import Block, Shape, StackSpec
from napari_lazy_pipeline.image.box import whole, widened
from napari_lazy_pipeline.image.pixel_type import convert
from napari_lazy_pipeline.steps._base import Context, as_announced
from napari_lazy_pipeline.steps._code_step import CodeStep
from napari_lazy_pipeline.steps._function_fields import Neighbours, ResultShape, ResultType
from napari_lazy_pipeline.steps._function_trial import Trial, note, noted
from napari_lazy_pipeline.steps._identity import value_identity

_SMALL = 8  # voxels of a trial beyond the neighbours that a function sees


class Function(CodeStep):
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

    title: ClassVar[str] = "Function"
    summary: ClassVar[str] = "Apply a function of your own to each volume"
    group: ClassVar[str] = "Your own"
    order: ClassVar[int] = 90

    halo: Neighbours = None
    shape: ResultShape = None
    dtype: ResultType = ""

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
            tried = noted(self._trial_key(before), self, before)
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
        result = self.called(parts[0])
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

    def need(self, before: StackSpec, engine: str) -> Need:
        """The copy that it may change; what it takes itself is not known."""
        return Need(before.volume.nbytes)

    # ---- what comes out -------------------------------------------------------------------

    def trial(self, before: StackSpec) -> Trial:
        """Call the function on made-up voxels; shape and type of what comes out."""
        shape: tuple[int, ...] = before.shape
        if self.halo is not None:
            shape = tuple(min(n, 2 * r + _SMALL) for n, r in zip(shape, self.halo, strict=True))
        values = np.random.default_rng(0).integers(1, 100, shape).astype(before.dtype)
        volume = self.called(values)
        result = volume.shape, volume.dtype.name
        self.note_trial(before, result)
        return result

    def note_trial(self, before: StackSpec, result: Trial | Exception) -> None:
        """Remember what came out, or was raised, for stacks of this shape and type."""
        note(self._trial_key(before), result, self.function)

    def _trial_key(self, before: StackSpec) -> Hashable:
        values = {name: value for name, value in self if name != "function"}
        code = self.function if isinstance(self.function, str) else id(self.function)
        return code, self.file_states(), value_identity(values), before.shape, before.dtype

    def _shape_kept(self, before: StackSpec) -> Shape | None:
        return before.shape if self.halo is not None else None
