"""*Copy as Python*: either script in the clipboard gives what is on screen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from qtpy.QtWidgets import QApplication

from dock_helpers import edit, expected

Settle = Callable[[Any], None]


def test_in_plain_dask(opened: Any, settle: Settle) -> None:
    edit(opened, "subtract_background", value=100.0)
    edit(opened, "deskew")
    settle(opened)
    opened.save.copy_plain.trigger()
    clipboard, names = QApplication.clipboard(), dict[str, Any]()
    assert clipboard is not None
    exec(compile(clipboard.text(), "script", "exec"), names)
    np.testing.assert_array_equal(names["volume"][3], expected(opened, 0, 0, 3))
    assert opened.save.error.isHidden()


def test_a_step_of_more_than_a_few_lines_is_told(opened: Any, settle: Settle) -> None:
    edit(opened, "rotate")
    settle(opened)
    clipboard = QApplication.clipboard()
    assert clipboard is not None
    clipboard.setText("before")
    opened.save.copy_plain.trigger()
    assert "Rotate is more than a few lines" in opened.save.error.text()
    assert clipboard.text() == "before"
