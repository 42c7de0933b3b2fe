"""Table places: on which data steps got their values for each time point."""

from __future__ import annotations

from collections.abc import Hashable

from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.image import Stack
from napari_lazy_pipeline.io import FolderInfo
from napari_lazy_pipeline.session.recipe_numbers import Place, set_elsewhere, tables_of
from napari_lazy_pipeline.session.recipe_source import Source


class TablePlaces:
    """Remembers where each table was first seen: it stays one of these data, also off or undone."""

    def __init__(self) -> None:
        self._places: dict[Hashable, Place] = {}

    def note(self, pipeline: Pipeline, data: FolderInfo | Source | None) -> None:
        """Take tables that are new for set on some data; None: on none."""
        if data is not None:
            for table in tables_of(pipeline).values():
                self._places.setdefault(table, (data.folder, data.position or None))

    def follow(self, before: Pipeline, after: Pipeline) -> None:
        """Take tables that were renumbered for those that they were."""
        now = tables_of(after)
        for number, table in tables_of(before).items():
            if table in self._places and number in now:
                self._places.setdefault(now[number], self._places[table])

    def elsewhere(
        self, pipeline: Pipeline, raw: Stack | None, before: Pipeline | None = None
    ) -> str:
        """Say which steps that are on have tables of other data; empty: none.

        It is empty, too, if there is nothing else to say than of the steps ``before``.
        """
        held: dict[Place, list[str]] = {}
        for number, table in tables_of(pipeline).items():
            step = pipeline.steps[number]
            if step.enabled and table in self._places:
                held.setdefault(self._places[table], []).append(step.label)
        if raw is None:
            return ""
        sentences = (set_elsewhere(labels, place, raw) for place, labels in held.items())
        said = ". ".join(filter(None, sentences))
        known = said and before is not None and said == self.elsewhere(before, raw)
        return "" if known else said
