"""Units are understood alike, whoever writes them: ImageJ, OME-XML, OME-Zarr."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_lazy_pipeline.io import inspect_folder
from napari_lazy_pipeline.io.metadata.ome_zarr_place import placement
from napari_lazy_pipeline.io.metadata.units import micrometres, seconds

VOLUME = np.full((3, 4, 5), 7, np.uint16)
VOXEL = (0.4, 0.104, 0.104)
LENGTHS = {
    "um": 1, "µm": 1, "μm": 1, "micron": 1, "microns": 1, "micrometer": 1, "Micrometres": 1,
    "nm": 1e-3, "nanometer": 1e-3, "Å": 1e-4, "angstrom": 1e-4, "mm": 1e3, "millimetre": 1e3,
    "cm": 1e4, "m": 1e6, "meter": 1e6, "inch": 25400,
}  # fmt: skip
TIMES = {
    "s": 1, "sec": 1, "seconds": 1, "ms": 1e-3, "msec": 1e-3, "millisecond": 1e-3, "us": 1e-6,
    "µs": 1e-6, "min": 60, "minutes": 60, "h": 3600, "hours": 3600,
}  # fmt: skip


def pixels_per_unit(size: float) -> tuple[int, int]:
    """What TIFF stores, two numbers of 32 bits; tifffile of 2024 makes worse ones of fractions."""
    return Fraction(1 / size).limit_denominator(int(2**31 * min(1, size))).as_integer_ratio()


def in_imagej(path: Path, unit: str, sizes: tuple[float, ...]) -> None:
    z, y, x = sizes
    resolution = pixels_per_unit(x), pixels_per_unit(y)
    said = {"axes": "ZYX", "spacing": z, "unit": unit.replace("µ", "\\u00B5").replace("μ", "u")}
    if "Å" not in unit:
        tifffile.imwrite(path, VOLUME, imagej=True, resolution=resolution, metadata=said)
        return
    text = f"ImageJ=1.11a\nimages=3\nslices=3\nunit={unit}\nspacing={z}\n".encode("latin-1")
    tifffile.imwrite(
        path, VOLUME, resolution=resolution, description=text, metadata=None,
        photometric="minisblack",
    )  # fmt: skip


def in_ome(path: Path, unit: str, sizes: tuple[float, ...], reference: bool = False) -> None:
    lengths = zip("ZYX", sizes, strict=True)
    size = "".join(f' PhysicalSize{a}="{n}" PhysicalSize{a}Unit="{unit}"' for a, n in lengths)
    text = (
        '<OME><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" '
        f'SizeX="5" SizeY="4" SizeZ="3" SizeC="1" SizeT="1"{size}><TiffData/>'
        "</Pixels></Image></OME>"
    )
    if reference:
        # As it is written by default: &#181;m.
        text = ElementTree.tostring(ElementTree.fromstring(text)).decode()
    with tifffile.TiffWriter(path) as tif:
        for index, plane in enumerate(VOLUME):
            described = text.encode() if index == 0 else None
            tif.write(plane, description=described, metadata=None, contiguous=False)


def in_zarr(path: Path, unit: str, sizes: tuple[float, ...]) -> None:
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(str(path), mode="w", zarr_format=2)
    array = group.create_array("0", shape=VOLUME.shape, chunks=VOLUME.shape, dtype="uint16")
    array[:] = VOLUME
    axes = [{"name": axis, "type": "space", "unit": unit} for axis in "zyx"]
    scale = [{"type": "scale", "scale": list(sizes)}]
    datasets = [{"path": "0", "coordinateTransformations": scale}]
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": datasets}]


@pytest.mark.parametrize("unit", LENGTHS)
def test_lengths_in_any_unit(unit: str, tmp_path: Path) -> None:
    sizes = tuple(length / LENGTHS[unit] for length in VOXEL)
    in_imagej(tmp_path / "a.tif", unit, sizes)
    in_ome(tmp_path / "a.ome.tif", unit, sizes)
    in_ome(tmp_path / "b.ome.tif", unit, sizes, reference=True)
    in_zarr(tmp_path / "a.zarr", unit, sizes)
    for path in sorted(tmp_path.iterdir()):
        assert inspect_folder(path).voxel_size == pytest.approx(VOXEL, rel=1e-5), path.name


@pytest.mark.parametrize("unit", TIMES)
def test_times_in_any_unit(unit: str, tmp_path: Path) -> None:
    movie = np.stack([VOLUME, VOLUME])
    said = {"axes": "TZYX", "unit": "um", "finterval": 2, "tunit": unit.replace("µ", "u")}
    tifffile.imwrite(tmp_path / "a.tif", movie, imagej=True, metadata=said)
    assert inspect_folder(tmp_path).time_interval == pytest.approx(2 * TIMES[unit])
    assert seconds(2, unit) == pytest.approx(2 * TIMES[unit])


@pytest.mark.parametrize("unit", ["", "pixel", "frames", "s", "ms", "furlong"])
def test_no_unit_of_length(unit: str) -> None:
    assert micrometres(1, unit) is None


@pytest.mark.parametrize("unit", ["Âµm", "Î¼m", "?m", "\ufffdm", "\\u00B5m", "[um]", "micro-meter"])
def test_a_micro_sign_that_suffered_on_the_way(unit: str) -> None:
    assert micrometres(0.4, unit) == 0.4


def test_the_sign_of_a_step_is_a_direction() -> None:
    assert micrometres(-0.4, "um") == micrometres("-400", "nm") == 0.4
    assert seconds(-1, "s") is None


@pytest.mark.parametrize("value", [0, "nan", "inf", None, "", "a", "--1"])
def test_no_length(value: object) -> None:
    assert micrometres(value, "um") is None and seconds(value, "s") is None


@pytest.mark.parametrize("scale", [[1, 0.1], ["a", 1, 1], None, [float("nan"), 1, 1]])
def test_a_scale_of_ome_zarr_that_is_none_is_unknown(scale: object) -> None:
    image = {"axes": list("zyx"), "datasets": [{"coordinateTransformations": [
        {"type": "scale", "scale": scale}]}]}  # fmt: skip
    claims, place = placement(image, "zyx")
    assert (claims.voxel_size, place) == ((None, None, None), (0, 0, 0))
    assert "cannot be read" in claims.notes[0]


def test_scales_and_translations_of_both_levels_of_ome_zarr() -> None:
    """0.5 (v + 3) + 7 along z [nm]: first those of the array, then those of all resolutions."""
    own = [{"type": "scale", "scale": [1, 1, 2]}, {"type": "translation", "translation": [3, 0, 0]}]
    outer = [
        {"type": "scale", "scale": [0.5, 1, 1]}, {"type": "translation", "translation": [7, 0, 0]}
    ]  # fmt: skip
    axes = [{"name": name, "type": "space", "unit": "nanometer"} for name in "zyx"]
    image = {
        "axes": axes, "datasets": [{"coordinateTransformations": own}],
        "coordinateTransformations": outer,
    }  # fmt: skip
    claims, place = placement(image, "zyx")
    assert claims.voxel_size == (0.0005, 0.001, 0.002) and place == (0.0085, 0, 0)


def test_an_image_of_ome_zarr_without_z_keeps_its_place() -> None:
    of_array = [
        {"type": "scale", "scale": [0.1, 0.1]}, {"type": "translation", "translation": [5, 6]}
    ]  # fmt: skip
    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "yx"]
    image = {"axes": axes, "datasets": [{"coordinateTransformations": of_array}]}
    claims, place = placement(image, "yx")
    assert claims.voxel_size == (None, 0.1, 0.1) and place == (0, 5, 6)
