"""Function: any function of a person's own: allowed, tried, run, reloaded, named where it fails."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from napari_lazy_pipeline import Pipeline, Recipe, Stack
from napari_lazy_pipeline.compute import StageCache
from napari_lazy_pipeline.errors import (
    LazyPipelineError,
    ParameterError,
    RecipeError,
    StepError,
    StepFileChangedError,
)
from napari_lazy_pipeline.steps import Context, Deskew, Function, VoxelStep
from napari_lazy_pipeline.steps import _user_code as user_code
from napari_lazy_pipeline.steps._function_trial import NotTriedError, trials

VOLUME = np.random.default_rng(0).integers(0, 1000, (6, 10, 12)).astype("uint16")
CODE = """
import numpy as np

def brighter(volume, by: float = 2.0):
    return (volume * by).astype(volume.dtype)

def fails(volume):
    raise ZeroDivisionError("nothing there")
"""


@pytest.fixture(autouse=True)
def nothing_allowed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(user_code, "_allowed", set())
    yield


@pytest.fixture
def code(tmp_path: Path) -> Path:
    path = tmp_path / "my_steps.py"
    path.write_text(CODE)
    return path


def made(*steps: Any) -> np.ndarray:
    return Pipeline(steps).apply(VOLUME).volume()


def test_any_callable_is_a_step() -> None:
    class Adder:
        def __call__(self, volume: np.ndarray) -> np.ndarray:
            return volume + 1

    gaussian = partial(ndimage.gaussian_filter, sigma=1.0)
    np.testing.assert_array_equal(made(gaussian), gaussian(VOLUME))
    np.testing.assert_array_equal(made(lambda volume: volume[1:]), VOLUME[1:])
    np.testing.assert_array_equal(made(Adder(), np.flipud), VOLUME[::-1] + 1)
    assert Function(function=gaussian).brief() == "gaussian_filter(sigma=1.0)"


def test_a_name_runs_once_it_is_allowed() -> None:
    step = Function(function="scipy.ndimage:uniform_filter", arguments={"size": 3})
    with pytest.raises(StepError, match=r"would run code: scipy\.ndimage:uniform_filter"):
        made(step)
    expected = ndimage.uniform_filter(VOLUME, size=3)
    np.testing.assert_array_equal(made(step.allow()), expected)


def test_a_recipe_imports_nothing_by_itself(tmp_path: Path, code: Path) -> None:
    code.write_text(CODE + f"\nopen({str(tmp_path / 'ran')!r}, 'w').close()\n")
    path = tmp_path / "recipe.yaml"
    path.write_text(
        "schema_version: 1\npipeline:\n  steps:\n"
        "  - {kind: function, function: 'my_steps.py:brighter', arguments: {by: 3.0}}\n"
    )
    recipe = Recipe.load(path)
    (step,) = recipe.pipeline.steps
    assert step.function == f"{code}:brighter", "the path is relative to the recipe"  # type: ignore[attr-defined]
    assert recipe.code == (f"{code}:brighter",)
    with pytest.raises(StepError, match="would run code"):
        recipe.pipeline.apply(VOLUME)
    assert not (tmp_path / "ran").exists()
    recipe.allow_code()
    np.testing.assert_array_equal(recipe.pipeline.apply(VOLUME).volume(), VOLUME * 3)
    recipe.save(tmp_path / "again.yaml")
    assert Recipe.load(tmp_path / "again.yaml") == recipe


def test_a_python_file_is_loaded_anew_when_it_was_changed(code: Path) -> None:
    step = Function(function=f"{code}:brighter").allow()
    plan = Pipeline([step]).plan(Stack.from_array(VOLUME).stack_spec)
    np.testing.assert_array_equal(made(step), VOLUME * 2)
    code.write_text(CODE.replace("2.0", "5.0"))
    os.utime(code, ns=(1, 2))
    np.testing.assert_array_equal(made(step), VOLUME * 5)
    again = Pipeline([step]).plan(Stack.from_array(VOLUME).stack_spec)
    assert plan.work() != again.work(), "what was computed before stands for other code"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no_colon", "'no_colon' names no function"),
        ("os path:join", "names no function"),
        ("no_such_module_at_all:f", "cannot be loaded: ModuleNotFoundError"),
        ("os.path:no_such_function", "There is no no_such_function in os.path"),
        ("os.path:sep", "is not a function"),
        ("/nowhere/x.py:f", "cannot be loaded: FileNotFoundError"),
    ],
)
def test_what_cannot_be_loaded_says_why(name: str, words: str) -> None:
    with pytest.raises((StepError, LazyPipelineError), match=words):
        made(Function(function=name).allow())


def test_a_file_with_a_mistake_says_so(code: Path) -> None:
    code.write_text("def brighter(volume:\n")
    with pytest.raises(StepError, match="cannot be loaded: SyntaxError"):
        made(Function(function=f"{code}:brighter").allow())


def test_an_error_is_its_own_with_its_line(code: Path) -> None:
    step = Function(function=f"{code}:fails", shape=VOLUME.shape, dtype="uint16").allow()
    with pytest.raises(
        StepError, match="fails failed at t=0, channel ch0: ZeroDivisionError: nothing"
    ) as e:
        made(step)
    assert e.value.where == f"{code}, line 8"
    assert e.value.index == 0


def test_it_is_tried_once_for_each_shape_of_its_input() -> None:
    calls: list[tuple[int, ...]] = []

    def half(volume: np.ndarray) -> np.ndarray:
        calls.append(volume.shape)
        return volume[: len(volume) // 2]

    pipeline = Pipeline([half])
    stack, other = Stack.from_array(VOLUME), Stack.from_array(VOLUME[:4])
    for _ in range(3):
        assert pipeline.apply(stack).shape == (1, 1, 3, 10, 12)
        assert pipeline.apply(other).shape == (1, 1, 2, 10, 12)
    assert calls == [(6, 10, 12), (4, 10, 12)]


def test_what_is_declared_is_not_tried() -> None:
    def no_trial(volume: np.ndarray) -> np.ndarray:
        assert not (volume == volume.flat[0]).all()
        return volume[1:].astype("float32")

    step = Function(function=no_trial, shape=(5, 10, 12), dtype="float32")
    spec = Pipeline([step]).apply(VOLUME).spec
    assert (spec.shape, spec.dtype) == ((5, 10, 12), "float32")
    wrong = Function(function=no_trial, shape=(6, 10, 12), dtype="float32")
    with pytest.raises(
        StepError, match=r"made an array of shape \(5, 10, 12\) where \(6, 10, 12\)"
    ):
        made(wrong)


def test_neighbours_that_are_declared_let_it_work_on_parts() -> None:
    shapes: list[tuple[int, ...]] = []

    def smooth(volume: np.ndarray) -> np.ndarray:
        shapes.append(volume.shape)
        return ndimage.uniform_filter(volume, 3)

    source = Pipeline([Function(function=smooth, halo=(1, 1, 1))]).apply(VOLUME).source
    shapes.clear()
    planes = source.read_planes(0, 0, 2, 3)
    assert shapes == [(3, 10, 12)]
    np.testing.assert_array_equal(planes, ndimage.uniform_filter(VOLUME, 3)[2:3])


def test_a_window_tries_it_elsewhere() -> None:
    with trials(at_once=False):
        pipeline, spec = Pipeline([lambda volume: volume[1:]]), Stack.from_array(VOLUME).stack_spec
        plan = pipeline.plan(spec)
        assert plan.misfit is not None
        cause = plan.misfit.__cause__
        assert isinstance(cause, NotTriedError)
        cause.try_it()
        assert pipeline.plan(spec).after.shape == (5, 10, 12)


def test_what_has_no_name_is_in_no_recipe(tmp_path: Path) -> None:
    recipe = Recipe(pipeline=Pipeline([lambda volume: volume]))
    with pytest.raises(RecipeError, match="lambda cannot be written into a recipe"):
        recipe.save(tmp_path / "recipe.yaml")
    Recipe(pipeline=Pipeline([ndimage.laplace])).save(tmp_path / "recipe.yaml")
    assert Recipe.load(tmp_path / "recipe.yaml").code == ("scipy.ndimage._filters:laplace",)


def test_another_process_may_run_what_this_one_may(code: Path) -> None:
    step = Function(function=f"{code}:brighter").allow()
    stack = Stack.from_array(VOLUME, (0.3, 0.1, 0.1))
    view = Pipeline([step, Deskew(angle=31.5)]).apply(stack)
    run = (
        "import pickle, sys; view = pickle.load(sys.stdin.buffer);"
        "print(int(view.volume().sum(dtype='int64')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", run], input=pickle.dumps(view), capture_output=True, check=True
    )
    assert int(done.stdout) == int(view.volume().sum(dtype="int64"))


def test_names_are_the_same_in_every_process() -> None:
    run = (
        "import numpy as np; from scipy import ndimage; from functools import partial;"
        "from napari_lazy_pipeline import Pipeline;"
        "step = partial(ndimage.gaussian_filter, sigma=2.0);"
        "print(Pipeline([step]).apply(np.ones((3, 4, 5))).source.stated_plan.token)"
    )
    tokens = {
        subprocess.run(
            [sys.executable, "-c", run],
            capture_output=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in "12"
    }
    assert len(tokens) == 1


# ---- what must never be mixed -------------------------------------------------------------


def test_arrays_as_arguments_are_told_apart_by_all_their_values() -> None:
    def add(volume: np.ndarray, k: np.ndarray) -> np.ndarray:
        return volume + k[0, 0, 999]

    cache, zero = StageCache(), np.zeros((1, 1, 2000), "uint16")
    five = zero.copy()
    five[0, 0, 999] = 5
    stack = Stack.from_array(VOLUME)
    views = [
        Pipeline([Function(function=add, arguments={"k": k})]).apply(stack, cache=cache)
        for k in (zero, five)
    ]
    np.testing.assert_array_equal(views[1].volume() - views[0].volume(), np.full(VOLUME.shape, 5))
    assert views[0].data.name != views[1].data.name


def test_a_function_may_work_in_place() -> None:
    def darker(volume: np.ndarray) -> np.ndarray:
        volume //= 2
        return volume

    before = VOLUME.copy()
    for cache in (None, StageCache()):
        view = Pipeline([darker]).apply(Stack.from_array(VOLUME), cache=cache)
        for _ in range(2):
            np.testing.assert_array_equal(view.volume(), before // 2)
    np.testing.assert_array_equal(VOLUME, before)


def test_a_function_may_return_a_buffer_of_its_own() -> None:
    buffer = np.empty_like(VOLUME)

    def twice(volume: np.ndarray) -> np.ndarray:
        return np.multiply(volume, 2, out=buffer)

    data = np.stack([VOLUME, VOLUME + 1])
    view = Pipeline([twice]).apply(data)
    np.testing.assert_array_equal(view.data[:, 0].compute(scheduler="sync"), data * 2)


def test_a_type_that_depends_on_the_values_is_refused_not_cut_off() -> None:
    def normalised(volume: np.ndarray) -> np.ndarray:
        return volume / volume.max() if volume.max() > 500 else volume

    with pytest.raises(StepError, match=r"type float64 where .* uint16 were announced"):
        made(normalised)


def test_a_type_that_is_stated_is_rounded_and_clipped() -> None:
    step = Function(function=lambda volume: volume * 1.5 - 300, dtype="u1")
    np.testing.assert_array_equal(
        made(step), np.clip(np.rint(VOLUME * 1.5 - 300), 0, 255).astype("uint8")
    )
    for name in ("banana", "complex64", "object"):
        with pytest.raises(ParameterError, match="is no type of grey values"):
            Function(function=np.negative, dtype=name)


def test_a_masked_array_is_refused() -> None:
    with pytest.raises(StepError, match="made a masked array"):
        made(lambda volume: np.ma.masked_less(volume, 500))


def test_a_file_that_was_just_saved_is_the_one_that_runs(
    code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within a second, as long as before, and with nothing written beside it."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    for factor in ("2.0", "3.0", "4.0"):
        code.write_text(CODE.replace("2.0", factor))
        os.utime(code, ns=(1, 10**9 + int(float(factor))))
        step = Function(function=f"{code}:brighter").allow()
        np.testing.assert_array_equal(made(step), (VOLUME * float(factor)).astype("uint16"))
    assert os.listdir(code.parent) == [code.name]


def test_a_file_that_is_saved_meanwhile_is_not_mixed_in(code: Path) -> None:
    step = Function(function=f"{code}:brighter").allow()
    view = Pipeline([step]).apply(np.stack([VOLUME, VOLUME]))
    np.testing.assert_array_equal(view.volume(0), VOLUME * 2)
    code.write_text(CODE.replace("2.0", "30.0"))
    with pytest.raises(StepFileChangedError, match=r"changed meanwhile.*my_steps\.py"):
        view.volume(1)


def test_a_function_is_another_once_its_module_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that an export that goes on in another process does not mix them."""
    monkeypatch.syspath_prepend(tmp_path)
    names = []
    for factor in (2, 3):
        (tmp_path / "changing.py").write_text(f"def f(volume):\n    return volume * {factor}\n")
        program = (
            "import numpy as np; from napari_lazy_pipeline import Pipeline, Stack; import changing;"
            "from napari_lazy_pipeline.image import StackSpec, VolumeSpec;"
            "print(Pipeline([changing.f]).plan(StackSpec(VolumeSpec((2, 3, 4)))).token)"
        )
        run = [sys.executable, "-B", "-c", program]
        names += [subprocess.check_output(run, text=True, cwd=tmp_path) for _ in range(2)]
    assert names[0] == names[1] != names[2] == names[3]


def test_classes_that_are_made_anew_are_told_apart() -> None:
    def scaled(factor: int) -> type[VoxelStep]:
        class Scale(VoxelStep):
            def apply(self, pixels: np.ndarray, at: Context) -> np.ndarray:
                return pixels * np.uint16(factor)

        return Scale

    stack = Stack.from_array(VOLUME)
    two, three = (Pipeline([scaled(factor)()]).apply(stack) for factor in (2, 3))
    assert two.data.name != three.data.name
    np.testing.assert_array_equal((three.data - two.data).compute()[0, 0], VOLUME)


def test_arrays_in_memory_are_told_apart_in_every_process() -> None:
    tokens = {Stack.from_array(VOLUME).source.token for _ in range(3)}
    assert len(tokens) == 3 and all(len(token) > 12 for token in tokens)


def test_a_name_is_allowed_for_one_file(code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(code.parent)
    step = Function(function="my_steps.py:brighter").allow()
    assert made(step).max() > 0
    other = code.parent / "other"
    other.mkdir()
    (other / "my_steps.py").write_text(CODE)
    monkeypatch.chdir(other)
    with pytest.raises(LazyPipelineError, match="would run code"):
        made(step)


def test_code_that_ends_the_program_is_an_error(code: Path) -> None:
    code.write_text("import sys\n\ndef f(volume):\n    sys.exit(0)\n")
    with pytest.raises(StepError, match="SystemExit"):
        made(Function(function=f"{code}:f", halo=(0, 0, 0), dtype="uint16").allow())
    code.write_text("import sys\nsys.exit(0)\n")
    with pytest.raises(LazyPipelineError, match="cannot be loaded: SystemExit"):
        made(Function(function=f"{code}:f").allow())


def test_what_failed_once_is_tried_again(tmp_path: Path) -> None:
    """Headless: the file that it needs may be there by now."""
    table = tmp_path / "table.txt"

    def scaled(volume: np.ndarray) -> np.ndarray:
        return volume * int(table.read_text())

    with pytest.raises(StepError, match="FileNotFoundError"):
        made(scaled)
    table.write_text("3")
    assert made(scaled).shape == VOLUME.shape


def test_the_largest_integers_do_not_wrap() -> None:
    step = Function(function=lambda volume: volume.astype("float32") * 1e9, dtype="uint32")
    assert made(step).max() == 2**32 - 1
    np.testing.assert_array_equal(made(step) == 2**32 - 1, VOLUME >= 5)
