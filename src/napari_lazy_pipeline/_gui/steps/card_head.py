"""Card head: the line of a card that stays when it is folded: switch, name, main values, time."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QCheckBox, QLabel, QWidget

from napari_lazy_pipeline._gui.steps.drag_handle import DragHandle
from napari_lazy_pipeline._gui.widgets.layout import row, small_button
from napari_lazy_pipeline._gui.widgets.text import Elided, error_style, pale_style
from napari_lazy_pipeline.steps._base import Step

_KEYS = (
    "Space: on or off. Enter: select and unfold. "
    "Alt+Up, Alt+Down: move. Ctrl+D: duplicate. Del: remove."
)
# There is no room for what napari puts around labels and buttons.
_STYLE = "QLabel { padding: 0px; } QToolButton { padding: 0px; background: transparent; }"


class CardHead(QWidget):
    """The first line of a card."""

    menu_requested = Signal()  # the person asks what else can be done

    def __init__(self, step: Step) -> None:
        super().__init__()
        self._failed = False
        self.handle = DragHandle(step.title)
        name = f"Parameters of {step.title}"
        self.unfold = small_button("▸", "Show the parameters (Right)", name)
        self.unfold.setCheckable(True)
        self.unfold.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.unfold.toggled.connect(lambda on: self.unfold.setText("▾" if on else "▸"))
        self.switch = QCheckBox()
        self.switch.setToolTip(f"Switch {step.title} on or off (Space)")
        self.switch.setAccessibleName(f"{step.title} on or off")
        self.switch.setFixedWidth(18)
        self.title = QLabel(step.title)
        self.title.setToolTip(f"{step.summary}\n{_KEYS}")
        self.brief = Elided()
        self.brief.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.time = QLabel()
        self.time.setToolTip("How long the step took for the last volume")
        self.menu = small_button("⋮", "Duplicate, move, reset, remove", f"More for {step.title}")
        self.menu.clicked.connect(self.menu_requested)
        for button in (self.unfold, self.menu):
            button.setStyleSheet("padding: 0px; min-width: 12px;")
            button.setFixedWidth(14)
        row(
            self.handle, self.unfold, self.switch, self.title, (self.brief, 1), self.time,
            self.menu, parent=self, spacing=3,
        )  # fmt: skip
        self.setStyleSheet(_STYLE)
        self._colour()
        self.show_step(step)

    def show_step(self, step: Step) -> None:
        """Show the switch and the main values of a step; raises no signal."""
        with QSignalBlocker(self.switch):
            self.switch.setChecked(step.enabled)
        self.brief.setText(step.brief())

    def show_failed(self, failed: bool) -> None:
        self._failed = failed
        self._colour()

    def changeEvent(self, event: Any) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._colour()

    def _colour(self) -> None:
        title, pale = error_style(self) if self._failed else "", pale_style(self)
        for label, style in ((self.title, title), (self.brief, pale), (self.time, pale)):
            if style != label.styleSheet():
                label.setStyleSheet(style)
