"""Recipe use: what a recipe tells about data that are open already, and what it does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.errors import RecipeError
from napari_lazy_pipeline.image import Stack
from napari_lazy_pipeline.image.spec import UNKNOWN
from napari_lazy_pipeline.io import FolderInfo, MetadataOverrides
from napari_lazy_pipeline.session.crop_refit import refitted
from napari_lazy_pipeline.session.recipe import Recipe
from napari_lazy_pipeline.session.recipe_numbers import of_elsewhere, same_folder
from napari_lazy_pipeline.session.recipe_source import NUMBERED, Source


@dataclass(frozen=True)
class RecipeUse:
    """What of a recipe holds for data that are open.

    Attributes
    ----------
    pipeline
        Its steps, with crops that fit the data.
    overrides, colours
        What is stated about the data now, and the colours of the channels.
    sentence
        What was taken from the recipe, left as it was, and fitted; empty if nothing was.
    left
        What was left as it was; empty if nothing was.
    """

    pipeline: Pipeline
    overrides: MetadataOverrides
    colours: tuple[str, ...]
    sentence: str = ""
    left: str = ""

    @classmethod
    def of(
        cls,
        recipe: Recipe,
        folder_info: FolderInfo,
        overrides: MetadataOverrides,
        colours: tuple[str, ...] = (),
    ) -> RecipeUse:
        """Fill what is unknown about the data with what a recipe says; what is known stays."""
        source = recipe.source
        if source is None:
            return cls(recipe.pipeline, overrides, colours)
        stated, taken, left = _filled(source, folder_info, overrides)
        own = source.channel_colours or ()
        if own and len(own) == folder_info.sizes[1] and own != colours:
            (left if colours else taken).append(f"colours {', '.join(own)}")
            colours = colours or own
        stack = stated.stack(folder_info)
        renumbered, numbers = _renumbered(recipe, stack)
        pipeline = renumbered.pipeline
        elsewhere = of_elsewhere(pipeline, source, stack)
        raw, fitted = stack.stack_spec, tuple(filter(None, (numbers, elsewhere)))
        before = source.raw(raw)
        if before is not None or source.folder != folder_info.folder:
            pipeline, crops = refitted(pipeline, before, raw)
            fitted += crops
        of_recipe = f"Taken from the recipe: {', '.join(taken)}" if taken else ""
        of_data = f"Left as the data have it, not as the recipe: {', '.join(left)}" if left else ""
        sentence = ". ".join(filter(None, [of_recipe, of_data, *fitted]))
        return cls(pipeline, stated, colours, sentence, of_data)


def for_folder(recipe: Recipe | None, folder_info: FolderInfo) -> tuple[Recipe | None, str]:
    """A recipe for its folder, which is about to be shown, and what is to be said of it.

    If it is another folder, somebody was faster than the recipe, which is for none then.
    """
    if recipe is None or recipe.source is None:
        return None, ""
    own, here = Path(recipe.source.folder), folder_info.folder
    alone = folder_info.pattern == own.name and same_folder(here, str(own.parent))
    if not (alone or same_folder(here, str(own))):
        return None, f"The recipe is not used: its folder is {own}. Load it again for this one"
    return _renumbered(recipe, MetadataOverrides().stack(folder_info))


def _renumbered(recipe: Recipe, raw: Stack) -> tuple[Recipe, str]:
    """The recipe for time points as they are numbered now; as it was where that cannot be told."""
    try:
        return recipe.renumbered(raw)
    except RecipeError as error:
        return recipe, str(error)


def _filled(
    source: Source, folder_info: FolderInfo, overrides: MetadataOverrides
) -> tuple[MetadataOverrides, list[str], list[str]]:
    """What is stated with what the source fills in; in words, what it fills, and what stays."""
    taken, left = list[str](), list[str]()
    values: dict[str, Any] = {}
    size = list(overrides.voxel_size or UNKNOWN)
    for name, present, offered, words in _values(source, folder_info, overrides):
        if offered is None or offered == present:
            continue
        if present is not None:
            left.append(words)
            continue
        taken.append(words)
        if name == "z":
            size[0] = offered
        elif name == "pixel":
            size[1:] = offered
        else:
            values[name] = offered
    z, y, x = size
    return replace(overrides, **values, voxel_size=(z, y, x)), taken, left


def _values(
    source: Source, folder_info: FolderInfo, overrides: MetadataOverrides
) -> Iterator[tuple[str, Any, Any, str]]:
    """Name, value of the data, value of the recipe, and that in words."""
    offered = source.voxel_size or UNKNOWN
    stated = overrides.voxel_size or UNKNOWN
    z, y, x = (a or b for a, b in zip(stated, folder_info.voxel_size, strict=True))
    yield "z", z, offered[0], f"z step {offered[0]} µm"
    pixel = offered[1:] if all(offered[1:]) else None
    words = f"pixel {offered[2]} µm"
    if pixel is not None and bool(y) != bool(x):
        pixel = y or pixel[0], x or pixel[1]
        words = f"{'height' if x else 'width'} of a pixel {pixel[0] if x else pixel[1]} µm"
    yield "pixel", (y, x) if y and x else None, pixel, words
    interval = overrides.time_interval or folder_info.time_interval
    yield "time_interval", interval, source.time_interval, f"interval {source.time_interval} s"
    scan = folder_info.scan
    angle = folder_info.angle if overrides.angle is None else overrides.angle
    yield "angle", angle, source.angle, f"angle {source.angle}°" if source.angle else "not oblique"
    how = "along the stage" if source.step == "stage" else "perpendicular to the planes"
    yield "step", overrides.step or (scan and scan.step), source.step, f"z step {how}"
    axis = overrides.skew_axis or (scan and scan.skew_axis) or ("x" if angle else None)
    yield "skew_axis", axis, source.skew_axis, f"scan axis {source.skew_axis}"
    names = source.channel_names
    if names is not None and len(names) == folder_info.sizes[1]:
        present = overrides.channel_names or folder_info.channel_names
        unknown = all(map(NUMBERED.fullmatch, present))
        words = f"channels {', '.join(names)}"
        yield "channel_names", None if unknown and names != present else present, names, words
