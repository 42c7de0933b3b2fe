"""The recipe of conda-forge says what pyproject.toml says, in the names that conda has."""

from __future__ import annotations

import re
import tomllib
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
CONDA_NAMES = {"dask[array]": "dask-core"}  # numpy, which is all that [array] adds, is named itself
# Wheels for one generation of CUDA; conda has one cupy for all.
PIP_ONLY = re.compile(r"cupy-cuda|napari-lazy-pipeline|napari\[")


@pytest.fixture(scope="module")
def recipe() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docs/conda/recipe.yaml").read_text("utf-8"))
    return found


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def conda(requirements: list[str]) -> set[str]:
    """Requirements of pip as conda has them."""
    split = [one.split(";")[0].strip().partition(">=") for one in requirements]
    assert all(bound for _, _, bound in split)
    names = [re.sub(r"\[toml\]$", "", CONDA_NAMES.get(name, name)) for name, _, _ in split]
    return {f"{name} >={bound}" for name, (_, _, bound) in zip(names, split, strict=True)}


def test_it_needs_what_the_package_needs(recipe: dict[str, Any], project: dict[str, Any]) -> None:
    python, *run = recipe["requirements"]["run"]
    assert set(run) == conda(project["project"]["dependencies"])
    assert python == "python >=${{ python_min }}"
    assert project["project"]["requires-python"] == f">={recipe['context']['python_min']}"


def test_it_is_built_by_what_builds_the_package(
    recipe: dict[str, Any], project: dict[str, Any]
) -> None:
    assert conda(project["build-system"]["requires"]) < set(recipe["requirements"]["host"])
    (entry,) = recipe["build"]["python"]["entry_points"]
    assert dict([entry.split(" = ")]) == project["project"]["scripts"]


def test_what_is_optional_has_to_be_as_new(recipe: dict[str, Any], project: dict[str, Any]) -> None:
    extras = chain(*project["project"]["optional-dependencies"].values())
    wanted = conda([one for one in extras if not PIP_ONLY.match(one)])
    assert set(recipe["requirements"]["run_constraints"]) == wanted


def test_it_tells_what_the_package_is(recipe: dict[str, Any], project: dict[str, Any]) -> None:
    about, known = recipe["about"], project["project"]
    assert recipe["package"]["name"] == known["name"]
    assert (about["summary"], about["license"]) == (known["description"], known["license"])
    assert about["license_file"] == known["license-files"]
    assert all((ROOT / path).is_file() for path in about["license_file"])
    urls = known["urls"]
    assert (about["documentation"], about["repository"]) == (
        urls["Documentation"],
        urls["Source Code"],
    )
