"""What holds for every step, whoever wrote it: the registry is the table of cases."""

from __future__ import annotations

import importlib
import math
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from annotated_types import Ge, Gt, Le, Lt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from napari_lazy_pipeline import Pipeline, Stack, VolumeSpec
from napari_lazy_pipeline.steps._base import Context, Step, Unit
from napari_lazy_pipeline.steps._registry import step_types
from stacks import CountingSource

ALL = [pytest.param(step_type, id=kind) for kind, step_type in step_types().items()]
NEEDED: dict[str, dict[str, Any]] = {"deconvolve": {"iterations": 2}}


def example(step_type: type[Step], psf_file: Path) -> Step:
    """A step that can run: file fields get a file."""
    files = {name: str(psf_file) for name in step_type.file_fields()}
    return step_type(**NEEDED.get(step_type.model_fields["kind"].default, {}), **files)


def fields(step_type: type[Step]) -> dict[str, FieldInfo]:
    return {n: f for n, f in step_type.model_fields.items() if n not in ("kind", "enabled")}


@pytest.mark.parametrize("step_type", ALL)
@pytest.mark.parametrize("dtype", ["uint16", "float32", "int16", "float64", "uint8"])
def test_the_spec_is_what_comes_out(step_type: type[Step], dtype: str, psf_file: Path) -> None:
    step = example(step_type, psf_file)
    spec = Pipeline(steps=(step,)).input_spec(VolumeSpec((7, 12, 9), dtype, (0.3, 0.1, 0.1)))
    volume = np.random.default_rng(0).integers(0, 100, spec.shape).astype(dtype)
    before = volume.copy()
    result = step.run(volume, Context(spec))
    declared = step.output_spec(spec)
    assert (result.shape, result.dtype.name) == (declared.shape, declared.dtype)
    np.testing.assert_array_equal(volume, before)
    assert np.isfinite(result).all()


@pytest.mark.parametrize("step_type", ALL)
def test_lazy_equals_eager(step_type: type[Step], psf_file: Path) -> None:
    step = example(step_type, psf_file)
    source = CountingSource((2, 1))
    view = Pipeline(steps=(step,)).apply(Stack(source))
    spec = Pipeline(steps=(step,)).input_spec(source.spec)
    eager = step.run(source.read(1, 0), Context(spec, t=1))
    np.testing.assert_array_equal(view.data[1, 0].compute(), eager)


@pytest.mark.parametrize("step_type", ALL)
def test_it_survives_json(step_type: type[Step], psf_file: Path) -> None:
    step = example(step_type, psf_file)
    again = step_type.model_validate_json(step.model_dump_json())
    assert again == step and hash(again) == hash(step)


@pytest.mark.parametrize("step_type", ALL)
def test_it_is_told_in_full(step_type: type[Step]) -> None:
    kind = step_type.model_fields["kind"].default
    assert step_type.__module__.rsplit(".", 1)[1] == kind, "the file is called like the kind"
    assert step_type.title and step_type.summary and (step_type.__doc__ or "").strip()
    assert ">>>" in (step_type.__doc__ or ""), "an example"
    for name, info in fields(step_type).items():
        assert (info.description or "").endswith("."), f"{name} has a sentence"
        assert info.title, f"{name} has a title"


@pytest.mark.parametrize("step_type", ALL)
def test_every_number_has_bounds_and_a_unit(step_type: type[Step]) -> None:
    for name, info in fields(step_type).items():
        default = info.default
        numbers = default if isinstance(default, tuple) else (default,)
        if any(isinstance(number, bool | str) for number in numbers):
            continue
        marks = repr(info.metadata) + repr(info.annotation)
        assert any(isinstance(mark, Unit) for mark in info.metadata), f"unit of {name}"
        assert any(word in marks for word in ("Ge(", "Gt(", "ge=", "gt=")), f"{name}: lowest"
        assert any(word in marks for word in ("Le(", "Lt(", "le=", "lt=")), f"{name}: highest"


@pytest.mark.parametrize("step_type", ALL)
def test_what_a_form_offers_is_allowed(step_type: type[Step], psf_file: Path) -> None:
    """Both ends of a slider are; choices are named all or not at all."""
    step = example(step_type, psf_file)
    for name, info in fields(step_type).items():
        extra = info.json_schema_extra
        extra = extra if isinstance(extra, dict) else {}
        for end in extra.get("slider", ()):  # type: ignore[union-attr]
            assert getattr(step.replace(**{name: end}), name) == end
        words = extra.get("words")
        assert words is None or set(words) == set(get_args(info.annotation)), name


@pytest.mark.parametrize("step_type", ALL)
def test_its_brief_is_one_short_line(step_type: type[Step], psf_file: Path) -> None:
    for brief in (step_type().brief(), example(step_type, psf_file).brief()):  # type: ignore[call-arg]
        assert brief and "\n" not in brief and len(brief) <= 40


def test_a_brief_says_the_main_values() -> None:
    steps = importlib.import_module("napari_lazy_pipeline.steps")
    assert steps.Deskew(angle=32.0, skew_axis="y").brief() == "32° along y"
    assert steps.Deconvolve(psf="/data/psf_488.tif").brief() == "psf_488.tif, 10 it."
    assert steps.Deconvolve().brief() == "no PSF chosen"
    assert steps.Crop(z=(2, 60), x=(5, 0)).brief() == "z 2\u201360, x 5\u2013end"
    assert steps.SubtractBackground(value=98.5).brief() == "98.5"


@pytest.mark.parametrize("step_type", ALL)
def test_a_typo_is_refused(step_type: type[Step]) -> None:
    with pytest.raises(ValidationError, match="extra_forbidden"):
        step_type(enabeld=False)  # type: ignore[call-arg]


@pytest.mark.parametrize("step_type", ALL)
def test_what_is_out_of_range_is_refused(step_type: type[Step]) -> None:
    for name, info in fields(step_type).items():
        for mark in info.metadata:
            if isinstance(mark, Ge):
                beyond: Any = mark.ge - 1
            elif isinstance(mark, Gt):
                beyond = mark.gt
            elif isinstance(mark, Le):
                beyond = mark.le + 1
            elif isinstance(mark, Lt):
                beyond = mark.lt
            else:
                continue
            with pytest.raises(ValidationError):
                step_type(**{name: beyond})
        if isinstance(info.default, float):
            for value in (math.nan, math.inf):
                with pytest.raises(ValidationError):
                    step_type(**{name: value})


shapes = st.tuples(st.integers(1, 9), st.integers(1, 14), st.integers(1, 14))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    shape=shapes,
    angle=st.floats(-179, 179).filter(lambda angle: abs(angle) >= 1),
    step=st.sampled_from(["stage", "perpendicular"]),
    skew_axis=st.sampled_from(["x", "y"]),
    z_step=st.floats(0.05, 2.0),
    width=st.integers(0, 40),
    shift=st.integers(-20, 20),
    start=st.integers(0, 8),
    length=st.integers(1, 10),
    dtype=st.sampled_from(["uint16", "float32"]),
)
def test_whole_pipelines_keep_their_word(
    shape: tuple[int, int, int],
    angle: float,
    step: str,
    skew_axis: str,
    z_step: float,
    width: int,
    shift: int,
    start: int,
    length: int,
    dtype: str,
    psf_file: Path,
) -> None:
    """Declared shape, type, and no NaN, for any size, angle and step."""
    types = step_types()
    start = min(start, shape[0] - 1)
    pipeline = Pipeline.model_validate(
        {
            "steps": [
                {"kind": "subtract_background", "value": 100},
                {
                    "kind": "deskew",
                    "angle": angle,
                    "step": step,
                    "skew_axis": skew_axis,
                    "width": width,
                    "shift": shift,
                },
                {"kind": "crop", "z": [start, start + length]},
                {"kind": "deconvolve", "psf": str(psf_file), "iterations": 1},
            ]
        }
    )
    assert all(type(step) in types.values() for step in pipeline.steps)
    spec = VolumeSpec(shape, dtype, (z_step, 0.1, 0.1))
    volume = np.random.default_rng(1).integers(0, 400, shape).astype(dtype)
    result = pipeline.run_volume(volume, spec)
    declared = pipeline.specs(spec)[-1]
    assert (result.shape, result.dtype.name) == (declared.shape, declared.dtype)
    assert np.isfinite(result).all() and (result >= 0).all()
