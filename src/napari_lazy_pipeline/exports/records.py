"""Records: recipe and provenance beside an export, so that it can be understood and made again."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from napari_lazy_pipeline._runtime.fresh_file import write_text
from napari_lazy_pipeline.compute import Pipeline, PipelineSource
from napari_lazy_pipeline.compute.pipeline_source import cautions_of
from napari_lazy_pipeline.errors import RecipeError
from napari_lazy_pipeline.image import Stack
from napari_lazy_pipeline.io.files.file_source import FileSource
from napari_lazy_pipeline.session.recipe import Recipe

NAMES = "{name}_recipe.yaml", "{name}_provenance.json"


def record_paths(folder: Path, name: str) -> tuple[Path, Path]:
    """Paths of recipe and provenance of an export whose files begin with a name."""
    recipe, provenance = (folder / pattern.format(name=name) for pattern in NAMES)
    return recipe, provenance


def recipe_of(stack: Stack) -> Recipe:
    """Return the recipe that makes a processed stack again; of data in memory, its steps."""
    source = stack.source
    if not isinstance(source, PipelineSource):
        return _recipe(stack, Pipeline(), "cpu")
    plan, last = source.stated_plan, source.stated_plan.stages[-1:]
    pipeline = Pipeline(plan.steps[: last[0].index + 1] if last else ())
    recipe = _recipe(
        Stack(source.raw, plan.raw.channels, plan.raw.time_interval), pipeline, plan.engine
    )
    scan = plan.raw.volume.scan
    if recipe.source is None or scan is None or _states_scan(pipeline):
        return recipe
    # A step behind this stage states how the planes lie, and what is before it goes by that, too.
    update = {"source": recipe.source.model_copy(update=vars(scan))}
    return recipe.model_copy(update=update)


def _recipe(raw: Stack, pipeline: Pipeline, engine: str) -> Recipe:
    from_files = isinstance(raw.source, FileSource)
    return Recipe(source=raw if from_files else None, pipeline=pipeline, engine=engine)


def _states_scan(pipeline: Pipeline) -> bool:
    return any(step.enabled and step.scan() is not None for step in pipeline.steps)


def provenance(stack: Stack, recipe: Recipe, dtype: str) -> dict[str, Any]:
    """Tell in JSON what an export is made from, and with which programs."""
    source = recipe.source
    steps = stack.source
    cautions = cautions_of(steps.stated_plan) if isinstance(steps, PipelineSource) else []
    return {
        "raw": source.folder if source else None,
        "pattern": source.pattern if source else None,
        "versions": recipe.versions,
        "engine": recipe.engine,
        "steps": [step.model_dump(mode="json") for step in recipe.pipeline.steps],
        "cautions": [str(remark) for remark in cautions],
        "raw_voxel_size": source.voxel_size if source else None,
        "voxel_size": stack.voxel_size,
        "voxel_size_unit": "um, (z, y, x)",
        "time_interval": stack.time_interval,
        "channels": stack.stack_spec.channels,
        "shape": stack.shape,
        "dtype": dtype,
        "frame": stack.spec.frame,
        "scan": asdict(stack.spec.scan) if stack.spec.scan else None,
    }


def write_records(folder: Path, name: str, recipe: Recipe, about: dict[str, Any]) -> None:
    """Write both files; those of an earlier run of the same export stay as they are."""
    recipe_path, provenance_path = record_paths(folder, name)
    if not recipe_path.exists():
        try:
            recipe.save(recipe_path)
        except RecipeError as error:
            if isinstance(error.__cause__, OSError):
                raise
            # A function that is in memory only: the provenance says why there is no recipe.
            about = {**about, "recipe": str(error)}
    if not provenance_path.exists():
        # Nowhere else: all other files of an export are the same whenever it is made.
        date = datetime.now().astimezone().isoformat(timespec="seconds")
        write_text(provenance_path, json.dumps({"date": date, **about}, indent=2) + "\n")
