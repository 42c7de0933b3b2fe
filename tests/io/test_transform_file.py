"""Transform files: a position is mapped to where the file, by its own conventions, has it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from napari_lazy_pipeline.errors import FileError
from napari_lazy_pipeline.image import StackSpec, VolumeSpec
from napari_lazy_pipeline.io.transform_file import read_transforms, write_transforms

DX, DZ = 0.102, 0.157
SIZE = np.array([DX, DX, DZ])  # x, y, z as in .reg files
CHANNELS = ("488", "560")
SPEC = StackSpec(
    VolumeSpec((60, 200, 300), voxel_size=(DZ, DX, DX), translate=(0.0, 0.0, -12.3)), 1, CHANNELS
)
TURN = Rotation.from_euler("xyz", (0.4, -1.1, 0.7), degrees=True).as_matrix()
LINEAR = {
    "translation": np.eye(3),
    "rigid": TURN,
    "similarity": 1.003 * TURN,
    "affine": TURN @ np.diag([1.01, 0.99, 1.02]),
    "2step": np.array([[1.002, 0.01, 0], [-0.012, 0.997, 0], [0, 0, 1.004]]),
    "cpd_rigid": TURN,
    "cpd_similarity": 0.998 * TURN,
    "cpd_affine": TURN @ np.diag([1.01, 0.99, 1.02]),
    "cpd_2step": np.array([[1.002, 0.01, 0], [-0.012, 0.997, 0], [0, 0, 1.004]]),
}
SHIFT = np.array([0.41, -0.23, 0.77])


def reg(path: Path, *entries: dict[str, Any]) -> Path:
    content = {"tforms": entries, "dx": DX, "dz": DZ, "z_motion": "Sample", "path": "/x"}
    path.write_text(json.dumps({**content, "date": "2026/11/29-10:00"}))
    return path


def entry(mode: str, moving: str = "560", reference: str = "488", **more: Any) -> dict[str, Any]:
    """As fiducialreg writes it, half a voxel less included, of what maps their positions."""
    matrix = np.eye(4)
    matrix[:3, :3] = LINEAR[mode]
    matrix[:3, 3] = SHIFT - (0 if mode.startswith("cpd_") else SIZE / 2)
    return {
        "mode": mode, "reference": reference, "moving": moving, "inworld": True,
        "tform": matrix.tolist(), **more,
    }  # fmt: skip


@pytest.mark.parametrize("mode", LINEAR)
def test_a_reg_file_moves_voxels_as_it_was_meant(mode: str, tmp_path: Path) -> None:
    """Voxel i of the result is voxel j of the data: 1/2 + (i - 1/2) d are positions there."""
    file = read_transforms(reg(tmp_path / "a.reg", entry(mode)))
    values, sentence = file.values(SPEC)
    assert values["reference"] == "488" and sentence == f"Read onto 488: 560 ({mode})"
    i = np.random.default_rng(0).uniform(0, 150, (20, 3))  # x, y, z
    back = (0.5 + (i - 0.5) * SIZE - SHIFT) @ np.linalg.inv(LINEAR[mode]).T
    j = 0.5 + (back - 0.5) / SIZE
    matrix, start = np.array(values["transform"]["560"]), np.array([0.0, 0.0, -12.3])
    result = i[:, ::-1] * SIZE[::-1] + start  # um, z, y, x
    data = (result - matrix[:, 3]) @ np.linalg.inv(matrix[:, :3]).T
    np.testing.assert_allclose((data - start)[:, ::-1] / SIZE, j, atol=1e-9)


def test_beads_registered_as_fiducialreg_does_it(tmp_path: Path) -> None:
    """Its positions, its affine fit, its half voxel less: beads are put where they belong."""
    generator = np.random.default_rng(1)
    voxels = generator.uniform(5, 150, (30, 3))  # of the reference; x, y, z
    moving = (voxels - 75) @ np.linalg.inv(LINEAR["affine"]).T + 75 + (2.3, -1.2, 0.7)
    x, y = (0.5 + (v - 0.5) * SIZE for v in (moving, voxels))
    fit = np.linalg.lstsq(np.c_[x, np.ones(30)], y, rcond=None)[0].T
    written = np.vstack([fit, (0, 0, 0, 1)])
    written[:3, 3] -= SIZE / 2
    file = read_transforms(reg(tmp_path / "a.reg", entry("affine", tform=written.tolist())))
    matrix = np.array(file.values(SPEC.replace(translate=(0.0, 0.0, 0.0)))[0]["transform"]["560"])
    put = (moving * SIZE)[:, ::-1] @ matrix[:, :3].T + matrix[:, 3]
    np.testing.assert_allclose(put, (voxels * SIZE)[:, ::-1], atol=1e-9)


def test_voxels_of_a_reg_file(tmp_path: Path) -> None:
    """Transforms of pixels, not of positions."""
    matrix = np.vstack([np.c_[LINEAR["2step"], (3, -2, 1)], (0, 0, 0, 1)])
    file = read_transforms(
        reg(tmp_path / "a.reg", entry("2step", inworld=False, tform=matrix.tolist()))
    )
    (only,) = file.transforms
    i = np.array([[3.0, 50, 20], [70, 10, 5]])
    expected = (i @ LINEAR["2step"].T + (3, -2, 1)) * SIZE
    put = (i * SIZE)[:, ::-1] @ only.matrix[:3, :3].T + only.matrix[:3, 3]
    np.testing.assert_allclose(put, expected[:, ::-1])


def test_the_kind_and_the_way_are_chosen(tmp_path: Path) -> None:
    """Of several, the kind of the step, else 2step; the other way round where need be."""
    path = reg(tmp_path / "a.reg", entry("rigid"), entry("2step"), entry("affine"))
    file = read_transforms(path)
    assert file.values(SPEC, model="affine")[1].endswith("560 (affine)")
    assert file.values(SPEC, model="translation")[1].endswith("560 (2step)")
    there = file.values(SPEC, model="rigid")[0]["transform"]["560"]
    back = file.values(SPEC, "560", "rigid")[0]["transform"]
    assert back["560"] == np.eye(4)[:3].tolist()
    both = [np.vstack([m, (0, 0, 0, 1)]) for m in (there, back["488"])]
    np.testing.assert_allclose(both[0] @ both[1], np.eye(4), atol=1e-12)
    named = SPEC.replace(channels=("488nm", "Cam B 560"))
    assert file.values(named, model="rigid")[0]["transform"]["Cam B 560"] == there


def test_other_voxels_are_told(tmp_path: Path) -> None:
    file = read_transforms(reg(tmp_path / "a.reg", entry("affine")))
    _, sentence = file.values(SPEC.replace(voxel_size=(0.3, 0.1, 0.1)))
    assert sentence.endswith(
        "It was made with voxels (z, x) of 0.157 x 0.102 um; these are 0.3 x 0.1 um"
    )


MATRIX = [[1, 0.01, 0, 0.2], [0, 0.99, 0.02, -0.1], [0, 0, 1.02, 0.05]]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "1,0.01,0,0.2\n0,0.99,0.02,-0.1\n0,0,1.02,0.05\n0,0,0,1\n"),
        ("a.csv", "1;0,01;0;0,2\r\n0;0,99;0,02;-0,1\r\n0;0;1,02;0,05\r\n"),
        ("a.txt", "# z y x\n1 0.01 0 2e-1\n0 0.99 0.02 -0.1\n0 0 1.02 0.05\n"),
        ("a.json", json.dumps(MATRIX)),
        ("a.json", json.dumps({"560": [*MATRIX, [0, 0, 0, 1]]})),
        ("a.json", json.dumps({"matrix": MATRIX})),
        (
            "a.json",
            json.dumps(
                {
                    "matrix": [[1.02, 0, 0, 0.05], [0.02, 0.99, 0, -0.1], [0, 0.01, 1, 0.2]],
                    "axes": "xyz",
                }
            ),
        ),
    ],
)
def test_a_matrix_of_any_program(name: str, text: str, tmp_path: Path) -> None:
    """Positions are those napari shows: nothing is added for where the volume begins."""
    path = tmp_path / name
    path.write_text(text)
    values, _ = read_transforms(path).values(SPEC)
    assert values["transform"] == {"488": np.eye(4)[:3].tolist(), "560": MATRIX}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_transforms(path, "560", {"488": MATRIX, "560": np.eye(4)[:3].tolist()})
    values, sentence = read_transforms(path).values(SPEC)
    assert values == {
        "reference": "560",
        "transform": {"560": np.eye(4)[:3].tolist(), "488": MATRIX},
    }
    assert sentence == "Read onto 560: 488 (matrix)"
    assert json.loads(path.read_text())["unit"] == "um"
    with pytest.raises(FileError, match="cannot be written"):
        write_transforms(tmp_path / "no" / "a.json", "560", {})


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.json", "[[1, 2], [3, 4]]", "no matrix of 3 or 4 rows"),
        ("a.json", "{", "No transform can be read"),
        ("a.json", "[" * 100_000, "No transform can be read"),
        ("a.csv", "z,y,x\n1,0,0", "could not convert"),
        ("a.csv", "", "no matrix"),
        ("a.csv", "1,0,0,nan\n0,1,0,0\n0,0,1,0\n", "no matrix"),
        ("a.csv", "1,0,0,1\n0,1,0,0\n0,0,0,0\n", "flat"),
        ("a.csv", "1,0,0,1\n0,1,0,0\n0,0,1,0\n1,0,0,1\n", "last row"),
        ("a.reg", '{"tforms": [], "dx": 0.1, "dz": 0.3}', "has no transforms"),
        ("a.reg", '{"tforms": [{"mode": "rigid"}], "dx": 0.1, "dz": 0.3}', "tform"),
    ],
)
def test_what_is_no_transform_is_refused(name: str, text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(FileError, match=words):
        read_transforms(tmp_path / name)


def test_other_channels_are_named(tmp_path: Path) -> None:
    file = read_transforms(reg(tmp_path / "a.reg", entry("affine", "642")))
    with pytest.raises(FileError, match=r"no transform of 560 to 488 .*It has: 642 to 488"):
        file.values(SPEC)
    with pytest.raises(FileError, match="No such file"):
        read_transforms(tmp_path / "none.reg")
