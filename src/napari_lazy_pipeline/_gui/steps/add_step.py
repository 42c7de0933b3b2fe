"""Add step: the button that offers all kinds of steps."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QMenu, QPushButton

from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.session.recipe_numbers import tables_of
from napari_lazy_pipeline.steps._base import Step
from napari_lazy_pipeline.steps._registry import step_types
from napari_lazy_pipeline.steps.select import Select

_USUAL = "at its usual place"


class AddStep(QPushButton):
    """Offers the kinds of steps by groups, each with one line on what it does."""

    requested = Signal(object)  # the person wants a step of this kind

    def __init__(self) -> None:
        super().__init__("Add step")
        self.setAccessibleName("Add step")
        menu = QMenu(self)
        self._place = menu.addAction("")
        self._place.setEnabled(False)
        types = sorted(step_types().values(), key=lambda step_type: step_type.order)
        groups = dict.fromkeys(step_type.group for step_type in types)
        for group in groups:
            menu.addSeparator()
            menu.addAction(group).setEnabled(False)
            for step_type in (kind for kind in types if kind.group == group):
                action = menu.addAction(f"{step_type.title}: {step_type.summary}")
                action.triggered.connect(lambda _=False, kind=step_type: self.requested.emit(kind))
        self.setMenu(menu)
        self.show_place(None)

    def show_place(self, selected: Step | None) -> None:
        """Say where a new step will stand: after the selected one, if there is one."""
        place = f"after {selected.title}" if selected is not None else _USUAL
        self._place.setText(f"Add {place}:")
        more = "" if selected else "; select one to add after it"
        self.setToolTip(f"Add a step {place}{more}")


def usual_place(step: Step, steps: tuple[Step, ...]) -> int:
    """Where a new step stands among others: before the first that is done later as a rule.

    One that selects time points stands behind those with a value for each of them, too.
    """
    later = (index for index, other in enumerate(steps) if other.order > step.order)
    tables = tables_of(Pipeline(steps)) if isinstance(step, Select) else ()
    return max(next(later, len(steps)), *(index + 1 for index in tables), 0)
