"""A function of one's own in the dock: chosen, allowed, tried, edited while one watches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dock_helpers
from napari_lazy_pipeline import Pipeline, Recipe
from napari_lazy_pipeline._gui.tools.function_panel import FunctionPanel
from napari_lazy_pipeline.steps import Function

CODE = """\
import numpy as np

def brighter(volume, factor: int = 2):
    return volume * np.float32(factor)

def thinner(volume):
    return volume[::2]
"""


@pytest.fixture
def code(tmp_path: Path) -> Path:
    path = tmp_path / "my_steps.py"
    path.write_text(CODE)
    return path


def panel_of(dock: Any, index: int) -> FunctionPanel:
    panels = dock.steps.cards[index].findChildren(FunctionPanel)
    assert len(panels) == 1
    return panels[0]  # type: ignore[no-any-return]


def on_screen(dock: Any) -> np.ndarray:
    return np.asarray(dock.layers.layers[0].data[0])


def add_function(dock: Any) -> tuple[Any, FunctionPanel]:
    dock.session.set_pipeline(Pipeline([Function()]))
    return dock.steps.cards[0], panel_of(dock, 0)


def test_a_function_of_a_file_is_followed_when_the_file_is_saved(
    opened: Any, settle: Callable[[Any], None], qtbot: Any, code: Path
) -> None:
    card, panel = add_function(opened)
    raw = opened.session.raw.read(0, 0)
    assert "No function is chosen" in card.error.text()
    panel.choose(str(code))
    qtbot.waitUntil(lambda: not card.error.text(), timeout=30_000)
    settle(opened)
    assert np.array_equal(on_screen(opened), raw * np.float32(2))
    assert [panel.names.itemText(i) for i in range(panel.names.count())] == ["brighter", "thinner"]
    assert "Loaded anew when my_steps.py is saved" in panel.sentence.text()

    code.write_text(CODE.replace("volume * np.float32(factor)", "volume + np.float32(factor)"))
    qtbot.waitUntil(
        lambda: opened.idle and np.array_equal(on_screen(opened), raw + np.float32(2)),
        timeout=30_000,
    )
    code.write_text(CODE.replace("return volume[::2]", "return volume[::2"))
    qtbot.waitUntil(lambda: "SyntaxError" in card.error.text(), timeout=30_000)
    assert np.array_equal(on_screen(opened), raw + np.float32(2))
    code.write_text(CODE.replace("volume * np", "volume / 0 * np").replace("/ 0", "/ zero"))
    qtbot.waitUntil(lambda: "NameError" in card.error.text(), timeout=30_000)
    assert f"{code}, line 4" in card.error.text()
    code.write_text(CODE)
    qtbot.waitUntil(lambda: not card.error.text(), timeout=30_000)


def test_its_arguments_are_a_form_and_one_undo_each(
    opened: Any, settle: Callable[[Any], None], qtbot: Any, code: Path
) -> None:
    card, panel = add_function(opened)
    panel.choose(str(code))
    settle(opened)
    field = card.form["arguments"].control.form["factor"]
    field.value = 5
    settle(opened)
    assert opened.session.pipeline.steps[0].arguments == {"factor": 5}
    raw = opened.session.raw.read(0, 0)
    qtbot.waitUntil(lambda: np.array_equal(on_screen(opened), raw * np.float32(5)), timeout=30_000)
    opened.session.undo()
    assert opened.session.pipeline.steps[0].arguments == {}
    assert card.form["arguments"].control.form["factor"].value == 2
    panel.names.setCurrentText("thinner")
    panel.names.activated.emit(1)
    settle(opened)
    qtbot.waitUntil(lambda: np.array_equal(on_screen(opened), raw[::2]), timeout=30_000)
    assert card.form["arguments"].control.form.fields == {}


def test_a_function_of_a_recipe_waits_until_it_is_allowed(
    opened: Any, settle: Callable[[Any], None], qtbot: Any, code: Path, tmp_path: Path
) -> None:
    recipe = Recipe(pipeline=Pipeline([Function(function=f"{code}:brighter")]))
    recipe.save(tmp_path / "recipe.yaml")
    opened.save.load(tmp_path / "recipe.yaml")
    settle(opened)
    card, panel = opened.steps.cards[0], panel_of(opened, 0)
    raw = opened.session.raw.read(0, 0)
    assert "This step would run code" in card.error.text()
    assert panel.confirm.isVisibleTo(panel) and not panel.confirm.isChecked()
    panel.confirm.click()
    qtbot.waitUntil(lambda: not card.error.text(), timeout=30_000)
    qtbot.waitUntil(lambda: np.array_equal(on_screen(opened), raw * np.float32(2)), timeout=30_000)
    panel.confirm.click()
    assert "This step would run code" in card.error.text()


def test_a_file_without_a_function_says_so(opened: Any, tmp_path: Path) -> None:
    _, panel = add_function(opened)
    (tmp_path / "empty.py").write_text("x = 1\n")
    panel.choose(str(tmp_path / "empty.py"))
    assert "no function in empty.py" in panel.sentence.text()
    assert opened.session.pipeline.steps[0] == Function()


def test_a_file_that_is_saved_while_one_slides_is_not_mixed_in(
    opened: Any, settle: Callable[[Any], None], qtbot: Any, code: Path
) -> None:
    """The steps are resolved anew at the first volume that meets the new file."""
    _, panel = add_function(opened)
    panel.choose(str(code))
    settle(opened)
    panel._timer.stop()  # which would notice it, too, only later
    code.write_text(CODE.replace("volume * np.float32(factor)", "volume + np.float32(factor)"))
    opened.viewer.dims.set_current_step(0, 1)
    z = opened.viewer.dims.current_step[1]
    raw = opened.session.raw.read(1, 0)[z]
    qtbot.waitUntil(
        lambda: (
            opened.idle
            and np.array_equal(dock_helpers.on_screen(opened.layers.layers[0]), raw + np.float32(2))
        ),
        timeout=30_000,
    )
    assert not opened.steps.cards[0].error.text()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("import numpy\n", "There is no function in my_steps.py: write one"),
        ("def f(volume:\n    return volume\n", "my_steps.py, line 1: "),
    ],
)
def test_a_file_without_a_function_says_why(
    opened: Any, code: Path, text: str, sentence: str
) -> None:
    _, panel = add_function(opened)
    code.write_text(text)
    panel.choose(str(code))
    assert sentence in panel.sentence.text()
    assert opened.session.pipeline.steps[0].function == ""
