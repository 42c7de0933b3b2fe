"""Other folder: opens the data of a recipe as it says, and others as far as it fits them."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_lazy_pipeline.compute import Pipeline, Plan
from napari_lazy_pipeline.errors import (
    ExportError,
    PatternError,
    RemarkWarning,
    VoxelSizeUnknownError,
)
from napari_lazy_pipeline.image import Stack
from napari_lazy_pipeline.image.volume_source import calls_of_ours
from napari_lazy_pipeline.io import FolderInfo, MetadataOverrides, inspect_folder
from napari_lazy_pipeline.io.patterns.field_values import format_names
from napari_lazy_pipeline.session import Recipe
from napari_lazy_pipeline.session.crop_refit import crops_of, refitted
from napari_lazy_pipeline.session.recipe_numbers import same_folder
from napari_lazy_pipeline.session.recipe_source import Source
from napari_lazy_pipeline.session.recipe_use import NUMBERED, RecipeUse
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

    If it is, it is opened as `open_own` does. Of others, what the recipe states holds where their
    files do not state it; ``trust`` and ``complete`` are those of `open_stack`.

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
        return open_own(own, trust, complete)
    source = recipe.source or Source(folder=str(folder))
    options = _opening(source, folder, trust, complete) | {"position": position}
    folder_info = _inspect(folder, source.pattern or None, options)
    if position is None and len(folder_info.positions) > 1:
        folder_info = _at_position(folder_info, folder, source, options)
    # Steps go by the names of the channels: those that the recipe states hold.
    stated = MetadataOverrides(channel_names=source.channel_names).fitting(folder_info)
    use = RecipeUse.of(recipe, folder_info, stated)
    if source.made_for is not None:
        _refuse_crop(use.pipeline, recipe, folder)
    _check_channels(folder_info, source)
    stack = use.overrides.stack(folder_info)
    if not stack.spec.size_known:
        raise ExportError(VoxelSizeUnknownError.of(stack.spec.stated_size).what, str(folder), _GIVE)
    if use.left:
        _remark(use.left, f"{folder}, {position}" if position else folder)
    return stack


def _remark(text: str, where: object) -> None:
    warnings.warn(f"{text} ({where})", RemarkWarning, calls_of_ours())


def _at_position(
    folder_info: FolderInfo, folder: str | Path, source: Source, options: dict[str, Any]
) -> FolderInfo:
    """Look at the position of the recipe, of several that nobody chose from; or say which it is."""
    positions, shown = folder_info.positions, folder_info.position
    if source.position in positions:
        if source.position == shown:
            return folder_info
        options = {**options, "position": source.position}
        return _inspect(folder, source.pattern or None, options)
    listed = f"{len(positions)} positions ({format_names(positions)})"
    hint = "the recipe, or run --position, can name another"
    _remark(f"There are {listed}: {shown} is taken; {hint}", folder)
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


def _opening(source: Source, folder: str | Path, trust: bool, complete: bool) -> dict[str, Any]:
    """How a folder has to be looked at; that files are complete is said of those of a recipe."""
    whole = complete or (bool(source.complete) and same_folder(folder, source.folder))
    return {**source.opening, "trust": trust, "complete": whole}


def positions_of(
    recipe: Recipe, folder: str | Path, trust: bool = False, complete: bool = False
) -> tuple[str, ...]:
    """Return the positions of a folder, looked at as `open_other` does; empty if it has one."""
    source = recipe.source or Source(folder=str(folder))
    options = _opening(source, folder, trust, complete) | {"position": None}
    return _inspect(folder, source.pattern or None, options).positions


def open_own(recipe: Recipe, trust: bool = False, complete: bool = False) -> Stack:
    """Open the data that a recipe names; no pixel is read. `Recipe.apply` sees to the steps.

    ``complete``: their files are, whether or not the recipe says so. An `ExportError` if they have
    another shape by now, and a crop was set on the one before; a `RemarkWarning` if they state
    other values than the recipe, which holds, or are of several positions and it names none.
    """
    source = recipe.source
    if source is None:
        return recipe.open_raw()  # says so
    if trust:
        recipe.allow_code()
    options = _opening(source, source.folder, trust, complete)
    folder_info = inspect_folder(source.folder, source.pattern or None, **options)
    if source.position is None and len(folder_info.positions) > 1:
        folder_info = _at_position(folder_info, source.folder, source, options)
    if source.recorded_channels is not None:
        _check_channels(folder_info, source)
    stated = source.overrides
    axis = None if stated.angle is None else stated.skew_axis or "x"  # as `open_stack` has it
    stated = replace(stated, skew_axis=axis)
    stack = stated.stack(folder_info)
    if said := stated.against(folder_info):
        _remark(said, source.folder)
    before = source.raw(stack.stack_spec)
    if before is not None and before.shape != stack.spec.shape:
        fitted, _ = refitted(recipe.pipeline, before, stack.stack_spec)
        _refuse_crop(fitted, recipe, source.folder)
    return stack


def _check_channels(folder_info: FolderInfo, source: Source) -> None:
    """Refuse channels in another order than the recipe names them, or of other wavelengths."""
    own, names, hint = folder_info.channel_names, source.channel_names, "Give a recipe of its own"
    if names is None or own in (names, source.recorded_channels):
        return
    for one, stated in zip(own, names, strict=False):
        if one.isdigit() and stated.isdigit() and one != stated:
            what = f"The recipe is for the channel {stated}, where this folder has {one}"
            raise ExportError(what, folder_info.folder, hint)
    recorded = source.recorded_channels or names
    named = (a if a == b else f"{a} ({b})" for a, b in zip(recorded, names, strict=False))
    what = f"The recipe is for channels {', '.join(named)}; this folder has {', '.join(own)}"
    if sorted(own) in (sorted(recorded), sorted(names)):
        raise ExportError(f"{what}: another order", folder_info.folder, hint)
    if source.recorded_channels is not None and len(own) == len(names):
        differ = (pair for pair in zip(recorded, own, strict=False) if pair[0] != pair[1])
        if any(not any(map(NUMBERED.fullmatch, pair)) for pair in differ):
            _remark(f"{what}, which are called {', '.join(names)} now", folder_info.folder)


def _refuse_crop(fitted: Pipeline, recipe: Recipe, folder: str | Path) -> None:
    """Refuse data that a crop of the recipe had to be changed for."""
    if crops_of(fitted) != crops_of(recipe.pipeline):
        what = "The crop of the recipe was set on volumes of another shape"
        raise ExportError(what, str(folder), "Give a recipe of its own")


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
