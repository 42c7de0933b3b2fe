"""Point spread functions and the OTFs made of them."""

from napari_lazy_pipeline.psf.radial_otf import RadialOtf, make_otf
from napari_lazy_pipeline.psf.theoretical_psf import save_psf

__all__ = ["RadialOtf", "make_otf", "save_psf"]
