"""Recipe: source, steps and engine in a file that a person can read, and any machine can run."""

from __future__ import annotations

import json
import operator
import os
import warnings
from collections.abc import Collection
from pathlib import Path
from typing import Any

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
)

from napari_lazy_pipeline._runtime.fresh_file import write_text
from napari_lazy_pipeline._runtime.refusal import PlainModel
from napari_lazy_pipeline._runtime.regular_file import read_text
from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.errors import RecipeError, RemarkWarning
from napari_lazy_pipeline.image import Stack
from napari_lazy_pipeline.image.html_table import html_table, on_one_line
from napari_lazy_pipeline.io.files.file_source import FileSource
from napari_lazy_pipeline.session.own_folder import open_own
from napari_lazy_pipeline.session.recipe_numbers import of_elsewhere, of_today
from napari_lazy_pipeline.session.recipe_script import script
from napari_lazy_pipeline.session.recipe_source import Source
from napari_lazy_pipeline.session.recipe_text import (
    Loader,
    dump_json,
    dump_yaml,
    explain,
    load_yaml,
)
from napari_lazy_pipeline.session.recipe_version import (
    SCHEMA_VERSION,
    check_version,
    state_angles,
    versions,
)
from napari_lazy_pipeline.session.time_points import TimePoints
from napari_lazy_pipeline.steps._user_code import allow_code
from napari_lazy_pipeline.steps.function import Function

_SUFFIXES = (".yaml", ".yml", ".json")


class Recipe(BaseModel, metaclass=PlainModel):
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
    sweep
        Values to try of parameters, by their names, as `Pipeline.sweep` takes them.
    versions
        Versions of the packages that wrote the recipe.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = SCHEMA_VERSION
    source: Source | None = None
    pipeline: Pipeline = Pipeline()
    engine: str = "cpu"
    sweep: dict[str, tuple[Any, ...]] = Field(default={}, exclude_if=operator.not_)
    versions: dict[str, str] = Field(default_factory=versions)

    @field_validator("source", mode="before")
    @classmethod
    def _stack_as_source(cls, value: Any) -> Any:
        if not isinstance(value, Stack):
            return value
        source = Source.of(value)
        if source is None:
            raise ValueError("the stack is not the raw one of a folder; leave the source out")
        return source

    def open(self, trust: bool = False) -> Stack:
        """Open the raw data; no pixel is read.

        Parameters
        ----------
        trust
            Whether the code that the recipe names, as reader or as steps, may be run.

        Raises
        ------
        RecipeError
            If the recipe names no data.
        FolderError, PatternError, ExportError
            If they cannot be opened, or their channels or shape are not those of the recipe.

        Warns
        -----
        RemarkWarning
            If the time points have other numbers than when the steps were set: `apply` sees to it.
            If files state other values than the recipe, or it names none of several positions.
        """
        raw = self.open_raw(trust)
        try:
            moved, sentence = self.renumbered(raw)
        except RecipeError as error:
            sentence = str(error)
        else:
            sentence = f"{sentence}: take recipe.apply()" if moved != self else ""
        if sentence:
            warnings.warn(sentence, RemarkWarning, stacklevel=2)
        return raw

    def apply(self, raw: Stack | None = None, trust: bool = False) -> Stack:
        """Make the lazily processed stack; nothing is read.

        What steps hold of a time point stays with it, whatever its number is by now.

        Parameters
        ----------
        raw
            The raw data, of the recipe's folder or another. None: they are opened.
        trust
            Whether the code that the recipe names, as reader or as steps, may be run.

        Raises
        ------
        RecipeError
            If no data are named, or names of files do not tell which time points values are of.
        FolderError, PatternError, StepError
            If the data cannot be opened, or a step does not fit them.

        Warns
        -----
        RemarkWarning
            If time points have other numbers than when the steps were set, or steps have values
            for each time point of another folder or position.
        """
        if trust:
            self.allow_code()
        raw = self.open_raw(trust) if raw is None else raw
        return self.numbered_now(raw).pipeline.apply(raw, self.engine)

    def numbered_now(self, raw: Stack, estimated: Collection[int] = ()) -> Recipe:
        """The recipe that `renumbered` returns; its sentence is a `RemarkWarning`.

        So is one on tables of another folder or position, but for steps whose values are
        ``estimated`` now.
        """
        recipe, sentence = self.renumbered(raw)
        elsewhere = of_elsewhere(self.pipeline, self.source, raw, estimated)
        for said in filter(None, (sentence, elsewhere)):
            warnings.warn(said, RemarkWarning, stacklevel=2)
        return recipe

    def renumbered(self, raw: Stack) -> tuple[Recipe, str]:
        """The recipe for the time points of its folder as they are numbered now.

        Files with lower numbers may have come, or the first may be gone: what steps hold of a time
        point stays with it. A recipe that does not say which time points it is for stays as it is,
        and so does one that is used for another folder.

        Parameters
        ----------
        raw
            The raw data, as `open` returns them.

        Returns
        -------
        tuple
            The recipe, and a sentence on steps that are not as they were; empty: all are.

        Raises
        ------
        RecipeError
            If steps hold values of time points, and the names of the files do not tell of which.
        """
        if self.source is None:
            return self, ""
        pipeline, sentence = of_today(self.pipeline, self.source, raw)
        if pipeline == self.pipeline:
            return self, ""
        points = TimePoints.of(raw.source) if isinstance(raw.source, FileSource) else None
        source = self.source.model_copy(update={"time_points": points})
        return self.model_copy(update={"pipeline": pipeline, "source": source}), sentence

    def open_raw(self, trust: bool = False, complete: bool = False) -> Stack:
        """Open the raw data as `open` does, for steps that `renumbered` has seen to.

        ``complete``: files are, whether or not the recipe says so. An `ExportError` if channels or
        a crop of the recipe are not those of the data; a `RemarkWarning` if files state other
        values than the recipe, which holds, or are of several positions and it names none.
        """
        if self.source is None:
            raise RecipeError("The recipe names no source", hint="Add source: {folder: ...}")
        if trust:
            self.allow_code()
        return open_own(self.source, self.pipeline, trust, complete)

    def __repr__(self) -> str:
        return on_one_line("Recipe", self._summary())

    __str__ = __repr__

    def _repr_html_(self) -> str:
        return html_table("Recipe", self._summary())

    def _summary(self) -> dict[str, str]:
        source = self.source
        return {
            "folder": source.folder if source is not None else "any",
            "pattern": (source.pattern if source is not None else "") or "proposed",
            "engine": self.engine,
            **self.pipeline.summary(),
        }

    @property
    def code(self) -> tuple[str, ...]:
        """Names of the functions that its steps would run."""
        functions = (step.function for step in self.pipeline.steps if isinstance(step, Function))
        return tuple(name for name in functions if isinstance(name, str) and name)

    def allow_code(self) -> None:
        """Let the functions that its steps name run in this process."""
        for name in self.code:
            allow_code(name)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the recipe as YAML or JSON, by the suffix; paths relative to the file.

        The file is replaced in one go: a failure leaves the old one.

        Raises
        ------
        RecipeError
            If the suffix is another, the file cannot be written, or a step holds what is in
            memory only.
        """
        path = Path(path)
        _check_suffix(path)
        self._check_memory(str(path))
        content = self._moved(lambda name: _relative(name, path.absolute().parent))
        data = content.model_dump(mode="json")
        as_json = path.suffix == ".json"
        text = dump_json(data) if as_json else dump_yaml(data)
        try:
            write_text(path, text)
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
            text = read_text(path)
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
            root = yaml.compose(text, Loader=Loader)
            data = json.loads(text) if name.endswith(".json") else load_yaml(text)
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            mark = getattr(error, "problem_mark", None)
            line = f"{name}, line {mark.line + 1}" if mark else name
            problem = getattr(error, "problem", None) or "this is not YAML or JSON"
            raise RecipeError(f"The recipe cannot be read: {problem}", line) from error
        if not isinstance(data, dict):
            raise RecipeError(
                "This is not a recipe", name, "It should start with 'schema_version:'"
            )
        check_version(data.get("schema_version", SCHEMA_VERSION), name)
        if data.get("schema_version") == 1:
            state_angles(data)
        models: dict[str, type[BaseModel]] = {
            "": cls, "source": Source, "pipeline": Pipeline, "time_points": TimePoints,
        }  # fmt: skip
        try:
            return cls.model_validate({**data, "schema_version": SCHEMA_VERSION})
        except ValidationError as error:
            raise RecipeError(explain(error, root, name, models)) from error

    def to_script(self) -> str:
        """Write the recipe as a Python script that gives the same pixels."""
        self._check_memory()
        return script(self.source, self.pipeline, self.engine, self.sweep)

    def _check_memory(self, where: str = "") -> None:
        for step in self.pipeline.steps:
            if step.only_in_memory():
                what = f"{step.label} cannot be written into a recipe"
                raise RecipeError(f"{what}. {step.only_in_memory()}", where)

    def _moved(self, move: Any) -> Recipe:
        """Return a copy in which each path is another."""
        steps = [step.with_files(move) for step in self.pipeline.steps]
        source = self.source
        if source is not None:
            source = source.model_copy(update={"folder": move(source.folder)})
        return self.model_copy(update={"pipeline": Pipeline(steps), "source": source})


def _relative(path: str, base: Path) -> str:
    """The path as seen from a folder; unchanged if there is no way, as between drives."""
    try:
        return Path(os.path.relpath(path, base)).as_posix()
    except ValueError:
        return path


def _check_suffix(path: Path) -> None:
    if path.suffix not in _SUFFIXES:
        raise RecipeError(
            f"A recipe cannot be called {path.name!r}",
            hint="Use a name that ends in .yaml or .json",
        )
