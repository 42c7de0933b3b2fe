"""How the pages of docs/ become a site: ``scripts/docs``."""

from __future__ import annotations

import tomllib
from importlib.metadata import version as _version
from pathlib import Path
from typing import Any

project = "napari-lazy-pipeline"
author = "napari-lazy-pipeline contributors"
copyright = author  # noqa: A001
release = version = _version("napari-lazy-pipeline").split("+")[0]

# Where what is no page can be seen.
_project = Path(__file__).parents[1] / "pyproject.toml"
_source = tomllib.loads(_project.read_text("utf-8"))["project"]["urls"]["Source Code"]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "gallery/*"]

myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]

autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_google_docstring = False

html_theme = "furo"
html_title = "napari-lazy-pipeline"


def setup(app: Any) -> None:
    """Let links to files that are no page lead to the repository."""

    def link(app: Any, name: str, text: list[str]) -> None:
        text[0] = text[0].replace("](../", f"]({_source}/blob/main/")

    app.connect("source-read", link)
