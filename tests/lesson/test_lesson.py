"""The lesson: each exercise done without a window, and its numbers compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_lazy_pipeline.lesson import EXERCISES, Exercise, lesson_text


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.title)
def test_what_an_exercise_says_is_measured(exercise: Exercise, tmp_path: Path) -> None:
    measured = exercise.measure(tmp_path)
    assert list(measured) == [figure.name for figure in exercise.figures]
    for figure in exercise.figures:
        assert measured[figure.name] == pytest.approx(figure.value, abs=figure.within), figure.name


def test_six_exercises_of_45_minutes() -> None:
    assert len(EXERCISES) == 6
    assert sum(exercise.minutes for exercise in EXERCISES) == 45


def test_the_text_has_the_answers_only_if_they_are_wanted() -> None:
    with_answers, without = lesson_text(), lesson_text(answers=False)
    for exercise in EXERCISES:
        assert exercise.question in without and exercise.answer not in without
        assert exercise.answer in with_answers
        assert all(figure.amount in with_answers for figure in exercise.figures)
    assert "60 photons, 5 iterations: error about 62.1 %, resolution about 2.55 /µm" in with_answers
