"""Random ways to name files, with a known meaning: what is proposed for them is counted."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from napari_lazy_pipeline.errors import PatternError
from napari_lazy_pipeline.io.patterns.file_table import arrange
from napari_lazy_pipeline.io.patterns.pattern import compile_pattern
from napari_lazy_pipeline.io.patterns.proposal import Proposal, propose_patterns

Place = tuple[int, int, int, int]  # position, time point, channel, plane

_LABELS = {
    "t": ("t", "T", "time", "Time", "TP", "tp", "TM", "TL", "frame", "timepoint", "stack", ""),
    "c": ("c", "C", "ch", "Ch", "CH", "channel", "chan", "w", "cam"),
    "z": ("z", "Z", "z", "Z", "slice", "plane", "Slice", ""),
    "p": (
        "p", "pos", "Pos", "position", "s", "S", "xy", "XY", "tile", "m", "site", "scene",
        "series", "field", "f", "cell", "embryo", "sample", "view", "angle", "side", "Sh", "well",
        "fov", "fish", "region", "v",
    ),
}  # fmt: skip
_WORDS = {
    "c": (
        ("488", "561", "640"), ("405", "488", "638"), ("488nm", "560nm", "642nm"), ("GFP", "RFP"),
        ("DAPI", "FITC", "Cy3"), ("mCherry", "GFP", "BF"), ("CamA", "CamB"),
        ("nuclei", "membrane"), ("Cy3_Long", "DAPI", "Cy5_Short"), ("AF-488", "AF-568"),
        ("Hoechst", "mScarlet", "SiR-647"),
    ),
    "p": (
        ("left", "right"), ("A01", "A02", "B01"), ("WT", "KO"), ("cellA", "cellB", "cellC"),
        ("000x_000y_000z", "001x_000y_000z"), ("Left", "Right"), ("ctrl", "drug", "wash"),
    ),
    "t": (
        ("20240305T235930", "20240305T235945", "20240306T000000", "20240306T000015"),
        ("2024-03-05_10-11-12", "2024-03-05_10-12-12", "2024-03-05_11-00-00"),
        ("00d11h30m", "00d11h45m", "00d12h00m"), ("20240229_101500", "20240301_001500"),
        ("10min", "20min", "30min"),
    ),
    "z": (("0.5", "1.0", "1.5"), ("-2", "-1", "0", "1", "2")),
}  # fmt: skip
_BASES = (
    "", "cell", "exp1", "embryo_2", "20240305_a", "brain-3", "Experiment 7", "488_test", "cell5",
    "s2_ctrl", "2024-03-05_fish", "HeLa", "my.data", "run_003", "img", "image", "Scan",
)  # fmt: skip
_ENDINGS = (".tif", ".tif", ".tif", ".tiff", ".ome.tif", ".TIF")
_GAPS = ("_", "_", "_", "-", "-", ".", " ", "--", "")
_LATER = ("", "", "", "", "_raw", "_ORG", "-crop", "_decon")
_MOST = {"t": 12, "c": 4, "z": 9, "p": 4}


@dataclass(frozen=True)
class Scheme:
    """Names of files, and where each belongs."""

    places: dict[str, Place]
    form: str

    @property
    def names(self) -> list[str]:
        return list(self.places)

    def is_right(self, pattern: str) -> bool:
        """Return whether a pattern puts every file where it belongs."""
        try:
            compiled = compile_pattern(pattern)
            first = arrange(self.names, compiled)
            whole = {position: arrange(self.names, compiled, position) for position in
                     first.positions or (None,)}  # fmt: skip
        except PatternError:
            return False
        found = {}
        for number, layout in enumerate(whole.values()):
            table = layout.table if layout.table.ndim == 3 else layout.table[..., np.newaxis]
            for t, c, z in np.argwhere(table >= 0).tolist():
                found[layout.names[table[t, c, z]]] = (number, t, layout.channels[c], z)
        if found.keys() != self.places.keys():
            return False
        return all(
            _same(column, [place[axis] for place in self.places.values()], axis in (1, 3))
            for axis, column in enumerate(zip(*(found[n] for n in self.places), strict=True))
        )


def _same(found: Iterable[int], true: list[int], ordered: bool) -> bool:
    """Return whether two columns tell the same files apart; times and planes in their order."""
    pairs = sorted(set(zip(found, true, strict=True)))
    one_to_one = len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})
    return one_to_one and (not ordered or [b for _, b in pairs] == sorted(b for _, b in pairs))


def scheme(seed: int, timed: bool) -> Scheme:
    """Make up a scheme."""
    chance = random.Random(f"{seed} {timed}")
    while True:
        axes = [axis for axis in "czp" if chance.random() < 0.5] + ["t"] * timed
        if axes:
            break
    chance.shuffle(axes)
    gap = chance.choice(_GAPS)
    values = {axis: _values(axis, chance, gap) for axis in axes}
    base, later = chance.choice(_BASES), chance.choice(_LATER)
    folder = chance.choice(axes) if chance.random() < 0.12 and len(axes) > 1 else ""
    places: dict[str, Place] = {}
    sparse = chance.random() < 0.15
    for place in itertools.product(*(range(len(values[axis])) for axis in axes)):
        at = dict(zip(axes, place, strict=True))
        if sparse and len(places) > 4 and chance.random() < 0.05:
            continue
        parts = [values[axis][at[axis]] for axis in axes if axis != folder]
        stem = gap.join(parts)
        if base:
            stem = base + (gap or "_") + stem
        if folder:
            stem = f"{values[folder][at[folder]]}/{stem}"
        key = stem + later
        places[key] = tuple(at.get(axis, 0) for axis in "ptcz")  # type: ignore[assignment]
    ending = chance.choice(_ENDINGS)
    return Scheme({name + ending: place for name, place in places.items()}, min(places))


def _values(axis: str, chance: random.Random, gap: str) -> list[str]:
    """Values of an axis as they stand in names."""
    count = chance.randint(2, _MOST[axis])
    share = {"c": 0.5, "p": 0.2, "t": 0.1, "z": 0.08}[axis]
    if chance.random() < share:
        words = chance.choice(_WORDS[axis])
        if axis == "z":
            return ["z" + word for word in words]
        if not gap and axis in "cp":
            words = tuple(word for word in words if word.isalpha()) or ("GFP", "RFP")
        if gap or axis != "t":
            return list(words[:count])
    label = chance.choice(_LABELS[axis] if gap else [x for x in _LABELS[axis] if x])
    start, step = chance.choice((0, 0, 1)), chance.choice((1, 1, 1, 1, 5))
    width = chance.choice((0, 0, 2, 3, 4)) if label else chance.choice((3, 4))
    inner = chance.choice(("", "", "", "", "_", "-", "=")) if label and gap else ""
    last = start + step * (count - 1)
    width = width if width >= len(str(last)) else 0
    return [f"{label}{inner}{start + step * index:0{width}d}" for index in range(count)]


@dataclass
class Count:
    """How often proposals were right."""

    schemes: int = 0
    first: int = 0  # the first proposal is right
    listed: int = 0  # one of them is
    sure: int = 0
    wrong: int = 0  # sure, and wrong

    def share(self, name: str) -> float:
        """Share of the schemes."""
        return float(getattr(self, name)) / self.schemes


def count(seeds: Iterable[int], timed: bool, show: Counter[str] | None = None) -> Count:
    """Count over many schemes; ``show`` takes what went wrong."""
    result = Count()
    for seed in seeds:
        made = scheme(seed, timed)
        names = made.names
        random.Random(seed).shuffle(names)
        proposals = propose_patterns(names)
        first: Proposal = proposals[0]
        right = made.is_right(first.pattern)
        listed = right or any(made.is_right(other.pattern) for other in proposals[1:])
        result.schemes += 1
        result.first += right
        result.listed += listed
        result.sure += first.sure
        result.wrong += first.sure and not right
        if show is not None and not right:
            kind = "WRONG" if first.sure else "asked" if listed else "ABSENT"
            show[f"{kind} {made.form} -> {first.pattern}"] += 1
    return result
