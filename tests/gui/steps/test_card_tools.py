"""Actions on the cards of steps: where they appear, and what they edit."""

from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtWidgets import QPushButton

from napari_lazy_pipeline._gui.steps.card_tools import StepReference
from napari_lazy_pipeline._gui.steps.steps_panel import StepsPanel
from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.errors import ParameterError
from napari_lazy_pipeline.session import Session
from napari_lazy_pipeline.steps import Crop, Deskew


@pytest.fixture
def places() -> list[StepReference]:
    return []


@pytest.fixture
def panel(qtbot: Any, places: list[StepReference]) -> StepsPanel:
    session = Session()
    session.set_pipeline(Pipeline(steps=(Deskew(angle=30), Crop(), Deskew(angle=40))))

    def guess(place: StepReference) -> QPushButton:
        places.append(place)
        return QPushButton("Guess")

    panel = StepsPanel(session, lambda kind: (guess,) if kind == "deskew" else ())
    qtbot.addWidget(panel)
    for card in panel.cards:
        card.unfold.setChecked(True)
    return panel


def test_each_card_of_the_kind_has_the_action(panel: StepsPanel) -> None:
    texts = [[b.text() for b in card.body.findChildren(QPushButton)] for card in panel.cards]
    assert [("Guess" in text) for text in texts] == [True, False, True]


def test_an_action_edits_its_own_step_and_undo_takes_it_back(
    panel: StepsPanel, places: list[StepReference]
) -> None:
    session = panel.session
    places[1].edit(angle=50.0)
    assert [getattr(step, "angle", None) for step in session.pipeline.steps] == [30, None, 50]
    session.undo()
    assert session.pipeline.steps[2] == Deskew(angle=40)


def test_a_value_that_is_not_allowed_changes_nothing(
    panel: StepsPanel, places: list[StepReference]
) -> None:
    with pytest.raises(ParameterError, match="at most 179"):
        places[0].edit(angle=400.0)
    assert panel.session.pipeline.steps[0] == Deskew(angle=30)


def test_an_action_of_a_removed_step_does_nothing(
    panel: StepsPanel, places: list[StepReference]
) -> None:
    place = places[0]
    assert place.step == Deskew(angle=30)
    panel.session.set_pipeline(Pipeline(steps=(Crop(),)))
    before = panel.session.pipeline
    place.edit(angle=50.0)
    assert (place.index, place.step) == (None, None)
    assert panel.session.pipeline == before
