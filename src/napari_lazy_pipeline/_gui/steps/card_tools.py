"""Card tools: what stands below the form of a step, and edits it: buttons, and what they tell."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from qtpy.QtWidgets import QWidget

from napari_lazy_pipeline._gui.widgets.forms.model_form import ModelForm
from napari_lazy_pipeline._gui.widgets.listening import listen
from napari_lazy_pipeline.session import Session
from napari_lazy_pipeline.steps._base import Step


@dataclass(frozen=True, eq=False)
class StepReference:
    """One step of the list, wherever it stands by now."""

    session: Session  # what the step is part of
    find: Callable[[], int | None]  # gives the present index of the step; None once it was removed
    form: ModelForm  # the form of its card

    @property
    def index(self) -> int | None:
        """Place of the step in the list; None once it was removed."""
        index = self.find()
        return index if index is not None and index < len(self.session.pipeline.steps) else None

    @property
    def step(self) -> Step | None:
        """The step as it is now, with what it takes from the data; None once it was removed."""
        index = self.index
        return None if index is None else self.session.shown_step(index)

    def edit(self, **values: Any) -> None:
        """Change fields of the step, as one edit that can be undone."""
        index, step = self.index, self.step
        if index is not None and step is not None:
            self.session.edit_step(index, step.replace(**values))

    def follow(self, tool: QWidget, show: Callable[..., Any]) -> None:
        """Show whatever the steps are now, at each edit for as long as there is a tool."""
        listen(tool, self.session, "plan_changed", show)
        show()


# Makes the tool of one card. It lives as long as the card; what outlives it belongs to the dock.
MakeTool = Callable[[StepReference], QWidget]
# The tools for a kind of step, in their order.
CardTools = Callable[[str], Iterable[MakeTool]]
