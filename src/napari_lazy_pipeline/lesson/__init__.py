"""Lesson: what lazy means, and what a deconvolution does, in six exercises of 45 minutes."""

from __future__ import annotations

from napari_lazy_pipeline.lesson import (
    angle,
    deconvolution,
    eager,
    nothing_read,
    one_change,
    one_chunk,
)
from napari_lazy_pipeline.lesson.exercise import Exercise, Figure
from napari_lazy_pipeline.lesson.scene import Scene

__all__ = ["EXERCISES", "Exercise", "Figure", "Scene", "lesson_text"]

EXERCISES: tuple[Exercise, ...] = (
    nothing_read.EXERCISE,
    one_chunk.EXERCISE,
    one_change.EXERCISE,
    angle.EXERCISE,
    deconvolution.EXERCISE,
    eager.EXERCISE,
)


def lesson_text(answers: bool = True) -> str:
    """The lesson as text, with the answers or without.

    Examples
    --------
    >>> print(lesson_text(answers=False).splitlines()[0])
    1 Nothing was read (5 minutes)
    """
    parts = []
    for number, exercise in enumerate(EXERCISES, 1):
        lines = [
            f"{number} {exercise.title} ({exercise.minutes} minutes)",
            exercise.task,
            f"Question: {exercise.question}",
        ]
        if answers:
            lines += [
                f"Answer: {exercise.answer}",
                *(f"  {line}" for line in exercise.figure_lines()),
            ]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)
