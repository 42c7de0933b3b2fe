"""Deleted layers: which layers the person deleted, so that they stay away until they are wanted."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QObject, Signal

from napari_lazy_pipeline._gui.layers.screen import Screen
from napari_lazy_pipeline.session import Session


class DeletedLayers(QObject):
    """Notes on a screen, and perhaps in its session, which layers were deleted.

    What is noted in the session can be undone; layers that lie beside others are only forgotten.
    """

    changed = Signal(bool)  # whether there are deleted layers now

    def __init__(self, session: Session, screen: Screen, undoable: bool) -> None:
        super().__init__()
        self._session, self._screen, self._undoable = session, screen, undoable

    def note(self, layer: Any) -> int | None:
        """Note that a layer was deleted; its channel, or None if it is none of ours."""
        for channel, entry in list(self._screen.channels.items()):
            if entry.layer == layer:
                self._screen.take(channel)
                del self._screen.looks[entry.key].values["visible"]  # once it is wanted back
                self._screen.deleted.add(entry.key)
                self.note_all()
                return channel
        return None

    def note_all(self) -> None:
        """Note in the session what is noted on the screen."""
        if self._undoable:
            self._session.delete_layers(frozenset(self._screen.deleted))
            self.changed.emit(bool(self._screen.deleted))

    def restore(self, recorded: int | None = None) -> None:
        """Want the layer of a recorded channel again; None: all that were deleted."""
        back = self._session.deleted if recorded is None else {recorded}
        self._session.delete_layers(self._session.deleted - back)

    def follow_session(self) -> bool:
        """Note on the screen what is noted in the session; whether that is something else."""
        deleted = set(self._session.deleted)
        if not self._undoable or self._screen.deleted == deleted:
            return False
        self._screen.deleted = deleted
        self.changed.emit(bool(deleted))
        return True

    def forget(self) -> None:
        """Other data are open: nothing of them was deleted."""
        self._screen.deleted.clear()
        self._screen.looks.clear()
        if self._undoable:
            self._session.deleted = frozenset()
            self.changed.emit(False)
