"""FFT of the CPU engine: one narrow face, with compiled loops or scipy behind it."""

from napari_lazy_pipeline.engines.cpu.fft.fft_choice import fastest_fft
from napari_lazy_pipeline.engines.cpu.fft.scipy_fft import COMPILED_VOXEL_BYTES, ScipyFft

__all__ = ["COMPILED_VOXEL_BYTES", "ScipyFft", "fastest_fft"]
