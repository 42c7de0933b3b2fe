"""Layer options: what a layer is made with, and where it lies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_lazy_pipeline._gui.layers.contrast import contrast_limits
from napari_lazy_pipeline._gui.layers.position import Position
from napari_lazy_pipeline._gui.layers.screen import Picture
from napari_lazy_pipeline._gui.layers.slider_grid import slider_grid
from napari_lazy_pipeline._gui.widgets.colours import chosen
from napari_lazy_pipeline.compute import PipelineSource
from napari_lazy_pipeline.errors import StepError
from napari_lazy_pipeline.session import Session


class LayerOptions:
    """What the layers of a session are made with."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def source(self, at_least: bool = False) -> PipelineSource:
        """What makes the volumes that should be shown; a `StepError` if a step does not fit.

        With ``at_least``, what the steps before that one make: there is no old picture to stay.
        """
        try:
            return self.session.source()
        except StepError as error:
            if not at_least:
                raise
            return self.session.source_of(self.session.pipeline, error.index)

    def channels(self, source: PipelineSource) -> list[int]:
        """Return which channels get a layer."""
        return list(range(source.sizes[1]))

    def options(self, picture: Picture) -> dict[str, Any]:
        """Return what a new layer is made with; later, all of it is the person's."""
        request = picture.request
        return {
            "name": self.name(request.channel, request.source),
            "contrast_limits": contrast_limits(picture.seen(None)),
            "colormap": self.colormap(request.channel, request.source),
            "blending": self.blending(request.channel, request.source),
            "multiscale": False,
            "rgb": False,
            "cache": False,
            "metadata": self.metadata(),
            "axis_labels": ("t", "z", "y", "x"),
            "units": self.units(request.source),
            **self.place(request.source),
        }

    def colormap(self, channel: int, source: PipelineSource) -> str:
        """Return that of a channel: what a step says that made it, or as the session has it."""
        names = source.plan.after.channels
        colormap = dict(source.plan.after.colormaps).get(names[channel])
        recorded = source.recorded_channel(channel)
        number = channel if recorded is None else recorded
        several = max(len(names), source.raw.sizes[1]) > 1
        return colormap or chosen(number, several, self.session.colours)

    def blending(self, channel: int, source: PipelineSource) -> str:
        """Channels add up, but for those that a step made: their colours would not be read."""
        after = source.plan.after
        alone = len(after.channels) == 1 or after.channels[channel] in dict(after.colormaps)
        return "translucent_no_depth" if alone else "additive"

    def units(self, source: PipelineSource) -> tuple[str, ...]:
        """Units of scale and translate of a layer (t, z, y, x)."""
        return ("s" if source.plan.raw.time_interval else "pixel", *(source.spec.unit,) * 3)

    def place(self, source: PipelineSource) -> dict[str, Any]:
        """Scale and translate of a layer, as `slider_grid` rounds them."""
        first, interval = self.time_axis(source)
        scales = interval, *self.voxel_size(source)
        translates = first, *self.translate(source)
        axes = [slider_grid(*axis) for axis in zip(scales, translates, strict=True)]
        scale, translate = zip(*axes, strict=True)
        return {"scale": scale, "translate": translate}

    def time_axis(self, source: PipelineSource) -> tuple[float, float]:
        """When the first time point was recorded, and the distance of two, in the unit of `units`.

        Layers that lie beside each other show the same moment, whatever steps left out.
        """
        plan, times = source.plan, source.plan.recorded_times
        first = times.start * (plan.raw.time_interval or 1.0)
        return first, plan.after.time_interval or times.step

    def place_on_screen(self, source: PipelineSource, position: Position) -> tuple[int, int | None]:
        """Time point and plane to show."""
        return position.place_of(source)

    def voxel_size(self, source: PipelineSource) -> tuple[float, ...]:
        """Distance of the voxels (z, y, x), in the unit of `units`."""
        return source.spec.spacing

    def translate(self, source: PipelineSource) -> tuple[float, ...]:
        """Position of voxel 0 (z, y, x), in the unit of `units`."""
        return source.spec.translate

    def name(self, channel: int, source: PipelineSource) -> str:
        """Data, channel, and the last step."""
        stages = source.plan.stages
        last = stages[-1].step.label.lower() if stages else "raw"
        return f"{self.data_name(channel, source)} [{last}]"

    def data_name(self, channel: int, source: PipelineSource) -> str:
        """Folder and channel."""
        assert self.session.stack is not None
        folder = getattr(self.session.stack.source, "folder", "stack")
        return f"{Path(folder).name} {source.plan.after.channels[channel]}"

    def metadata(self) -> dict[str, Any]:
        """The recipe, so that a saved layer tells how it was made."""
        return {"napari_lazy_pipeline": self.session.recipe().model_dump(mode="json")}
