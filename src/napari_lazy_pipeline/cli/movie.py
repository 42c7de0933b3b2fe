"""Movie: the maxima of a folder, as a recipe makes them, in a file that anybody can play."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from napari_lazy_pipeline.cli.run_recipe import (
    Place,
    ProgressLine,
    applied,
    load_recipe,
    numbers,
    tell_failures,
)
from napari_lazy_pipeline.errors import RecipeError

_Limits = tuple[float, float]


def movie(options: argparse.Namespace) -> int:
    """Write a movie of a folder; return the exit code."""
    from napari_lazy_pipeline.exports.export import Failure
    from napari_lazy_pipeline.exports.formats import channel_name
    from napari_lazy_pipeline.exports.movie import write_movie
    from napari_lazy_pipeline.image.quantity_text import format_count

    recipe = load_recipe(options)
    raw = Place(options.folder).open(recipe, options.trust)
    stack = applied(recipe, raw, options, options.folder is not None)
    names = [channel_name(stack, c) for c in range(stack.shape[1])]
    blank: dict[tuple[int, int], Failure] = {}
    said = write_movie(
        stack, options.out, t=numbers(options.t, stack.shape[0]), rate=options.rate,
        contrast=_contrast(options.contrast, names), progress=ProgressLine("pictures"),
        cancelled=options.stop.is_set,
        failed=lambda t, c, why: blank.update({(t, c): Failure(t, c, why)}),
    )  # fmt: skip
    tell_failures([*blank.values()])
    print(f"{said}. Blank: {format_count(len(blank), 'volume')}" if blank else said)
    return 1 if blank else 0


def _contrast(stated: Sequence[tuple[str, _Limits]], names: Sequence[str]) -> list[_Limits | None]:
    """The contrast of each channel; what is stated of one goes before what is stated of all."""
    limits = dict(stated)
    unknown = limits.keys() - {"", *names}
    if unknown:
        what = f"--contrast states the channel {min(unknown)}, which there is not"
        raise RecipeError(what, hint=f"There are {', '.join(names)}")
    return [limits.get(name, limits.get("")) for name in names]
