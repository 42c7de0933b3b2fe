"""Movie: the maxima of a folder, as a recipe makes them, in a file that anybody can play."""

from __future__ import annotations

import argparse

from napari_lazy_pipeline.cli.run_recipe import ProgressLine, numbers


def movie(options: argparse.Namespace) -> int:
    """Write a movie of a folder."""
    from napari_lazy_pipeline.exports.maxima import maxima
    from napari_lazy_pipeline.exports.movie import write_movie
    from napari_lazy_pipeline.exports.other_folder import open_other, open_own
    from napari_lazy_pipeline.session import Recipe

    recipe = Recipe.load(options.recipe)
    if options.folder is None:
        raw = open_own(recipe, options.trust)
    else:
        raw = open_other(recipe, options.folder, trust=options.trust)
    if options.trust:
        recipe.allow_code()
    stack = maxima(recipe.numbered_now(raw).pipeline).apply(raw, engine=recipe.engine)
    said = write_movie(
        stack, options.out, t=numbers(options.t, stack.shape[0]), rate=options.rate,
        progress=ProgressLine(), cancelled=options.stop.is_set,
    )  # fmt: skip
    print(said)
    return 0
