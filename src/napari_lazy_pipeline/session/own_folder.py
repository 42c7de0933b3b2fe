"""Own folder: opens the data of a recipe, and says what is not as the recipe has it."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.errors import ExportError, RemarkWarning
from napari_lazy_pipeline.image import Stack
from napari_lazy_pipeline.image.volume_source import calls_of_ours
from napari_lazy_pipeline.io import FolderInfo, inspect_folder
from napari_lazy_pipeline.io.patterns.field_values import format_names
from napari_lazy_pipeline.session.crop_refit import crops_of, refitted
from napari_lazy_pipeline.session.recipe_numbers import same_folder
from napari_lazy_pipeline.session.recipe_source import NUMBERED, Source


def open_own(source: Source, pipeline: Pipeline, trust: bool, complete: bool) -> Stack:
    """Open the data that a recipe names; see `Recipe.open_raw`."""
    options = opening(source, source.folder, trust, complete)
    folder_info = inspect_folder(source.folder, source.pattern or None, **options)
    if source.position is None:
        tell_position(folder_info, source.folder)
    if source.recorded_channels is not None:
        check_channels(folder_info, source)
    stated = source.overrides
    axis = None if stated.angle is None else stated.skew_axis or "x"  # as `open_stack` has it
    stated = replace(stated, skew_axis=axis)
    stack = stated.stack(folder_info)
    if said := stated.against(folder_info):
        remark(said, source.folder)
    before = source.raw(stack.stack_spec)
    if before is not None and before.shape != stack.spec.shape:
        fitted, _ = refitted(pipeline, before, stack.stack_spec)
        refuse_crop(fitted, pipeline, source.folder)
    return stack


def opening(source: Source, folder: str | Path, trust: bool, complete: bool) -> dict[str, Any]:
    """How a folder has to be looked at; that files are complete is said of those of a recipe."""
    whole = complete or (bool(source.complete) and same_folder(folder, source.folder))
    return {**source.opening, "trust": trust, "complete": whole}


def remark(text: str, where: object) -> None:
    """Tell what a person should know of some data."""
    warnings.warn(f"{text} ({where})", RemarkWarning, calls_of_ours())


def tell_position(folder_info: FolderInfo, folder: str | Path) -> None:
    """Say which of several positions is taken, where nobody chose one."""
    positions, shown = folder_info.positions, folder_info.position
    if len(positions) > 1:
        listed = f"{len(positions)} positions ({format_names(positions)})"
        hint = "the recipe, or run --position, can name another"
        remark(f"There are {listed}: {shown} is taken; {hint}", folder)


def check_channels(folder_info: FolderInfo, source: Source) -> None:
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
            remark(f"{what}, which are called {', '.join(names)} now", folder_info.folder)


def refuse_crop(fitted: Pipeline, pipeline: Pipeline, folder: str | Path) -> None:
    """Refuse data that a crop of a recipe had to be changed for."""
    if crops_of(fitted) != crops_of(pipeline):
        what = "The crop of the recipe was set on volumes of another shape"
        raise ExportError(what, str(folder), "Give a recipe of its own")
