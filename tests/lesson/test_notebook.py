"""The notebook of the lesson runs from its first cell to its last, and says what is so."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

NOTEBOOK = Path(__file__).parents[2] / "docs" / "lesson.ipynb"


def run(code: str, names: dict[str, Any]) -> Any:
    """Run a cell; what its last line shows."""
    tree = ast.parse(code)
    *_, last = tree.body
    if not isinstance(last, ast.Expr):
        exec(compile(tree, NOTEBOOK.name, "exec"), names)
        return None
    exec(compile(ast.Module(tree.body[:-1], []), NOTEBOOK.name, "exec"), names)
    return eval(compile(ast.Expression(last.value), NOTEBOOK.name, "eval"), names)


def test_every_cell_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    notebook = json.loads(NOTEBOOK.read_text("utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert len(cells) == 7
    names: dict[str, Any] = {}
    shown = [run("".join(cell["source"]), names) for cell in cells]
    assert all(cell["outputs"] == [] for cell in cells), "outputs are not kept"
    assert "svg" in shown[1]._repr_html_(), "dask draws the array"
    assert shown[2] == (96, 264)
