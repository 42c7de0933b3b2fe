"""HTML table: what a notebook shows of a stack, a pipeline or a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape


def html_table(title: str, rows: Mapping[str, str]) -> str:
    """Make a table of names and texts.

    Examples
    --------
    >>> html_table("Stack", {"shape": "3 x 4"})
    '<table><caption>Stack</caption><tr><th>shape</th><td>3 x 4</td></tr></table>'
    """
    lines = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in rows.items()
    )
    return f"<table><caption>{escape(title)}</caption>{lines}</table>"


def on_one_line(title: str, rows: Mapping[str, str]) -> str:
    """Make the same in one line, for a console.

    Examples
    --------
    >>> on_one_line("Stack", {"shape": "3 x 4"})
    '<Stack: shape 3 x 4>'
    """
    return f"<{title}: {', '.join(f'{name} {text}' for name, text in rows.items())}>"
