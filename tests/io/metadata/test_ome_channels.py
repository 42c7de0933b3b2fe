"""Wavelengths of channels that have other names, as OME-TIFF files state them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile

from napari_lazy_pipeline.io.metadata.ome_channels import channel_wavelengths, wavelengths_in


def test_a_file_states_what_light_its_channels_show(tmp_path: Path) -> None:
    path = tmp_path / "two.ome.tif"
    channel = {
        "Name": ["GFP", "mCherry"],
        "ExcitationWavelength": [488, 561.4],
        "ExcitationWavelengthUnit": ["nm"] * 2,
        "EmissionWavelength": [0.51, 610],
        "EmissionWavelengthUnit": ["µm", "nm"],
    }
    tifffile.imwrite(
        path, np.zeros((2, 3, 8, 8), "uint16"), metadata={"axes": "CZYX", "Channel": channel}
    )
    assert channel_wavelengths(path) == ((488, 510), (561, 610))


def test_what_is_not_stated_is_unknown(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "bare.tif", np.zeros((3, 8, 8), "uint16"), photometric="minisblack")
    (tmp_path / "text.tif").write_text("no TIFF")
    assert channel_wavelengths(tmp_path / "bare.tif") == ()
    assert channel_wavelengths(tmp_path / "text.tif") == ()
    assert channel_wavelengths(tmp_path / "absent.tif") == ()
    assert wavelengths_in('<Image><Channel EmissionWavelength="?" Name="a"/></Image>') == ((),)
