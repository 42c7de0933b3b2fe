"""Channel transforms: which channel others are moved onto, and how."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from napari_lazy_pipeline.steps._per_channel import PerChannel
from napari_lazy_pipeline.steps._resampling_fields import Matrix

Reference = Annotated[
    str,
    Field(
        title="Reference channel",
        description="Name of the channel that stays; nothing: the first, unless it has a "
        "transform of its own.",
        json_schema_extra={"format": "channel", "empty": "first"},
    ),
]
Transforms = Annotated[
    PerChannel[Matrix],
    Field(
        title="Transform",
        description="Where a channel belongs: rows z, y and x of an affine matrix, the last "
        "number of each a shift [um]. The reference channel needs none.",
        json_schema_extra={"default": "no change", "step": 0.1},
    ),
]
TransformKind = Annotated[
    Literal["translation", "rigid", "similarity", "affine"],
    Field(
        title="Kind of transform",
        description="What an estimate from beads looks for: a shift; a turn, too (rigid); one "
        "scale, too (similarity); or any affine transform. It changes no voxel.",
    ),
]
