"""Image: what a volume is: its shape, size, place and values."""

from napari_lazy_pipeline.image.box import Block
from napari_lazy_pipeline.image.scan_geometry import Scan, Shape, Triple
from napari_lazy_pipeline.image.spec import StackSpec, VolumeSpec
from napari_lazy_pipeline.image.stack import Stack
from napari_lazy_pipeline.image.volume_source import VolumeSource

__all__ = ["Block", "Scan", "Shape", "Stack", "StackSpec", "Triple", "VolumeSource", "VolumeSpec"]
