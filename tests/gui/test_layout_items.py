"""What Qt deletes by itself must not be left in the hands of Python: PySide 6 does not notice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from qtpy import API_NAME
from qtpy.QtWidgets import QWidgetItem

import napari_lazy_pipeline._gui
from dock_helpers import card
from napari_lazy_pipeline._gui.steps.step_card import StepCard
from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.steps import step_types

pytestmark = pytest.mark.smoke


@pytest.mark.skipif(API_NAME != "PySide6", reason="PyQt keeps no list of what it wraps")
def test_no_item_of_a_card_is_kept(opened: Any, settle: Callable[[Any], None]) -> None:
    """Cards go: the address of such an item is soon that of something else."""
    from shiboken6 import Shiboken

    opened.session.set_pipeline(Pipeline([kind() for kind in step_types().values()]))
    settle(opened)
    for kind in step_types():
        card(opened, kind).unfold.setChecked(True)
    settle(opened)
    wrapped = [one for one in Shiboken.getAllValidWrappers() if isinstance(one, QWidgetItem)]
    assert not [one for one in wrapped if isinstance(one.widget(), StepCard)]


def test_layouts_are_not_asked_for_their_items() -> None:
    """`indexOf` tells the place of a widget as well."""
    folder = Path(napari_lazy_pipeline._gui.__file__).parent
    assert not [path for path in folder.rglob("*.py") if ".itemAt" in path.read_text("utf-8")]
