"""The script in plain dask makes the pixels of the screen, bit for bit, without this package."""

from __future__ import annotations

import importlib
import linecache
from functools import partial, wraps
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from scipy.ndimage import uniform_filter as filtered

from napari_lazy_pipeline import Pipeline, Stack, open_stack
from napari_lazy_pipeline.errors import RecipeError
from napari_lazy_pipeline.samples.samples import psf_path
from napari_lazy_pipeline.session.plain_script import plain_script
from napari_lazy_pipeline.steps import Function, step_types
from step_examples import example

KINDS = step_types()


def make(kind: str, **values: Any) -> Any:
    return KINDS[kind](**values)


FACTOR = 1.5


def shift(volume: NDArray[Any], by: int) -> np.ndarray:
    """A function that another one needs."""
    return np.roll(volume, by, axis=0)


def brightest(volume: np.ndarray, size: int = 3) -> np.ndarray:
    """What a person wrote:
    in lines with
        an indent."""
    return ndimage.maximum_filter(shift(volume, 1), [size for _ in volume.shape])


def smooth(volume: np.ndarray) -> np.ndarray:
    return filtered(volume, 3)


def outsider(volume: np.ndarray) -> np.ndarray:
    return volume * TABLE


TABLE = np.ones(3)
PIPELINES: dict[str, list[Any]] = {
    "raw": [],
    "usual": [make("subtract_background", value=120), make("deskew"), make("crop", z=(1, 5))],
    "deskew along y": [make("deskew", angle=-40.0, skew_axis="y", fill=7.0)],
    "deskewed floats": [make("convert", dtype="float32"), make("deskew", angle=45.0)],
    "deskewed bytes": [make("convert", dtype="uint8"), make("deskew")],
    "float background": [make("convert", dtype="float32"), make("subtract_background", value=99.5)],
    "gaussian": [make("deskew"), make("filter", sigma=(0.3, 0.2, 0.1))],
    "difference": [make("filter", method="difference", sigma=(0, 0.2, 0.2))],
    "median": [make("filter", method="median")],
    "top-hat": [make("filter", method="top_hat", radius=(0, 2, 2))],
    "binned": [make("bin", factors=(1, 2, 3))],
    "sums": [make("bin", factors=(2, 2, 2), method="sum")],
    "maximum": [make("deskew"), make("project")],
    "maximum of a range": [make("project", axis="y", range=(2, 7))],
    "mean": [make("project", method="mean", axis="x")],
    "sum": [make("project", method="sum")],
    "turned": [make("flip", x=True, z=True), make("deskew"), make("transpose")],
    "scaled": [make("convert", dtype="uint8", scaled=True, scale=(100, 180))],
    "clipped": [make("convert", dtype="uint8")],
    "ratio": [make("subtract_background", value=90), make("ratio", threshold=5.0)],
    "ratio alone": [
        make("ratio", formula="(a-b)/(a+b)", background=(90, 95.5), keep=False, fill=0)
    ],
    "ratio of a ratio": [make("ratio", name="r"), make("ratio", a="r", b="488")],
    "numpy": [np.flip, Function(function="numpy:fliplr").allow()],
    "own": [make("deskew"), brightest, Function(function=partial(brightest, size=5))],
    "lambda": [lambda volume: volume[::-1] * np.float32(FACTOR)],
    "of a type": [Function(function=brightest, arguments={"size": 3}, dtype="uint8")],
    "with neighbours": [Function(function=smooth, halo=(1, 1, 1))],
    "off": [make("subtract_background", enabled=False)],
}


@pytest.fixture
def stack(raw_folder: Path) -> Stack:
    return open_stack(raw_folder, voxel_size=(0.3, 0.1, 0.1), angle=31.5, step="stage")


@pytest.mark.filterwarnings("ignore::napari_lazy_pipeline.errors.RemarkWarning")
@pytest.mark.parametrize("name", PIPELINES)
def test_the_same_pixels(name: str, stack: Stack) -> None:
    pipeline = Pipeline(PIPELINES[name])
    script, names = plain_script(stack, pipeline), dict[str, Any]()
    assert __name__ not in script, "its functions are written down, and not imported"
    assert "napari" not in script.replace(str(stack.source.path(0, 0)), "")  # type: ignore[attr-defined]
    exec(compile(script, "script", "exec"), names)
    view = pipeline.apply(stack)
    assert (names["stack"].shape, names["stack"].dtype) == (view.shape, view.data.dtype)
    for t, c in ((0, 0), (2, view.shape[1] - 1)):
        made = names["stack"][t, c].compute(scheduler="synchronous")
        np.testing.assert_array_equal(made, view.volume(t, c), strict=True)
    np.testing.assert_array_equal(names["volume"], view.volume(0, 0))


@pytest.mark.filterwarnings("ignore::napari_lazy_pipeline.errors.RemarkWarning")
def test_a_function_of_a_file_is_written_into_the_script(stack: Stack, tmp_path: Path) -> None:
    path = tmp_path / "my_steps.py"
    path.write_text(
        "import numpy as np\nfrom math import tau as turn\nWIDE = 3\n\n\n"
        "def half(volume):\n    # my own words\n    return volume // 2 + WIDE * int(turn)\n"
    )
    pipeline = Pipeline([Function(function=f"{path}:half").allow()])
    script, names = plain_script(stack, pipeline), dict[str, Any]()
    path.unlink()
    assert "# my own words" in script and "WIDE = 3" in script
    exec(compile(script, "script", "exec"), names)
    expected = stack.volume(0) // 2 + 18
    np.testing.assert_array_equal(names["volume"], expected)


@pytest.mark.filterwarnings("ignore::napari_lazy_pipeline.errors.RemarkWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_each_step_has_plain_code_or_says_that_it_has_none(
    kind: str, stack: Stack, tmp_path: Path
) -> None:
    step = example(KINDS[kind], tmp_path, stack.spec.shape[1:], tuple(stack.channel_names))
    before = [make("deskew")] if kind == "resample" else []
    pipeline, names = Pipeline([*before, step]), dict[str, Any]()
    try:
        script = plain_script(stack, pipeline)
    except RecipeError as error:
        assert "more than a few lines" in str(error)
        return
    exec(compile(script, "script", "exec"), names)
    np.testing.assert_array_equal(names["volume"], pipeline.apply(stack).volume(0, 0))


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (outsider, "is given"),
        (partial(shift, np.zeros((2, 2, 2))), "arguments without names"),
        (np.vectorize(abs), "has no source"),
    ],
)
def test_a_function_that_needs_more_than_a_script_holds_is_refused(
    function: Any, said: str, stack: Stack
) -> None:
    step = Function(function=function, shape=stack.spec.shape, dtype="uint16")
    with pytest.raises(RecipeError, match=said):
        plain_script(stack, Pipeline([step]))


def test_names_that_the_script_has_already_are_refused(stack: Stack) -> None:
    def read(volume: np.ndarray) -> np.ndarray:
        return volume

    with pytest.raises(RecipeError, match="uses the name read, which is another thing"):
        plain_script(stack, Pipeline([read]))


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (
            make("deconvolve", psf=str(psf_path()), psf_voxel_size=(0.1, 0.1, 0.1)),
            "Deconvolve is more than a few lines",
        ),
        (make("deskew", rounding="down"), "Deskew is more than a few lines"),
        (make("subtract_background", value={"488": 100, "560": 110}), "for each channel"),
        (make("project", method="std"), "Project is more than a few lines"),
    ],
)
def test_what_would_be_other_pixels_is_told(step: Any, said: str, stack: Stack) -> None:
    with pytest.raises(RecipeError, match=said):
        plain_script(stack, Pipeline([step]))


def test_data_that_are_no_files(stack: Stack) -> None:
    with pytest.raises(RecipeError, match="not in files"):
        plain_script(Stack.from_array(np.zeros((4, 5, 6), "uint16")), Pipeline())


def test_a_missing_file_is_told(stack: Stack, raw_folder: Path) -> None:
    next(iter(sorted(raw_folder.iterdir()))).unlink()
    again = open_stack(raw_folder, voxel_size=(0.3, 0.1, 0.1), angle=31.5, step="stage")
    with pytest.raises(RecipeError, match="Not every volume"):
        plain_script(again, Pipeline())


def twice(function: Any) -> Any:
    @wraps(function)
    def other(volume: np.ndarray) -> np.ndarray:
        return np.asarray(function(volume) * 2)

    return other


def with_default() -> list[Any]:
    made = []
    for by in (2, 3):

        def scale(volume: np.ndarray, factor: int = by, *, kind: Any = np.uint16) -> np.ndarray:
            return (volume * factor).astype(kind)

        made += [scale, lambda volume, by=by: volume * by]
    return made


@pytest.mark.parametrize("number", range(4))
def test_defaults_are_those_of_the_time_when_a_function_was_made(stack: Stack, number: int) -> None:
    pipeline, names = Pipeline([with_default()[number]]), dict[str, Any]()
    exec(compile(plain_script(stack, pipeline), "script", "exec"), names)
    np.testing.assert_array_equal(names["volume"], stack.volume(0) * (2, 2, 3, 3)[number])


def test_functions_of_one_name_with_other_defaults_are_refused(stack: Stack) -> None:
    first, _, second, _ = with_default()
    with pytest.raises(RecipeError, match="uses the name scale, which is another thing"):
        plain_script(stack, Pipeline([first, second]))


def test_a_wrapped_function_is_not_written_without_what_wraps_it(stack: Stack) -> None:
    with pytest.raises(RecipeError, match="has no source"):
        plain_script(stack, Pipeline([twice(smooth)]))


def test_a_file_that_changed_after_it_was_loaded_is_told(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What runs is not what the file says by now."""
    path = tmp_path / "changed_after_loading.py"
    path.write_text("import numpy as np\n\n\ndef more(volume):\n    return np.add(volume, 1)\n")
    monkeypatch.syspath_prepend(tmp_path)
    pipeline = Pipeline([importlib.import_module(path.stem).more])
    names = dict[str, Any]()
    exec(compile(plain_script(stack, pipeline), "script", "exec"), names)
    np.testing.assert_array_equal(names["volume"], stack.volume(0) + 1)
    was = path.read_text()
    for now in (was.replace("1", "22"), was.replace("def", "def more(v):\n    return v\n\n\ndef")):
        path.write_text(now)
        linecache.checkcache(str(path))
        with pytest.raises(RecipeError, match="more was changed in its file since it was loaded"):
            plain_script(stack, pipeline)


def test_a_name_that_python_has_is_not_another_thing_for_other_functions(
    stack: Stack, tmp_path: Path
) -> None:
    (tmp_path / "a.py").write_text("def plain(volume):\n    return volume + max(2, 1)\n")
    (tmp_path / "b.py").write_text(
        "from numpy import max\ndef other(volume):\n    return volume + max(volume.shape)\n"
    )
    steps = [Function(function=f"{tmp_path}/{n}").allow() for n in ("a.py:plain", "b.py:other")]
    with pytest.raises(RecipeError, match="other uses the name max, which is another thing"):
        plain_script(stack, Pipeline(steps))


block = 5


def test_a_lambda_does_not_take_what_the_script_has_around_it(stack: Stack) -> None:
    with pytest.raises(RecipeError, match="uses the name block, which is another thing"):
        plain_script(stack, Pipeline([lambda volume: volume * block]))


PAIR = [lambda volume: volume + 1, lambda volume: volume + 2]


@pytest.mark.parametrize("number", [0, 1])
def test_of_two_lambdas_in_a_line_each_is_its_own(stack: Stack, number: int) -> None:
    pipeline, names = Pipeline([PAIR[number]]), dict[str, Any]()
    exec(compile(plain_script(stack, pipeline), "script", "exec"), names)
    np.testing.assert_array_equal(names["volume"], stack.volume(0) + number + 1)
