"""State button: shows the other state while it is pressed, and which state that is."""

from __future__ import annotations

from functools import partial
from itertools import islice

from qtpy.QtWidgets import QMenu, QToolButton, QWidget

from napari_lazy_pipeline._gui.side_by_side.other_state import KEY, OtherState
from napari_lazy_pipeline._gui.widgets.layout import push_button, row, tool_button
from napari_lazy_pipeline._gui.widgets.text import entry_text, plain
from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.session.state import State

_MOST = 15  # states in the menu
_TOOLTIP = (
    f"Hold this button, or the key {KEY} over the picture, to see state B at the same place; "
    "A is the present. The arrow beside it chooses B from the edits so far"
)


class StateButton(QWidget):
    """Shows the other state while it is held; beside it, a menu of those in the undo history."""

    def __init__(self, state: OtherState) -> None:
        super().__init__()
        self._state = state
        self.hold = push_button("Compare A/B", _TOOLTIP)
        self.choose = tool_button("\u25be", "Choose state B", "State B")
        self.choose.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.choose.setStyleSheet("QToolButton::menu-indicator { image: none; }")
        self.menu = QMenu(self)
        self.menu.aboutToShow.connect(self._fill)
        self.choose.setMenu(self.menu)
        row((self.hold, 1), self.choose, parent=self, spacing=1)
        self.hold.pressed.connect(partial(state.hold, True))
        self.hold.released.connect(partial(state.hold, False))

    def _fill(self) -> None:
        """List the states that can be B; the chosen one is ticked."""
        self.menu.clear()
        states = [("Raw", State(Pipeline()))]
        for text, past in islice(self._state.session.past(), _MOST):
            states.append((f"Before: {text}", past))
        for text, state in states:
            action = self.menu.addAction(entry_text(text))
            action.setCheckable(True)
            action.setChecked(state == self._state.state)
            action.triggered.connect(partial(self._choose, state, text))
        self.menu.addSeparator()
        self.menu.addAction("None", partial(self._state.choose, None))

    def _choose(self, state: State, text: str, _: bool = False) -> None:
        self.choose.setToolTip(plain(f"State B: {text}"))
        self._state.choose(state, text)
