"""Plain script: what is on screen as a chain of dask's map_blocks, without this package."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.errors import RecipeError
from napari_lazy_pipeline.image import Stack, StackSpec
from napari_lazy_pipeline.io.files.file_source import FileSource
from napari_lazy_pipeline.session.plain_code import function_code, plain_code
from napari_lazy_pipeline.session.plain_function import PlainFunctions
from napari_lazy_pipeline.steps import Step
from napari_lazy_pipeline.steps.function import Function
from napari_lazy_pipeline.steps.ratio import Ratio

_HEAD = """\
from __future__ import annotations

from pathlib import Path

import dask.array as da
import numpy as np
import tifffile
from scipy import ndimage
{functions}
folder = Path({folder!r})
names = [  # one list for each channel, in the order of time
{names}]
files = [[folder / name for name in channel] for channel in names]


def read(block_info=None):
    t, c = block_info[None]["chunk-location"][:2]
    return tifffile.imread(files[c][t]).reshape((1, 1, *{shape}))


stack = da.map_blocks(
    read,
    chunks=((1,) * {times}, (1,) * {channels}, *((n,) for n in {shape})),
    dtype={dtype!r},
    meta=np.empty((0,) * 5, {dtype!r}),
)  # no pixel is read
"""

# Names that the script has already, and the lines that make them.
_NAMES = {
    "Path": "from pathlib import Path",
    "da": "import dask.array as da",
    "np": "import numpy as np",
    "tifffile": "import tifffile",
    "ndimage": "from scipy import ndimage",
    **dict.fromkeys(("folder", "names", "files", "read", "stack", "ratio", "volume", "block"), ""),
    **dict.fromkeys(("enumerate", "float", "int", "print", "range"), ""),
}

_STEP = """

def {name}(block):
    volume = block[0, 0]
{body}
    return volume[None, None]


stack = stack.map_blocks(
    {name},
    chunks=(*stack.chunks[:2], *((n,) for n in {shape})),
    dtype={dtype!r},
    meta=np.empty((0,) * 5, {dtype!r}),
)
"""

_RATIO = """

def {name}(a, b):
    a = a.astype(np.{dtype}) - np.{dtype}({of_a!r})
    b = b.astype(np.{dtype}) - np.{dtype}({of_b!r}){mixed}
    with np.errstate(all="ignore"):
        result = a / b
    result[~((b > {threshold!r}) & np.isfinite(result))] = {fill}
    return result


ratio = da.map_blocks({name}, stack[:, [{a}]], stack[:, [{b}]], dtype={dtype!r})
stack = {kept}
"""

_END = """
print(stack)  # (t, c, z, y, x)
volume = stack[0, 0].compute()  # reads one file
"""


def plain_script(stack: Stack, pipeline: Pipeline) -> str:
    """Write a Python script of dask, numpy, scipy and tifffile that makes the same pixels.

    Raises
    ------
    RecipeError
        If it would take more than a few lines: the sentence tells which step, or why not.
    """
    plan = pipeline.plan(stack.stack_spec)
    plan.check()
    specs = [plan.raw, *(stage.after for stage in plan.stages)]
    names = [f"{stage.step.kind}_{number}" for number, stage in enumerate(plan.stages, 1)]
    functions, parts = PlainFunctions({**_NAMES, **dict.fromkeys(names, "")}), list[str]()
    for name, stage, (before, after) in zip(names, plan.stages, pairwise(specs), strict=True):
        if isinstance(stage.step, Ratio):
            parts.append(_ratio(stage.step, name, before, after))
            continue
        if isinstance(stage.step, Function):
            body = function_code(stage.step, functions.call(stage.step), after)
        else:
            body = _body(stage.step, before)
        lines = "\n".join(f"    {line}" for line in body.splitlines())
        parts.append(
            _STEP.format(name=name, body=lines, shape=after.shape, dtype=after.volume.dtype)
        )
    return "".join([_reading(stack, functions.text), *parts, _END])


def _body(step: Step, before: StackSpec) -> str:
    names = before.channels or ("",)
    bodies = {plain_code(step.for_channel(name), before) for name in names}
    if len(bodies) > 1:
        what = f"{step.label} has values of its own for each channel"
        raise RecipeError(what, hint="Copy the script that uses this package")
    (body,) = bodies
    if not body:
        what = f"{step.label} is more than a few lines of numpy as it is set"
        raise RecipeError(what, hint="Copy the script that uses this package")
    return body


def _ratio(step: Ratio, name: str, before: StackSpec, after: StackSpec) -> str:
    a, b = step.pair(before)
    of_a, of_b = step.background
    dtype = after.volume.dtype
    kept = f"da.concatenate([stack.astype({dtype!r}), ratio], axis=1)" if step.keep else "ratio"
    return _RATIO.format(
        name=name, a=a, b=b, of_a=of_a, of_b=of_b, dtype=dtype, threshold=step.threshold,
        fill="np.nan" if step.fill is None else repr(step.fill), kept=kept,
        mixed="\n    a, b = a - b, a + b" if "+" in step.formula else "",
    )  # fmt: skip


def _reading(stack: Stack, functions: str) -> str:
    source, spec = stack.source, stack.stack_spec
    if not isinstance(source, FileSource):
        raise RecipeError("The data are not in files", hint="Open a folder")
    times, channels = source.sizes
    names = []
    for c in range(channels):
        paths = [source.paths(t, c) for t in range(times)]
        if any(len(several) != 1 or not _is_tiff(several[0]) for several in paths):
            what = "Not every volume is one TIFF file that is there"
            raise RecipeError(what, hint="Copy the script that uses this package")
        names.append([path for (path,) in paths])
    flat = [path for channel in names for path in channel]
    if len(set(flat)) < len(flat):
        what = "Several volumes are in one file"
        raise RecipeError(what, hint="Copy the script that uses this package")
    folder = os.path.commonpath([os.path.dirname(path) for path in flat])
    listed = "".join(f"    {[os.path.relpath(p, folder) for p in one]!r},\n" for one in names)
    return _HEAD.format(
        folder=folder, names=listed, shape=spec.shape, dtype=spec.volume.dtype,
        times=times, channels=channels, functions=functions,
    )  # fmt: skip


def _is_tiff(path: str) -> bool:
    return Path(path).suffix.lower() in (".tif", ".tiff")
