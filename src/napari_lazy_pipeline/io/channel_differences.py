"""Channel differences: notes on channels that are not recorded like the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from napari_lazy_pipeline.image import Shape
from napari_lazy_pipeline.image.scan_geometry import StatedSize
from napari_lazy_pipeline.image.spec import size_text
from napari_lazy_pipeline.io.files.file_source import FileSource
from napari_lazy_pipeline.io.patterns.recording_plan import RecordingPlan


def channel_differences(source: FileSource, names: Sequence[str]) -> Iterator[str]:
    """Tell what is empty by design, and what a person should know of another camera.

    ``names`` are those of the channels.
    """
    inner = source.info.inner[1]
    for c, name in enumerate(names):
        column, part = divmod(c, inner)
        files = source.files_of(column)
        yield source.plan.note(column, name)
        own = next(files.pieces(0, part, 1))[0]
        if column in source.kinds and part == 0:
            yield from own.notes
        if own.pages:
            yield RecordingPlan.of(own.page_table[own.scene] >= 0).note(part, name)
        depth = own.shape[0] if source.layout.pieces == 1 else source.spec.shape[0]
        shape = depth, *own.shape[1:]
        if (shape, own.dtype) != (source.spec.shape, source.spec.dtype):
            content = f"{' x '.join(map(str, shape))} voxels of {own.dtype}"
            place = f"from plane {files.start} on" if files.start else "at the first voxel"
            yield f"{name} holds {content}, placed {place}: the rest is empty"
        yield from _spacing(name, own.voxel_size, shape, source)


def _spacing(name: str, own: StatedSize, shape: Shape, source: FileSource) -> Iterator[str]:
    """What to know of the voxel size of a channel: one size holds for all."""
    first = 0 if shape[0] > 1 else 1  # of one plane, the z step means nothing
    other = shape[first:] != source.spec.shape[first:]
    if source.info.kinds and other and None not in own[first:]:
        yield f"One voxel size is stated for all channels: check that it is that of {name}"
    elif None not in own[first:]:
        if own[first:] != source.info.voxel_size[first:]:
            yield (
                f"The files of {name} state another voxel size, {size_text(own)}: it is shown "
                "with that of the others, and Register channels can scale it"
            )
    elif other:
        yield f"Nothing states the voxel size of {name}: it is taken to be that of the others"
