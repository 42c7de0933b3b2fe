"""Names as microscopes write them: what is proposed, what it makes of them, what is asked."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from cited_names import CITED, Cited
from napari_lazy_pipeline.errors import PatternError
from napari_lazy_pipeline.io import inspect_folder
from napari_lazy_pipeline.io.patterns.file_table import arrange
from napari_lazy_pipeline.io.patterns.pattern import compile_pattern
from napari_lazy_pipeline.io.patterns.proposal import propose_patterns
from real_names import KNOWN, Known

ENDINGS = (".tif", ".tiff", ".stack")
EACH = pytest.mark.parametrize("known", KNOWN.values(), ids=KNOWN.keys())


def test_there_are_enough() -> None:
    assert len({known.name for known in KNOWN.values()}) >= 40


@EACH
def test_proposals_for_known_names(known: Known) -> None:
    names = known.names()
    assert known.name in names
    random.Random(1).shuffle(names)
    first = propose_patterns(names, endings=ENDINGS)[0]
    assert (first.pattern, first.sure) == (known.pattern, known.sure)
    layout = arrange(names, compile_pattern(first.pattern))
    assert layout.table.shape == known.sizes
    assert layout.table.min() >= 0
    positions = layout.positions if len(layout.positions) > 1 else ()
    assert positions == known.positions
    assert layout.unmatched == 0


@EACH
def test_each_known_name_has_the_place_that_its_counters_say(known: Known) -> None:
    names = known.names()
    pattern = compile_pattern(known.pattern)
    axes = [axis for axis in known.axes if axis in ("t", "z")]
    for name in names:
        found = pattern.match(name)
        assert found is not None
        at = " ".join(found[key] for key in ("p", "tile") if key in found)
        layout = arrange(names, pattern, at or None)
        where = np.argwhere(layout.table == layout.names.index(name))[0]
        for axis in axes:
            counters = sorted({int(str(value)) for value in known.axes[axis]})
            assert int(where["tcz".index(axis)]) == counters.index(int(found[axis]))


@EACH
def test_a_single_known_name_is_opened_as_one_volume(known: Known) -> None:
    first = propose_patterns([known.name], endings=ENDINGS)[0]
    layout = arrange([known.name], compile_pattern(first.pattern))
    assert layout.table.size == 1


AMBIGUOUS = {
    "two counters nobody names": [f"a{i}_b{j}.tif" for i in range(5) for j in range(3)],
    "two cells": [f"cell{c}_{t:03d}.tif" for c in "AB" for t in range(4)],
    "raw and deconvolved": [f"a_t{t}{s}.tif" for t in range(4) for s in ("", "_decon")],
    "angles": [f"t{t}_angle{a}.tif" for t in range(4) for a in (0, 90)],
    "no order": ["foo.tif", "bar.tif", "baz7.tif"],
    "sites and tiles without time": [f"A_s{s}m{m:03d}.tif" for s in range(2) for m in range(3)],
    "three counters": [
        f"x_{i}_{j}_{k}.tif" for i in range(3) for j in range(3) for k in range(3)
    ],
    "time of two clocks": [f"t{i}_frame{j}.tif" for i in range(3) for j in range(4)],
    "two cameras with two channels": [
        f"a_Cam{cam}_ch{c}_stack{t:04d}_488nm_x.tif"
        for cam in "AB" for c in range(2) for t in range(3)
    ],
}  # fmt: skip


@pytest.mark.parametrize("names", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
def test_what_is_ambiguous_is_asked(names: list[str]) -> None:
    proposals = propose_patterns(names)
    assert not proposals[0].sure
    assert len(proposals) > 1 or proposals[0].pattern == "*.tif"


def test_two_cameras_that_number_their_channels_alike_are_four_channels() -> None:
    names = AMBIGUOUS["two cameras with two channels"]
    layout = arrange(names, compile_pattern("a_Cam{cam}_ch{c}_stack{t}_*.tif"))
    assert layout.table.shape == (3, 4)
    assert layout.channels == ("A 0", "A 1", "B 0", "B 1")


def test_a_volume_that_goes_on_in_another_file_is_one_volume() -> None:
    names = [
        f"s_stack{t:04d}_488nm_x{part}.tif"
        for t in range(3)
        for part in ("", "_part0001", "_part0002")
    ]
    first = propose_patterns(names)[0]
    assert (first.pattern, first.sure) == ("s_stack{t}_{wave}nm_x.tif", True)
    for pattern in (first.pattern, "*.tif", "s_stack{t}_*.tif", r"re:s_stack(?P<t>\d+)_.*\.tif"):
        layout = arrange(names, compile_pattern(pattern))
        assert (layout.table.shape, layout.unmatched) == ((3, 1, 3), 0)
        assert [layout.names[i] for i in layout.table[1, 0]] == names[3:6]


def test_a_part_without_its_beginning_is_a_file_like_any_other() -> None:
    layout = arrange(["a_part0001.tif", "a_part0002.tif"], compile_pattern("a_part{t}.tif"))
    assert layout.table.shape == (2, 1)


def test_wavelengths_are_channels_where_nothing_else_is() -> None:
    names = [f"t{t}_{w}nm.tif" for t in range(2) for w in (561, 488)]
    layout = arrange(names, compile_pattern("t{t}_{wave}nm.tif"))
    assert (layout.table.shape, layout.channels) == ((2, 2), ("488", "561"))


def test_a_regular_expression_says_the_same_as_fields() -> None:
    names = [f"a_t{t}_c{c}.tif" for t in (0, 2, 3) for c in "xy"]
    fields = arrange(names, compile_pattern("a_t{t}_c{c}.tif"))
    expression = arrange(names, compile_pattern(r"re:a_t(?P<t>\d+)_c(?P<c>.)\.tif"))
    assert fields.table.tolist() == expression.table.tolist() == [[0, 1], [-1, -1], [2, 3], [4, 5]]
    assert fields.channels == expression.channels == ("x", "y")


def test_a_regular_expression_may_leave_a_field_out() -> None:
    pattern = compile_pattern(r"re:a(_c(?P<c>\d))?\.tif")
    assert arrange(["a.tif", "a_c1.tif"], pattern).channels == ("ch0", "ch1")
    with pytest.raises(PatternError, match="not a number in each name"):
        arrange(["at1.tif", "a.tif"], compile_pattern(r"re:a(t(?P<t>\d))?\.tif"))
    with pytest.raises(PatternError, match="not a number in each name"):
        arrange(["tx.tif"], compile_pattern(r"re:t(?P<t>\w)\.tif"))


def test_positions_are_opened_one_at_a_time() -> None:
    names = [f"p{p}_m{m}_t{t}.tif" for p in (1, 10, 2) for m in "ab" for t in range(2)]
    pattern = compile_pattern("p{p}_m{tile}_t{t}.tif")
    layout = arrange(names, pattern)
    assert layout.positions == ("1 a", "1 b", "2 a", "2 b", "10 a", "10 b")
    assert (layout.position, layout.unmatched) == ("1 a", 0)
    assert arrange(names, pattern, "10 b").names == ["p10_mb_t0.tif", "p10_mb_t1.tif"]
    with pytest.raises(PatternError, match=r"no position 'x'.*There are 1 a, 1 b"):
        arrange(names, pattern, "x")
    assert arrange(names, compile_pattern("*.tif"), "1 a").positions == ()


def test_a_series_whose_name_is_empty_has_a_pattern_of_its_own() -> None:
    names = [f"{series}_t{t}.tif" for series in ("", "a") for t in range(2)]
    patterns = [proposal.pattern for proposal in propose_patterns(names)]
    assert patterns == ["_t{t}.tif", "a_t{t}.tif", "*.tif"]


def test_a_missing_plane_is_a_hole_in_its_volume() -> None:
    names = [f"t{t}_z{z}.tif" for t in range(2) for z in range(4) if (t, z) != (1, 2)]
    table = arrange(names, compile_pattern("t{t}_z{z}.tif")).table
    assert (table < 0).sum() == 1 and table[1, 0, 2] == -1


STYLE = st.tuples(
    st.sampled_from(["_", "-", " ", "."]),
    st.sampled_from([("t", "c", "z"), ("T", "C", "Z"), ("time", "ch", "slice"),
                     ("stack", "channel", "plane"), ("TM", "CHN", "z")]),
    st.permutations(["t", "c", "z"]),
    st.integers(0, 5),
    st.integers(0, 3),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(style=STYLE, sizes=st.tuples(st.integers(2, 5), st.integers(1, 3), st.integers(1, 4)))
def test_generated_names_are_understood_or_asked_about(
    style: tuple[str, tuple[str, str, str], list[str], int, int], sizes: tuple[int, int, int]
) -> None:
    """A pattern that is proposed without doubt puts each file where its counters say."""
    gap, labels, order, width, start = style
    label = dict(zip("tcz", labels, strict=True))

    def name(**counter: int) -> str:
        parts = [f"{label[axis]}{counter[axis] + start:0{width}d}" for axis in order]
        return gap.join(["cell", *parts]) + ".tif"

    places = list(itertools.product(*map(range, sizes)))
    names = [name(t=t, c=c, z=z) for t, c, z in places]
    first = propose_patterns(names)[0]
    if not first.sure:
        return
    layout = arrange(names, compile_pattern(first.pattern))
    table = layout.table if layout.table.ndim == 3 else layout.table[..., np.newaxis]
    assert table.shape == sizes
    for place in places:
        assert layout.names[table[place]] == name(**dict(zip("tcz", place, strict=True)))


def test_the_usual_styles_leave_no_doubt() -> None:
    for gap, (t, c, z) in itertools.product("_- .", [("t", "c", "z"), ("T", "C", "Z")]):
        names = [
            f"a{gap}{t}{i:03d}{gap}{c}{j}{gap}{z}{k:02d}.tif"
            for i, j, k in itertools.product(range(3), range(2), range(4))
        ]
        first = propose_patterns(names)[0]
        assert (first.pattern, first.sure) == (
            f"a{gap}{t}{{t}}{gap}{c}{{c}}{gap}{z}{{z}}.tif", True,
        )  # fmt: skip


def test_many_names_of_many_counters_are_understood_from_a_few(tmp_path: Path) -> None:
    """A sample does not show every counter at work; then all names are looked at."""
    form = (
        "Scan_Iter_{t:04d}_CamA_ch{c}_CAM1_stack0000_{w}nm_{t:07d}msec_{t:010d}msecAbs_"
        "{x:03d}x_003y_{z:03d}z_{t:04d}t.tif"
    )
    sizes = (100, 2, 5, 4)
    for t, c, x, z in itertools.product(*map(range, sizes)):
        (tmp_path / form.format(t=t, c=c, x=x - 1, z=z, w=(488, 560)[c])).touch()
    first = tmp_path / form.format(t=0, c=0, x=-1, z=0, w=488)
    tifffile.imwrite(first, np.zeros((3, 4, 5), np.uint16), photometric="minisblack")
    found = inspect_folder(tmp_path)
    assert (found.sizes, len(found.positions), found.unmatched) == ((100, 2), 20, 0)
    assert found.positions[0] == found.position == "-01x_003y_000z"


@pytest.mark.parametrize("cited", CITED, ids=[cited.source for cited in CITED])
def test_proposals_for_further_cited_names(cited: Cited) -> None:
    names = cited.names
    random.Random(2).shuffle(names)
    first = propose_patterns(names)[0]
    assert first.sure == cited.sure
    assert first.pattern == (cited.pattern or first.pattern)
    layout = arrange(names, compile_pattern(first.pattern))
    table = layout.table if layout.table.ndim == 3 else layout.table[..., np.newaxis]
    assert (table.shape, len(layout.positions) or 1) == (cited.sizes, cited.positions)
    assert (layout.unmatched, table.min()) == (0, 0)


def test_there_are_sixty_further_ones() -> None:
    assert len({cited.source for cited in CITED}) >= 60


ALIKE = {
    "channels and times": ([f"cell_ch{c}_t{t}.tif" for c in range(2) for t in range(3)], True),
    "an equals sign": ([f"pos=3 ce=ll_ch{c}_t{t}.tif" for c in range(2) for t in range(3)], True),
    "times": ([f"cell_t{t}.tif" for t in range(8)], True),
    "planes": ([f"cell_t{t}_z{z}.tif" for t in range(3) for z in range(4)], True),
    "words": ([f"cell_t{t}_{c}.tif" for t in range(3) for c in ("GFP", "RFP")], True),
    "words first": ([f"{c}_t{t}.tif" for t in range(3) for c in ("GFP", "RFP")], True),
    "wavelengths": ([f"a_ch{c}_stack{t:04d}_{w}nm.tif" for c, w in enumerate((488, 560))
                     for t in range(4)], True),
    "no breaks": ([f"cellTM{t}C{c}.tif" for c in range(2) for t in range(5)], True),
    "bare numbers": ([f"{t:04d}.tif" for t in range(9)], False),
    "three": ([f"cell_t{t}.tif" for t in range(3)], True),
}  # fmt: skip
OTHERS = (
    "cell_psf.tif", "cell_psf.tiff", "cell other.tif", "cell=dark.tif", "mask.tif",
    "cell_mask_1.tif", "cell_mask_t0.tif", "cell_1.tif", "cell_ch0_mask.tif", "psf_488nm.tif",
    "cell_ch0_t0_mask.tif", "MAX_cell_ch0_t0.tif", "dark_01.tif", "my-mask-1.tif", "flat.field.tif",
)  # fmt: skip


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize(("names", "sure"), ALIKE.values(), ids=ALIKE.keys())
def test_another_file_beside_many_changes_no_proposal(
    names: list[str], sure: bool, other: str
) -> None:
    alone = propose_patterns(names)[0]
    first = propose_patterns([*names, other])[0]
    assert (first.pattern, alone.sure, first.sure) == (alone.pattern, sure, sure)
    layout = arrange([*names, other], compile_pattern(first.pattern))
    assert (layout.unmatched, layout.others) == (1, (other,))


FEWER = {
    "a dye": ([f"GFP_t{t}.tif" for t in range(9)] + ["BF_t0.tif"], "{c}_t{t}.tif"),
    "a camera": ([f"CamA_t{t}.tif" for t in range(9)] + ["CamB_t0.tif"], "Cam{c}_t{t}.tif"),
    "any word": ([f"one_t{t}.tif" for t in range(9)] + ["three_t0.tif"], "{c}_t{t}.tif"),
    "a well": ([f"A{n}_s0.tif" for n in range(1, 9)] + ["B1_s0.tif"], "{p}_s0.tif"),
}


@pytest.mark.parametrize(("names", "pattern"), FEWER.values(), ids=FEWER.keys())
def test_what_may_be_a_short_channel_is_listed_or_asked(names: list[str], pattern: str) -> None:
    proposals = propose_patterns(names)
    assert proposals[0].pattern == pattern or not proposals[0].sure
    whole = next(proposal for proposal in proposals if proposal.pattern == pattern)
    assert arrange(names, compile_pattern(whole.pattern)).unmatched == 0


TOUCHING = {
    "a number and a word": (
        [f"cell_TM{t}{c}.tif" for t in range(12) for c in ("GFP", "mCherry")], "cell_TM{t}{c}.tif",
    ),
    "words with digits": (
        [f"cell_t{t:03d}{c}.tif" for t in range(3) for c in ("Cy3", "DAPI")], "cell_t{t}{c}.tif",
    ),
    "a word and a label": (
        [f"{c}stack{t:04d}.tif" for t in range(3) for c in ("nuclei", "membrane")],
        "{c}stack{t}.tif",
    ),
    "words of two lengths and a label": (
        [f"e_{c}t{t}.tif" for t in range(3) for c in ("Cy3", "DAPI")], "e_{c}t{t}.tif",
    ),
    "three of them": (
        [f"e_Z{z}GFP{s}t{t:02d}.tif" for z in range(3) for s in "" for t in range(2)]
        + [f"e_Z{z}{c}t{t:02d}.tif" for z in range(3) for c in ("GFP", "BF") for t in range(2)],
        "e_Z{z}{c}t{t}.tif",
    ),
    "two fields that touch": (
        [f"e_pos{p}{c}t{t}.tif" for p in (9, 10) for c in ("GFP", "BF") for t in range(2)],
        "e_pos{p}{c}t{t}.tif",
    ),
    "a word that ends like a label": (
        [f"{c}t{t}.tif" for c in ("left", "right") for t in range(3)], "{p}t{t}.tif",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("names", "pattern"), TOUCHING.values(), ids=TOUCHING.keys())
def test_words_and_numbers_may_touch(names: list[str], pattern: str) -> None:
    assert propose_patterns(names)[0].pattern == pattern
    layout = arrange(names, compile_pattern(pattern))
    assert (layout.unmatched, layout.table.min()) == (0, 0)


def test_names_of_channels_may_have_numbers_in_them() -> None:
    """A number that goes with its word is not an axis."""
    for words in (("w1GFP", "w2RFP"), ("Cy3", "AF5"), ("A01", "A02", "B01", "B02")):
        names = [f"s_{word}_t{t}.tif" for word in words for t in range(3)]
        compiled = compile_pattern(propose_patterns(names)[0].pattern)
        found = [compiled.match(name) or {} for name in names]
        assert [(f.get("c") or f.get("p"), f["t"]) for f in found] == [
            (word, str(t)) for word in words for t in range(3)
        ]


def test_a_wavelength_behind_a_time_of_day_is_no_fraction_of_its_second() -> None:
    form = "s_2024-03-05_10-11-{}_{}.tif"
    names = [form.format(t, w) for t in (12, 24) for w in (488, 561)]
    layout = arrange(names, compile_pattern(propose_patterns(names)[0].pattern))
    assert (layout.table.shape, layout.channels) == ((2, 2), ("488", "561"))
    names = [form.format(t, f"{t * 31 - 300:03d}") for t in range(10, 20)]
    first = propose_patterns(names)[0]
    assert (arrange(names, compile_pattern(first.pattern)).table.shape, first.sure) == (
        (10, 1), True,
    )  # fmt: skip


def test_fractions_may_stand_before_a_point() -> None:
    names = [f"s.z{z}.t{t:03d}.tif" for z in ("0.5", "1.0", "1.5") for t in range(2)]
    assert propose_patterns(names)[0].pattern == "s.z{z}.t{t}.tif"
    names = [f"s.t{t}.{z:03d}.ch0.tif" for t in range(3) for z in range(4)]
    assert propose_patterns(names)[0].pattern == "s.t{t}.{z}.ch{c}.tif"
    names = [f"s.z{z}.{t}min.tif" for t in (10, 20) for z in (-2, -1, 0, 1)]
    assert propose_patterns(names)[0].pattern == "s.z{z}.{t}min.tif"
    names = [f"s.slice_{z}.{t:03d}_x.tif" for t in range(3) for z in range(4)]
    assert propose_patterns(names)[0].pattern == "s.slice_{z}.{t}_x.tif"
