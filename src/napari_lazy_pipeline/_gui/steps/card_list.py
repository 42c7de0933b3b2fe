"""Card list: one card a step, in their order; cards of steps that stay are kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

from qtpy.QtCore import QPoint, Signal
from qtpy.QtWidgets import QFrame, QMenu, QWidget

from napari_lazy_pipeline._gui.steps.card_frame import ACCENT
from napari_lazy_pipeline._gui.steps.step_card import StepCard
from napari_lazy_pipeline._gui.widgets.layout import column
from napari_lazy_pipeline._gui.widgets.steady_area import bring_into_sight
from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.session import Session
from napari_lazy_pipeline.steps._base import Step


class CardList(QWidget):
    """Shows the steps; what the person does on a card goes to the session."""

    card_made = Signal(object)  # there is a new card
    select_requested = Signal(object)  # the person selected a step; None: none

    def __init__(self, session: Session, before: QWidget) -> None:
        super().__init__()
        self.cards: list[StepCard] = []
        self._session, self._home = session, before
        self.before = before  # what Tab stops at before the cards
        self._layout = column(parent=self)
        self._line = QFrame(self)
        self._line.setStyleSheet(f"background-color: {ACCENT.name()};")
        self._line.hide()
        self._target: int | None = None

    def show_steps(self, steps: Sequence[Step]) -> None:
        """Show other steps; what was unfolded or has the focus stays so."""
        old = self.cards
        places = matched([card.step for card in old], steps)
        self.cards = [
            self._make(step) if place is None else old[place]
            for place, step in zip(places, steps, strict=True)
        ]
        for card in [card for card in self.cards if card not in old]:
            self.card_made.emit(card)  # only now has it a place in the list
            card.body_made.connect(self._arrange)
        removed = [card for card in old if card not in self.cards]
        self._pass_focus(old, removed)
        for card in removed:
            for menu in card.findChildren(QMenu):
                menu.close()  # Python may collect what its entries do before Qt deletes it
            self._layout.removeWidget(card)
            card.hide()
            card.deleteLater()
        for index, card in enumerate(self.cards):
            card.set_step(steps[index], self._session.shown_step(index))
        if self.cards != old:
            self._arrange()

    def mark_selected(self, index: int | None) -> None:
        for place, card in enumerate(self.cards):
            card.set_selected(place == index)

    @property
    def selected(self) -> int | None:
        return next((i for i, card in enumerate(self.cards) if card.selected), None)

    def insert(self, index: int, step: Step) -> None:
        """Put in a step, open, and ready for the keys."""
        self._edit(lambda steps: steps.insert(index, step))
        self.cards[index].unfold.setChecked(True)
        self.cards[index].setFocus()

    def _make(self, step: Step) -> StepCard:
        card = StepCard(step)
        card.changed.connect(partial(self._on_changed, card))
        card.removed.connect(lambda: self._edit(lambda steps: steps.pop(self.cards.index(card))))
        card.duplicated.connect(partial(self._on_duplicated, card))
        select = self.select_requested.emit
        card.select_requested.connect(lambda on: select(self.cards.index(card) if on else None))
        card.moved.connect(lambda by: self._move(card, self.cards.index(card) + by))
        card.focus_moved.connect(partial(self._on_focus_moved, card))
        card.unfold.toggled.connect(lambda on: bring_into_sight(card) if on else None)
        handle = card.head.handle
        handle.dragged.connect(partial(self._on_dragged, card))
        handle.dropped.connect(partial(self._on_dropped, card))
        handle.cancelled_drag.connect(self._end_drag)
        return card

    def _arrange(self) -> None:
        """Put the cards in their order, for the eye and for the tab key."""
        chain: list[QWidget] = [self.before]
        for place, card in enumerate(self.cards):
            if self._layout.indexOf(card) != place:
                self._layout.insertWidget(place, card)
                card.show()  # at once: it may get the focus
            chain += card.focus_chain()
        for before, after in pairwise(chain):
            QWidget.setTabOrder(before, after)

    def _pass_focus(self, old: list[StepCard], removed: list[StepCard]) -> None:
        """Give the focus of a card that goes to the next one that stays."""
        for card in removed:
            focus = card.window().focusWidget()
            if focus is not None and (card is focus or card.isAncestorOf(focus)):
                after = [*old[old.index(card) :], *reversed(old[: old.index(card)])]
                heir = next((other for other in after if other in self.cards), self._home)
                heir.setFocus()

    def _edit(self, change: Callable[[list[Step]], object]) -> None:
        steps = [*self._session.pipeline.steps]
        change(steps)
        self._session.set_pipeline(Pipeline(steps))

    def _on_changed(self, card: StepCard, step: Step) -> None:
        if card in self.cards:  # one that loses the focus because it goes edits nothing
            self._session.edit_step(self.cards.index(card), step, card.gesture)

    def _on_duplicated(self, card: StepCard) -> None:
        index = self.cards.index(card)
        # Another object: the picture goes up to the one, and not to its twin.
        self.insert(index + 1, self._session.pipeline.steps[index].model_copy())

    def _move(self, card: StepCard, target: int) -> None:
        index = self.cards.index(card)
        if 0 <= target < len(self.cards) and target != index:
            self._edit(lambda steps: steps.insert(target, steps.pop(index)))

    def _on_focus_moved(self, card: StepCard, by: int) -> None:
        index = self.cards.index(card) + by
        if 0 <= index < len(self.cards):
            self.cards[index].setFocus()

    def _on_dragged(self, card: StepCard, place: QPoint) -> None:
        card.setFocus()
        y = self.mapFromGlobal(place).y()
        gap = sum(other.geometry().center().y() < y for other in self.cards)
        index = self.cards.index(card)
        self._target = gap - 1 if gap > index else gap
        last = self.cards[gap - 1].geometry().bottom() if gap else -2
        self._line.setGeometry(0, min(last + 1, self.height() - 3), self.width(), 3)
        self._line.setVisible(self._target != index)
        self._line.raise_()

    def _on_dropped(self, card: StepCard) -> None:
        target = self._target
        self._end_drag()
        if target is not None:
            self._move(card, target)

    def _end_drag(self) -> None:
        self._target = None
        self._line.hide()


def matched(old: Sequence[Step], new: Sequence[Step]) -> list[int | None]:
    """Find for each new step the index of the old one whose card it takes over, or None.

    Equal steps come first, then those of the same kind; in both cases one in the same place
    before one elsewhere.
    """
    places: list[int | None] = [None] * len(new)
    free = set(range(len(old)))
    for alike in (lambda a, b: a == b, lambda a, b: a.kind == b.kind):
        for anywhere in (False, True):
            for place, step in enumerate(new):
                if places[place] is None:
                    candidates = sorted(free) if anywhere else [place] if place in free else []
                    places[place] = next((i for i in candidates if alike(old[i], step)), None)
                    free -= {places[place]}
    return places
