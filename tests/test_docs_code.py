"""Every block of Python in the pages runs; every command line of this program is understood."""

from __future__ import annotations

import json
import re
import runpy
import shlex
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tifffile
import yaml

from napari_lazy_pipeline import Pipeline, Recipe, Stack, open_stack
from napari_lazy_pipeline.cli.command_line import make_parser
from napari_lazy_pipeline.steps import Crop, Deconvolve, SubtractBackground, step_types

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


# As much of dask-jobqueue as the page uses: jobs are processes of this computer.
JOBQUEUE = """
from dask.distributed import LocalCluster

class SLURMCluster(LocalCluster):
    def __init__(self, *, cores, processes, memory, walltime):
        assert memory and walltime and not cores % processes
        super().__init__(n_workers=0, threads_per_worker=cores // processes, dashboard_address=None)

    def scale(self, n=0, *, jobs=0):
        super().scale(n or min(jobs, 2))
"""


def _cluster() -> dict[str, Any]:
    Path("dask_jobqueue.py").write_text(JOBQUEUE)
    Recipe(source=_stack(), pipeline=Pipeline([SubtractBackground()])).save("cell5.yaml")
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
    "cluster": _cluster,
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
    if page.stem == "cluster":
        assert len([*Path("processed").glob("*.tif")]) == 4


SHELLS = ("bash", "sh", "shell", "console", "text")
PROGRAM = re.compile(r"(?:^|[\s(])napari-lazy-pipeline (?!\[)([^|;&>)#`]+)", re.M)


def command_lines(page: Path) -> list[list[str]]:
    """Words behind the name of this program, wherever in a block of shell; variables are 1."""
    code = "\n".join(blocks(page, *SHELLS)).replace("\\\n", " ")
    lines = (re.sub(r"\$\w+", "1", line.split("\n")[0]) for line in PROGRAM.findall(code))
    return [words for line in lines if (words := shlex.split(line))]


def test_command_lines_of_the_pages_are_understood() -> None:
    parser, found = make_parser(), {page.stem: command_lines(page) for page in PAGES}
    assert len(found["cluster"]) == 4 and len(found["export"]) > 5 and len(found["README"]) > 4
    for lines in found.values():
        for words in lines:
            parser.parse_args(words)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_named_in_the_text_exist(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They need not be complete: the command and its options have to be there."""
    for text in re.findall(r"`napari-lazy-pipeline ([a-z][^`]*)`", page.read_text("utf-8")):
        command, *words = text.split()
        with pytest.raises(SystemExit, match="0"):
            make_parser().parse_args([command, "--help"])
        known = capsys.readouterr().out
        for word in words:
            assert not word.startswith("--") or word.split("=")[0] in known, text


def test_menus_are_called_as_the_pages_say() -> None:
    file = resources.files("napari_lazy_pipeline") / "napari.yaml"
    manifest = yaml.safe_load(file.read_text("utf-8"))
    samples = [sample["display_name"] for sample in manifest["contributions"]["sample_data"]]
    steps = [f"{step.group} > {step.title}" for step in step_types().values()]
    said = "\n".join(page.read_text("utf-8") for page in PAGES)
    for menu, entries in (("Open Sample > Lazy Pipeline", samples), ("Add step", steps)):
        named = re.findall(rf"{menu} > ([^*]+)\*", said)
        assert named
        for name in named:
            assert any(entry.startswith(name) for entry in entries), f"{menu} > {name}"


def test_what_is_no_page_is_linked_to_in_the_repository() -> None:
    """The configuration of the site finds its address in pyproject.toml, by its name."""
    links = []
    app = SimpleNamespace(connect=lambda event, link: links.append(link))
    runpy.run_path(str(ROOT / "docs" / "conf.py"))["setup"](app)
    text = ["See [the script](../scripts/demo)."]
    links[0](app, "page", text)
    assert re.search(r"\(https://github\.com/[^ ]+/blob/main/scripts/demo\)", text[0]), text
