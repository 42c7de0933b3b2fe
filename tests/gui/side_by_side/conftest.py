"""A dock with some steps on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dock_helpers import edit


@pytest.fixture
def three(opened: Any, settle: Callable[[Any], None]) -> Any:
    """The dock with a background of 100 subtracted, deskewed."""
    edit(opened, "subtract_background", value=100.0)
    edit(opened, "deskew")
    opened.viewer.dims.set_current_step(1, 4)
    opened.viewer.scene.camera.zoom = 1.0  # the window is not drawn: all is in view
    settle(opened)
    return opened
