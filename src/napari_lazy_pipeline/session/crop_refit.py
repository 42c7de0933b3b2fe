"""Crop refit: what becomes of a crop that was set on other data."""

from __future__ import annotations

from dataclasses import dataclass

from napari_lazy_pipeline.compute import Pipeline
from napari_lazy_pipeline.errors import GeometryError
from napari_lazy_pipeline.image import StackSpec, VolumeSpec
from napari_lazy_pipeline.session.crop_box import Ranges, crop_bounds, extents, ranges_of
from napari_lazy_pipeline.steps.crop import Crop

_WHOLE = ((0, 0), (0, 0), (0, 0))


def refitted(
    pipeline: Pipeline, made_for: StackSpec | None, raw: StackSpec
) -> tuple[Pipeline, tuple[str, ...]]:
    """Fit the crops of a pipeline, which was set on other data, to a raw stack.

    A crop keeps its voxels where volumes have the same shape and voxel size, and its place in
    micrometres where the box lies within the new volumes; else it is switched off.

    Parameters
    ----------
    pipeline
        The steps.
    made_for
        What the raw stack looks like that they were set on; None if nobody knows.
    raw
        What the raw stack looks like that is to be processed.

    Returns
    -------
    tuple
        The pipeline, and a sentence for each crop that is not as it was.
    """
    sentences = []
    plan = pipeline.plan(made_for) if made_for is not None else None
    for index, step in enumerate(pipeline.steps):
        if not isinstance(step, Crop) or ranges_of(step) == _WHOLE:
            continue
        old = plan.spec_before(index) if plan is not None else None
        new = pipeline.plan(raw).spec_before(index)
        if old is not None and new is not None and _alike(old.volume, new.volume):
            continue
        ranges = _in_micrometres(step, old, new)
        if ranges is not None:
            changed = step.replace(**dict(zip("zyx", ranges, strict=True)))
            sentences.append("Crop is kept in µm: it was set on other volumes")
        else:
            changed = step.replace(enabled=False)
            was = f"volumes of {_shape(old)} voxels" if old is not None else "other data"
            sentences.append(f"Crop is switched off: it was set on {was}, these have {_shape(new)}")
        pipeline = pipeline.replace_step(index, changed)
        if not step.enabled:
            sentences.pop()  # nobody sees a difference
    return pipeline, tuple(sentences)


@dataclass(frozen=True)
class CropFit:
    """A pipeline whose crops fit the data, or wait for what is not known of these yet."""

    pipeline: Pipeline
    sentences: tuple[str, ...] = ()  # what is not as it was
    made_for: StackSpec | None = None  # raw stack that crops still have to be fitted from

    @classmethod
    def of(cls, pipeline: Pipeline, made_for: StackSpec | None, raw: StackSpec) -> CropFit:
        """Fit the crops of a pipeline; None: they were made for these data."""
        if made_for is None:
            return cls(pipeline)
        if _cannot_tell_yet(pipeline, made_for, raw):
            return cls(pipeline, made_for=made_for)
        return cls(*refitted(pipeline, made_for, raw))


def crops_of(pipeline: Pipeline) -> list[Crop]:
    """The crops of a pipeline, in their order."""
    return [step for step in pipeline.steps if isinstance(step, Crop)]


def _cannot_tell_yet(pipeline: Pipeline, made_for: StackSpec, raw: StackSpec) -> bool:
    """Return whether more has to be stated first about volumes of the same shape."""
    plan = pipeline.plan(raw)
    crops = [
        plan.spec_before(index)
        for index, step in enumerate(pipeline.steps)
        if isinstance(step, Crop) and ranges_of(step) != _WHOLE
    ]
    waits = any(
        not before.volume.size_known if before is not None else plan.waiting for before in crops
    )
    return waits and made_for.shape == raw.shape and made_for.volume.size_known


def _alike(old: VolumeSpec, new: VolumeSpec) -> bool:
    """Return whether voxels with the same numbers lie at the same places."""
    return (old.shape, old.stated_size) == (new.shape, new.stated_size)


def _in_micrometres(crop: Crop, old: StackSpec | None, new: StackSpec | None) -> Ranges | None:
    """The voxels that lie where those of the crop lay; None if that is not within the volume."""
    if old is None or new is None or not (old.volume.size_known and new.volume.size_known):
        return None
    try:
        box, room = extents(old.volume, ranges_of(crop)), extents(new.volume, _WHOLE)
    except GeometryError:
        return None  # it never was within the volumes that it was carried along to
    slack = (size / 2 for size in new.voxel_size)
    inside = (
        low >= first - more and high <= last + more
        for (low, high), (first, last), more in zip(box, room, slack, strict=True)
    )
    cut = [bounds != (0, 0) for bounds in ranges_of(crop)]
    if not all(fits for fits, needed in zip(inside, cut, strict=True) if needed):
        return None
    try:
        return crop_bounds(
            new.volume, [ends if needed else None for ends, needed in zip(box, cut, strict=True)]
        )
    except GeometryError:
        return None  # less than a voxel would be left


def _shape(spec: StackSpec | None) -> str:
    return " x ".join(map(str, spec.shape)) if spec is not None else "unknown ones"
