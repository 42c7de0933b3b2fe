"""Deconvolution fields: the values of a deconvolution, as forms and recipes know them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from napari_lazy_pipeline.engines import Edges, Method, Start
from napari_lazy_pipeline.psf.psf_file import PsfFile
from napari_lazy_pipeline.steps._base import Unit
from napari_lazy_pipeline.steps._per_channel import PerChannel

# 0 stands for what is not stated.
Micrometre = Annotated[float, Field(ge=0, le=100)]
Counts = Annotated[float, Field(ge=0, le=65535)]
UNKNOWN = (0.0, 0.0, 0.0)

Psf = Annotated[
    PerChannel[PsfFile],
    Field(
        title="PSF or OTF file",
        description="TIFF of a bead image (z, y, x), or an OTF file of cudaDecon.",
        json_schema_extra={"format": "path"},
    ),
]

PsfVoxelSize = Annotated[
    PerChannel[tuple[Micrometre, Micrometre, Micrometre]],
    Field(
        title="PSF voxel size",
        description="Spacing of the PSF along z, y and x; 0: as its file states. "
        "Without it, the PSF cannot be used.",
        json_schema_extra={"step": 0.01, "zero": "file"},
        examples=[(0, 0, 0), (0.1, 0.1, 0.1)],
    ),
    Unit("µm"),
]

MethodChoice = Annotated[
    Method,
    Field(
        title="Method",
        description="auto: Richardson-Lucy that ends by itself, voxel by voxel, where it "
        "would sharpen noise, no number to choose; accelerated: Richardson-Lucy accelerated "
        "after Biggs and Andrews (1997), as in cudaDecon, two to three times as far per "
        "iteration; rl: plain Richardson-Lucy; fast: two Wiener-Butterworth iterations (Guo et "
        "al. 2020) and a plain one, on a par with 10 plain ones in our tests.",
        json_schema_extra={
            "words": {
                "auto": "Automatic",
                "accelerated": "Richardson-Lucy, accelerated (Biggs-Andrews)",
                "rl": "Richardson-Lucy",
                "fast": "Wiener-Butterworth (fast)",
            }
        },
    ),
]

Iterations = Annotated[
    int,
    Field(
        ge=1,
        le=500,
        title="Iterations",
        description="More are sharper, noisier and slower; the methods auto and fast have a "
        "number of their own.",
        json_schema_extra={"step": 1, "slider": [1, 50]},
    ),
    Unit("1"),
]

Background = Annotated[
    PerChannel[Counts],
    Field(
        title="Background",
        description="Counts subtracted first; 0 after a Subtract background step.",
        json_schema_extra={"step": 1, "slider": [0, 500]},
    ),
    Unit("counts"),
]

EdgesChoice = Annotated[
    Edges,
    Field(
        title="Edges",
        description="How the volume goes on beyond its edges: as its mirror image, as "
        "background, or periodically (as cudaDecon, with x and y edges blended).",
        json_schema_extra={
            "words": {"reflect": "mirrored", "background": "background", "periodic": "periodic"}
        },
    ),
]

StartChoice = Annotated[
    Start,
    Field(
        title="Start",
        description="What the methods accelerated and rl start from: the image, as cudaDecon, "
        "which keeps its noise; or an even grey, better wherever photons are few.",
        json_schema_extra={
            "words": {"image": "the image", "flat": "an even grey"},
            "advanced": True,
        },
    ),
]
