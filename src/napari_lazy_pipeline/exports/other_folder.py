"""Other folder: opens the data of a recipe as it says, and others as far as it fits them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_lazy_pipeline.compute import Plan
from napari_lazy_pipeline.errors import (
    ExportError,
    PatternError,
    VoxelSizeUnknownError,
)
from napari_lazy_pipeline.image import Stack
from napari_lazy_pipeline.io import FolderInfo, MetadataOverrides, inspect_folder
from napari_lazy_pipeline.session import Recipe
from napari_lazy_pipeline.session.own_folder import (
    check_channels,
    opening,
    refuse_crop,
    remark,
    tell_position,
)
from napari_lazy_pipeline.session.recipe_numbers import same_folder
from napari_lazy_pipeline.session.recipe_source import Source
from napari_lazy_pipeline.session.recipe_use import RecipeUse
from napari_lazy_pipeline.steps.crop import Crop

_GIVE = "Open the folder and state it, or give a recipe of its own"


def open_other(
    recipe: Recipe,
    folder: str | Path,
    position: str | None = None,
    trust: bool = False,
    complete: bool = False,
) -> Stack:
    """Open a folder or position that need not be that of the recipe; no pixel is read.

    If it is, it is opened as `Recipe.open_raw` does. Of others, what the recipe states holds where
    their files do not state it; ``trust`` and ``complete`` are those of `open_stack`.

    Raises
    ------
    FolderError, PatternError
        If the folder cannot be opened.
    ExportError
        If it is not clear what its files are, or how large their voxels.

    Warns
    -----
    RemarkWarning
        If the files of others state other values than the recipe, or are of several positions of
        which neither it nor ``position`` chooses.
    """
    own = _own(recipe, folder, position)
    if own is not None:
        return own.open_raw(trust, complete)
    source = recipe.source or Source(folder=str(folder))
    options = opening(source, folder, trust, complete) | {"position": position}
    folder_info = _inspect(folder, source.pattern or None, options)
    if position is None and len(folder_info.positions) > 1:
        folder_info = _at_position(folder_info, folder, source, options)
    # Steps go by the names of the channels: those that the recipe states hold.
    stated = MetadataOverrides(channel_names=source.channel_names).fitting(folder_info)
    use = RecipeUse.of(recipe, folder_info, stated)
    if source.made_for is not None:
        refuse_crop(use.pipeline, recipe.pipeline, folder)
    check_channels(folder_info, source)
    stack = use.overrides.stack(folder_info)
    if not stack.spec.size_known:
        raise ExportError(VoxelSizeUnknownError.of(stack.spec.stated_size).what, str(folder), _GIVE)
    if use.left:
        remark(use.left, f"{folder}, {position}" if position else folder)
    return stack


def _at_position(
    folder_info: FolderInfo, folder: str | Path, source: Source, options: dict[str, Any]
) -> FolderInfo:
    """Look at the position of the recipe, of several that nobody chose from; or say which it is."""
    if source.position not in folder_info.positions:
        tell_position(folder_info, folder)
    elif source.position != folder_info.position:
        options = {**options, "position": source.position}
        return _inspect(folder, source.pattern or None, options)
    return folder_info


def _own(recipe: Recipe, folder: str | Path, position: str | None) -> Recipe | None:
    """The recipe, if it is that of a folder and position; a source without one is of all."""
    source = recipe.source
    if source is None or not same_folder(folder, source.folder):
        return None
    if None not in (position, source.position) and position != source.position:
        return None
    place = {"folder": str(folder), "position": position or source.position}
    return recipe.model_copy(update={"source": source.model_copy(update=place)})


def positions_of(
    recipe: Recipe, folder: str | Path, trust: bool = False, complete: bool = False
) -> tuple[str, ...]:
    """Return the positions of a folder, looked at as `open_other` does; empty if it has one."""
    source = recipe.source or Source(folder=str(folder))
    options = opening(source, folder, trust, complete) | {"position": None}
    return _inspect(folder, source.pattern or None, options).positions


def check_fit(plan: Plan, channels: int | None = None) -> None:
    """Refuse data that a recipe was not made for, before anything is computed."""
    plan.check()
    count = len(plan.raw.channels)
    if channels is not None and count != channels:
        raise ExportError(
            f"The data have {_channels(count)}, the recipe is for {_channels(channels)}",
            hint="Give a recipe of its own",
        )
    for stage in plan.stages:
        if isinstance(stage.step, Crop):
            _check_crop(stage.step, stage.before.shape)


def _channels(count: int) -> str:
    return "1 channel" if count == 1 else f"{count} channels"


def _check_crop(crop: Crop, shape: tuple[int, int, int]) -> None:
    """Refuse a box that ends beyond the volume: it was chosen in a larger one."""
    for axis, length in zip("zyx", shape, strict=True):
        stop = getattr(crop, axis)[1]
        if stop > length:
            raise ExportError(
                f"The crop ends at {axis} = {stop}, but the volume ends at {length}",
                hint="Give a recipe of its own",
            )


def _inspect(folder: str | Path, pattern: str | None, options: dict[str, Any]) -> FolderInfo:
    """Look at a folder with the pattern of the recipe, or another that leaves no doubt."""
    if pattern is not None:
        try:
            folder_info = inspect_folder(folder, pattern, **options)
        except PatternError:
            pattern = None  # these files are called otherwise
        else:
            if not folder_info.unmatched:
                return folder_info
    proposed = inspect_folder(folder, **options)
    if pattern is not None and folder_info.unmatched <= proposed.unmatched:
        return folder_info
    if any(question.about == "pattern" for question in proposed.questions):
        what = "The names of the files leave doubt which number is the time point"
        raise ExportError(what, str(folder), _GIVE)
    return proposed
