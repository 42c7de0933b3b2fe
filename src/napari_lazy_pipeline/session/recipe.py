"""Recipe: source, steps and engine in a file that a person can read, and any machine can run."""

from __future__ import annotations

import json
import os
from dataclasses import fields
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_serializer,
)

from napari_lazy_pipeline.compute.pipeline import Pipeline
from napari_lazy_pipeline.errors import LazyPipelineError, RecipeError
from napari_lazy_pipeline.image.scan_geometry import Shape, SkewAxis, StepKind, Triple
from napari_lazy_pipeline.image.stack import Stack
from napari_lazy_pipeline.io.metadata_overrides import MetadataOverrides
from napari_lazy_pipeline.io.open_stack import open_stack
from napari_lazy_pipeline.steps._base import Step
from napari_lazy_pipeline.steps._registry import step_types

SCHEMA_VERSION = 1
_SUFFIXES = (".yaml", ".yml", ".json")
_OPTIONS = (
    "time_interval", "channel_names", "angle", "skew_axis", "step", "position", "axes", "shape",
    "dtype", "reader",
)  # fmt: skip
_SHOWN = ("channel_colours",)
_NOTHING = MetadataOverrides()


class Source(BaseModel):
    """Which raw data a recipe is for.

    Attributes
    ----------
    folder
        Folder of the raw files.
    pattern
        File pattern; empty: proposed from the names.
    voxel_size
        Spacing (z, y, x) [um]; None: from the metadata of the files.
    time_interval, channel_names, angle, skew_axis, step, position, axes, shape, dtype, reader
        As `open_stack` takes them; None, and left out of the file, where there is no need.
    channel_colours
        Names of napari's colormaps, one a channel, for the dock; None: the usual ones.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: str
    pattern: str = ""
    voxel_size: Triple | None = None
    time_interval: float | None = None
    channel_names: tuple[str, ...] | None = None
    angle: float | None = None
    skew_axis: SkewAxis | None = None
    step: StepKind | None = None
    position: str | None = None
    axes: str | None = None
    shape: Shape | None = None
    dtype: str | None = None
    reader: str | None = None
    channel_colours: tuple[str, ...] | None = None

    @field_validator("angle")
    @classmethod
    def _of_a_scan(cls, angle: float | None) -> float | None:
        if angle is not None and not 1 <= abs(angle) <= 179:
            raise ValueError("the angle must be from 1 to 179 degree, or negative")
        return angle

    @property
    def options(self) -> dict[str, Any]:
        """What else `open_stack` has to be told."""
        values = {name: getattr(self, name) for name in _OPTIONS}
        return {name: value for name, value in values.items() if value is not None}

    @model_serializer(mode="wrap")
    def _without_what_is_not_said(self, make: Any) -> dict[str, Any]:
        data: dict[str, Any] = make(self)
        optional = (*_OPTIONS, *_SHOWN)
        return {key: data[key] for key in data if key not in optional or data[key] is not None}

    @property
    def opening(self) -> dict[str, Any]:
        """What the folder has to be opened with: the options that are not stated values."""
        stated = {one.name for one in fields(MetadataOverrides)}
        return {name: value for name, value in self.options.items() if name not in stated}

    @property
    def overrides(self) -> MetadataOverrides:
        """What is stated about the data, over what the files say."""
        return MetadataOverrides(
            **{one.name: getattr(self, one.name) for one in fields(MetadataOverrides)}
        )

    @classmethod
    def of(
        cls, stack: Stack, overrides: MetadataOverrides = _NOTHING, colours: tuple[str, ...] = ()
    ) -> Source | None:
        """Describe where a raw stack comes from; None if it is from no folder.

        Parameters
        ----------
        stack
            The stack.
        overrides
            What a person stated about it. Voxel size and scan are those of the stack.
        colours
            Names of colormaps that a person chose, one a channel.
        """
        files: Any = stack.source
        if not hasattr(files, "folder"):
            return None
        scan = vars(stack.spec.scan) if stack.spec.scan else {}
        values = {**overrides.values, **scan, "voxel_size": stack.voxel_size}
        return cls(
            folder=str(files.folder), pattern=files.pattern, channel_colours=colours or None,
            **values, **getattr(files, "options", {}),
        )  # fmt: skip


class Recipe(BaseModel):
    """All that is needed to process a folder again.

    Attributes
    ----------
    schema_version
        Version of this format.
    source
        The raw data; a raw `Stack` is accepted too. None: for any data.
    pipeline
        The steps.
    engine
        Name of the engine.
    versions
        Versions of the packages that wrote the recipe.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = SCHEMA_VERSION
    source: Source | None = None
    pipeline: Pipeline = Pipeline()
    engine: str = "cpu"
    versions: dict[str, str] = Field(default_factory=lambda: _versions())

    @field_validator("source", mode="before")
    @classmethod
    def _stack_as_source(cls, value: Any) -> Any:
        return Source.of(value) if isinstance(value, Stack) else value

    def open(self, trust: bool = False) -> Stack:
        """Open the raw data; no pixel is read.

        Parameters
        ----------
        trust
            Whether the code that the recipe names as reader may be run.

        Raises
        ------
        RecipeError
            If the recipe names no data.
        FolderError, PatternError
            If they cannot be opened.
        """
        if self.source is None:
            raise RecipeError("The recipe names no source", hint="Add source: {folder: ...}")
        return open_stack(
            self.source.folder, self.source.pattern or None, self.source.voxel_size,
            **self.source.options, trust=trust,
        )  # fmt: skip

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the recipe as YAML or JSON, by the suffix; paths relative to the file.

        The file is replaced in one go: a failure leaves the old one.

        Raises
        ------
        RecipeError
            If the suffix is another, or the file cannot be written.
        """
        path = Path(path)
        _check_suffix(path)
        content = self._moved(lambda name: _relative(name, path.absolute().parent))
        data = content.model_dump(mode="json")
        as_json = path.suffix == ".json"
        text = json.dumps(data, indent=2) if as_json else yaml.safe_dump(data, sort_keys=False)
        part = path.with_name(path.name + ".part")
        try:
            part.write_text(text, "utf-8")
            os.replace(part, path)
        except OSError as error:
            raise RecipeError(
                f"The recipe cannot be written: {error.strerror}", str(path), "Choose another place"
            ) from error

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Recipe:
        """Read a recipe; nothing in it is ever executed.

        Raises
        ------
        RecipeError
            If it cannot be read; says the line, and what is allowed there.
        """
        path = Path(path)
        _check_suffix(path)
        try:
            text = path.read_text("utf-8")
        except OSError as error:
            raise RecipeError(f"Cannot read the recipe: {error.strerror}", str(path)) from error
        except UnicodeDecodeError as error:
            raise RecipeError("This is not a text file", str(path), "Choose a recipe") from error
        recipe = cls._parse(text, path.name)
        base = path.absolute().parent
        return recipe._moved(lambda name: os.path.normpath(base / name))

    @classmethod
    def _parse(cls, text: str, name: str) -> Recipe:
        """Make a recipe of YAML, of which JSON is a part."""
        try:
            root = yaml.compose(text, Loader=yaml.SafeLoader)
            data = yaml.safe_load(text)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = f"{name}, line {mark.line + 1}" if mark else name
            problem = getattr(error, "problem", None) or "this is not YAML"
            raise RecipeError(f"The recipe cannot be read: {problem}", line) from error
        if not isinstance(data, dict):
            raise RecipeError(
                "This is not a recipe", name, "It should start with 'schema_version:'"
            )
        _check_version(data.get("schema_version", SCHEMA_VERSION), name)
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise RecipeError(_explain(error, root, name)) from error

    def _moved(self, move: Any) -> Recipe:
        """Return a copy in which each path is another."""
        steps = tuple(_with_files(step, move) for step in self.pipeline.steps)
        source = self.source
        if source is not None:
            source = source.model_copy(update={"folder": move(source.folder)})
        return self.model_copy(update={"pipeline": Pipeline(steps=steps), "source": source})

    def to_script(self) -> str:
        """Write the recipe as a Python script that gives the same pixels."""
        source = self.source or Source(folder="FOLDER")
        steps = "".join(f"    {_code(step)},\n" for step in self.pipeline.steps if step.enabled)
        names = sorted({type(step).__name__ for step in self.pipeline.steps if step.enabled})
        return "\n".join(
            [
                "from napari_lazy_pipeline import Pipeline, open_stack",
                *([f"from napari_lazy_pipeline.steps import {', '.join(names)}"] if names else []),
                "",
                "stack = open_stack(",
                f"    {source.folder!r},",
                f"    {source.pattern or None!r},",
                f"    voxel_size={source.voxel_size!r},  # um, (z, y, x)",
                *(f"    {name}={value!r}," for name, value in source.options.items()),
                *(["    trust=True,  # runs the code named above"] if source.reader else []),
                ")  # no pixel is read",
                f"pipeline = Pipeline(steps=[\n{steps}])",
                f"view = pipeline.apply(stack, engine={self.engine!r})",
                "print(view.data)  # a dask array (t, c, z, y, x)",
                "volume = view.data[0, 0].compute()  # reads one file",
                "",
            ]
        )


def _code(step: Step) -> str:
    """A step as the expression that makes it."""
    values = {name: getattr(step, name) for name in type(step).model_fields}
    shown = (
        f"{name}={value!r}" for name, value in values.items() if name not in ("kind", "enabled")
    )
    return f"{type(step).__name__}({', '.join(shown)})"


def _with_files(step: Step, move: Any) -> Step:
    changes = {name: move(path) for name, path in step.files().items()}
    return step.replace(**changes) if changes else step


def _relative(path: str, base: Path) -> str:
    """The path as seen from a folder; unchanged if there is no way, as between drives."""
    try:
        return Path(os.path.relpath(path, base)).as_posix()
    except ValueError:
        return path


def _versions() -> dict[str, str]:
    """Versions of the packages that decide about the pixels."""
    return dict(_installed())


@cache
def _installed() -> dict[str, str]:
    found = {}
    for name in ("napari-lazy-pipeline", "numpy", "scipy", "numba", "tifffile"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return found


def _check_suffix(path: Path) -> None:
    if path.suffix not in _SUFFIXES:
        raise RecipeError(
            f"A recipe cannot be called {path.name!r}",
            hint="Use a name that ends in .yaml or .json",
        )


def _check_version(number: Any, name: str) -> None:
    if not isinstance(number, int) or number < 1:
        raise RecipeError(f"schema_version {number!r} is not a version", name, "It should be 1")
    if number > SCHEMA_VERSION:
        raise RecipeError(
            f"The recipe has version {number}, this program knows up to {SCHEMA_VERSION}",
            name,
            "Update napari-lazy-pipeline",
        )


def _explain(error: ValidationError, root: yaml.Node | None, name: str) -> str:
    """One sentence a problem, with its line and what is allowed there."""
    sentences = []
    for problem in error.errors():
        location = problem["loc"]
        sentences.append(f"{name}, line {_line(root, location)}: {_sentence(problem, location)}")
    return "; ".join(sentences)


def _sentence(problem: Any, location: tuple[int | str, ...]) -> str:
    kind = problem["type"]
    if kind == "extra_forbidden":
        return f"unknown name {location[-1]!r}; allowed here: {', '.join(_allowed(location))}"
    if kind == "union_tag_invalid":
        return f"unknown step {problem['ctx']['tag']!r}; known: {', '.join(step_types())}"
    if kind == "union_tag_not_found":
        return f"a step needs its kind; known: {', '.join(step_types())}"
    if isinstance(problem.get("ctx", {}).get("error"), LazyPipelineError | ValueError):
        return f"{location[-1]}: {problem['ctx']['error']}"
    return f"{location[-1] if location else 'recipe'}: {problem['msg']}"


def _allowed(location: tuple[int | str, ...]) -> list[str]:
    """Names allowed beside the one at a location."""
    model: type[BaseModel] = Recipe
    models: dict[str, type[BaseModel]] = {"source": Source, "pipeline": Pipeline, **step_types()}
    for part in location[:-1]:
        model = models.get(str(part), model)
    return list(model.model_fields)


def _line(node: yaml.Node | None, location: tuple[int | str, ...]) -> int:
    """Line of the text that a location of the data came from."""
    line = node.start_mark.line + 1 if node is not None else 1
    for part in location:
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            if part >= len(node.value):
                break
            node = node.value[part]
            line = node.start_mark.line + 1
        elif isinstance(node, yaml.MappingNode):
            # The tag of a step is part of the location, but not of the text.
            for key, value in node.value:
                if key.value == str(part):
                    line, node = key.start_mark.line + 1, value
                    break
    return line
