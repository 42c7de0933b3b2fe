"""Metadata: voxel sizes, times and channels, and who states them."""
