"""Short scripts of what once killed the window; for many seeds, `python -m tests.monkey`."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.monkey.__main__ import play

pytestmark = pytest.mark.gui

DRAW = ["press", "QPushButton Draw crop", 0.3]
SHAPES: list[list[Any]] = [["add layer", 1], ["wait", 30], ["remove layer", 0.99], ["wait", 30]]
SCRIPTS: dict[str, list[list[Any]]] = {
    "draw, and open another folder": [
        step for k in range(6) for step in (DRAW, ["wait", 50], ["open", k % 2], ["settle"])
    ],
    "draw, many times": [step for _ in range(8) for step in (DRAW, ["wait", 20])],
    "shapes of the person, removed at once": SHAPES * 8,
    "time as an axis of the view": [
        *[["press", "QtViewerPushButton Change order of the visible axes", 0.1]] * 3,
        ["settle"],
        ["press", "QToolButton Undo", 0.1],
        ["slide", 0.1, 0.9],
        ["settle"],
    ],
}  # fmt: skip


def test_what_once_killed_the_window() -> None:
    """One after the other in one window: if it dies, the last of what was done tells where."""
    script = [action for one in SCRIPTS.values() for action in (*one, ["settle"])]
    outcome = play(0, 0, False, [json.dumps(action) for action in script], own_screen=False)
    assert not outcome.trouble, "\n".join([*outcome.trouble, *outcome.done[-3:]])
    assert len(outcome.done) == len(script)
