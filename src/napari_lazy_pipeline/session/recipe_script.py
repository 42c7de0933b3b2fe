"""Recipe script: a recipe as the Python that gives the same pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.session.recipe_source import Source
from napari_lazy_pipeline.steps import Step
from napari_lazy_pipeline.steps.function import Function


def script(
    source: Source | None, pipeline: Pipeline, engine: str, sweep: Mapping[str, Sequence[Any]]
) -> str:
    """Write a Python script; without a source, the folder is still to be named in it."""
    source = source or Source(folder="FOLDER")
    steps = [step for step in pipeline.steps if step.enabled]
    code = "".join(f"    {_expression(step)},\n" for step in steps)
    names = ", ".join(sorted({type(step).__name__ for step in steps}))
    return "\n".join(
        [
            "from napari_lazy_pipeline import Pipeline, open_stack",
            *([f"from napari_lazy_pipeline.steps import {names}"] if names else []),
            "",
            "stack = open_stack(",
            f"    {source.folder!r},",
            f"    {source.pattern or None!r},",
            f"    voxel_size={source.voxel_size!r},  # um, (z, y, x)",
            *(f"    {name}={value!r}," for name, value in source.options.items()),
            *(["    trust=True,  # runs the code named above"] if source.reader else []),
            ")  # no pixel is read",
            f"pipeline = Pipeline(steps=[\n{code}])",
            *(_swept(sweep, engine) if sweep else _applied(engine)),
            "",
        ]
    )


def _applied(engine: str) -> list[str]:
    return [
        f"view = pipeline.apply(stack, engine={engine!r})",
        "print(view.data)  # a dask array (t, c, z, y, x)",
        "volume = view.data[0, 0].compute()  # reads one file",
    ]


def _swept(sweep: Mapping[str, Sequence[Any]], engine: str) -> list[str]:
    values = {name: list(several) for name, several in sweep.items()}
    axes = ", ".join([*sweep, "t", "c", "z", "y", "x"])
    place = ", ".join("0" for _ in range(len(sweep) + 2))
    return [
        f"sweep = pipeline.sweep(stack, {values!r}, engine={engine!r})",
        f"print(sweep.data)  # a dask array ({axes})",
        f"volume = sweep.data[{place}].compute()  # reads one file",
    ]


def _expression(step: Step) -> str:
    """A step as the expression that makes it."""
    fields = dict(step)
    if isinstance(step, Function):
        fields["function"] = step.model_dump()["function"]
    values = ", ".join(f"{name}={value!r}" for name, value in fields.items() if name != "enabled")
    allowed = ".allow()" if isinstance(step, Function) else ""
    return f"{type(step).__name__}({values}){allowed}"
