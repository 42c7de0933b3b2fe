"""Patterns: the language, what is proposed for real names, and the places of files."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_lazy_pipeline.errors import PatternError
from napari_lazy_pipeline.io.patterns.field_values import natural_order
from napari_lazy_pipeline.io.patterns.file_table import arrange
from napari_lazy_pipeline.io.patterns.pattern import compile_pattern
from napari_lazy_pipeline.io.patterns.proposal import propose_patterns

LASERS = ((0, 488), (1, 560))


def janelia(
    head: str = "cell5_ch{c}_stack{t:04d}_{w}nm", tail: str = "", lasers: object = LASERS
) -> list[str]:
    """Names as the software of the Janelia microscopes writes them."""
    clock = "_{rel:07d}msec_{rel:010d}msecAbs"
    form = head + clock + tail + ".tif"
    return [
        form.format(c=c, t=t, w=w, rel=t * 1234)
        for t, (c, w) in itertools.product(range(4), lasers)  # type: ignore[call-overload]
    ]


def grid(form: str, c: tuple[object, ...] = (0, 1), **others: int) -> list[str]:
    """Names for 4 time points, the channels c, and others."""
    axes = [range(4), c, *(range(count) for count in others.values())]
    return [
        form.format(t=values[0], c=values[1], **dict(zip(others, values[2:], strict=True)))
        for values in itertools.product(*axes)
    ]


# names, pattern, sure, (t, c) and channel names
REAL: dict[str, tuple[list[str], str, bool, tuple[int, int], tuple[str, ...]]] = {
    "janelia": (
        janelia(), "{name}_ch{c}_stack{t}_{wave}nm_*.tif", True, (4, 2), ("488", "560"),
    ),
    "janelia, one file": (
        janelia()[:1], "{name}_ch{c}_stack{t}_{wave}nm_*.tif", True, (1, 1), ("488",),
    ),
    "janelia, long times": (
        [f"a_ch0_stack{t:04d}_488nm_{t * 10**6:07d}msec_{t:010d}msecAbs.tif" for t in range(14)],
        "{name}_ch{c}_stack{t}_{wave}nm_*.tif", True, (14, 1), ("488",),
    ),
    "janelia, camera": (
        janelia("a_b_CamA_ch{c}_stack{t:04d}_{w}nm"),
        "{name}_CamA_ch{c}_stack{t}_{wave}nm_*.tif", True, (4, 2), ("488", "560"),
    ),
    "janelia, camera twice": (
        janelia("a_CamA_ch{c}_CAM1_stack{t:04d}_{w}nm"),
        "{name}_CamA_ch{c}_CAM1_stack{t}_{wave}nm_*.tif", True, (4, 2), ("488", "560"),
    ),
    "janelia, a camera a channel": (
        janelia("a_CamA_ch{c}_stack{t:04d}_{w}nm", "", LASERS[:1])
        + janelia("a_CamB_ch{c}_stack{t:04d}_{w}nm", "", LASERS[1:]),
        "{name}_Cam{cam}_ch{c}_stack{t}_{wave}nm_*.tif", True, (4, 2), ("488", "560"),
    ),
    "janelia, channels by camera": (
        janelia("a_CamA_ch0_stack{t:04d}_{w}nm", "", LASERS[:1])
        + janelia("a_CamB_ch0_stack{t:04d}_{w}nm", "", LASERS[1:]),
        "{name}_Cam{cam}_ch0_stack{t}_{c}nm_*.tif", True, (4, 2), ("488", "560"),
    ),
    "janelia, filter": (
        janelia("cell5_ch{c}_stack{t:04d}_{w}nm-SB"),
        "{name}_ch{c}_stack{t}_{wave}nm-SB_*.tif", True, (4, 2), ("488", "560"),
    ),
    "janelia, tile": (
        janelia(tail="_-01x_003y_000z_0000t"),
        "{name}_ch{c}_stack{t}_{wave}nm_*.tif", True, (4, 2), ("488", "560"),
    ),
    "janelia, scripted": (
        [
            f"Scan_Iter_{t:04d}_CamA_ch{c}_stack0000_{w}nm_{t:07d}msec_{t + 9:010d}msecAbs.tif"
            for t in range(4) for c, w in LASERS
        ],
        "{name}_Iter_{t}_CamA_ch{c}_stack0000_{wave}nm_*.tif", True, (4, 2), ("488", "560"),
    ),
    "janelia, no times": (
        ["bright00p1_Iter_CamA_ch0_stack0000_488nm.tif"],
        "{name}_Iter_CamA_ch{c}_stack{t}_{wave}nm.tif", True, (1, 1), ("488",),
    ),
    "janelia, two cells": (
        janelia("cell5_ch{c}_stack{t:04d}_{w}nm") + janelia("cell6_ch{c}_stack{t:04d}_{w}nm"),
        "cell{p}_ch{c}_stack{t}_{wave}nm_*.tif", True, (4, 2), ("488", "560"),
    ),
    "janelia, processed too": (
        janelia() + janelia(tail="_decon"),
        "{name}_ch{c}_stack{t}_{wave}nm_*msecAbs.tif", False, (4, 2), ("488", "560"),
    ),
    "janelia, two cameras for two channels": (
        janelia("a_CamA_ch{c}_stack{t:04d}_{w}nm") + janelia("a_CamB_ch{c}_stack{t:04d}_{w}nm"),
        "{name}_Cam{cam}_ch{c}_stack{t}_{wave}nm_*.tif", False, (4, 4),
        ("A 0", "A 1", "B 0", "B 1"),
    ),
    "generic": (grid("a_t{t:03d}_c{c}.tif"), "a_t{t}_c{c}.tif", True, (4, 2), ("ch0", "ch1")),
    "capitals": (grid("a_T{t:04d}_C{c:02d}.tif", (1, 2)), "a_T{t}_C{c}.tif", True, (4, 2),
                 ("ch01", "ch02")),
    "dashes": (grid("a-t{t:03d}-c{c}.tif"), "a-t{t}-c{c}.tif", True, (4, 2), ("ch0", "ch1")),
    "spaces": (grid("Exp 1 t {t} c {c}.tif"), "Exp 1 t {t} c {c}.tif", True, (4, 2),
               ("ch0", "ch1")),
    "one channel": (grid("a_t{t}_c{c}.tif", (0,)), "a_t{t}_c{c}.tif", True, (4, 1), ("ch0",)),
    "micro-manager 2": (
        grid("img_channel{c:03d}_position000_time{t:09d}_z000.tif"),
        "img_channel{c}_position000_time{t}_z000.tif", True, (4, 2), ("ch000", "ch001"),
    ),
    "micro-manager 2, short": (
        grid("img_channel{c:03d}_time{t:03d}.tif"),
        "img_channel{c}_time{t}.tif", True, (4, 2), ("ch000", "ch001"),
    ),
    "micro-manager 1.4": (
        grid("img_{t:09d}_{c}_000.tif", ("GFP", "mCherry")),
        "img_{t}_{c}_000.tif", True, (4, 2), ("GFP", "mCherry"),
    ),
    "wavelengths": (grid("t{t:04d}_{c}.tif", (488, 1064 - 503)), "t{t}_{c}.tif", True, (4, 2),
                    ("488", "561")),
    "dyes": (grid("cell_{c}_{t:02d}.tif", ("DAPI", "FITC")), "cell_{c}_{t}.tif", False, (4, 2),
             ("DAPI", "FITC")),
    "dyes, no time": (["a_GFP.tif", "a_mCherry.tif"], "a_{c}.tif", True, (1, 2),
                      ("GFP", "mCherry")),
    "slidebook": (
        grid("exp - Position 1_XY1457636278_Z0_T{t}_C{c}.tiff"),
        "exp - Position 1_XY1457636278_Z0_T{t}_C{c}.tiff", True, (4, 2), ("ch0", "ch1"),
    ),
    "zen": (grid("exp_S1_T{t}_C{c}_ORG.tif"), "exp_S1_T{t}_C{c}_ORG.tif", True, (4, 2),
            ("ch0", "ch1")),
    "leica": (grid("p_s0_t{t:02d}_z000_ch{c:02d}.tif"), "p_s0_t{t}_z000_ch{c}.tif", True, (4, 2),
              ("ch00", "ch01")),
    "metamorph": (grid("cell_w{c}_s1_t{t}.TIF", ("1GFP", "2RFP")), "cell_{c}_s1_t{t}.TIF", True,
                  (4, 2), ("w1GFP", "w2RFP")),
    "simview": (grid("SPC00_TM{t:05d}_ANG000_CM{c}_CHN00_PH0.tif"),
                "SPC00_TM{t}_ANG000_CM{c}_CHN00_PH0.tif", True, (4, 2), ("ch0", "ch1")),
    "tiles export": (grid("scan_ch{c}_tile0_t{t:04d}_crop.tif"),
                     "scan_ch{c}_tile0_t{t}_crop.tif", True, (4, 2), ("ch0", "ch1")),
    "ome": (grid("x_t{t}.ome.tif", (0,)), "x_t{t}.ome.tif", True, (4, 1), ("ch0",)),
    "single counter": ([f"cell_{t}.tif" for t in range(12)], "cell_{t}.tif", False, (12, 1),
                       ("ch0",)),
    "counter after a date": ([f"2026-11-20_{t:02d}.tif" for t in range(5)], "2026-11-20_{t}.tif",
                             False, (5, 1), ("ch0",)),
    "counter after digits": ([f"C2C12_{t:03d}.tif" for t in range(5)], "C2C12_{t}.tif", False,
                             (5, 1), ("ch0",)),
    "counter and clock": (
        [f"a_20261120T1010{t:02d}_t{t:03d}.tif" for t in range(5)],
        "a_*_t{t}.tif", True, (5, 1), ("ch0",),
    ),
    "a psf beside": ([*(f"x_{t}.tif" for t in range(30)), "psf.tif"], "x_{t}.tif", False, (30, 1),
                     ("ch0",)),
    "braces": ([f"a{{1}}_{t}.tif" for t in range(3)], "a?1?_{t}.tif", False, (3, 1), ("ch0",)),
    "two counters": ([f"a{i}_b{j}.tif" for i in range(5) for j in range(3)], "a{t}_b{c}.tif",
                     False, (5, 3), ("ch0", "ch1", "ch2")),
    "two cells": (grid("cell{c}_{t:03d}.tif", ("A", "B")), "cell{p}_{t}.tif", False, (4, 1),
                  ("ch0",)),
    "positions": (grid("pos{p}_t{t}.tif", (0,), p=2), "pos{p}_t{t}.tif", True, (4, 1), ("ch0",)),
    "angles": (grid("t{t}_angle{c}.tif", (0, 90)), "t{t}_angle{p}.tif", False, (4, 1),
               ("ch0",)),
    "no order": (["foo.tif", "bar.tif", "baz7.tif"], "*.tif", False, (3, 1), ("ch0",)),
    "one file": (["foo.tif"], "*.tif", True, (1, 1), ("ch0",)),
}  # fmt: skip


@pytest.mark.parametrize("case", REAL.values(), ids=REAL.keys())
def test_proposals_for_real_names(
    case: tuple[list[str], str, bool, tuple[int, int], tuple[str, ...]],
) -> None:
    names, pattern, sure, sizes, channels = case
    first = propose_patterns(names)[0]
    assert (first.pattern, first.sure) == (pattern, sure)
    assert first.summary
    layout = arrange(names, compile_pattern(first.pattern))
    assert layout.table.shape == sizes
    assert layout.channels == channels
    assert layout.table.min() >= 0


def test_proposals_do_not_depend_on_the_order_of_names() -> None:
    for names, *_ in REAL.values():
        assert propose_patterns(names) == propose_patterns(names[::-1])


def test_doubt_brings_several_proposals() -> None:
    proposals = propose_patterns(grid("cell{c}_{t:03d}.tif", ("A", "B")))
    assert [one.pattern for one in proposals] == [
        "cell{p}_{t}.tif", "cell{p}_{z}.tif", "cell{p}_{tile}.tif", "cell{p}_{c}.tif",
        "cellA_{t}.tif", "cellB_{t}.tif", "*.tif",
    ]  # fmt: skip
    assert not any(one.sure for one in proposals)


def test_one_plane_a_file_is_recognised() -> None:
    names = grid("img_channel{c:03d}_time{t:03d}_z{z:03d}.tif", z=3)
    first = propose_patterns(names)[0]
    assert (first.pattern, first.sure) == ("img_channel{c}_time{t}_z{z}.tif", True)
    assert "plane from 'z'" in first.summary
    layout = arrange(names, compile_pattern(first.pattern))
    assert layout.table.shape == (4, 2, 3)
    for t, c, z in itertools.product(range(4), range(2), range(3)):
        expected = f"img_channel{c:03d}_time{t:03d}_z{z:03d}.tif"
        assert layout.names[layout.table[t, c, z]] == expected


def test_no_image_no_proposal() -> None:
    assert propose_patterns([]) == []
    assert propose_patterns(["a.txt", "._a_t0.tif"]) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("/a/{t}.tif", "in the folder that is opened"),
        ("../{t}.tif", "in the folder that is opened"),
        ("a//{t}.tif", "in the folder that is opened"),
        ("a\\{t}.tif", "Write / for"),
        ("re:(a", "cannot be read: missing"),
        ("a{t.tif", "without its partner"),
        ("a}t.tif", "without its partner"),
        ("{t}_{t}.tif", "twice"),
        ("{}.tif", "no name for a field"),
        ("{a b}.tif", "no name for a field"),
        ("{é}.tif", "no name for a field"),
        ("{t:04d}.tif", r"Write \{t\}"),
        ("{t}{z}.tif", r"between \{t\} and \{z\}"),
        ("a\nb", "single line"),
    ],
)
def test_bad_patterns_are_explained(text: str, message: str) -> None:
    with pytest.raises(PatternError, match=message):
        compile_pattern(text)


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("*.tif", "a.tif", {}),
        ("*.tif", "a.tiff", None),
        ("a?.tif", "ab.tif", {}),
        ("a?.tif", "a.tif", None),
        ("a.tif", "abtif", None),
        ("a[1]_{t}.tif", "a[1]_7.tif", {"t": "7"}),
        ("*{t}.tif", "cell10.tif", {"t": "10"}),
        ("*_{t}_*.tif", "a_1_2_3.tif", {"t": "1"}),
        ("s{t}.tif", "sx.tif", None),
        ("s{t}.tif", "s٣.tif", None),
        ("{c}_{t}.tif", "GFP_3.tif", {"c": "GFP", "t": "3"}),
        ("{c}.tif", "a_b.tif", None),
        ("{name}_ch{c}_s{t}.tif", "my_ch1_x_ch0_s4.tif", {"name": "my_ch1_x", "c": "0", "t": "4"}),
        ("{name}_t{t}.tif", "a_b_c_t1.tif", {"name": "a_b_c", "t": "1"}),
        ("t{t}.tif", "t1.tif\n", None),
    ],
)
def test_what_fits(text: str, name: str, expected: dict[str, str] | None) -> None:
    assert compile_pattern(text).match(name) == expected


WORDS = st.text("abcXYZ.-+()[]^$ é", min_size=1, max_size=6)
PARTS = st.sampled_from(["{t}", "{c}", "{wave}", "{name}", "{cam}"])


@settings(max_examples=150, deadline=None)
@given(
    fields=st.lists(PARTS, unique=True, max_size=5),
    words=st.lists(WORDS, min_size=6, max_size=6),
    numbers=st.lists(st.integers(0, 10**9), min_size=5, max_size=5),
    texts=st.lists(st.text("abcGFP0189", min_size=1, max_size=5), min_size=5, max_size=5),
)
def test_names_made_from_a_pattern_parse_back(
    fields: list[str], words: list[str], numbers: list[int], texts: list[str]
) -> None:
    values = {
        field: str(number) if field == "{t}" else text
        for field, number, text in zip(fields, numbers, texts, strict=False)
    }
    pieces = [f"_{words[0]}_"]
    for field, word in zip(fields, words[1:], strict=False):
        pieces += [field, f"_{word}_"]
    pattern = "".join(pieces)
    name = pattern
    for field, value in values.items():
        name = name.replace(field, value)
    expected = {field[1:-1]: value for field, value in values.items()}
    assert compile_pattern(pattern).match(name) == expected
    chosen, columns = compile_pattern(pattern).select(["other", name])
    assert chosen == [name]
    assert {key: column[0] for key, column in columns.items()} == {
        key: value for key, value in expected.items() if key in ("t", "c", "wave")
    }


@settings(max_examples=60, deadline=None)
@given(
    t=st.integers(1, 12),
    c=st.integers(1, 4),
    form=st.sampled_from(
        ["a_t{t:03d}_c{c}.tif", "x_ch{c}_stack{t:04d}.tif", "T{t}_C{c:02d}.tif", "z-{t}_c{c}.tif"]
    ),
)
def test_proposed_patterns_take_every_file_of_a_full_grid(t: int, c: int, form: str) -> None:
    names = [form.format(t=i, c=j) for i in range(t) for j in range(c)]
    layout = arrange(names, compile_pattern(propose_patterns(names)[0].pattern))
    assert layout.unmatched == 0
    assert sorted(layout.table.ravel().tolist()) == list(range(len(names)))
    if t > 1:
        assert layout.table.shape == (t, c)
        for i, j in itertools.product(range(t), range(c)):
            assert layout.names[layout.table[i, j]] == form.format(t=i, c=j)


def test_holes_stay_holes() -> None:
    names = ["s0_c0.tif", "s2_c0.tif", "s6_c1.tif"]
    layout = arrange(names, compile_pattern("s{t}_c{c}.tif"))
    assert layout.table.tolist() == [[0, -1], [1, -1], [-1, -1], [-1, 2]]
    assert layout.notes == ()


@pytest.mark.parametrize("big", [10**6, 10**17, 10**30])
def test_numbers_far_apart_are_ranked_and_said(big: int) -> None:
    names = [f"s{value}.tif" for value in (3, big, big + 7)]
    layout = arrange(names, compile_pattern("s{t}.tif"))
    assert layout.table.ravel().tolist() == [0, 1, 2]
    assert len(layout.notes) == 1 and "gaps in time do not show" in layout.notes[0]


def test_a_plain_glob_is_in_natural_order() -> None:
    names = ["stack10.tif", "stack2.tif", "Stack1.tif", "stack1.tif"]
    layout = arrange(names, compile_pattern("*.tif"))
    ordered = [layout.names[index] for index in layout.table.ravel()]
    assert ordered == ["Stack1.tif", "stack1.tif", "stack2.tif", "stack10.tif"]
    assert layout.channels == ("ch0",)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 300)), unique=True))
def test_natural_order_is_that_of_the_numbers(pairs: list[tuple[str, int]]) -> None:
    names = [f"{letter}_{number}_x.tif" for letter, number in pairs]
    assert [pairs[index] for index in natural_order(names)] == sorted(pairs)


def test_channels_are_sorted_by_number() -> None:
    layout = arrange(
        [f"a_{c}nm.tif" for c in ("1064", "488", "561")], compile_pattern("a_{c}nm.tif")
    )
    assert layout.channels == ("488", "561", "1064")


def test_wavelengths_shared_by_channels_do_not_name_them() -> None:
    names = ["c0_488nm_t0.tif", "c1_488nm_t0.tif"]
    assert arrange(names, compile_pattern("c{c}_{wave}nm_t{t}.tif")).channels == ("ch0", "ch1")


def test_two_series_are_told_apart() -> None:
    names = ["a_t0.tif", "b_t0.tif", "a_t1.tif"]
    with pytest.raises(PatternError, match=r"same time point.*replace \{name\} by .*: a, b"):
        arrange(names, compile_pattern("{name}_t{t}.tif"))
    with pytest.raises(PatternError, match=r"instead of \*"):
        arrange(names, compile_pattern("*_t{t}.tif"))
    with pytest.raises(PatternError, match=r"t0?1\.tif and t0?1\.tif.*written in two ways"):
        arrange(["t1.tif", "t01.tif"], compile_pattern("t{t}.tif"))


def test_a_pattern_that_fits_nothing_shows_a_name() -> None:
    with pytest.raises(PatternError, match=r"None of the 2 files.*x1\.tif"):
        arrange(["x1.tif", "x2.tif"], compile_pattern("y{t}.tif"))


def test_a_counter_taken_for_the_channel_is_refused() -> None:
    names = [f"a{i}_t{i}.tif" for i in range(300)]
    with pytest.raises(PatternError, match="seems to be something else than the channel"):
        arrange(names, compile_pattern("a{c}_t{t}.tif"))


def test_hostile_names_take_no_time() -> None:
    pattern = compile_pattern("*_{name}_*_{c}_*{t}.tif")
    started = time.process_time()
    assert pattern.match("_1" * 120) is None
    assert time.process_time() - started < 10


def test_many_names_are_arranged_quickly() -> None:
    names = [f"cell5_ch{c}_stack{t:05d}_488nm_x.tif" for t in range(20_000) for c in range(2)]
    started = time.process_time()
    layout = arrange(names, compile_pattern(propose_patterns(names)[0].pattern))
    assert time.process_time() - started < 2
    assert layout.table.shape == (20_000, 2)
    assert layout.table.dtype == np.int32
