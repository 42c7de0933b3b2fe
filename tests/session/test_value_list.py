"""Values in one line, and those that are proposed."""

from __future__ import annotations

import pytest

from napari_lazy_pipeline.session.value_list import parse_values, values_around

WORDS = {"Richardson-Lucy": "rl", "Richardson-Lucy, accelerated": "accelerated", "fast": "fast"}


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("5, 10, 20", (5, 10, 20)),
        ("0.5,1e2", (0.5, 100)),
        ("5..20 step 5", (5, 10, 15, 20)),
        ("3..5", (3, 4, 5)),
        ("0:50:10", (0, 10, 20, 30, 40, 50)),
        ("30:32:0.5", (30, 30.5, 31, 31.5, 32)),
        ("-2..2", (-2, -1, 0, 1, 2)),
        ("5..1 step 2", (5, 3, 1)),
        ("10, 10, 1..3, 2", (10, 1, 2, 3)),
        ("Auto, 5", (0, 5)),
        ("", ()),
    ],
)
def test_numbers(text: str, values: tuple[float, ...]) -> None:
    assert parse_values(text, {"auto": 0}) == values


def test_words_may_have_commas() -> None:
    text = "richardson-lucy, Richardson-Lucy, accelerated, fast"
    assert parse_values(text, WORDS, numbers=False) == ("rl", "accelerated", "fast")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("5, some", "'some' is no number"),
        ("1..20", "These are 20 values; up to 9 fit side by side"),
        ("0:1e6:0.001", "more than 9 values"),
        ("0:5:0", "more than 9 values"),
    ],
)
def test_what_cannot_be_read(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        parse_values(text, {})
    with pytest.raises(ValueError, match="'slow' is none of: Richardson-Lucy"):
        parse_values("slow", WORDS, numbers=False)


@pytest.mark.parametrize(
    ("arguments", "values"),
    [
        ((100, 1, 0, 65535), (90, 95, 100, 105, 110)),
        ((0, 1, 0, 500), (0, 100, 200, 300, 400)),
        ((1, 1, 1, 500, 5, True), (1, 2, 4)),
        ((178.5, 0.1, -180, 180), (168.5, 173.5, 178.5)),
    ],
)
def test_proposals_stay_within_bounds(
    arguments: tuple[float, ...], values: tuple[float, ...]
) -> None:
    assert values_around(*arguments) == values  # type: ignore[arg-type]
