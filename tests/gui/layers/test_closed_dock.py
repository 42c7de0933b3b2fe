"""What layers show once their dock is closed is what the sliders say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dock_helpers import edit, expected, on_screen


def test_a_place_that_is_not_on_screen_yet_is_computed(
    opened: Any, settle: Callable[[Any], None]
) -> None:
    edit(opened, "subtract_background", value=150.0)
    settle(opened)
    layers, dims = list(opened.layers.layers), opened.viewer.dims
    dims.set_current_step(0, 2)
    dims.set_current_step(1, 3)
    assert not opened.layers.settled
    opened.shut_down()
    opened.compute_thread.join()
    assert dims.current_step[:2] == (2, 3)
    for channel, layer in enumerate(layers):
        np.testing.assert_array_equal(np.squeeze(on_screen(layer)), expected(opened, channel, 2, 3))
