"""Make steps: writes the reference of the steps into docs/steps.md, and a picture of each."""

from __future__ import annotations

import inspect
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import imageio.v3 as iio
import numpy as np
import tifffile
from scipy import ndimage

from napari_lazy_pipeline import Pipeline, Stack, open_stack
from napari_lazy_pipeline.samples import simulated_cell
from napari_lazy_pipeline.samples.samples import REAL_STACK, TIMELAPSE, psf_path
from napari_lazy_pipeline.steps import Step, step_types
from napari_lazy_pipeline.steps._parameter_table import parameter_rows

PAGE = Path(__file__).parent / "steps.md"
PICTURES = Path(__file__).parent / "images" / "steps"
START, END = (
    "<!-- made by docs/make_steps.py: start -->",
    "<!-- made by docs/make_steps.py: end -->",
)
PIXEL, HEIGHT, WIDTH = 0.1, 120, 230  # um, and pixels of one of the two pictures at most
DETAIL, NEAR = np.array([3.0, 5.7]), 4  # um, and how many times nearer it is seen
LEVELS = 48  # of grey: noise takes less room


@dataclass(frozen=True)
class Scene:
    """What a step is shown with: the simulated cell before and after it."""

    values: Mapping[str, Any] = field(default_factory=dict)
    before: tuple[str, ...] = ()  # kinds of steps that were done already
    axis: int = 0  # what is brightest along it is shown
    t: int = 0
    c: int = 0
    pair: Literal["", "t", "c"] = ""  # two time points or channels, in green and magenta
    same: bool = False  # grey means the same before and after
    white: float = 99.7  # percentile of the brightness that is white
    of_type: bool = False  # white is the largest number of the type
    plane: bool = False  # before it, one plane is shown
    detail: bool = False  # the middle alone, each voxel as it is
    halves: bool = False  # after it, two channels are shown, one below the other


_EVEN, _DESKEWED = ("camera_correction",), ("camera_correction", "deskew")
_BACK = tuple(
    (*(float(i == j) for j in range(3)), -shift)
    for i, shift in enumerate(simulated_cell.channel_shift(1))
)
_WAY = tuple(simulated_cell.drift(t) for t in range(TIMELAPSE["times"]))
_LEFT = tuple(simulated_cell.bleaching(t, 1) for t in range(TIMELAPSE["times"]))
_LAST = 99
SCENES: dict[str, Scene] = {
    "flash_residual": Scene({"calibration": "calibration.tif"}, same=True, white=95),
    "camera_correction": Scene(
        {"dark": 100.0, "hot_pixels": 6.0, "flat_image": "flat.tif"}, c=1, t=5
    ),
    "subtract_background": Scene({"value": 100.0}, same=True, white=95),
    "rolling_background": Scene({"radius": 0.8}, _EVEN, same=True, white=98),
    "deconvolve": Scene(
        {"psf": str(psf_path()), "psf_voxel_size": REAL_STACK["psf_voxel_size"], "method": "rl"},
        _DESKEWED,
    ),
    "deskew": Scene(before=_EVEN, axis=1),
    "rotate": Scene(before=_DESKEWED, axis=1),
    "filter": Scene({"method": "top_hat", "radius": (0, 4, 4)}, _DESKEWED),
    "crop": Scene({"y": (20, 70), "x": (60, 200)}, _DESKEWED),
    "function": Scene(
        {"function": "scipy.ndimage:gaussian_gradient_magnitude", "arguments": {"sigma": 1}},
        _DESKEWED,
    ),
    "register_channels": Scene(
        {"reference": "488", "transform": {"560": _BACK}}, _DESKEWED, pair="c"
    ),
    "ratio": Scene({"a": "560", "b": "488", "threshold": 60.0}, _EVEN, axis=1, t=5, c=_LAST),
    "relative_change": Scene(
        {"channel": "560", "f0_times": (0, 3), "threshold": 60.0}, _EVEN, axis=1, t=5, c=_LAST
    ),
    "drift": Scene({"drift": _WAY}, _DESKEWED, pair="t"),
    "bleach_correction": Scene({"brightness": _LEFT}, _EVEN, axis=1, t=11, c=1, same=True),
    "bin": Scene({"factors": (1, 3, 3)}, _DESKEWED, detail=True),
    "project": Scene({"axis": "z"}, _DESKEWED, plane=True),
    "resample": Scene(before=_DESKEWED, axis=1, detail=True),
    "deskewed_maximum": Scene(before=_EVEN),
    "select": Scene({"channels": "560"}),
    "flip": Scene({"x": True}),
    "convert": Scene({"dtype": "uint8", "scaled": True, "scale": (100.0, 1600.0)}, of_type=True),
    "split_chip": Scene({"axis": "y"}, halves=True),
}


# ---- words --------------------------------------------------------------------------------


def kinds() -> list[type[Step]]:
    """Our steps, in the order of the menu."""
    ours = [kind for kind in step_types().values() if kind.__module__.startswith("napari_lazy")]
    groups = dict.fromkeys(kind.group for kind in sorted(ours, key=lambda kind: kind.order))
    return [
        kind
        for group in groups
        for kind in sorted(ours, key=lambda kind: kind.order)
        if kind.group == group
    ]


def reference() -> str:
    """The reference of all steps, from their models."""
    return "\n".join([START, "", *_lines(), END])


def _lines() -> Iterator[str]:
    group = ""
    for kind in kinds():
        if kind.group != group:
            group = kind.group
            yield from (f"### {group}", "")
        yield from (f"#### {kind.title}", "", f"{kind.summary}. In recipes: `{kind.kind}`.", "")
        if (PICTURES / f"{kind.kind}.png").exists():
            yield from (f"![before and after]({_place(kind)})", "")
        texts, sources = _description(kind)
        for text in texts:
            yield from (text, "")
        yield from _table(kind)
        if sources:
            yield from (f"Reference: {sources}", "")


def _place(kind: type[Step]) -> str:
    return f"images/steps/{kind.kind}.png"


def _description(kind: type[Step]) -> tuple[list[str], str]:
    """Paragraphs of the docstring, and what it cites."""
    text = inspect.cleandoc(kind.__doc__ or "").replace("``", "`")
    first, *sections = re.split(r"\n+(\w+)\n-{3,}\n", text)
    cited = dict(zip(sections[::2], sections[1::2], strict=True)).get("References", "")
    return [" ".join(part.split()) for part in first.split("\n\n")], " ".join(cited.split())


def _table(kind: type[Step]) -> Iterator[str]:
    rows = [row for row in parameter_rows(kind) if row[0] != "enabled"]
    if rows:
        yield "| value | in recipes | default | range | |"
        yield "|---|---|---|---|---|"
    for name, _, unit, allowed, meaning in rows:
        info = kind.model_fields[name]
        cells = info.title or name, f"`{name}`", _default(kind, name, unit), allowed, meaning
        yield f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
    if rows:
        yield ""


def _default(kind: type[Step], name: str, unit: str) -> str:
    info = kind.model_fields[name]
    value = info.get_default(call_default_factory=True)
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    if value in (None, "", ()) or value == {}:
        return str(extra.get("empty", ""))
    if value == 0 and extra.get("zero"):
        return f"0: {extra['zero']}"
    values = value if isinstance(value, tuple) else (value,)
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = ", ".join(f"{one:g}" if isinstance(one, float) else str(one) for one in values)
    return f"{text} {unit}" if unit not in ("", "1", "°") else f"{text}{unit.replace('1', '')}"


# ---- pictures -----------------------------------------------------------------------------


def sample(folder: Path) -> Stack:
    """The simulated cell, and what was measured of its camera."""
    flat = TIMELAPSE["background"] + 10_000 * simulated_cell.vignette()
    tifffile.imwrite(folder / "flat.tif", flat.astype(np.float32))
    left = [np.full_like(flat, value) for value in (60.0, 0.01, TIMELAPSE["background"])]
    tifffile.imwrite(folder / "calibration.tif", np.stack(left), photometric="minisblack")
    cell = simulated_cell.write_timelapse(folder / "cell")
    return open_stack(cell, angle=TIMELAPSE["angle"], step="stage")


def picture(kind: type[Step], stack: Stack, folder: Path) -> np.ndarray:
    """Make the picture (y, x) or (y, x, colour) of a step: left before it, right after it."""
    scene = SCENES.get(kind.kind, Scene())
    steps = [_made(step_types()[before], SCENES[before], folder) for before in scene.before]
    states = [Pipeline(some).apply(stack) for some in (steps, [*steps, _made(kind, scene, folder)])]
    after = replace(scene, plane=False, pair="c" if scene.halves else scene.pair)
    panels = [_panels(states[0], scene), _panels(states[1], after)]
    ends = [[_ends(panel, scene.white) for panel in two] for two in panels]
    if scene.of_type:
        ends = [[(0.0, float(np.iinfo(state.stack_spec.dtype).max))] for state in states]
    if scene.same:
        lows, highs = zip(*(limits for two in ends for limits in two), strict=True)
        ends = [[(min(lows), max(highs))] * len(two) for two in panels]
    grey = [
        [_grey(panel, *limits) for panel, limits in zip(two, of_two, strict=True)]
        for two, of_two in zip(panels, ends, strict=True)
    ]
    left, right = (_laid_out(two, scene) for two in grey)
    height = max(left.shape[0], right.shape[0])
    gap = np.full((height, 6, *left.shape[2:]), 255, np.uint8)
    return np.concatenate([_padded(left, height), gap, _padded(right, height)], axis=1)


def _made(kind: type[Step], scene: Scene, folder: Path) -> Step:
    files = {
        name: str(folder / scene.values[name])
        for name in kind.file_fields()
        if name in scene.values
    }
    step = kind(**{**scene.values, **files})
    allow = getattr(step, "allow", None)
    return allow() if allow is not None else step


def _panels(stack: Stack, scene: Scene) -> list[np.ndarray]:
    """One picture, or two that are shown in two colours."""
    places = [(scene.t, scene.c)]
    if scene.pair == "t":
        places = [(0, scene.c), (stack.shape[0] - 1, scene.c)]
    elif scene.pair == "c":
        places = [(scene.t, 0), (scene.t, 1)]
    size = np.delete(stack.stack_spec.volume.spacing, scene.axis)
    panels = []
    for t, c in places:
        volume = stack.volume(t, min(c, stack.shape[1] - 1)).astype(np.float32)
        flat = np.nan_to_num(volume).max(axis=scene.axis)
        if scene.plane:
            flat = volume.take(volume.shape[scene.axis] // 2, axis=scene.axis)
        if scene.detail:
            near = np.rint(DETAIL / size).astype(int)
            middle = ndimage.center_of_mass(flat > np.percentile(flat, 98))
            start = np.maximum(np.rint(middle).astype(int) - near // 2, 0)
            flat = flat[tuple(slice(a, a + n) for a, n in zip(start, near, strict=True))]
            scale = NEAR * size / PIXEL
            panels.append(ndimage.zoom(flat, scale, order=0, mode="nearest", grid_mode=True))
            continue
        scale = min(*(HEIGHT, WIDTH) / (flat.shape * size / PIXEL), 1) * size / PIXEL
        panels.append(ndimage.zoom(flat, scale, order=1))
    return panels


def _laid_out(two: list[np.ndarray], scene: Scene) -> np.ndarray:
    """One picture as it is; two in two colours, or one below the other."""
    if len(two) == 1:
        return two[0]
    if scene.halves:
        return np.concatenate([two[0], np.full((6, two[0].shape[1]), 255, np.uint8), two[1]])
    return np.stack([two[1], two[0], two[1]], -1)


def _ends(panel: np.ndarray, white: float) -> tuple[float, float]:
    low, high = np.percentile(panel[panel != 0] if panel.any() else panel, (2, white))
    return float(low), float(high)


def _grey(panel: np.ndarray, low: float, high: float) -> np.ndarray:
    part = np.clip((panel - low) / max(high - low, 1e-9), 0, 1)
    return np.asarray(np.rint(np.rint(part * LEVELS) * 255 / LEVELS), np.uint8)


def _padded(panel: np.ndarray, height: int) -> np.ndarray:
    rest = [(0, height - panel.shape[0]), *[(0, 0)] * (panel.ndim - 1)]
    return np.pad(panel, rest, constant_values=255)


def main() -> int:
    """Write pictures and page."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    for old in PICTURES.glob("*.png"):
        old.unlink()
    with tempfile.TemporaryDirectory() as folder:
        stack = sample(Path(folder))
        for kind in kinds():
            made = picture(kind, stack, Path(folder))
            iio.imwrite(PICTURES / f"{kind.kind}.png", made, compress_level=9)
    page = PAGE.read_text("utf-8")
    before, _, rest = page.partition(START)
    PAGE.write_text(before + reference() + rest.partition(END)[2], "utf-8")
    size = sum(path.stat().st_size for path in PICTURES.glob("*.png"))
    print(f"{len(kinds())} steps, pictures of {size / 1e3:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
