"""The raw volume of what is on screen, whichever time points and channels steps leave out."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from napari_lazy_pipeline._gui.tools.raw_volume_task import RawVolumeTask
from napari_lazy_pipeline._gui.tools.shown_beads import shown_beads
from napari_lazy_pipeline.compute import Pipeline, PipelineSource
from napari_lazy_pipeline.steps import step_types

TIMEOUT = 10_000


@pytest.mark.parametrize(
    ("values", "place"),
    [({}, (1, 0)), ({"every": 2}, (2, 0)), ({"times": (1, 3), "channels": "560"}, (2, 1))],
)
def test_it_is_the_one_that_the_picture_is_made_from(
    opened: Any,
    settle: Callable[[Any], None],
    qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
    values: dict[str, Any],
    place: tuple[int, int],
) -> None:
    if values:
        opened.session.set_pipeline(Pipeline([step_types()["select"](**values)]))
    settle(opened)
    opened.viewer.dims.set_current_step(0, 1)
    settle(opened)
    task = RawVolumeTask(opened.session, opened.layers, "It cannot be read")
    with qtbot.waitSignal(task.finished, timeout=TIMEOUT) as told:
        task.start_on_volume()
    np.testing.assert_array_equal(told.args[0], opened.session.stack.source.read(*place))
    read: list[int] = []
    monkeypatch.setattr(PipelineSource, "read", lambda _, t, *rest: read.append(t) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        shown_beads(opened.session, opened.layers, 0, (1.0, 1.0, 1.0))(
            SimpleNamespace(cancelled=bool)
        )
    assert read == [place[0]]
