"""Step actions: what can be done for a step besides typing its values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from qtpy.QtWidgets import QWidget

from napari_lazy_pipeline.session.session import Session
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
    """

    session: Session
    find: Callable[[], int | None]

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


MakeAction = Callable[[StepReference], QWidget]


class CardTools:
    """The actions of one dock, by the kind of step they are for.

    An action is a widget at the foot of the form of a step: a button, or a row of them with
    what they have to say. It lives as long as the card it stands on; what has to outlive the
    card belongs to the dock.
    """

    def __init__(self) -> None:
        self._makers: dict[str, list[MakeAction]] = {}

    def add(self, kind: str, make: MakeAction) -> None:
        """Offer an action for a kind of step: ``make`` is called once for each card."""
        self._makers.setdefault(kind, []).append(make)

    def actions_for(self, kind: str) -> tuple[MakeAction, ...]:
        """What makes the actions of a kind of step, in the order they were added."""
        return tuple(self._makers.get(kind, ()))
