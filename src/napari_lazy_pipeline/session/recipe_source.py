"""Recipe source: which raw data a recipe is for, and how they have to be opened."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import fields
from typing import Any

from pydantic import BaseModel, ConfigDict, PositiveInt, field_validator, model_serializer

from napari_lazy_pipeline.errors import LazyPipelineError
from napari_lazy_pipeline.image import Scan, Shape, Stack, StackSpec
from napari_lazy_pipeline.image.scan_geometry import SkewAxis, StatedSize, StepKind
from napari_lazy_pipeline.io import FolderInfo, MetadataOverrides, inspect_folder
from napari_lazy_pipeline.io.files.file_source import FileSource
from napari_lazy_pipeline.io.folder_info import Place
from napari_lazy_pipeline.session.time_points import TimePoints

_OPTIONS = (
    "time_interval", "channel_names", "angle", "skew_axis", "step", "position", "axes", "planes",
    "shape", "dtype", "reader", "complete",
)  # fmt: skip
# Names of channels that say nothing but which it is.
NUMBERED = re.compile(r"(ch|channel|c)?[ _]?[0-9]{0,2}", re.IGNORECASE)
_SHOWN = ("recorded_channels", "channel_colours", "made_for", "time_points")


class Source(BaseModel):
    """Which raw data a recipe is for.

    Attributes
    ----------
    folder
        Folder of the raw files.
    pattern
        File pattern; empty: proposed from the names.
    voxel_size
        Spacing (z, y, x) [um]; None, also for one axis: from the metadata of the files.
    time_interval, channel_names, angle, skew_axis, step, position
        As `open_stack` takes them; None, and left out of the file, where there is no need.
    axes, planes, shape, dtype, reader, complete
        As `open_stack` takes them; None, and left out of the file, where there is no need.
    recorded_channels
        What the files call the channels, where ``channel_names`` names them otherwise: in other
        folders, these names are for channels that are called the same.
    channel_colours
        Names of napari's colormaps, one a channel, for the dock; None: the usual ones.
    made_for
        Shape (z, y, x) of the volumes that the steps were set on: a crop is fitted to others.
    time_points
        Which time points they were set on: what they hold of these goes with them, where files
        with lower numbers came, or the first are gone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: str
    pattern: str = ""
    voxel_size: StatedSize | None = None
    time_interval: float | None = None
    channel_names: tuple[str, ...] | None = None
    angle: float | None = None
    skew_axis: SkewAxis | None = None
    step: StepKind | None = None
    position: str | None = None
    axes: str | None = None
    planes: PositiveInt | None = None
    shape: Shape | None = None
    dtype: str | None = None
    reader: str | None = None
    complete: bool | None = None
    recorded_channels: tuple[str, ...] | None = None
    channel_colours: tuple[str, ...] | None = None
    made_for: Shape | None = None
    time_points: TimePoints | None = None

    @field_validator("angle")
    @classmethod
    def _of_a_scan(cls, angle: float | None) -> float | None:
        if angle and not 1 <= abs(angle) <= 179:
            raise ValueError("the angle must be from 1 to 179 degree, negative, or 0: not oblique")
        return angle

    @property
    def options(self) -> dict[str, Any]:
        """Return what else `open_stack` has to be told."""
        values = {name: getattr(self, name) for name in _OPTIONS}
        return {name: value for name, value in values.items() if value is not None}

    @model_serializer(mode="wrap")
    def _without_what_is_not_said(self, make: Any) -> dict[str, Any]:
        data: dict[str, Any] = make(self)
        optional = (*_OPTIONS, *_SHOWN)
        return {key: data[key] for key in data if key not in optional or data[key] is not None}

    @property
    def place(self) -> Place:
        """Where it was recorded; without a position, at any."""
        return self.folder, self.position, self.pattern

    @property
    def opening(self) -> dict[str, Any]:
        """Return what the folder has to be opened with: the options that are not stated values."""
        stated = {one.name for one in fields(MetadataOverrides)}
        return {name: value for name, value in self.options.items() if name not in stated}

    def raw(self, raw: StackSpec) -> StackSpec | None:
        """What the raw stack looked like that the steps were set on, of those channels and times.

        None if the recipe does not say it.
        """
        if self.made_for is None:
            return None
        scan = (
            Scan(self.angle, self.skew_axis or "x", self.step) if self.angle and self.step else None
        )
        return raw.replace(shape=self.made_for, voxel_size=self.voxel_size, scan=scan)

    @property
    def overrides(self) -> MetadataOverrides:
        """Return what is stated about the data, over what the files say."""
        return MetadataOverrides(
            **{one.name: getattr(self, one.name) for one in fields(MetadataOverrides)}
        )

    @classmethod
    def of(
        cls,
        stack: Stack | None,
        overrides: MetadataOverrides | None = None,
        colours: tuple[str, ...] = (),
        folder_info: FolderInfo | None = None,
    ) -> Source | None:
        """Describe where a raw stack comes from; None if it is from no folder.

        Voxel size and scan are the stack's; the overrides have what else a person stated, over
        what ``folder_info`` says. Without them, that is what a plain look at the folder does not
        tell.
        """
        files: Any = stack.source if stack is not None else None
        if stack is None or not hasattr(files, "folder"):
            return None
        if overrides is None:
            overrides, folder_info = _stated(stack)
        named = folder_info is not None and overrides.channel_names is not None
        scan = vars(stack.spec.scan) if stack.spec.scan else {}
        size = stack.spec.stated_size
        values = {**overrides.values, **scan, "voxel_size": size if any(size) else None}
        return cls(
            folder=str(files.folder), pattern=files.pattern, channel_colours=colours or None,
            made_for=stack.spec.shape,
            recorded_channels=folder_info.channel_names if named and folder_info else None,
            time_points=TimePoints.of(files) if isinstance(files, FileSource) else None,
            **values, **getattr(files, "options", {}),
        )  # fmt: skip


def _stated(stack: Stack) -> tuple[MetadataOverrides, FolderInfo | None]:
    """Names of channels and time interval of a stack, where they are not those of its folder."""
    files: Any = stack.source
    folder_info = None
    names, interval = tuple(stack.channel_names), stack.time_interval
    with suppress(LazyPipelineError):  # a folder that is gone tells nothing
        options = {**files.options, "reader": files.reader}
        for name in ("shape", "dtype"):
            options.pop(name, None)  # the reader knows
        folder_info = inspect_folder(files.folder, files.pattern, **options)
        names = () if names == folder_info.channel_names else names
        interval = None if interval == folder_info.time_interval else interval
    return MetadataOverrides(time_interval=interval, channel_names=names or None), folder_info
