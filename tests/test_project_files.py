"""Each project file answers its own question, and they agree with each other."""

from __future__ import annotations

import configparser
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from napari_lazy_pipeline.steps import step_types

ROOT = Path(__file__).parent.parent
QT_BINDINGS = re.compile(r"(pyqt|pyside|qtpy|superqt|magicgui|napari)", re.IGNORECASE)


def ini(name: str) -> configparser.ConfigParser:
    """Read an INI file of the project."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / name, "utf-8")
    return parser


def read(name: str) -> str:
    """Text of a file of the project."""
    return (ROOT / name).read_text("utf-8")


@pytest.fixture(scope="module")
def pyproject() -> dict[str, Any]:
    return tomllib.loads(read("pyproject.toml"))


def tracked_files() -> list[Path]:
    """Files that are, or would be, committed; none outside a clone."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("the files are not in a git clone")
    paths = (ROOT / name for name in listed.decode().split("\0") if name)
    return [path for path in paths if path.is_file()]


def test_pyproject_leaves_other_questions_to_other_files(pyproject: dict[str, Any]) -> None:
    assert {"coverage", "importlinter", "tox"}.isdisjoint(pyproject["tool"])


def test_no_file_is_longer_than_it_may_be() -> None:
    """A step is one small file; what is not the step itself has a room beside it."""
    source = ROOT / "src" / "napari_lazy_pipeline"
    lengths = {
        path.relative_to(source).as_posix(): path.read_text("utf-8").count("\n")
        for path in source.rglob("*.py")
    }
    steps = {name for name in lengths if re.match(r"steps/[a-z]", name)}
    assert len(steps) >= len(step_types()) and "steps/deconvolve.py" in steps
    too_long = [name for name, n in lengths.items() if n > (150 if name in steps else 350)]
    assert not too_long


def test_setup_cfg_holds_contracts_and_coverage_only() -> None:
    kinds = {section.partition(":")[0] for section in ini("setup.cfg").sections()}
    assert kinds == {"importlinter", "coverage"}


@pytest.mark.parametrize("name", ["pyproject.toml", "setup.cfg", "tox.ini"])
def test_each_file_opens_with_its_question(name: str) -> None:
    first = (ROOT / name).read_text("utf-8").splitlines()[0]
    assert first.startswith("# ") and "?" in first


def test_tox_and_classifiers_name_the_same_pythons(pyproject: dict[str, Any]) -> None:
    tox = ini("tox.ini")
    factors = re.search(r"py\{([\d,]+)\}", tox["tox"]["envlist"])
    assert factors is not None
    in_tox = {f"3.{version[1:]}" for version in factors[1].split(",")}
    marked = "\n".join(pyproject["project"]["classifiers"])
    assert in_tox == set(re.findall(r"Python :: (3\.\d+)", marked))
    rows = dict(re.findall(r"(3\.\d+): (py\d+)", tox["gh-actions"]["python"]))
    assert rows == {version: f"py{version.replace('.', '')}" for version in in_tox}


def test_workflows_run_what_is_run_here_too() -> None:
    """What they do is a script, or an environment of tox that there is."""
    tox = ini("tox.ini")["tox"]["envlist"]
    commands = [
        str(step["run"])
        for path in (ROOT / ".github/workflows").glob("*.yml")
        for job in yaml.safe_load(path.read_text("utf-8"))["jobs"].values()
        for step in job["steps"]
        if "run" in step
    ]
    allowed = re.compile(
        r"(?:PYTHON=python )?\./scripts/(\w+)(?: --check)?|python -m tox(?: -e (\w+))?|"
        r'python -m pip install "tox>=4\.24"( tox-\w+(-\w+)?)?'
    )
    assert len(commands) > 8
    for command in commands:
        match = allowed.fullmatch(command)
        assert match, command
        assert not match[1] or (ROOT / "scripts" / match[1]).exists()
        assert not match[2] or match[2] in tox.split()


def test_tox_restates_no_dependency() -> None:
    tox = ini("tox.ini")
    assert not any("deps" in tox[section] for section in tox.sections())


def test_a_plain_install_brings_no_gui(pyproject: dict[str, Any]) -> None:
    names = pyproject["project"]["dependencies"]
    assert [name for name in names if QT_BINDINGS.match(name)] == []


def test_every_dependency_has_a_lower_bound(pyproject: dict[str, Any]) -> None:
    extras = pyproject["project"]["optional-dependencies"]
    named = [*pyproject["project"]["dependencies"], *extras["gui"], *extras["pycudadecon"]]
    assert [name for name in named if ">=" not in name] == []


def test_all_is_what_reads_and_writes(pyproject: dict[str, Any]) -> None:
    """All but engines of GPUs, and bioio, which reads nothing without the plugin of a vendor."""
    extras = pyproject["project"]["optional-dependencies"]
    ours, napari = extras["all"]
    listed = re.fullmatch(r"napari-lazy-pipeline\[(.*)\]", ours)
    assert listed is not None and napari == "napari[all]"
    others = {"all", "bioio", "cuda12", "cuda13", "mlx", "pycudadecon"}
    assert set(listed[1].split(",")) == set(extras) - others


def test_the_readme_names_libraries_that_setup_installs() -> None:
    named = re.search(r"^sudo apt install python3-venv (.*)$", read("README.md"), re.M)
    assert named is not None
    known = re.findall(r"^lib\S+ +(lib\S+)$", read("scripts/setup"), re.M)
    assert len(named[1].split()) == 10 and set(named[1].split()) <= set(known)


def test_napari_finds_the_plugin(pyproject: dict[str, Any]) -> None:
    assert "Framework :: napari" in pyproject["project"]["classifiers"]
    points = pyproject["project"]["entry-points"]["napari.manifest"]
    assert points == {"napari-lazy-pipeline": "napari_lazy_pipeline:napari.yaml"}


def test_the_hub_of_napari_has_what_it_shows(pyproject: dict[str, Any]) -> None:
    project = pyproject["project"]
    assert {"Homepage", "Documentation", "Source Code", "Bug Tracker", "User Support"} < set(
        project["urls"]
    )
    assert all(project[key] for key in ("description", "readme", "license", "authors"))
    manifest = yaml.safe_load(read("src/napari_lazy_pipeline/napari.yaml"))
    assert manifest["display_name"] and manifest["categories"]
    assert manifest["visibility"] == "public"
    readme = read("README.md")
    assert len(re.findall("^# ", re.sub("(?s)```.*?```", "", readme), re.M)) == 1
    assert len(re.findall("^## ", readme, re.M)) > 3


def test_the_manifest_is_valid(pyproject: dict[str, Any]) -> None:
    npe2 = pytest.importorskip("npe2")
    manifest = npe2.PluginManifest.from_file(ROOT / "src/napari_lazy_pipeline/napari.yaml")
    assert manifest.name == pyproject["project"]["name"]
    assert manifest.contributions.widgets and manifest.contributions.sample_data


def test_no_file_names_a_place_on_one_machine() -> None:
    # Put together here, so that this file is not what it looks for.
    places = "|".join(("tmp", "work", "home", "root", "farm", "Users"))
    place = re.compile(rf"(?<![\w.}}/])/(?:{places})/\w|\.\./share" + "d")
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in tracked_files()
        for number, line in enumerate(_lines(path), start=1)
        if place.search(line)
    ]
    assert found == []


def _lines(path: Path) -> list[str]:
    """Lines of a text file; none of one that is not text."""
    content = path.read_bytes()
    return [] if b"\0" in content else content.decode("utf-8", "replace").splitlines()


@pytest.mark.parametrize("name", ["demo", "test", "bench", "docs", "gallery", "release", "setup"])
def test_scripts_can_be_run(name: str) -> None:
    script = ROOT / "scripts" / name
    assert script.stat().st_mode & 0o111
    lines = script.read_text("utf-8").splitlines()
    assert lines[0] == "#!/usr/bin/env bash" and "set -euo pipefail" in lines


def test_a_benchmark_that_is_measured_is_not_tiny() -> None:
    assert "BENCH_SIZE=full " in (ROOT / "scripts" / "bench").read_text("utf-8")


# README.md is read on PyPI, too, where links have to be whole.
OURS = (
    r"https://(?:github\.com/napari-lazy-pipeline/napari-lazy-pipeline/blob|"
    r"raw\.githubusercontent\.com/napari-lazy-pipeline/napari-lazy-pipeline)/main/"
)


def test_the_readme_links_to_whole_addresses() -> None:
    links = re.findall(r"\]\(([^)]+)\)", read("README.md"))
    assert len(links) > 5 and all(link.startswith("https://") for link in links)


def broken_links(page: Path) -> list[str]:
    """Files that a page links to, but that are not there."""
    text = re.sub(OURS, str(ROOT) + "/", page.read_text("utf-8"))
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
    return [link for link in links if not (page.parent / link).exists()]


def test_pages_link_to_what_is_there() -> None:
    pages = [path for path in tracked_files() if path.suffix == ".md"]
    broken = {page.name: links for page in pages if (links := broken_links(page))}
    assert len(pages) > 15 and broken == {}


def anchors(page: Path) -> set[str]:
    """What links may point to in a page: its headings, as GitHub and the site name them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.M)
    plain = (re.sub(r"[^\w\- ]", "", title.lower()) for title in titles)
    return {title.replace(" ", "-") for title in plain}


def test_links_into_a_page_point_to_its_headings() -> None:
    found = 0
    for page in (path for path in tracked_files() if path.suffix == ".md"):
        text = re.sub(OURS, str(ROOT) + "/", page.read_text("utf-8"))
        for file, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", text):
            found += 1
            assert anchor in anchors(page.parent / file if file else page), f"{page}: #{anchor}"
    assert found > 5


def named_files(page: Path) -> list[str]:
    """Paths of tests, scripts and documents that a page names; of another project's, none."""
    if ROOT / "tests" / "data" in page.parents:
        return []
    return re.findall(
        r"\b((?:tests|scripts|docs|src)/[\w/.-]*\w)(?![\w<*{/-]|\.\w)", page.read_text("utf-8")
    )


def test_pages_name_files_that_are_there() -> None:
    pages = [path for path in tracked_files() if path.suffix == ".md"]
    missing = {
        page.name: names
        for page in pages
        if (names := [name for name in named_files(page) if not (ROOT / name).exists()])
    }
    assert missing == {}
