"""Contrast control: adjusts the contrast of the layers on a screen to what is seen."""

from __future__ import annotations

from qtpy.QtCore import QObject, Signal

from napari_lazy_pipeline._gui.layers.position import Position
from napari_lazy_pipeline._gui.layers.screen import Picture, Screen


class ContrastControl(QObject):
    """Adjusts the contrast when pictures change; hidden layers wait until they are visible."""

    set_anew = Signal(str)  # what was set: a step changed the range of the values

    def __init__(self, screen: Screen, position: Position) -> None:
        super().__init__()
        self._screen, self._position = screen, position

    def adjust(self, before: dict[int, Picture]) -> None:
        """Adjust channels to what took the place of other pictures."""
        anew = []
        for channel, picture in before.items():
            entry = self._screen.channels[channel]
            if entry.adjust_contrast(picture, self._position.plane_of(entry.source)):
                low, high = entry.layer.contrast_limits
                name = entry.source.plan.after.channels[channel]
                anew.append(f"{name} {low:.4g} to {high:.4g}")
        if anew:
            self.set_anew.emit(f"Contrast set anew: {', '.join(anew)}")

    def reset(self) -> None:
        """Set the contrast of all channels from what is on screen."""
        for entry in self._screen.channels.values():
            plane = self._position.plane_of(entry.source)
            entry.contrast.reset(entry.layer, entry.picture.seen(plane))
