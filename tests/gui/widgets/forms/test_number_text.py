"""Numbers as people of several countries write them."""

from __future__ import annotations

import pytest

from napari_lazy_pipeline._gui.widgets.forms.number_text import is_ambiguous, read_number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("31.5", 31.5),
        ("31,5", 31.5),
        ("-0,104", -0.104),
        ("\u22123", -3.0),
        ("1,04e-1", 0.104),
        ("1.000,5", 1000.5),
        ("1,000.5", 1000.5),
        ("-1.234.567,8", -1234567.8),
        ("1.000.000", 1e6),
        ("1,000,000", 1e6),
        ("1 000,5", 1000.5),
        ("1\u202f000\u202f000", 1e6),
        ("1'000.5", 1000.5),
        (" 7 ", 7.0),
        ("1,500", 1.5),
    ],
)
def test_what_is_unambiguous_is_read(text: str, number: float) -> None:
    assert read_number(text) == number


@pytest.mark.parametrize(
    "text",
    ["", "-", ".", "a", "12 nm", "1,2,3", "1.2.3", "1.00,5", "1,5.000,2", "1 2", "10 00",
     "1.000,000.5", "inf", "nan", "1_000", "1e999"],
)  # fmt: skip
def test_what_is_no_number_is_none(text: str) -> None:
    assert read_number(text) is None


def test_a_thousand_to_some_is_a_fraction_to_others() -> None:
    texts = ("1,500", "-12,345", "0,104", "1,50", "1.500", "1234,567")
    assert [text for text in texts if is_ambiguous(text)] == ["1,500", "-12,345"]
