"""Every block of Python in the pages runs; every command line of this program is understood."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_lazy_pipeline import Pipeline, Recipe, Stack, open_stack
from napari_lazy_pipeline.cli.command_line import make_parser
from napari_lazy_pipeline.steps import Crop, Deconvolve, SubtractBackground

ROOT = Path(__file__).parents[1]
# Scripts of docs/upstream.md open windows, and show the faults of others.
PAGES = [ROOT / "README.md", *sorted({*(ROOT / "docs").glob("*.md")} - {ROOT / "docs/upstream.md"})]

PSF: dict[str, Any] = {"psf": "psf.tif", "psf_voxel_size": (0.1, 0.1, 0.1)}


def blocks(page: Path, *languages: str) -> list[str]:
    """Code blocks of a page in any of these languages."""
    found = re.findall(r"^```(\w+)\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)
    return [code for language, code in found if language in languages]


def _folder(name: str = "cell5") -> Path:
    """A folder as a microscope writes it."""
    folder = Path(name)
    folder.mkdir()
    noise = np.random.default_rng(1)
    for wave, c, t in ((wave, c, t) for c, wave in enumerate((488, 560)) for t in range(2)):
        volume = noise.integers(100, 200, (64, 24, 32)).astype("uint16")
        tifffile.imwrite(
            folder / f"{name}_ch{c}_stack{t:04}_{wave}nm.tif",
            volume,
            imagej=True,
            metadata={"axes": "ZYX"},
        )
    return folder


def _stack() -> Stack:
    return open_stack(_folder(), voxel_size=(0.3, 0.1, 0.1), angle=31.5, step="stage")


def _psf(path: str) -> None:
    z, y, x = np.ogrid[-8:9, -8:9, -8:9]
    tifffile.imwrite(path, np.exp(-(z**2 + y**2 + x**2) / 8).astype("float32"))


def _readme() -> dict[str, Any]:
    _folder()
    _psf("psf.tif")
    return {}


def _data() -> dict[str, Any]:
    volume = np.ones((4, 8, 8), "uint16")
    _folder()
    for position in (1, 3):
        for t in range(3):
            path = Path("run_1") / f"Pos{position}" / f"cell_t{t:03}.tif"
            path.parent.mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(path, volume, imagej=True, metadata={"axes": "ZYX"})
    tifffile.imwrite("movie.ome.tif", volume, metadata={"axes": "ZYX"})
    tifffile.imwrite("plate_1.ome.tif", volume, metadata=None)
    Path("plate.companion.ome").write_text(
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
        '<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="8" SizeY="8" '
        'SizeZ="4" SizeC="1" SizeT="1"><Channel ID="Channel:0:0"/>'
        '<TiffData><UUID FileName="plate_1.ome.tif">urn:uuid:a</UUID></TiffData>'
        "</Pixels></Image></OME>"
    )
    Path("folder").mkdir()
    np.save("folder/scan_1.npy", volume)
    Path("folder/scan_1.vol").write_bytes(volume.tobytes())
    Path("my_module.py").write_text(
        "import numpy as np\n\n"
        "def read(path):\n"
        "    return np.fromfile(path, 'u2').reshape(4, 8, 8)\n"
    )
    return {"np": np}


def _export() -> dict[str, Any]:
    _psf("psf.tif")
    steps = [Crop(z=(0, 8)), Deconvolve(**PSF, method="rl", iterations=1)]
    Recipe(source=_stack(), pipeline=Pipeline(steps)).save("cell5.yaml")
    _folder("cell6")
    _folder("cell7")
    return {}


def _psf_page() -> dict[str, Any]:
    Path("psfs").mkdir()
    _psf("psfs/psf_488nm.tif")
    _psf("psfs/psf_560nm.tif")
    centre = np.array([(20, y, x) for y in (40, 90, 140) for x in (40, 90, 140)])
    z, y, x = np.ogrid[:40, :180, :180]
    light = (
        np.exp(-((z - k) ** 2) / 18 - ((y - j) ** 2 + (x - i) ** 2) / 4.5) for k, j, i in centre
    )
    beads = np.random.default_rng(1).poisson(100 + 2000 * sum(light)).astype("uint16")
    return {"stack": _stack(), "beads": beads, "Deconvolve": Deconvolve}


def _recipes() -> dict[str, Any]:
    _psf("psf.tif")
    viewer = SimpleNamespace(add_image=lambda *_, **__: None)
    return {
        "stack": _stack(),
        "pipeline": Pipeline([Deconvolve(**PSF, method="rl")]),
        "viewer": viewer,
    }


def _registration() -> dict[str, Any]:
    one = {"mode": "affine", "reference": "488", "moving": "560", "inworld": True}
    content = {"tforms": [{**one, "tform": np.eye(4).tolist()}], "dx": 0.1, "dz": 0.3}
    Path("beads.reg").write_text(json.dumps({**content, "z_motion": "Sample"}))
    return {"stack": _stack()}


def _steps() -> dict[str, Any]:
    return {"stack": _stack(), "step": SubtractBackground(), "steps_before": []}


# What a page takes to be there, by its name.
SCENES: dict[str, Callable[[], dict[str, Any]]] = {
    "README": _readme,
    "data": _data,
    "export": _export,
    "psf": _psf_page,
    "recipes": _recipes,
    "registration": _registration,
    "steps": _steps,
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_python_of_the_pages_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    names = SCENES.get(page.stem, dict)()
    for code in blocks(page, "python"):
        exec(compile(code, f"{page.name}", "exec"), names)


def test_command_lines_of_the_pages_are_understood() -> None:
    parser = make_parser()
    lines = [
        line.split("#")[0].strip()
        for page in PAGES
        for code in blocks(page, "bash", "sh", "console")
        for line in code.replace("\\\n", " ").splitlines()
        if line.startswith("napari-lazy-pipeline ")
    ]
    assert len(lines) > 5
    for line in lines:
        parser.parse_args(shlex.split(line)[1:])
