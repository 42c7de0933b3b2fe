"""Time points: which ones a recipe was made on, by what names of files say, so that it stays so."""

from __future__ import annotations

from fractions import Fraction

from pydantic import BaseModel, ConfigDict, PositiveInt

from napari_lazy_pipeline.image.renumbering import Numbers
from napari_lazy_pipeline.io.files.file_source import FileSource
from napari_lazy_pipeline.io.patterns.file_table import FileTable


class TimePoints(BaseModel):
    """Time points of a recording, as its files are called.

    Attributes
    ----------
    first, last
        What the names of the first and the last have as time point.
    count
        How many there are, with those in between that have no file.
    even
        Whether a number in the names counts them, in equal steps.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    first: str
    last: str
    count: PositiveInt
    even: bool = True

    @classmethod
    def of(cls, files: FileSource) -> TimePoints | None:
        """Those of files; None if names do not tell, or of one that no number counts."""
        table = files.layout
        count = len(table.table)
        first, last = table.time_label(0), table.time_label(count - 1)
        if not first or not last or (count == 1 and not table.even_times):
            return None
        return cls(first=first, last=last, count=count, even=table.even_times)

    def moved_to(self, files: FileSource) -> Numbers | None:
        """Old and new numbers of the time points, among files of today; None if names leave doubt.

        One that is not there any more has no new number.
        """
        rows, length = self._rows(files.layout), files.info.inner[0]
        if rows is None:
            return None
        return {a * length + i: b * length + i for a, b in rows.items() for i in range(length)}

    def _rows(self, table: FileTable) -> dict[int, int] | None:
        there, last = len(table.table), self.count - 1
        if last < there and (self.first, self.last) == (
            table.time_label(0),
            table.time_label(last),
        ):
            return {row: row for row in range(self.count)}
        if self.even and table.even_times:
            return self._counted(table)
        labels = {table.time_label(row): row for row in range(there)}
        start, stop = labels.get(self.first), labels.get(self.last)
        if start is None or stop is None or stop - start != last:
            return None
        return {row: row + start for row in range(self.count)}

    def _counted(self, table: FileTable) -> dict[int, int]:
        """By the numbers themselves, which tell the places of files that are gone, too."""
        there = len(table.table)
        own, step = _line(self.first, self.last, self.count)
        start, new_step = _line(table.time_label(0), table.time_label(there - 1), there)
        places = ((row, (own + row * step - start) / new_step) for row in range(self.count))
        return {
            row: int(place)
            for row, place in places
            if place.denominator == 1 and 0 <= place < there
        }


def _line(first: str, last: str, count: int) -> tuple[Fraction, Fraction]:
    """First number and step of numbers that are counted in equal steps; 1 if there is one."""
    start = Fraction(first)
    return start, (Fraction(last) - start) / (count - 1) if count > 1 else Fraction(1)
