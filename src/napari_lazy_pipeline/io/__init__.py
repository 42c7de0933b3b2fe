"""Input: folders and files become lazy stacks."""

from napari_lazy_pipeline.io.folder_info import FolderInfo
from napari_lazy_pipeline.io.metadata_overrides import MetadataOverrides
from napari_lazy_pipeline.io.open_stack import inspect_folder, open_stack

__all__ = ["FolderInfo", "MetadataOverrides", "inspect_folder", "open_stack"]
