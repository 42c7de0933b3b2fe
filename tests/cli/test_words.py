"""Whatever words the program is given: a result, or exit code 2 and a sentence; no traceback."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interrupting import command, environment, write_job
from napari_lazy_pipeline import cli
from napari_lazy_pipeline.errors import ExportError
from napari_lazy_pipeline.exports.outputs import Outputs
from napari_lazy_pipeline.samples import microscope

BEGUN = "It would begin now"
# As they come: numbers that are none, or far too large; nothing; what other programs understand.
ODD = [
    "", " ", "0", "-0", "-1", "1", "+1", "1.5", "nan", "-nan", "inf", "-inf", "1e400", "-1e400",
    "0x10", "1_000", "9" * 30, "-" + "9" * 30, "9" * 5000, "1e-400", "\u0663", "\u00bd", "\u221e",
    "None", "null", "true", "~", "[]", "{}", "[nan, 1]", "[1, 2", "[" * 600, "{a: 1}", "*a",
    "&a [*a]", "!!python/name:os.system", "2020-01-01", "<img src=x>", "a\nb", "a\0b", "\x1b[31m",
    "!!int x", "!!bool maybe", "2020-02-31", "!!timestamp x", "%s%n{0}", "{t}", "'", '"', "\\",
    "-", "--", "-t", "--out", ",", ":", "::", "::0", "::00", "::-0", "::+0", "0:0:0", ":::",
    "1:2:3:4", "::-1", "0,", ",0", "0,0,0", "5:2", "7:", "::" + "9" * 30, "\u00e9" * 300,
    "x" * 300, "x" * 5000, ".", "..",
]  # fmt: skip
FIELDS = [
    "subtract_background.value", "deskew.angle", "deskew.enabled", "deskew.skew_axis",
    "deconvolve.psf", "deconvolve.iterations", "deconvolve.psf_voxel_size", "deconvolve.method",
    "deconvolve.psf.488", "deconvolve.background", "crop.z", "deskew.kind", "deskew.", ".angle",
    "a.b.c.d", "deskew",
]  # fmt: skip
OPTIONS = {
    "run": ["--out", "--set", "--engine", "-t", "-c", "--dtype", "--format", "--stage", "--mip"],
    "info": ["--pattern", "--position", "--axes", "--planes", "--complete"],
    "simulate": [
        "--rate", "--shape", "--times", "--channels", "--start", "--writer", "--parts",
        "--disorder", "--drop",
    ],
    "steps": [],
}  # fmt: skip
text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\\"), max_size=12)
numbers = st.one_of(st.integers().map(str), st.floats().map(str))
value = st.one_of(st.sampled_from(ODD), numbers, text, st.lists(numbers, max_size=4).map(",".join))
change = st.builds("{}={}".format, st.sampled_from(FIELDS), value)


@st.composite
def sentences(draw: st.DrawFn) -> list[str]:
    """Words of a command, most of which are options with odd values."""
    name = draw(st.sampled_from([*OPTIONS, "run", "run", "simulate"]))
    first = {"run": "recipe.yaml", "info": "cell", "simulate": "sim"}.get(name)
    words = [name]
    if first is not None:
        words.append(draw(st.one_of(st.just(first), st.just(first), value)))
    for _ in range(draw(st.integers(0, 3))):
        option = draw(st.sampled_from(OPTIONS[name] or ["--help"]))
        given = draw(change if option == "--set" else value)
        words += [f"{option}={given}"] if draw(st.booleans()) else [option, given]
    return words + draw(st.lists(value, max_size=1))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a recipe and raw files, where no export and no simulation can begin."""

    def refuse(self: Outputs, counts: object) -> None:
        raise ExportError(BEGUN)

    folder = tmp_path_factory.mktemp("words")
    write_job(folder, times=2, channels=1, deconvolve=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(Outputs, "prepare", refuse)
        patch.setattr(microscope, "run", lambda *arguments, **options: None)
        yield folder
    assert sorted(path.name for path in folder.iterdir()) == ["cell", "psf.tif", "recipe.yaml"]


def code_of(words: list[str]) -> tuple[int, str]:
    """Exit code, and what was said on the standard error."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        try:
            return cli.main(words), said.getvalue()
        except SystemExit as end:
            assert isinstance(end.code, int)
            return end.code, said.getvalue()


@settings(
    max_examples=600, derandomize=True, deadline=None, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(words=sentences())
def test_any_words(place: Path, words: list[str]) -> None:
    code, said = code_of(words)
    assert code in (0, 1, 2)
    assert code == 0 or said.strip(), "it says why"


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: ascii(odd[:20]))
def test_any_odd_value_of_any_option(place: Path, odd: str) -> None:
    firsts = {"run": "recipe.yaml", "info": "cell", "simulate": "sim"}
    for name, options in OPTIONS.items():
        for option in options:
            fields = FIELDS if len(odd) < 500 else FIELDS[:1]
            given = [f"{field}={odd}" for field in fields] if option == "--set" else [odd]
            for one in given:
                code, said = code_of([name, firsts[name], f"{option}={one}"])
                assert code in (0, 1, 2) and (code == 0 or said.strip()), (option, one)
        code, said = code_of([name, odd])
        assert code in (0, 1, 2) and (code == 0 or said.strip()), (name, odd)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["run", "recipe.yaml", "-t", "::0"],
            "-t: cannot be '::0': state numbers and ranges",
        ),
        (["run", "recipe.yaml", "-t", "::00"], "-t: cannot be '::00': state numbers and ranges"),
        (["run", "recipe.yaml", "-c", "nan"], "-c: cannot be 'nan': state numbers and ranges"),
        (["run", "recipe.yaml", "--out", ""], "--out: cannot be ''"),
        (["run", "recipe.yaml", "--scheduler", ""], "--scheduler: cannot be ''"),
        (["run", "recipe.yaml", "-t", "9" * 30], f"There is no t = {'9' * 30}. Choose from 0 to 1"),
        (["simulate", "sim", "--rate", "nan"], "--rate: cannot be 'nan': state a number above 0"),
        (["simulate", "sim", "--rate", "1e400"], "--rate: cannot be '1e400'"),
        (["simulate", "sim", "--times", "9" * 30], "state a whole number from 1 to 1000000"),
        (["simulate", "sim", "--shape", "1,2"], "state three whole numbers, such as 32,128,160"),
        (["simulate", "sim", "--shape", "9999,9999,9999"], "that is more than 268435456 voxels"),
        (["run", "recipe.yaml", "--set", "deskew.angle=.nan"], "must be a finite number"),
        (["run", "recipe.yaml", "--set", f"deskew.angle={'[' * 600}"], "Cannot read the value"),
        (["info", "x" * 300], "File name too long"),
    ],
)
def test_a_sentence_says_what_is_wrong(place: Path, words: list[str], said: str) -> None:
    code, printed = code_of(words)
    assert code == 2 and said in printed


@pytest.mark.skipif(sys.platform == "win32", reason="names are text there")
def test_no_words_at_all_list_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    said = capsys.readouterr()
    assert not said.out and "watch" in said.err and "movie" in said.err


def test_a_folder_is_not_asked_for_where_the_recipe_has_one(place: Path) -> None:
    code, said = code_of(["run"])
    assert code == 2 and said.strip().endswith("arguments are required: RECIPE")


def test_names_that_are_no_text(tmp_path: Path) -> None:
    """Neither a folder nor a terminal has to know every character."""
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/day \xff")
    write_job(Path(folder), times=1)
    done = subprocess.run(
        command("info", Path(folder) / "cell"), capture_output=True,
        env=environment(PYTHONIOENCODING="ascii", PYTHONUTF8="0"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert rb"day \udcff" in done.stdout


def test_help_states_the_times_it_takes() -> None:
    from napari_lazy_pipeline.cli.interruption import PATIENCE
    from napari_lazy_pipeline.exports.cluster_connection import SILENCE

    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        cli.main(["run", "--help"])
    assert f"silent for {SILENCE:g} s" in " ".join(out.getvalue().split())
    assert PATIENCE < 5
