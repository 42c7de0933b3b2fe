"""Card tools: what stands below the form of a step, and edits it: buttons, and what they tell."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from qtpy.QtWidgets import QWidget

from napari_lazy_pipeline._gui.widgets.model_form import ModelForm
from napari_lazy_pipeline.session import Session
from napari_lazy_pipeline.steps._base import Step


@dataclass(frozen=True, eq=False)
class StepReference:
    """One step of the list, wherever it stands by now.

    Attributes
    ----------
    session
        What the step is part of.
    find
        Gives the present index of the step; None once it was removed.
    form
        The form of its card.
    """

    session: Session
    find: Callable[[], int | None]
    form: ModelForm

    @property
    def index(self) -> int | None:
        """Place of the step in the list; None once it was removed."""
        index = self.find()
        return index if index is not None and index < len(self.session.pipeline.steps) else None

    @property
    def step(self) -> Step | None:
        """The step as it is now; None once it was removed."""
        index = self.index
        return None if index is None else self.session.pipeline.steps[index]

    def edit(self, **values: Any) -> None:
        """Change fields of the step, as one edit that can be undone.

        Raises
        ------
        pydantic.ValidationError
            If a value is not allowed.
        """
        index, step = self.index, self.step
        if index is not None and step is not None:
            self.session.replace_step(index, step.replace(**values))


# Makes the tool of one card. It lives as long as the card; what outlives it belongs to the dock.
MakeTool = Callable[[StepReference], QWidget]
# The tools for a kind of step, in their order.
CardTools = Callable[[str], Iterable[MakeTool]]
