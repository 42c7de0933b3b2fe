"""Dock state: what a dock leaves in its viewer, for the next dock there to go on with."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field
from typing import Any

from napari_lazy_pipeline._gui.layers.screen import Screen
from napari_lazy_pipeline._gui.save.export_settings import ExportSettings
from napari_lazy_pipeline.session import Session


@dataclass
class DockState:
    """State that a dock leaves in its viewer."""

    # What was open, and how it was processed; nobody listens to it.
    session: Session = field(default_factory=Session)
    screen: Screen = field(default_factory=Screen)  # the layers, and what is on them
    export_settings: ExportSettings = field(default_factory=ExportSettings)


_STATES: dict[int, DockState] = {}


def store_dock_state(
    viewer: Any, session: Session, screen: Screen, export_settings: ExportSettings
) -> None:
    """Store what a dock leaves, for as long as the viewer lives."""
    viewer = unwrapped(viewer)
    if id(viewer) not in _STATES:
        weakref.finalize(viewer, _STATES.pop, id(viewer), None)
    _STATES[id(viewer)] = DockState(session, screen, export_settings)


def dock_state_of(viewer: Any) -> DockState:
    """State that the last dock left in a viewer; a new one if there was none."""
    return _STATES.get(id(unwrapped(viewer))) or DockState()


def unwrapped(viewer: Any) -> Any:
    """The viewer behind the proxy that plugins are given."""
    viewer = getattr(viewer, "__wrapped__", viewer)
    return viewer() if isinstance(viewer, weakref.ref) else viewer
