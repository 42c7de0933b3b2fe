"""Stated values: what a person entered about folders, for the same folder and for the next one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from napari_lazy_pipeline._runtime.fresh_file import write_text
from napari_lazy_pipeline._runtime.regular_file import read_text
from napari_lazy_pipeline.errors import LazyPipelineError
from napari_lazy_pipeline.image.spec import UNKNOWN
from napari_lazy_pipeline.io import FolderInfo, MetadataOverrides

_MOST = 200  # folders


@dataclass(frozen=True)
class Statement:
    """What a person stated about a folder."""

    folder: str
    overrides: MetadataOverrides

    @property
    def name(self) -> str:
        """Name of the folder, without where it lies."""
        return Path(self.folder).name

    def fills(self, folder_info: FolderInfo, overrides: MetadataOverrides) -> MetadataOverrides:
        """What is stated of another folder, with what is unknown there as it was stated here."""
        own, size = self.overrides.voxel_size or UNKNOWN, overrides.voxel_size or UNKNOWN
        present = (
            stated or known for stated, known in zip(size, folder_info.voxel_size, strict=True)
        )
        filled = tuple(
            stated or (None if there else offered)
            for stated, there, offered in zip(size, present, own, strict=True)
        )
        values: dict[str, Any] = {"voxel_size": filled}
        skewed = folder_info.source.spec.frame == "camera"
        if folder_info.scan is None and folder_info.shape[0] > 1 and skewed:
            if overrides.angle is None and folder_info.angle is None:
                values |= {"angle": self.overrides.angle}
                values |= {"skew_axis": overrides.skew_axis or self.overrides.skew_axis}
            values |= {"step": overrides.step or self.overrides.step}
        return replace(overrides, **values)


class StatedValues:
    """Statements of this user, the latest first, in a file with the other settings."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._statements: list[Statement] | None = None

    @property
    def statements(self) -> list[Statement]:
        """All statements; read when they are first needed."""
        if self._statements is None:
            self._statements = read_statements(self._file)
        return self._statements

    def of(self, folder: str) -> MetadataOverrides | None:
        """Return what was stated about a folder; None: nothing."""
        return next((one.overrides for one in self.statements if one.folder == folder), None)

    def offer(
        self, folder_info: FolderInfo, overrides: MetadataOverrides
    ) -> tuple[Statement, MetadataOverrides] | None:
        """The latest statement of another folder that fills something in; and what is filled in."""
        for statement in self.statements:
            if statement.folder != folder_info.folder:
                filled = statement.fills(folder_info, overrides)
                if filled != overrides:
                    return statement, filled
        return None

    def note(self, folder: str, overrides: MetadataOverrides) -> None:
        """Remember what is stated about a folder now; that of the folder open last is the first."""
        others = [one for one in self.statements if one.folder != folder]
        first = [Statement(folder, overrides)] if overrides.values else []
        statements = [*first, *others][:_MOST]
        if statements != self._statements:
            self._statements = statements
            write_statements(self._file, statements)


def read_statements(file: Path) -> list[Statement]:
    """Read the file; what is broken in it, or not there, was not stated."""
    try:
        data = json.loads(read_text(file))
    except (OSError, ValueError):
        return []  # what is entered next writes it anew
    statements = []
    for folder, values in data.items() if isinstance(data, dict) else ():
        with suppress(TypeError, AttributeError, LazyPipelineError):
            listed: dict[str, Any] = {
                k: tuple(v) if isinstance(v, list) else v for k, v in values.items()
            }
            statements.append(Statement(folder, MetadataOverrides(**listed)))
    return statements


def write_statements(file: Path, statements: Sequence[Statement]) -> None:
    """Write the file in one go; where that is not allowed, it is not stored."""
    values = {one.folder: one.overrides.values for one in statements}
    with suppress(OSError):  # it saves typing, and no data depend on it
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, json.dumps(values, indent=1))
