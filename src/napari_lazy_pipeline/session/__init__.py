"""Session: what is open and how it is processed, and the recipes that keep it."""

from napari_lazy_pipeline.session.recipe import Recipe
from napari_lazy_pipeline.session.session import Session

__all__ = ["Recipe", "Session"]
