"""Notes: what a person should know of the data, in short, and in full when unfolded."""

from __future__ import annotations

from collections.abc import Sequence

from napari_lazy_pipeline._gui.widgets.collapsible_line import Fold
from napari_lazy_pipeline._gui.widgets.text import Sentence

# Said elsewhere in the panel, where it can be changed.
_ELSEWHERE = ("The voxel size is unknown", "There are ", "The names leave doubt")


class Notes(Fold):
    """A folded list of sentences; hidden if there is none."""

    def __init__(self) -> None:
        self.list = Sentence()
        super().__init__("Notes", "Where texts and files differ, and what else to know", self.list)
        self.setVisible(False)

    def show_notes(self, notes: Sequence[str]) -> None:
        """Show these sentences."""
        kept = [note for note in notes if not note.startswith(_ELSEWHERE)]
        self.setVisible(bool(kept))
        if not kept:
            return
        several = len(kept) > 1
        self.line.setText(f"{len(kept)} notes, the first: {kept[0]}" if several else kept[0])
        self.list.setText("\n".join(f"• {note}" for note in kept))
        self.button.setVisible(several)
        if not several:
            self.unfold(False)
